"""secure_checks.py ADDRESS TLS_FOLDER CLIENT: gRPC's C core over TLS; CLIENT is '' or who shows a certificate. Key from API_KEY."""

import asyncio
import os
import sys
from pathlib import Path

import grpc
import numpy
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio

import checks

ADDRESS, FOLDER, CLIENT, KEY = sys.argv[1], Path(sys.argv[2]), sys.argv[3], os.environ["API_KEY"]
BEARER = {"authorization": f"Bearer {KEY}"}
FLOWER = numpy.array([[5.1, 3.5, 1.4, 0.2]], numpy.float32)


def pem(name: str) -> bytes:
    return (FOLDER / f"{name}.pem").read_bytes()


def credentials(authority: str, client: str) -> grpc.ChannelCredentials:
    if client == "":
        return grpc.ssl_channel_credentials(pem(authority))
    return grpc.ssl_channel_credentials(pem(authority), pem(f"{client}-key"), pem(client))


def flower() -> list[triton.InferInput]:
    tensor = triton.InferInput("features", FLOWER.shape, "FP32")
    tensor.set_data_from_numpy(FLOWER)
    return [tensor]


def sync_client(authority: str = "authority", client: str = CLIENT) -> triton.InferenceServerClient:
    return triton.InferenceServerClient(ADDRESS, creds=credentials(authority, client))


def both_headers() -> None:
    """takes the key of the synchronous client from either header"""
    with sync_client() as client:
        for headers in (BEARER, {"x-api-key": KEY}):
            checks.equal(client.infer("iris", flower(), headers=headers).as_numpy("label").tolist(), [[0]])


def asyncio_and_stream() -> None:
    """takes the key of the asyncio client, for a call and for a stream"""

    async def ask() -> None:
        async with triton_aio.InferenceServerClient(ADDRESS, creds=credentials("authority", CLIENT)) as client:
            answer = await client.infer("iris", flower(), headers=BEARER)
            checks.equal(answer.as_numpy("label").tolist(), [[0]])

            async def requests():
                yield {"model_name": "iris", "inputs": flower(), "request_id": "one"}

            async for result, error in client.stream_infer(requests(), headers=BEARER):
                checks.equal(error, None)
                checks.equal(result.as_numpy("label").tolist(), [[0]])
                break

    asyncio.run(asyncio.wait_for(ask(), 20))


def without_key() -> None:
    """refuses calls without a key and with a wrong one, but not probes"""
    with sync_client() as client:
        checks.equal(client.is_server_live(), True)
        checks.fails("UNAUTHENTICATED", client.infer, "iris", flower())
        for wrong in ("x" * len(KEY), KEY[:-1], KEY + "0"):
            headers = {"authorization": f"Bearer {wrong}"}
            message = checks.fails("UNAUTHENTICATED", client.infer, "iris", flower(), headers=headers)
            checks.equal(KEY[:-1] in message, False)


def untrusted_server() -> None:
    """does not talk to a server of an authority that it does not trust"""
    with sync_client("stranger-authority") as client:
        checks.fails("UNAVAILABLE", client.infer, "iris", flower(), headers=BEARER, client_timeout=60)


def untrusted_client() -> None:
    """is refused without a certificate, and with one of another authority"""
    for name in ("", "stranger"):
        with sync_client(client=name) as client:
            checks.fails("UNAVAILABLE", client.infer, "iris", flower(), headers=BEARER, client_timeout=60)


every = [both_headers, asyncio_and_stream, without_key, untrusted_server]
checks.run(*every, *([untrusted_client] if CLIENT != "" else []))
