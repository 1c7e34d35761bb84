"""shared_memory_checks.py grpc|http ADDRESS: NVIDIA's clients with tensors in shared memory, of identity models."""

import sys
import uuid

import numpy
import tritonclient.utils.shared_memory as shared_memory
from tritonclient.utils import InferenceServerException, np_to_triton_dtype, serialize_byte_tensor

import checks

FRONT, ADDRESS = sys.argv[1], sys.argv[2]
if FRONT == "grpc":
    import tritonclient.grpc as triton
else:
    import tritonclient.http as triton

client = triton.InferenceServerClient(ADDRESS)
KEY = f"tensorgate-test-{uuid.uuid4()}"
SIZE = 1 << 20
region = shared_memory.create_shared_memory_region("region", f"/{KEY}", SIZE, create_only=True)
ARRAYS = {
    "FP32": numpy.arange(24, dtype=numpy.float32).reshape(2, 12),
    "INT64": numpy.arange(-12, 12, dtype=numpy.int64).reshape(2, 12),
    "FP16": numpy.linspace(-1, 1, 24, dtype=numpy.float16).reshape(2, 12),
    "BOOL": numpy.array([[True, False, True]]),
    "UINT8": numpy.arange(7, dtype=numpy.uint8).reshape(1, 7),
}


def fails(text: str, function, *arguments, **options) -> None:
    try:
        function(*arguments, **options)
    except InferenceServerException as error:
        if text not in error.message():
            raise AssertionError(f"said {error.message()!r}, expected {text!r}") from error
        return
    raise AssertionError(f"succeeded, expected {text!r}")


def infer(datatype: str, shape, sent: int, room: int, offset: int = 0):
    """The input from `offset` on, the output behind it."""
    tensor = triton.InferInput("input", list(shape), datatype)
    tensor.set_shared_memory("region", sent, offset=offset)
    wanted = triton.InferRequestedOutput("output")
    wanted.set_shared_memory("region", room, offset=offset + sent)
    return client.infer(f"identity_{datatype}", [tensor], outputs=[wanted])


def registering() -> None:
    """unregisters everything as the examples do, registers, and reads the status"""
    client.unregister_system_shared_memory()
    client.unregister_cuda_shared_memory()
    client.register_system_shared_memory("region", f"/{KEY}", SIZE)
    status = client.get_system_shared_memory_status()
    if FRONT == "grpc":
        found = {name: (one.key, one.offset, one.byte_size) for name, one in status.regions.items()}
        checks.equal(len(client.get_cuda_shared_memory_status().regions), 0)
    else:
        found = {one["name"]: (one["key"], one["offset"], one["byte_size"]) for one in status}
        checks.equal(client.get_cuda_shared_memory_status(), [])
    checks.equal(found, {"region": (f"/{KEY}", 0, SIZE)})


def every_array() -> None:
    """takes inputs from a region and puts outputs into it, bit for bit, at any offset"""
    for datatype, values in ARRAYS.items():
        for offset in (0, 13):
            shared_memory.set_shared_memory_region(region, [values], offset=offset)
            answer = infer(datatype, values.shape, values.nbytes, values.nbytes, offset)
            output = answer.get_output("output")
            parameters = output.parameters if FRONT == "grpc" else output["parameters"]
            checks.equal("shared_memory_region" in parameters, True)
            got = shared_memory.get_contents_as_numpy(
                region, values.dtype, values.shape, offset=offset + values.nbytes
            )
            checks.equal(got.tobytes(), values.tobytes())
            checks.equal(np_to_triton_dtype(got.dtype), datatype)


def bytes_elements() -> None:
    """takes BYTES from a region and puts them into it, with room to spare"""
    values = numpy.array([["ab", "", "\u00fc"]], dtype=object)
    serialized = serialize_byte_tensor(values)
    size = len(serialized.item())
    shared_memory.set_shared_memory_region(region, [serialized])
    infer("BYTES", values.shape, size, 1000)
    got = shared_memory.get_contents_as_numpy(region, numpy.object_, values.shape, offset=size)
    checks.equal([text.decode() for text in got.flatten()], list(values.flatten()))
    fails("to hold the results", infer, "BYTES", values.shape, size, size - 1)


def output_only() -> None:
    """puts an output into a region though the input came in the message"""
    values = ARRAYS["FP32"]
    tensor = triton.InferInput("input", list(values.shape), "FP32")
    tensor.set_data_from_numpy(values)
    wanted = triton.InferRequestedOutput("output")
    wanted.set_shared_memory("region", values.nbytes, offset=5000)
    client.infer("identity_FP32", [tensor], outputs=[wanted])
    got = shared_memory.get_contents_as_numpy(region, numpy.float32, values.shape, offset=5000)
    checks.equal(got.tobytes(), values.tobytes())


def input_only() -> None:
    """answers in the message though the input came in a region"""
    values = ARRAYS["FP32"]
    shared_memory.set_shared_memory_region(region, [values])
    tensor = triton.InferInput("input", list(values.shape), "FP32")
    tensor.set_shared_memory("region", values.nbytes)
    answer = client.infer("identity_FP32", [tensor])
    checks.equal(answer.as_numpy("output").tobytes(), values.tobytes())


def refusals() -> None:
    """says in Triton's words what it refuses"""
    fails("already in manager", client.register_system_shared_memory, "region", f"/{KEY}", SIZE)
    fails("Unable to open shared memory region", client.register_system_shared_memory, "other", "/nowhere-" + KEY, 1)
    fails("failed to register shared memory region", client.register_system_shared_memory, "other", f"/{KEY}", SIZE + 1)
    fails("Invalid offset + byte size", infer, "UINT8", (1, 7), 7, SIZE)
    fails("Invalid offset for shared memory region", infer, "UINT8", (1, 7), 7, 7, SIZE)
    fails("Unable to find system shared memory region", client.get_system_shared_memory_status, "nowhere")
    fails("GPUs not supported", client.register_cuda_shared_memory, "gpu", bytes(64), 0, 64)


def unregistering() -> None:
    """does not find a region that is unregistered"""
    client.unregister_system_shared_memory("region")
    client.unregister_system_shared_memory("region")
    fails("Unable to find shared memory region: 'region'", infer, "UINT8", (1, 7), 7, 7)


try:
    checks.run(
        registering, every_array, bytes_elements, output_only, input_only, refusals, unregistering
    )
finally:
    client.close()
    shared_memory.destroy_shared_memory_region(region)
