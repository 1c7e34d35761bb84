"""concurrent_clients.py ADDRESS EXAMPLE_MODELS CLIENTS CALLS: each client has a connection and inputs of its own."""

import asyncio
import sys
from pathlib import Path

import numpy
import tritonclient.grpc.aio as triton

import checks
from reference import expected

ADDRESS, MODELS = sys.argv[1], Path(sys.argv[2])
CLIENTS, CALLS = int(sys.argv[3]), int(sys.argv[4])
TOLERANCE = 1e-5
random = numpy.random.default_rng(5)
images = (random.random((CLIENTS, CALLS, 8, 8)) * 16).astype(numpy.float32)
wanted = numpy.stack(
    [expected(MODELS / "digits" / "1" / "model.onnx", {"image": rows})["probability"] for rows in images]
)


async def one_client(number: int) -> int:
    """Returns how many answers were wrong."""
    wrong = 0
    # Without an own channel pool all clients of one process would share a connection.
    async with triton.InferenceServerClient(ADDRESS, channel_args=[("grpc.use_local_subchannel_pool", 1)]) as client:
        for call in range(CALLS):
            rows = images[number, call : call + 1]
            tensor = triton.InferInput("image", rows.shape, "FP32")
            tensor.set_data_from_numpy(rows)
            answer = await client.infer("digits", [tensor], request_id=f"{number}-{call}")
            probability = answer.as_numpy("probability")
            right = numpy.allclose(probability, wanted[number, call], rtol=TOLERANCE, atol=1e-7)
            if not right or answer.get_response().id != f"{number}-{call}":
                wrong += 1
    return wrong


def every_answer_is_its_own() -> None:
    """gives every one of many concurrent clients the answer to its own request"""
    flat = wanted.reshape(CLIENTS * CALLS, -1)
    # The comparison means something only if no client's answer could pass for the next one's.
    mixed_up = numpy.isclose(flat, numpy.roll(flat, 1, axis=0), rtol=TOLERANCE, atol=1e-7).all(axis=1)
    checks.equal(int(mixed_up.sum()), 0)

    async def all_clients() -> list[int]:
        return await asyncio.gather(*(one_client(number) for number in range(CLIENTS)))

    checks.equal(sum(asyncio.run(asyncio.wait_for(all_clients(), 90))), 0)


checks.run(every_answer_is_its_own)
