"""make_decoder_model.py FILE: a tiny recurrent decoder with random weights; a token goes in, the likeliest next one comes out."""

import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

TOKENS, SIZE = 12, 8
random = numpy.random.default_rng(3)


def weights(name: str, *shape: int) -> onnx.TensorProto:
    return numpy_helper.from_array((random.standard_normal(shape) * 2).astype(numpy.float32), name)


graph = helper.make_graph(
    [
        helper.make_node("Squeeze", ["token", "one"], ["index"]),
        helper.make_node("Gather", ["embeddings", "index"], ["embedded"]),
        helper.make_node("Concat", ["embedded", "hidden"], ["both"], axis=1),
        helper.make_node("MatMul", ["both", "recurrent"], ["sum"]),
        helper.make_node("Tanh", ["sum"], ["next_hidden"]),
        helper.make_node("MatMul", ["next_hidden", "readout"], ["scores"]),
        helper.make_node("ArgMax", ["scores"], ["next_token"], axis=1, keepdims=1),
        helper.make_node("Equal", ["next_token", "end"], ["is_end"]),
    ],
    "decoder",
    [
        helper.make_tensor_value_info("token", TensorProto.INT64, ["batch", 1]),
        helper.make_tensor_value_info("hidden", TensorProto.FLOAT, ["batch", SIZE]),
    ],
    [
        helper.make_tensor_value_info("next_token", TensorProto.INT64, ["batch", 1]),
        helper.make_tensor_value_info("next_hidden", TensorProto.FLOAT, ["batch", SIZE]),
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", TOKENS]),
        helper.make_tensor_value_info("is_end", TensorProto.BOOL, ["batch", 1]),
    ],
    [
        weights("embeddings", TOKENS, SIZE),
        weights("recurrent", 2 * SIZE, SIZE),
        weights("readout", SIZE, TOKENS),
        numpy_helper.from_array(numpy.array([1], numpy.int64), "one"),
        numpy_helper.from_array(numpy.array(0, numpy.int64), "end"),
    ],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
onnx.checker.check_model(model)
onnx.save(model, sys.argv[1])
