"""run_onnx_cases.py ADDRESS FOLDER: loads each case's model, infers with its inputs, and unloads it.

Prints one JSON line a case: its name, and what was wrong ("" when it passed). A case passes when the answer has the very
bits of ONNX Runtime's own, or, where that is not deterministic, is within the case's tolerance of the expected outputs.
"""

import json
import os
import pickle
import sys
from pathlib import Path

os.environ["ALLOW_RELEASED_ONNX_OPSET_ONLY"] = "0"

import numpy
import tritonclient.grpc as triton
from tritonclient.utils import np_to_triton_dtype

from reference import expected, same_bits

ADDRESS, FOLDER = sys.argv[1], Path(sys.argv[2])
client = triton.InferenceServerClient(ADDRESS)


def tensor(name: str, values: numpy.ndarray) -> triton.InferInput:
    # Strings come as objects or as fixed-width unicode; the client takes objects.
    if values.dtype.kind in "SU":
        values = values.astype(numpy.object_)
    made = triton.InferInput(name, values.shape, np_to_triton_dtype(values.dtype))
    made.set_data_from_numpy(values)
    return made


def compare(actual: numpy.ndarray, own: numpy.ndarray, wanted: numpy.ndarray, rtol: float, atol: float) -> None:
    if list(actual.shape) != list(own.shape):
        raise AssertionError(f"shape {actual.shape}, expected {own.shape}")
    try:
        same_bits(actual, own)
    except AssertionError:
        numpy.testing.assert_allclose(actual, wanted, rtol=rtol, atol=atol)


def run(name: str) -> None:
    inputs, outputs, rtol, atol = pickle.loads((FOLDER / "data" / f"{name}.pickle").read_bytes())
    client.load_model(name)
    try:
        answer = client.infer(name, [tensor(*item) for item in inputs.items()], client_timeout=120)
        reference = expected(FOLDER / "models" / name / "1" / "model.onnx", inputs)
        for output, values in reference.items():
            compare(answer.as_numpy(output), numpy.asarray(values), outputs[output], rtol, atol)
    finally:
        client.unload_model(name)


for name in sorted(path.stem for path in (FOLDER / "data").iterdir()):
    line = {"name": name, "error": ""}
    try:
        run(name)
    except Exception as error:
        line["error"] = str(error)[:500] or type(error).__name__
    print(json.dumps(line), flush=True)
