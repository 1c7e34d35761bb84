"""kserve_v1_checks.py ADDRESS EXAMPLE_MODELS: the REST client of the kserve package, in its first protocol."""

import asyncio
import sys
from pathlib import Path

import numpy
from httpx import HTTPStatusError
from kserve import InferenceRESTClient, RESTConfig

import checks
from reference import close, expected

URL, MODELS = f"http://{sys.argv[1]}", Path(sys.argv[2])
random = numpy.random.default_rng(17)


def ask(body):
    async def session():
        client = InferenceRESTClient(RESTConfig(protocol="v1"))
        try:
            return await body(client)
        finally:
            await client.close()

    return asyncio.run(asyncio.wait_for(session(), 30))


def readiness() -> None:
    """reports the server live and a model ready"""

    async def body(client):
        checks.equal(await client.is_server_live(URL), True)
        checks.equal(await client.is_model_ready(URL, "digits"), True)

    ask(body)


def predict() -> None:
    """predicts as ONNX Runtime does"""
    values = (random.random((3, 30)) * 9).astype(numpy.float32)
    answer = ask(lambda client: client.infer(URL, {"instances": values.tolist()}, model_name="breast_cancer"))
    wanted = expected(MODELS / "breast_cancer" / "1" / "model.onnx", {"features": values})
    for row, prediction in enumerate(answer["predictions"]):
        for name, values in wanted.items():
            close(numpy.array(prediction[name], values.dtype), values[row])


def errors() -> None:
    """raises the statuses of unknown models and wrong shapes"""

    def status(model, instances):
        try:
            ask(lambda client: client.infer(URL, {"instances": instances}, model_name=model))
        except HTTPStatusError as error:
            return error.response.status_code
        return 200

    checks.equal(status("nope", [[1]]), 404)
    checks.equal(status("iris", [[1]]), 400)


checks.run(readiness, predict, errors)
