"""datatype_checks.py ADDRESS: every datatype of the protocol through a model that returns its input."""

import sys

import numpy
import tritonclient.grpc as triton

import checks
from reference import same_bits

client = triton.InferenceServerClient(sys.argv[1])
random = numpy.random.default_rng(3)
INTEGERS = {f"{sign.upper()}{bits}": f"{sign}{bits}" for sign in ("int", "uint") for bits in (8, 16, 32, 64)}
FLOATS = {"FP16": numpy.float16, "FP32": numpy.float32, "FP64": numpy.float64}


def roundtrip(datatype: str, values: numpy.ndarray) -> None:
    tensor = triton.InferInput("input", values.shape, datatype)
    tensor.set_data_from_numpy(values)
    answer = client.infer(f"identity_{datatype}", [tensor])
    checks.equal(answer.get_output("output").datatype, datatype)
    checks.equal(list(answer.get_output("output").shape), list(values.shape))
    same_bits(answer.as_numpy("output"), values)


def integers() -> None:
    """returns integers of every width unchanged, extremes included"""
    for datatype, dtype in INTEGERS.items():
        bounds = numpy.iinfo(dtype)
        values = random.integers(bounds.min, bounds.max, (3, 7), dtype, endpoint=True)
        values[0, :2] = bounds.min, bounds.max
        roundtrip(datatype, values)


def floats() -> None:
    """returns floats of every width unchanged, infinities, NaN payloads, subnormals and -0 included"""
    for datatype, dtype in FLOATS.items():
        bounds = numpy.finfo(dtype)
        special = [0.0, -0.0, numpy.inf, -numpy.inf, numpy.nan, bounds.max, bounds.tiny / 2]
        roundtrip(datatype, numpy.array([special, random.standard_normal(7).tolist()], dtype))


def booleans() -> None:
    """returns booleans unchanged"""
    roundtrip("BOOL", random.integers(0, 2, (4, 9)).astype(bool))


def strings() -> None:
    """returns strings unchanged: empty, long and not ASCII"""
    texts = ["", "plain", "grüße", "日本語", "x" * 5000, "line\nbreak"]
    roundtrip("BYTES", numpy.array([[text.encode() for text in texts]] * 2, numpy.object_))


def empty_tensors() -> None:
    """returns a tensor without elements"""
    for datatype, dtype in (("FP32", numpy.float32), ("INT64", numpy.int64)):
        roundtrip(datatype, numpy.zeros((2, 0), dtype))


def large_tensors() -> None:
    """returns a tensor of eight megabytes unchanged"""
    roundtrip("FP32", random.random((8, 1 << 18)).astype(numpy.float32))


checks.run(integers, floats, booleans, strings, empty_tensors, large_tensors)
client.close()
