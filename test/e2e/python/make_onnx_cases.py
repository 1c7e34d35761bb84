"""make_onnx_cases.py FOLDER: ONNX's own backend test cases as model repositories, with their inputs and outputs.

Generated are those of single operators; those of small graphs and of operators converted from PyTorch lie in the package.

Each FOLDER/<number> has a sample of all cases: `models` is the repository, `data/<case>.pickle` holds (inputs by name,
expected outputs by name, rtol, atol). FOLDER/left-out.json counts the cases that cannot be served, by reason.
"""

import collections
import json
import os
import pickle
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

# The newest cases are stamped with an opset that ONNX Runtime has but does not call released yet.
os.environ["ALLOW_RELEASED_ONNX_OPSET_ONLY"] = "0"
warnings.filterwarnings("ignore")

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, numpy_helper
from onnx.backend.test.case.node import collect_testcases

onnxruntime.set_default_logger_severity(4)
PARTS = 15
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


def named(declared, values) -> dict[str, numpy.ndarray]:
    """The cases hold arrays, scalars and serialized tensors."""
    arrays = (
        numpy_helper.to_array(value) if isinstance(value, TensorProto) else numpy.asarray(value) for value in values
    )
    return {each.name: array for each, array in zip(declared, arrays)}


class StoredCase(NamedTuple):
    """As collect_testcases gives them, of what lies in the package as files."""

    name: str
    model: onnx.ModelProto
    data_sets: list
    rtol: float = 1e-3
    atol: float = 1e-7


def asked_inputs(graph: onnx.GraphProto) -> list:
    """Old models list their weights among the inputs."""
    weights = {weight.name for weight in graph.initializer}
    return [value for value in graph.input if value.name not in weights]


def values_of(files: list[Path], declared) -> list:
    """Serialized values, in the order of their numbers. Only tensors are read: the others' cases are left out by kind."""
    if any(not value.type.HasField("tensor_type") for value in declared):
        return []
    ordered = sorted(files, key=lambda path: int(path.stem.rpartition("_")[2]))
    return [onnx.load_tensor(path) for path in ordered]


def stored_cases(kind: str) -> Iterator[StoredCase]:
    root = Path(onnx.__file__).parent / "backend" / "test" / "data" / kind
    for folder in sorted(root.iterdir()):
        model = onnx.load(folder / "model.onnx")
        data = folder / "test_data_set_0"
        inputs = values_of([*data.glob("input_*.pb")], asked_inputs(model.graph))
        outputs = values_of([*data.glob("output_*.pb")], model.graph.output)
        yield StoredCase(f"{kind}-{folder.name}", model, [(inputs, outputs)])


def all_cases() -> Iterator:
    yield from collect_testcases(None)
    for kind in ("simple", "pytorch-converted", "pytorch-operator"):
        yield from stored_cases(kind)


def main() -> None:
    finished = Path(sys.argv[1])
    folder = Path(tempfile.mkdtemp(prefix="onnx-cases-", dir=finished.parent))
    served = 0
    left_out: collections.Counter = collections.Counter()
    for case in all_cases():
        model = case.model.SerializeToString()
        reason = why_left_out(model)
        if reason is not None:
            left_out[reason] += 1
            continue
        part = folder / f"{served % PARTS:02d}"
        served += 1
        target = part / "models" / case.name / "1"
        target.mkdir(parents=True)
        (target / "model.onnx").write_bytes(model)
        ((inputs, outputs), *_) = case.data_sets
        graph = case.model.graph
        content = (named(asked_inputs(graph), inputs), named(graph.output, outputs), case.rtol, case.atol)
        (part / "data").mkdir(exist_ok=True)
        (part / "data" / f"{case.name}.pickle").write_bytes(pickle.dumps(content))
    (folder / "left-out.json").write_text(json.dumps(left_out, indent=2))
    try:
        folder.rename(finished)
    except OSError:
        # Another run was faster.
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
