"""tritonclient_checks.py ADDRESS EXAMPLE_MODELS: NVIDIA's own client against the example models."""

import asyncio
import queue
import sys
from functools import partial
from pathlib import Path

import numpy
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.utils import np_to_triton_dtype

import checks
from reference import close, expected, same_bits

ADDRESS, MODELS = sys.argv[1], Path(sys.argv[2])
INPUTS = {"iris": ("features", (4,)), "breast_cancer": ("features", (30,)), "digits": ("image", (8, 8))}
random = numpy.random.default_rng(7)
client = triton.InferenceServerClient(ADDRESS)


def rows(model: str, count: int) -> dict[str, numpy.ndarray]:
    name, dims = INPUTS[model]
    return {name: (random.random((count, *dims)) * 8).astype(numpy.float32)}


def reference(model: str, inputs: dict[str, numpy.ndarray]) -> dict[str, numpy.ndarray]:
    return expected(MODELS / model / "1" / "model.onnx", inputs)


def tensors(inputs: dict[str, numpy.ndarray]) -> list[triton.InferInput]:
    made = []
    for name, values in inputs.items():
        tensor = triton.InferInput(name, values.shape, np_to_triton_dtype(values.dtype))
        tensor.set_data_from_numpy(values)
        made.append(tensor)
    return made


def compare(answer, wanted: dict[str, numpy.ndarray], check=same_bits) -> None:
    for name, values in wanted.items():
        check(answer.as_numpy(name), values)


def server_and_models_are_ready() -> None:
    """reports the server live and ready, and every example model ready"""
    checks.equal(client.is_server_live(), True)
    checks.equal(client.is_server_ready(), True)
    for model in INPUTS:
        checks.equal(client.is_model_ready(model), True)
        checks.equal(client.is_model_ready(model, "1"), True)
    checks.equal(client.is_model_ready("absent"), False)


def metadata_and_config() -> None:
    """describes a model that has no config.pbtxt completely"""
    metadata = client.get_model_metadata("iris", as_json=True)
    checks.equal([(tensor["name"], tensor["datatype"]) for tensor in metadata["inputs"]], [("features", "FP32")])
    checks.equal(metadata["inputs"][0]["shape"], ["-1", "4"])
    config = client.get_model_config("iris", as_json=True)["config"]
    checks.equal(config["name"], "iris")
    checks.equal(config["max_batch_size"] > 0, True)
    checks.equal([output["name"] for output in config["output"]], ["label", "probability"])


def repository_index() -> None:
    """lists the models of the repository"""
    index = client.get_model_repository_index()
    ready = {model.name for model in index.models if model.state == "READY"}
    checks.equal(set(INPUTS) <= ready, True)


def sync_bit_for_bit() -> None:
    """infers synchronously, bit for bit as ONNX Runtime at the same batch size"""
    for model in INPUTS:
        for count in (1, 2, 7, 32):
            inputs = rows(model, count)
            answer = client.infer(model, tensors(inputs), request_id=f"{model}-{count}")
            compare(answer, reference(model, inputs))
            checks.equal(answer.get_response().id, f"{model}-{count}")
            checks.equal(answer.get_response().model_version, "1")


def requested_outputs() -> None:
    """answers with the outputs that were asked for, and with all when none was"""
    inputs = rows("iris", 2)
    one = client.infer("iris", tensors(inputs), outputs=[triton.InferRequestedOutput("probability")])
    checks.equal([output.name for output in one.get_response().outputs], ["probability"])
    every = client.infer("iris", tensors(inputs))
    checks.equal(sorted(output.name for output in every.get_response().outputs), ["label", "probability"])


def classification() -> None:
    """returns the best classes with their labels when class_count is set"""
    inputs = rows("digits", 3)
    best = triton.InferRequestedOutput("probability", class_count=2)
    answer = client.infer("digits", tensors(inputs), outputs=[best]).as_numpy("probability")
    wanted = reference("digits", inputs)["probability"]
    for row, values in zip(answer, wanted):
        for text, index in zip(row, (-values).argsort(kind="stable")[:2]):
            value, position, label = text.decode().split(":")
            checks.equal((int(position), label), (index, str(index)))
            close(numpy.float32(value), values[index], 1e-4)


def compression() -> None:
    """takes compressed requests and answers them"""
    inputs = rows("digits", 16)
    for algorithm in ("gzip", "deflate"):
        answer = client.infer("digits", tensors(inputs), compression_algorithm=algorithm)
        compare(answer, reference("digits", inputs))


def async_inference() -> None:
    """infers asynchronously with many requests in flight"""
    answers: queue.Queue = queue.Queue()
    sent = [rows("digits", 1 + index % 4) for index in range(48)]
    for index, inputs in enumerate(sent):
        done = partial(lambda index, result, error: answers.put((index, result, error)), index)
        client.async_infer("digits", tensors(inputs), callback=done)
    for _ in sent:
        index, result, error = answers.get(timeout=120)
        if error is not None:
            raise error
        compare(result, reference("digits", sent[index]), close)


def stream() -> None:
    """infers over one bidirectional stream, each answer under its request's id"""
    answers: queue.Queue = queue.Queue()
    sent = {str(index): rows("iris", 1 + index % 3) for index in range(24)}
    with triton.InferenceServerClient(ADDRESS) as streaming:
        streaming.start_stream(lambda result, error: answers.put((result, error)))
        for request_id, inputs in sent.items():
            streaming.async_stream_infer("iris", tensors(inputs), request_id=request_id)
        seen = set()
        for _ in sent:
            result, error = answers.get(timeout=120)
            if error is not None:
                raise error
            request_id = result.get_response().id
            seen.add(request_id)
            close(result.as_numpy("probability"), reference("iris", sent[request_id])["probability"])
        checks.equal(seen, set(sent))
        streaming.async_stream_infer("absent", tensors(rows("iris", 1)), request_id="bad")
        streaming.async_stream_infer("iris", tensors(rows("iris", 1)), request_id="good")
        outcomes = [answers.get(timeout=120) for _ in range(2)]
        checks.equal(sum(error is not None for _, error in outcomes), 1)
        streaming.stop_stream()


def asyncio_client() -> None:
    """serves the asyncio client, single calls and streams"""

    async def ask() -> None:
        async with triton_aio.InferenceServerClient(ADDRESS) as aio:
            sent = [rows("digits", 1) for _ in range(32)]
            answers = await asyncio.gather(*(aio.infer("digits", tensors(inputs)) for inputs in sent))
            for inputs, answer in zip(sent, answers):
                compare(answer, reference("digits", inputs), close)

            async def requests():
                for index, inputs in enumerate(sent[:8]):
                    yield {"model_name": "digits", "inputs": tensors(inputs), "request_id": str(index)}

            seen = set()
            async for result, error in aio.stream_infer(requests()):
                if error is not None:
                    raise error
                index = int(result.get_response().id)
                compare(result, reference("digits", sent[index]), close)
                seen.add(index)
                if len(seen) == 8:
                    break
            checks.equal(seen, set(range(8)))

    asyncio.run(asyncio.wait_for(ask(), 60))


def bad_requests() -> None:
    """refuses bad requests with the client's own status codes"""
    checks.fails("NOT_FOUND", client.infer, "absent", tensors(rows("iris", 1)))
    wrong_shape = {"features": numpy.zeros((1, 5), numpy.float32)}
    checks.fails("INVALID_ARGUMENT", client.infer, "iris", tensors(wrong_shape))
    wrong_type = {"features": numpy.zeros((1, 4), numpy.float64)}
    checks.fails("INVALID_ARGUMENT", client.infer, "iris", tensors(wrong_type))
    wrong_name = {"absent": numpy.zeros((1, 4), numpy.float32)}
    checks.fails("INVALID_ARGUMENT", client.infer, "iris", tensors(wrong_name))
    wrong_output = [triton.InferRequestedOutput("absent")]
    checks.fails("INVALID_ARGUMENT", client.infer, "iris", tensors(rows("iris", 1)), outputs=wrong_output)
    too_many = numpy.zeros((100_000, 4), numpy.float32)
    checks.fails("INVALID_ARGUMENT", client.infer, "iris", tensors({"features": too_many}))
    compare(client.infer("iris", tensors(inputs := rows("iris", 1))), reference("iris", inputs))


def statistics() -> None:
    """counts what was inferred"""
    before = client.get_inference_statistics("diabetes", as_json=True)["model_stats"][0]
    features = {"features": random.random((3, 10)).astype(numpy.float32)}
    client.infer("diabetes", tensors(features))
    after = client.get_inference_statistics("diabetes", as_json=True)["model_stats"][0]
    grown = int(after["inference_count"]) - int(before.get("inference_count", 0))
    checks.equal(grown, 3)
    checks.equal(int(after["inference_stats"]["success"]["count"]) >= 1, True)


checks.run(
    server_and_models_are_ready,
    metadata_and_config,
    repository_index,
    sync_bit_for_bit,
    requested_outputs,
    classification,
    compression,
    async_inference,
    stream,
    asyncio_client,
    bad_requests,
    statistics,
)
client.close()
