#!/usr/bin/env python3
"""make-models.py REPOSITORY [MODEL...]: the models of the benchmark, with random weights, as a model repository.

Their answers mean nothing, but their cost is that of real models of the same size: from a few microseconds (where the
server is all that counts) to a hundred (where it should not count at all), and one that only moves 600 kB.
"""

import sys
from pathlib import Path

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

# As the native server runs them: one thread, batches of at most 32 rows, no waiting for company.
CONFIG = """max_batch_size: 32
dynamic_batching { }
parameters { key: "intra_op_thread_count" value: { string_value: "1" } }
"""
random = numpy.random.default_rng(1)


def weight(name: str, *shape: int) -> onnx.TensorProto:
    scale = (2 / numpy.prod(shape[1:] if len(shape) == 4 else shape[:1])) ** 0.5
    return numpy_helper.from_array((random.standard_normal(shape) * scale).astype(numpy.float32), name)


def zeros(name: str, size: int) -> onnx.TensorProto:
    return numpy_helper.from_array(numpy.zeros(size, numpy.float32), name)


def perceptron(*sizes: int) -> onnx.ModelProto:
    nodes, weights, value = [], [], "input"
    for index, (rows, columns) in enumerate(zip(sizes, sizes[1:])):
        weights += [weight(f"w{index}", rows, columns), zeros(f"b{index}", columns)]
        last = index == len(sizes) - 2
        product = "output" if last else f"product{index}"
        nodes.append(helper.make_node("Gemm", [value, f"w{index}", f"b{index}"], [product]))
        if not last:
            value = f"layer{index}"
            nodes.append(helper.make_node("Relu", [product], [value]))
    return model(nodes, weights, [sizes[0]], [sizes[-1]])


def convolutions() -> onnx.ModelProto:
    nodes, weights, value = [], [], "input"
    for index, (channels, filters) in enumerate([(3, 32), (32, 64), (64, 96)]):
        weights += [weight(f"w{index}", filters, channels, 3, 3), zeros(f"b{index}", filters)]
        nodes.append(
            helper.make_node("Conv", [value, f"w{index}", f"b{index}"], [f"c{index}"], strides=[2, 2], pads=[1] * 4)
        )
        nodes.append(helper.make_node("Relu", [f"c{index}"], [f"r{index}"]))
        value = f"r{index}"
    weights += [weight("w", 96, 10), zeros("b", 10)]
    nodes.append(helper.make_node("GlobalAveragePool", [value], ["pooled"]))
    nodes.append(helper.make_node("Flatten", ["pooled"], ["flat"], axis=1))
    nodes.append(helper.make_node("Gemm", ["flat", "w", "b"], ["output"]))
    return model(nodes, weights, [3, 64, 64], [10])


def identity(size: int) -> onnx.ModelProto:
    return model([helper.make_node("Identity", ["input"], ["output"])], [], [size], [size])


def model(nodes, weights, input_dims: list[int], output_dims: list[int]) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "bench",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", *input_dims])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", *output_dims])],
        weights,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    return made


if __name__ == "__main__":
    makers = {
        "mlp16": lambda: perceptron(16, 64, 64, 4),
        "mlp784": lambda: perceptron(784, 512, 256, 10),
        "cnn64": convolutions,
        "identity": lambda: identity(150_000),
        # Milliseconds a batch: the model is all that counts.
        "dense": lambda: perceptron(16, *[2048] * 7, 4),
    }
    for name in sys.argv[2:] or ["mlp16", "mlp784", "cnn64", "identity"]:
        network = makers[name]()
        folder = Path(sys.argv[1]) / name / "1"
        folder.mkdir(parents=True, exist_ok=True)
        onnx.save(network, folder / "model.onnx")
        (folder.parent / "config.pbtxt").write_text(CONFIG)
