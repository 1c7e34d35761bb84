"""batching_checks.py ADDRESS METRICS HOLDS: NVIDIA's own client against models that compute until they are let go."""

import itertools
import pathlib
import sys
import threading
import time
import urllib.request

import numpy
import tritonclient.grpc as triton

import checks

ADDRESS, METRICS, HOLDS = sys.argv[1:]
# A run with one of these values lasts until a file of that name is in the folder HOLDS (test/support/held-session.ts).
held_values = itertools.count(700)
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
        self.held = next(held_values)
        self.send(self.held)
        self.until("tensorgate_running_batches", 1)

    def send(self, value: int, **options) -> threading.Event:
        done = threading.Event()

        def note(result, error) -> None:
            if error is None:
                self.answered.append(int(result.as_numpy("y")[0, 0]))
            else:
                self.errors[value] = error
            done.set()

        client.async_infer(self.model, tensor(value), note, **options)
        self.sent.append(done)
        return done

    def queue(self, value: int, **options) -> threading.Event:
        done = self.send(value, **options)
        self.waiting += 1
        self.until("tensorgate_queue_requests", self.waiting)
        return done

    def until(self, metric: str, wanted: int) -> None:
        limit = time.monotonic() + 60
        while time.monotonic() < limit:
            lines = urllib.request.urlopen(f"http://{METRICS}/metrics", timeout=60).read().decode().splitlines()
            if any(line.startswith(f'{metric}{{model="{self.model}"') and line.endswith(f" {wanted}") for line in lines):
                return
        raise AssertionError(f"{metric} never was {wanted}")

    def finish(self) -> list[int]:
        pathlib.Path(HOLDS, str(self.held)).touch()
        for done in self.sent:
            checks.equal(done.wait(60), True)
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
    checks.equal(behind.send(7, timeout=10_000).wait(60), True)
    behind.finish()
    checks.equal(behind.errors[7].status(), "StatusCode.UNAVAILABLE")
    checks.equal(behind.errors[7].message(), "Request timeout expired")
    (statistics,) = client.get_inference_statistics("timed", as_json=True)["model_stats"]
    checks.equal(statistics["execution_count"], "1")


def client_timeout() -> None:
    """client_timeout= is the call's deadline: nothing is executed after it"""
    behind = Behind("hurried")
    # Long enough to be seen waiting.
    checks.equal(behind.queue(7, client_timeout=3).wait(60), True)
    behind.until("tensorgate_queue_requests", 0)
    behind.finish()
    checks.equal(behind.errors[7].status(), "StatusCode.DEADLINE_EXCEEDED")
    (statistics,) = client.get_inference_statistics("hurried", as_json=True)["model_stats"]
    checks.equal(statistics["execution_count"], "1")


checks.run(priority, timeout, client_timeout)
