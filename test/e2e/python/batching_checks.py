"""batching_checks.py ADDRESS METRICS: NVIDIA's own client against models that compute as long as a request says."""

import sys
import threading
import urllib.request

import numpy
import tritonclient.grpc as triton

import checks

ADDRESS, METRICS = sys.argv[1:]
client = triton.InferenceServerClient(ADDRESS)


def tensor(value: int) -> list[triton.InferInput]:
    made = triton.InferInput("x", [1, 1], "INT64")
    made.set_data_from_numpy(numpy.array([[value]], numpy.int64))
    return [made]


class Behind:
    """Requests that are sent while the model is held, and the order in which they were answered."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.answered, self.errors, self.waiting, self.sent = [], {}, 0, []
        self.send(25_000)
        self.until("tensorgate_running_batches", 1)

    def send(self, value: int, **options) -> None:
        done = threading.Event()

        def note(result, error) -> None:
            if error is None:
                self.answered.append(int(result.as_numpy("y")[0, 0]))
            else:
                self.errors[value] = error
            done.set()

        client.async_infer(self.model, tensor(value), note, **options)
        self.sent.append(done)

    def queue(self, value: int, **options) -> None:
        self.send(value, **options)
        self.waiting += 1
        self.until("tensorgate_queue_requests", self.waiting)

    def until(self, metric: str, wanted: int) -> None:
        for _ in range(2_000):
            lines = urllib.request.urlopen(f"http://{METRICS}/metrics", timeout=120).read().decode().splitlines()
            if any(line.startswith(f'{metric}{{model="{self.model}"') and line.endswith(f" {wanted}") for line in lines):
                return
        raise AssertionError(f"{metric} never was {wanted}")

    def finish(self) -> list[int]:
        for done in self.sent:
            checks.equal(done.wait(20), True)
        return self.answered[1:]


def priority() -> None:
    """priority=1 is served before the default, and that before priority=3"""
    behind = Behind("ranked")
    behind.queue(2_003, priority=3)
    behind.queue(2_002)
    behind.queue(2_001, priority=1)
    checks.equal(behind.finish(), [2_001, 2_002, 2_003])


def timeout() -> None:
    """timeout= is microseconds in the queue: what waited longer is refused and not executed"""
    behind = Behind("timed")
    behind.send(7, timeout=10_000)
    behind.finish()
    checks.equal(behind.errors[7].status(), "StatusCode.UNAVAILABLE")
    checks.equal(behind.errors[7].message(), "Request timeout expired")
    (statistics,) = client.get_inference_statistics("timed", as_json=True)["model_stats"]
    checks.equal(statistics["execution_count"], "1")


def client_timeout() -> None:
    """client_timeout= is the call's deadline: nothing is executed after it"""
    behind = Behind("hurried")
    behind.send(7, client_timeout=0.05)
    behind.finish()
    checks.equal(behind.errors[7].status(), "StatusCode.DEADLINE_EXCEEDED")
    (statistics,) = client.get_inference_statistics("hurried", as_json=True)["model_stats"]
    checks.equal(statistics["execution_count"], "1")


checks.run(priority, timeout, client_timeout)
