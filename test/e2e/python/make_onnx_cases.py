"""make_onnx_cases.py FOLDER: ONNX's own backend test cases as a model repository, with their inputs and outputs.

FOLDER/models is the repository, FOLDER/data/<case>.pickle holds (inputs by name, expected outputs by name, rtol, atol),
FOLDER/left-out.json counts the cases that cannot be served, by reason.
"""

import collections
import json
import os
import pickle
import shutil
import sys
import warnings
from pathlib import Path

# The newest cases are stamped with an opset that ONNX Runtime has but does not call released yet.
os.environ["ALLOW_RELEASED_ONNX_OPSET_ONLY"] = "0"
warnings.filterwarnings("ignore")

import onnxruntime
from onnx.backend.test.case.node import collect_testcases

onnxruntime.set_default_logger_severity(4)
NUMBERS = ["float", "double", "float16", "bool", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))]
SERVED = {f"tensor({name})" for name in [*NUMBERS, "string"]}


def why_left_out(model: bytes) -> str | None:
    try:
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    except Exception:
        return "this version of ONNX Runtime has no kernel for it on the CPU, or does not know its opset"
    kinds = {value.type for value in [*session.get_inputs(), *session.get_outputs()]}
    if any(not kind.startswith("tensor") for kind in kinds):
        return "has sequences, maps or optionals, which the protocol cannot carry"
    odd = sorted(kinds - SERVED)
    if odd == ["tensor(bfloat16)"]:
        return "bfloat16, which onnxruntime-node does not take"
    if odd:
        return "element types that the protocol has no name for (8-bit floats, 2- and 4-bit integers)"
    return None


def main() -> None:
    folder = Path(sys.argv[1])
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "data").mkdir(parents=True)
    left_out: collections.Counter = collections.Counter()
    for case in collect_testcases(None):
        model = case.model.SerializeToString()
        reason = why_left_out(model)
        if reason is not None:
            left_out[reason] += 1
            continue
        target = folder / "models" / case.name / "1"
        target.mkdir(parents=True)
        (target / "model.onnx").write_bytes(model)
        ((inputs, outputs), *_) = case.data_sets
        named_inputs = dict(zip((value.name for value in case.model.graph.input), inputs))
        named_outputs = dict(zip((value.name for value in case.model.graph.output), outputs))
        content = (named_inputs, named_outputs, case.rtol, case.atol)
        (folder / "data" / f"{case.name}.pickle").write_bytes(pickle.dumps(content))
    (folder / "left-out.json").write_text(json.dumps(left_out, indent=2))


if __name__ == "__main__":
    main()
