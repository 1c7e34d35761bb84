"""sequence_checks.py GRPC_ADDRESS HTTP_ADDRESS SILERO_FILE: sequences as tritonclient sends them."""

import queue
import sys
import threading
from pathlib import Path

import numpy
import tritonclient.grpc as triton
import tritonclient.http as triton_http

import checks
from reference import expected, same_bits

ADDRESS, HTTP_ADDRESS, SILERO = sys.argv[1], sys.argv[2], Path(sys.argv[3])
client = triton.InferenceServerClient(ADDRESS)
http = triton_http.InferenceServerClient(HTTP_ADDRESS)


def number(value: float, api=triton):
    tensor = api.InferInput("x", [1, 1], "FP32")
    tensor.set_data_from_numpy(numpy.array([[value]], numpy.float32))
    return tensor


def flags(first: bool, last: bool) -> dict:
    return {"sequence_start": first, "sequence_end": last}


def add(model: str, identity, value: float, first=False, last=False) -> triton.InferResult:
    return client.infer(model, [number(value)], sequence_id=identity, **flags(first, last))


class Stream:
    """A stream whose answers are taken in the order in which they come."""

    def __init__(self):
        self.client = triton.InferenceServerClient(ADDRESS)
        self.answers = queue.Queue()
        self.client.start_stream(lambda result, error: self.answers.put((result, error)))

    def send(self, model: str, tensors, identity, first=False, last=False):
        self.client.async_stream_infer(model, tensors, sequence_id=identity, **flags(first, last))

    def take(self):
        result, error = self.answers.get(timeout=120)
        if error is not None:
            raise error
        return result

    def stop(self):
        self.client.stop_stream()
        self.client.close()


def controls_and_states() -> None:
    """what clients see of a model with sequences is neither its controls nor its states"""
    for model in ("oldest", "direct"):
        metadata = client.get_model_metadata(model)
        checks.equal([tensor.name for tensor in metadata.inputs], ["x"])
        checks.equal(sorted(tensor.name for tensor in metadata.outputs), ["controls", "id", "y"])
        config = client.get_model_config(model, as_json=True)["config"]["sequence_batching"]
        checks.equal(config["max_sequence_idle_microseconds"], "60000000")


def unary() -> None:
    """a sequence of unary calls adds up, begins with its initial state, and is told to the model"""
    for model in ("oldest", "direct"):
        seen = []
        for value, first, last in ((1, True, False), (2, False, False), (4, False, True)):
            answer = add(model, "a name", value, first, last)
            seen.append((float(answer.as_numpy("y")[0, 0]), answer.as_numpy("controls")[0].tolist()))
            checks.equal(answer.as_numpy("id").tolist(), [[b"a name"]])
        checks.equal(seen, [(11.0, [1, 0, 1]), (13.0, [0, 0, 1]), (17.0, [0, 1, 1])])


def over_http() -> None:
    """a sequence goes on over HTTP"""
    add("oldest", "both", 1, first=True)
    answer = http.infer("oldest", [number(2, triton_http)], sequence_id="both", sequence_end=True)
    checks.equal(answer.as_numpy("y").tolist(), [[13.0]])


def refusals() -> None:
    """requests that belong to no sequence are refused in Triton's words"""
    wanted = "must specify the START flag on the first request of the sequence"
    checks.equal(wanted in checks.fails("INVALID_ARGUMENT", add, "oldest", "new", 1), True)
    message = checks.fails("INVALID_ARGUMENT", client.infer, "oldest", [number(1)])
    checks.equal("must specify a non-zero or non-empty correlation ID" in message, True)
    two = triton.InferInput("x", [2, 1], "FP32")
    two.set_data_from_numpy(numpy.zeros((2, 1), numpy.float32))
    message = checks.fails("INVALID_ARGUMENT", client.infer, "oldest", [two], sequence_id="t", sequence_start=True)
    checks.equal("must specify batch-size 1 due to requirements of sequence batcher" in message, True)
    message = checks.fails("INVALID_ARGUMENT", add, "oldest", 7, 1, first=True)
    checks.equal("must fit BYTES" in message, True)


def ends() -> None:
    """an ended sequence is gone"""
    for model in ("oldest", "direct"):
        add(model, "short", 1, first=True, last=True)
        checks.fails("INVALID_ARGUMENT", add, model, "short", 1)


def many_streams() -> None:
    """sequences of many streams at once share batches, and each finds its own state"""
    for model in ("oldest", "direct"):
        failures = []

        def run(index: int) -> None:
            try:
                stream = Stream()
                values = [index * 100 + step for step in range(20)]
                for step, value in enumerate(values):
                    stream.send(model, [number(value)], f"s{index}", first=step == 0, last=step == 19)
                for step in range(20):
                    answer = stream.take()
                    checks.equal(float(answer.as_numpy("y")[0, 0]), 10.0 + sum(values[: step + 1]))
                    checks.equal(answer.as_numpy("id").tolist(), [[f"s{index}".encode()]])
                    checks.equal(answer.as_numpy("controls")[0].tolist(), [step == 0, step == 19, 1])
                stream.stop()
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=run, args=(index,)) for index in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        checks.equal(failures, [])


def statistics() -> None:
    """requests of sequences are counted, and were computed in company"""
    for model in ("oldest", "direct"):
        counted = client.get_inference_statistics(model).model_stats[0]
        checks.equal(counted.inference_stats.success.count, counted.inference_count)
        checks.equal(counted.execution_count < counted.inference_count, True)


def speech() -> None:
    """silero-vad: two streams of audio, of which clients send only the audio, bit for bit as ONNX Runtime"""
    random = numpy.random.default_rng(17)
    sounds = {index: (0.3 * random.standard_normal((30, 1, 576))).astype(numpy.float32) for index in (1, 2)}
    rate = triton.InferInput("sr", [], "INT64")
    rate.set_data_from_numpy(numpy.array(16_000, numpy.int64))
    streams = {index: Stream() for index in sounds}
    for step in range(30):
        for index, sound in sounds.items():
            window = triton.InferInput("input", [1, 576], "FP32")
            window.set_data_from_numpy(sound[step])
            streams[index].send("silero", [window, rate], index, first=step == 0, last=step == 29)
    for index, sound in sounds.items():
        state = numpy.zeros((2, 1, 128), numpy.float32)
        for step in range(30):
            wanted = expected(SILERO, {"input": sound[step], "state": state, "sr": numpy.array(16_000, numpy.int64)})
            state = wanted["stateN"]
            same_bits(streams[index].take().as_numpy("output"), wanted["output"])
        streams[index].stop()


def reload() -> None:
    """a model that is unloaded and loaded again has forgotten its sequences"""
    for model in ("oldest", "direct"):
        add(model, "kept", 1, first=True)
        client.unload_model(model)
        checks.equal(client.is_model_ready(model), False)
        client.load_model(model)
        message = checks.fails("INVALID_ARGUMENT", add, model, "kept", 2)
        checks.equal("must specify the START flag" in message, True)
        add(model, "left open when the server stops", 1, first=True)


checks.run(controls_and_states, unary, over_http, refusals, ends, many_streams, statistics, speech, reload)
