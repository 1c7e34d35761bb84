"""make_sequence_models.py FILE: a model that adds what its sequence sends, and gives back the controls it was sent."""

import sys

import onnx
from onnx import TensorProto, helper

KINDS = {"START": TensorProto.INT32, "END": TensorProto.FLOAT, "READY": TensorProto.BOOL, "CORRID": TensorProto.STRING}

nodes = [
    helper.make_node("Add", ["x", "sum"], ["total"]),
    helper.make_node("Identity", ["total"], ["y"]),
    helper.make_node("Identity", ["CORRID"], ["id"]),
]
for name in ("START", "END", "READY"):
    nodes.append(helper.make_node("Cast", [name], [f"{name}_float"], to=TensorProto.FLOAT))
nodes.append(helper.make_node("Concat", ["START_float", "END_float", "READY_float"], ["controls"], axis=1))
graph = helper.make_graph(
    nodes,
    "sum",
    [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 1]),
        helper.make_tensor_value_info("sum", TensorProto.FLOAT, ["batch", 1]),
        *(helper.make_tensor_value_info(name, kind, ["batch", 1]) for name, kind in KINDS.items()),
    ],
    [
        helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 1]),
        helper.make_tensor_value_info("total", TensorProto.FLOAT, ["batch", 1]),
        helper.make_tensor_value_info("controls", TensorProto.FLOAT, ["batch", 3]),
        helper.make_tensor_value_info("id", TensorProto.STRING, ["batch", 1]),
    ],
)
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), sys.argv[1])
