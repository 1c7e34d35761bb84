"""make_identity_models.py REPOSITORY: for each datatype of the protocol a model `identity_<DATATYPE>` that batches."""

import sys
from pathlib import Path

import onnx
from onnx import TensorProto, helper

ELEMENT_TYPES = {
    "BOOL": TensorProto.BOOL,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BYTES": TensorProto.STRING,
}


def make(repository: Path, datatype: str, element_type: int) -> None:
    graph = helper.make_graph(
        [helper.make_node("Identity", ["input"], ["output"])],
        "identity",
        [helper.make_tensor_value_info("input", element_type, ["batch", "size"])],
        [helper.make_tensor_value_info("output", element_type, ["batch", "size"])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    folder = repository / f"identity_{datatype}" / "1"
    folder.mkdir(parents=True)
    onnx.save(model, folder / "model.onnx")


if __name__ == "__main__":
    for datatype, element_type in ELEMENT_TYPES.items():
        make(Path(sys.argv[1]), datatype, element_type)
