"""kserve_checks.py ADDRESS EXAMPLE_MODELS: the gRPC client of the kserve package."""

import asyncio
import sys
from pathlib import Path

import numpy
from kserve import InferenceGRPCClient, InferInput, InferRequest

import checks
from reference import expected, same_bits

ADDRESS, MODELS = sys.argv[1], Path(sys.argv[2])
random = numpy.random.default_rng(11)


def ask(body):
    async def session():
        async with InferenceGRPCClient(ADDRESS) as client:
            return await body(client)

    return asyncio.run(asyncio.wait_for(session(), 30))


def readiness() -> None:
    """reports the server live and ready, and a model ready"""

    async def body(client):
        checks.equal(await client.is_server_live(), True)
        checks.equal(await client.is_server_ready(), True)
        checks.equal(await client.is_model_ready("digits"), True)

    ask(body)


def infer(model: str, name: str, values: numpy.ndarray, as_list: bool) -> None:
    tensor = InferInput(name=name, shape=list(values.shape), datatype="FP32")
    if as_list:
        tensor.data = values.ravel().tolist()
    else:
        tensor.set_data_from_numpy(values, binary_data=True)
    answer = ask(lambda client: client.infer(InferRequest(model_name=model, infer_inputs=[tensor])))
    for output, wanted in expected(MODELS / model / "1" / "model.onnx", {name: values}).items():
        found = next(candidate for candidate in answer.outputs if candidate.name == output)
        same_bits(found.as_numpy(), wanted)


def raw_tensors() -> None:
    """infers with raw tensors, bit for bit as ONNX Runtime"""
    infer("digits", "image", (random.random((5, 8, 8)) * 16).astype(numpy.float32), as_list=False)


def typed_contents() -> None:
    """infers with typed contents, bit for bit as ONNX Runtime"""
    infer("breast_cancer", "features", (random.random((3, 30)) * 9).astype(numpy.float32), as_list=True)


checks.run(readiness, raw_tensors, typed_contents)
