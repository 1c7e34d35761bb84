"""secure_http_checks.py ADDRESS TLS_FOLDER CLIENT: HTTP clients over TLS; CLIENT is '' or who shows a certificate. Key from API_KEY."""

import asyncio
import os
import ssl
import sys
from pathlib import Path

import aiohttp
import numpy
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from tritonclient.utils import InferenceServerException

import checks

ADDRESS, FOLDER, CLIENT, KEY = sys.argv[1], Path(sys.argv[2]), sys.argv[3], os.environ["API_KEY"]
BEARER = {"authorization": f"Bearer {KEY}"}
FLOWER = numpy.array([[5.1, 3.5, 1.4, 0.2]], numpy.float32)


def context(authority: str = "authority", client: str = CLIENT) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=FOLDER / f"{authority}.pem")
    if client != "":
        made.load_cert_chain(FOLDER / f"{client}.pem", FOLDER / f"{client}-key.pem")
    return made


def flower() -> list[triton.InferInput]:
    tensor = triton.InferInput("features", FLOWER.shape, "FP32")
    tensor.set_data_from_numpy(FLOWER)
    return [tensor]


def sync_client(made: ssl.SSLContext) -> triton.InferenceServerClient:
    return triton.InferenceServerClient(ADDRESS, ssl=True, ssl_context_factory=lambda: made)


def both_headers() -> None:
    """takes the key of the synchronous client from either header"""
    with sync_client(context()) as client:
        for headers in (BEARER, {"x-api-key": KEY}):
            answer = client.infer("iris", flower(), headers=headers)
            checks.equal(answer.as_numpy("label").tolist(), [[0]])


def with_asyncio() -> None:
    """takes the key of the asyncio client"""

    async def ask() -> None:
        async with triton_aio.InferenceServerClient(ADDRESS, ssl=True, ssl_context=context()) as client:
            answer = await client.infer("iris", flower(), headers=BEARER)
            checks.equal(answer.as_numpy("label").tolist(), [[0]])

    asyncio.run(asyncio.wait_for(ask(), 20))


def without_key() -> None:
    """refuses calls without a key and with a wrong one, but not probes"""
    with sync_client(context()) as client:
        checks.equal(client.is_server_live(), True)
        for headers in ({}, {"authorization": f"Bearer {KEY[:-1]}"}, {"x-api-key": KEY + "0"}):
            try:
                client.infer("iris", flower(), headers=headers)
            except InferenceServerException as error:
                checks.equal(error.status(), "401")
                checks.equal(KEY[:-1] in error.message(), False)
            else:
                raise AssertionError("succeeded")


def refused(made: ssl.SSLContext) -> None:
    async def ask() -> None:
        async with aiohttp.ClientSession() as session:
            async with session.get(f"https://{ADDRESS}/v2/health/live", ssl=made) as reply:
                raise AssertionError(f"answered with {reply.status}")

    try:
        asyncio.run(asyncio.wait_for(ask(), 20))
    except (aiohttp.ClientError, ConnectionError):
        pass


def untrusted_server() -> None:
    """does not talk to a server of an authority that it does not trust"""
    refused(context("stranger-authority"))


def untrusted_client() -> None:
    """is refused without a certificate, and with one of another authority"""
    for name in ("", "stranger"):
        refused(context(client=name))


every = [both_headers, with_asyncio, without_key, untrusted_server]
checks.run(*(every if CLIENT == "" else [*every, untrusted_client]))
