"""decoupled_checks.py GRPC_ADDRESS HTTP_ADDRESS DECODER_FILE: a model of many steps, as tritonclient reads it."""

import asyncio
import json
import queue
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import numpy
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
import tritonclient.http as triton_http

import checks
from reference import close, expected

ADDRESS, HTTP_ADDRESS, DECODER = sys.argv[1], sys.argv[2], Path(sys.argv[3])
client = triton.InferenceServerClient(ADDRESS)


def wanted(token: int, limit: int = 40) -> list[tuple[int, numpy.ndarray]]:
    """The tokens and scores of a loop over ONNX Runtime."""
    steps = []
    hidden = numpy.zeros((1, 8), numpy.float32)
    while len(steps) < limit:
        outputs = expected(DECODER, {"token": numpy.array([[token]], numpy.int64), "hidden": hidden})
        token, hidden = int(outputs["next_token"][0, 0]), outputs["next_hidden"]
        steps.append((token, outputs["scores"]))
        if outputs["is_end"][0, 0]:
            break
    return steps


def first_token(token: int, api=triton):
    tensor = api.InferInput("token", [1, 1], "INT64")
    tensor.set_data_from_numpy(numpy.array([[token]], numpy.int64))
    return [tensor]


def is_final(result) -> bool:
    return result.get_response().parameters["triton_final_response"].bool_param


class Stream:
    """A stream of answers, in the order in which they come."""

    def __init__(self):
        self.client = triton.InferenceServerClient(ADDRESS)
        self.answers = queue.Queue()
        self.client.start_stream(lambda result, error: self.answers.put((result, error)))

    def send(self, token: int, **options):
        self.client.async_stream_infer("writer", first_token(token), **options)

    def take(self):
        result, error = self.answers.get(timeout=120)
        if error is not None:
            raise error
        return result

    def take_all(self):
        results = [self.take()]
        while not is_final(results[-1]):
            results.append(self.take())
        return results

    def stop(self):
        self.client.stop_stream()
        self.client.close()


def tokens_of(results) -> list[int]:
    return [int(result.as_numpy("next_token")[0, 0]) for result in results]


def same_steps() -> None:
    """each token is an answer, the same as in a loop over ONNX Runtime, with the scores it was chosen by"""
    stream = Stream()
    for start in range(12):
        stream.send(start, request_id=f"from {start}")
        results = stream.take_all()
        steps = wanted(start)
        checks.equal(tokens_of(results), [token for token, _ in steps])
        for result, (_, scores) in zip(results, steps):
            checks.equal(result.get_response().id, f"from {start}")
            close(result.as_numpy("scores"), scores)
    stream.stop()


def own_limit() -> None:
    """a request may ask for fewer steps"""
    stream = Stream()
    stream.send(5, parameters={"max_steps": 4})
    checks.equal(tokens_of(stream.take_all()), [2, 8, 9, 11])
    stream.stop()


def empty_final() -> None:
    """who asks for empty final answers gets none where the last token is final by itself"""
    stream = Stream()
    stream.send(4, enable_empty_final_response=True)
    checks.equal(tokens_of(stream.take_all()), [11, 11, 6, 0])
    stream.stop()
    checks.equal(stream.answers.qsize(), 0)


def classes() -> None:
    """each answer may be classes, with their labels"""
    stream = Stream()
    stream.send(9, outputs=[triton.InferRequestedOutput("scores", class_count=1)])
    letters = [result.as_numpy("scores")[0, 0].decode().split(":")[2] for result in stream.take_all()]
    checks.equal(letters, ["k", "f", "."])
    stream.stop()


def many_streams() -> None:
    """requests of many streams at once share batches, and each gets its own tokens"""
    failures = []
    before = counted("writer")

    def run(index: int) -> None:
        try:
            stream = Stream()
            for start in range(12):
                stream.send((start + index) % 12)
                checks.equal(tokens_of(stream.take_all()), [token for token, _ in wanted((start + index) % 12)])
            stream.stop()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    checks.equal(failures, [])
    after = counted("writer")
    checks.equal(after.inference_stats.success.count - before.inference_stats.success.count, 12 * 12)
    steps = sum(len(wanted(start)) for start in range(12))
    checks.equal(after.inference_count - before.inference_count, 12 * steps)
    executions = after.execution_count - before.execution_count
    checks.equal(executions < 12 * steps, True)


def counted(model: str):
    return client.get_inference_statistics(model).model_stats[0]


def interleaved() -> None:
    """several requests of one stream are answered side by side"""
    stream = Stream()
    for start in range(12):
        stream.send(start, request_id=str(start))
    answers = {str(start): [] for start in range(12)}
    finished = 0
    while finished < 12:
        result = stream.take()
        answers[result.get_response().id].append(result)
        finished += is_final(result)
    for start in range(12):
        checks.equal(tokens_of(answers[str(start)]), [token for token, _ in wanted(start)])
    stream.stop()


def errors() -> None:
    """a request that cannot be is an error, and the stream goes on"""
    stream = Stream()
    stream.send(5, parameters={"max_steps": 41})
    result, error = stream.answers.get(timeout=120)
    checks.equal("expected an integer of 1 to 40" in error.message(), True)
    stream.send(11)
    checks.equal(tokens_of(stream.take_all()), [6, 0])
    stream.stop()


def unary() -> None:
    """infer refuses the decoupled model on both fronts, and serves the one that answers once"""
    text = "doesn't support models with decoupled transaction policy"
    checks.equal(text in checks.fails("UNIMPLEMENTED", client.infer, "writer", first_token(1)), True)
    http = triton_http.InferenceServerClient(HTTP_ADDRESS)
    checks.equal(text in checks.fails("501", http.infer, "writer", first_token(1, triton_http)), True)
    for answer in (client.infer("last_letter", first_token(5)), http.infer("last_letter", first_token(5, triton_http))):
        checks.equal(answer.as_numpy("next_token").tolist(), [[0]])
    metadata = client.get_model_metadata("writer")
    checks.equal([tensor.name for tensor in metadata.inputs], ["token"])
    checks.equal(client.get_model_config("writer").config.model_transaction_policy.decoupled, True)


def asynchronous() -> None:
    """the asyncio client reads the same"""

    async def run() -> list[int]:
        async with triton_aio.InferenceServerClient(ADDRESS) as aio:

            async def requests():
                yield {"model_name": "writer", "inputs": first_token(5)}

            results = [result async for result, error in aio.stream_infer(requests()) if error is None]
            return tokens_of(results)

    checks.equal(asyncio.run(run()), [token for token, _ in wanted(5)])


def events() -> None:
    """generate_stream sends an event for each token"""
    url = f"http://{HTTP_ADDRESS}/v2/models/writer/generate_stream"
    with urllib.request.urlopen(url, json.dumps({"token": 5}).encode(), timeout=120) as reply:
        checks.equal(reply.headers["Content-Type"], "text/event-stream; charset=utf-8")
        lines = [line.decode() for line in reply if line.strip()]
    checks.equal([json.loads(line[6:])["next_token"] for line in lines], [token for token, _ in wanted(5)])


def answers_counted() -> None:
    """statistics count the first, the second and each further answer, on both fronts"""
    before = counted("writer").response_stats["0"].success.count
    tokens = wanted(5)
    stream = Stream()
    stream.send(5)
    checks.equal(len(stream.take_all()), len(tokens))
    stream.stop()
    answers = counted("writer").response_stats
    checks.equal(answers["0"].success.count, before + 1)
    checks.equal(answers["0"].compute_infer.ns > 0, True)
    checks.equal(answers[str(len(tokens) - 1)].success.count > 0, True)
    with urllib.request.urlopen(f"http://{HTTP_ADDRESS}/v2/models/writer/stats", timeout=120) as reply:
        [model] = json.load(reply)["model_stats"]
    checks.equal(model["response_stats"]["0"]["success"]["count"], before + 1)
    checks.equal(len(counted("last_letter").response_stats), 0)


checks.run(
    same_steps,
    own_limit,
    empty_final,
    classes,
    many_streams,
    interleaved,
    errors,
    unary,
    asynchronous,
    events,
    answers_counted,
)
