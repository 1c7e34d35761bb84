"""kserve_http_checks.py ADDRESS EXAMPLE_MODELS: the REST client of the kserve package."""

import asyncio
import sys
from pathlib import Path

import numpy
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

import checks
from reference import expected, same_bits

URL, MODELS = f"http://{sys.argv[1]}", Path(sys.argv[2])
random = numpy.random.default_rng(11)


def ask(body):
    async def session():
        client = InferenceRESTClient(RESTConfig(protocol="v2"))
        try:
            return await body(client)
        finally:
            await client.close()

    return asyncio.run(asyncio.wait_for(session(), 30))


def readiness() -> None:
    """reports the server live and ready, and a model ready"""

    async def body(client):
        checks.equal(await client.is_server_live(URL), True)
        checks.equal(await client.is_server_ready(URL), True)
        checks.equal(await client.is_model_ready(URL, "digits"), True)

    ask(body)


def infer(model: str, name: str, values: numpy.ndarray, binary: bool) -> None:
    tensor = InferInput(name=name, shape=list(values.shape), datatype="FP32")
    tensor.set_data_from_numpy(values, binary_data=binary)
    request = InferRequest(model_name=model, infer_inputs=[tensor])
    answer = ask(lambda client: client.infer(URL, request, model_name=model))
    for output, wanted in expected(MODELS / model / "1" / "model.onnx", {name: values}).items():
        found = next(candidate for candidate in answer.outputs if candidate.name == output)
        same_bits(found.as_numpy(), wanted)


def binary_tensors() -> None:
    """infers with binary tensors, bit for bit as ONNX Runtime"""
    infer("digits", "image", (random.random((5, 8, 8)) * 16).astype(numpy.float32), binary=True)


def json_tensors() -> None:
    """infers with JSON tensors, bit for bit as ONNX Runtime"""
    infer("breast_cancer", "features", (random.random((3, 30)) * 9).astype(numpy.float32), binary=False)


checks.run(readiness, binary_tensors, json_tensors)
