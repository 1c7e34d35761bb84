"""triton_http_checks.py ADDRESS EXAMPLE_MODELS: NVIDIA's HTTP clients against the example models."""

import asyncio
import sys
from pathlib import Path

import numpy
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

import checks
from reference import close, expected, same_bits

ADDRESS, MODELS = sys.argv[1], Path(sys.argv[2])
INPUTS = {"iris": ("features", (4,)), "breast_cancer": ("features", (30,)), "digits": ("image", (8, 8))}
random = numpy.random.default_rng(7)
client = triton.InferenceServerClient(ADDRESS, concurrency=8)


def rows(model: str, count: int) -> dict[str, numpy.ndarray]:
    name, dims = INPUTS[model]
    return {name: (random.random((count, *dims)) * 8).astype(numpy.float32)}


def reference(model: str, inputs: dict[str, numpy.ndarray]) -> dict[str, numpy.ndarray]:
    return expected(MODELS / model / "1" / "model.onnx", inputs)


def tensors(inputs: dict[str, numpy.ndarray], binary: bool = True) -> list[triton.InferInput]:
    made = []
    for name, values in inputs.items():
        tensor = triton.InferInput(name, list(values.shape), np_to_triton_dtype(values.dtype))
        tensor.set_data_from_numpy(values, binary_data=binary)
        made.append(tensor)
    return made


def compare(answer, wanted: dict[str, numpy.ndarray], check=same_bits) -> None:
    for name, values in wanted.items():
        check(answer.as_numpy(name), values)


def fails(status: str, function, *arguments, **options) -> None:
    try:
        function(*arguments, **options)
    except InferenceServerException as error:
        checks.equal(error.status(), status)
        return
    raise AssertionError(f"succeeded, expected {status}")


def server_and_models_are_ready() -> None:
    """reports the server live and ready, and every example model ready"""
    checks.equal(client.is_server_live(), True)
    checks.equal(client.is_server_ready(), True)
    for model in INPUTS:
        checks.equal(client.is_model_ready(model), True)
        checks.equal(client.is_model_ready(model, "1"), True)
    checks.equal(client.is_model_ready("absent"), False)


def metadata_and_config() -> None:
    """describes the server and a model that has no config.pbtxt completely"""
    checks.equal("binary_tensor_data" in client.get_server_metadata()["extensions"], True)
    metadata = client.get_model_metadata("iris")
    checks.equal(metadata["inputs"], [{"name": "features", "datatype": "FP32", "shape": [-1, 4]}])
    config = client.get_model_config("iris")
    checks.equal(config["name"], "iris")
    checks.equal([output["name"] for output in config["output"]], ["label", "probability"])
    ready = {model["name"] for model in client.get_model_repository_index() if model["state"] == "READY"}
    checks.equal(set(INPUTS) <= ready, True)


def every_form_bit_for_bit() -> None:
    """infers with binary and with JSON tensors in both directions, bit for bit as ONNX Runtime"""
    for model in INPUTS:
        for count in (1, 7, 32):
            inputs = rows(model, count)
            wanted = reference(model, inputs)
            for sent_binary in (True, False):
                for wanted_binary in (True, False):
                    outputs = [triton.InferRequestedOutput(name, binary_data=wanted_binary) for name in wanted]
                    answer = client.infer(model, tensors(inputs, sent_binary), outputs=outputs, request_id="r1")
                    checks.equal(answer.get_response()["id"], "r1")
                    compare(answer, wanted)


def requested_outputs() -> None:
    """answers with the outputs that were asked for, and with all when none was"""
    inputs = rows("iris", 2)
    one = client.infer("iris", tensors(inputs), outputs=[triton.InferRequestedOutput("probability")])
    checks.equal([output["name"] for output in one.get_response()["outputs"]], ["probability"])
    every = client.infer("iris", tensors(inputs))
    checks.equal(sorted(output["name"] for output in every.get_response()["outputs"]), ["label", "probability"])


def classification() -> None:
    """returns the best classes with their labels when class_count is set"""
    inputs = rows("digits", 3)
    wanted = reference("digits", inputs)["probability"]
    for binary in (True, False):
        best = triton.InferRequestedOutput("probability", binary_data=binary, class_count=2)
        answer = client.infer("digits", tensors(inputs), outputs=[best]).as_numpy("probability")
        for row, values in zip(answer, wanted):
            for text, index in zip(row, (-values).argsort(kind="stable")[:2]):
                text = text.decode() if isinstance(text, bytes) else text
                value, position, label = text.split(":")
                checks.equal((int(position), label), (index, str(index)))
                close(numpy.float32(value), values[index], 1e-4)


def compression() -> None:
    """takes compressed requests and answers compressed where asked"""
    inputs = rows("digits", 16)
    for algorithm in ("gzip", "deflate"):
        for binary in (True, False):
            answer = client.infer(
                "digits",
                tensors(inputs, binary),
                request_compression_algorithm=algorithm,
                response_compression_algorithm=algorithm,
            )
            compare(answer, reference("digits", inputs))


def async_inference() -> None:
    """infers asynchronously with many requests in flight"""
    sent = [rows("digits", 1 + index % 4) for index in range(48)]
    running = [client.async_infer("digits", tensors(inputs)) for inputs in sent]
    for inputs, request in zip(sent, running):
        compare(request.get_result(), reference("digits", inputs), close)


def asyncio_client() -> None:
    """serves the asyncio client"""

    async def ask() -> None:
        async with triton_aio.InferenceServerClient(ADDRESS) as aio:
            sent = [rows("digits", 1) for _ in range(32)]
            answers = await asyncio.gather(*(aio.infer("digits", tensors(inputs)) for inputs in sent))
            for inputs, answer in zip(sent, answers):
                compare(answer, reference("digits", inputs), close)

    asyncio.run(asyncio.wait_for(ask(), 60))


def bad_requests() -> None:
    """refuses bad requests as a client's mistake, never as a failure of the server"""
    fails("404", client.infer, "absent", tensors(rows("iris", 1)))
    for binary in (True, False):
        fails("400", client.infer, "iris", tensors({"features": numpy.zeros((1, 5), numpy.float32)}, binary))
        fails("400", client.infer, "iris", tensors({"features": numpy.zeros((1, 4), numpy.float64)}, binary))
        fails("400", client.infer, "iris", tensors({"absent": numpy.zeros((1, 4), numpy.float32)}, binary))
    fails("400", client.infer, "iris", tensors(rows("iris", 1)), outputs=[triton.InferRequestedOutput("absent")])
    fails("400", client.infer, "iris", tensors({"features": numpy.zeros((1000, 4), numpy.float32)}))
    compare(client.infer("iris", tensors(inputs := rows("iris", 1))), reference("iris", inputs))


def statistics() -> None:
    """counts what was inferred"""

    def count() -> int:
        return client.get_inference_statistics("diabetes")["model_stats"][0]["inference_count"]

    before = count()
    client.infer("diabetes", tensors({"features": random.random((3, 10)).astype(numpy.float32)}))
    checks.equal(count() - before, 3)


checks.run(
    server_and_models_are_ready,
    metadata_and_config,
    every_form_bit_for_bit,
    requested_outputs,
    classification,
    compression,
    async_inference,
    asyncio_client,
    bad_requests,
    statistics,
)
client.close()
