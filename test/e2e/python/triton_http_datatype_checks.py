"""triton_http_datatype_checks.py ADDRESS: every datatype over HTTP through a model that returns its input."""

import sys

import numpy
import tritonclient.http as triton

import checks
from reference import same_bits

client = triton.InferenceServerClient(sys.argv[1])
random = numpy.random.default_rng(3)
INTEGERS = {f"{sign.upper()}{bits}": f"{sign}{bits}" for sign in ("int", "uint") for bits in (8, 16, 32, 64)}


def roundtrip(datatype: str, values: numpy.ndarray, forms=(True, False)) -> None:
    for sent_binary in forms:
        for wanted_binary in forms:
            tensor = triton.InferInput("input", list(values.shape), datatype)
            tensor.set_data_from_numpy(values, binary_data=sent_binary)
            output = triton.InferRequestedOutput("output", binary_data=wanted_binary)
            answer = client.infer(f"identity_{datatype}", [tensor], outputs=[output])
            checks.equal(answer.get_output("output")["datatype"], datatype)
            checks.equal(answer.get_output("output")["shape"], list(values.shape))
            found = answer.as_numpy("output")
            if datatype == "BYTES":
                found = numpy.array([t if isinstance(t, bytes) else t.encode() for t in found.ravel()], numpy.object_)
            same_bits(found, values)


def integers() -> None:
    """returns integers of every width unchanged in binary and in JSON, extremes included"""
    for datatype, dtype in INTEGERS.items():
        bounds = numpy.iinfo(dtype)
        values = random.integers(bounds.min, bounds.max, (3, 7), dtype, endpoint=True)
        values[0, :2] = bounds.min, bounds.max
        roundtrip(datatype, values)


def floats() -> None:
    """returns floats unchanged: half precision in binary, the others in JSON too, subnormals and -0 included"""
    for datatype, dtype in (("FP32", numpy.float32), ("FP64", numpy.float64)):
        bounds = numpy.finfo(dtype)
        special = [0.0, -0.0, bounds.max, bounds.min, bounds.tiny, bounds.tiny / 2, 0.1]
        roundtrip(datatype, numpy.array([special, random.standard_normal(7).tolist()], dtype))
    roundtrip("FP16", random.standard_normal((2, 5)).astype(numpy.float16), forms=(True,))


def special_floats() -> None:
    """returns infinities and NaN unchanged in binary"""
    for datatype, dtype in (("FP32", numpy.float32), ("FP64", numpy.float64)):
        roundtrip(datatype, numpy.array([[numpy.inf, -numpy.inf, numpy.nan]], dtype), forms=(True,))


def booleans() -> None:
    """returns booleans unchanged"""
    roundtrip("BOOL", random.integers(0, 2, (4, 9)).astype(bool))


def strings() -> None:
    """returns strings unchanged: empty, long, with quotes and not ASCII"""
    texts = ["", "plain", "grüße", "日本語", "x" * 5000, 'line\nbreak "quoted" \\ \u2028']
    roundtrip("BYTES", numpy.array([[text.encode() for text in texts]] * 2, numpy.object_))


def empty_tensors() -> None:
    """returns a tensor without elements"""
    for datatype, dtype in (("FP32", numpy.float32), ("INT64", numpy.int64)):
        roundtrip(datatype, numpy.zeros((2, 0), dtype))


def large_tensors() -> None:
    """returns a tensor of eight megabytes unchanged"""
    roundtrip("FP32", random.random((8, 1 << 18)).astype(numpy.float32), forms=(True,))


checks.run(integers, floats, special_floats, booleans, strings, empty_tensors, large_tensors)
client.close()
