#!/usr/bin/env python3
"""Trains the models of examples/models from the data sets that scikit-learn ships, and writes sample inputs.

    python3 -m venv .venv && .venv/bin/pip install -r examples/requirements.txt && .venv/bin/python examples/train.py

The result is committed, so nobody has to run this. The same package versions give the same models.
"""

import json
import shutil
from pathlib import Path

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType

HERE = Path(__file__).parent
MODELS = HERE / "models"
INPUTS = HERE / "inputs"
OPSET = {"": 17, "ai.onnx.ml": 3}


def name_batch_dimension(model: onnx.ModelProto) -> None:
    """skl2onnx leaves the first dimension unnamed; a name says that it counts rows."""
    for value in [*model.graph.input, *model.graph.output]:
        value.type.tensor_type.shape.dim[0].dim_param = "batch"


def rename(model: onnx.ModelProto, names: dict[str, str]) -> None:
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for value in [*model.graph.input, *model.graph.output]:
        value.name = names.get(value.name, value.name)


def convert(estimator, features: int, names: dict[str, str]) -> onnx.ModelProto:
    """ZipMap is switched off: it would make the probabilities a sequence of maps, which is no tensor."""
    options = {"zipmap": False} if hasattr(estimator, "classes_") else None
    model = convert_sklearn(
        estimator,
        initial_types=[("features", FloatTensorType([None, features]))],
        target_opset=OPSET,
        options=options,
    )
    rename(model, names)
    name_batch_dimension(model)
    return model


def save(name: str, model: onnx.ModelProto, documentation: str, config: str | None, labels: list[str] | None) -> None:
    model.doc_string = documentation
    model.producer_name = "tensorgate examples"
    model.graph.name = name
    onnx.checker.check_model(model)
    folder = MODELS / name
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "1").mkdir(parents=True)
    (folder / "1" / "model.onnx").write_bytes(model.SerializeToString())
    if config is not None:
        (folder / "config.pbtxt").write_text(config)
    if labels is not None:
        (folder / "labels.txt").write_text("".join(f"{label}\n" for label in labels))


def session(name: str) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(MODELS / name / "1" / "model.onnx", providers=["CPUExecutionProvider"])


def train_iris() -> None:
    """Logistic regression, no config.pbtxt: everything is read from the ONNX file."""
    data = load_iris()
    train, test, train_labels, test_labels = train_test_split(
        data.data.astype(numpy.float32), data.target, test_size=0.3, random_state=1, stratify=data.target
    )
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(train, train_labels)
    model = convert(pipeline, 4, {"probabilities": "probability"})
    features = ", ".join(data.feature_names)
    save("iris", model, f"Species of an iris (setosa, versicolor, virginica) from {features}.", None, None)
    predicted, _ = session("iris").run(None, {"features": test})
    report("iris", "accuracy", (predicted == test_labels).mean())
    write_json("iris.json", "features", "FP32", test[:3])


def train_breast_cancer() -> None:
    """A forest: a tree ensemble is one operator with many branches, unlike the matrix products of the others."""
    data = load_breast_cancer()
    train, test, train_labels, test_labels = train_test_split(
        data.data.astype(numpy.float32), data.target, test_size=0.3, random_state=1, stratify=data.target
    )
    forest = RandomForestClassifier(n_estimators=60, max_depth=7, random_state=1).fit(train, train_labels)
    model = convert(forest, 30, {"probabilities": "probability"})
    labels = [str(name) for name in data.target_names]
    config = """# Only what the ONNX file does not say; the rest is completed from it.
max_batch_size: 64
output [
  { name: "label" data_type: TYPE_INT64 dims: [ 1 ] reshape: { shape: [ ] } },
  { name: "probability" data_type: TYPE_FP32 dims: [ 2 ] label_filename: "labels.txt" }
]
dynamic_batching { }
"""
    features = ", ".join(data.feature_names)
    save("breast_cancer", model, f"Malignant or benign, from {features}.", config, labels)
    predicted, _ = session("breast_cancer").run(None, {"features": test})
    report("breast_cancer", "accuracy", (predicted == test_labels).mean())
    write_json("breast_cancer.json", "features", "FP32", test[:2])


def train_digits() -> None:
    """An MLP over 8x8 images, exported by hand so that the input keeps its image shape and scales its pixels itself."""
    data = load_digits()
    images = data.images.astype(numpy.float32)
    train, test, train_labels, test_labels = train_test_split(
        images, data.target, test_size=0.3, random_state=1, stratify=data.target
    )
    network = MLPClassifier(hidden_layer_sizes=(64, 32), max_iter=400, random_state=1)
    network.fit(train.reshape(len(train), 64) / 16, train_labels)
    model = digits_model(network)
    labels = [str(digit) for digit in range(10)]
    config = """max_batch_size: 128
input [ { name: "image" data_type: TYPE_FP32 dims: [ 8, 8 ] } ]
output [ { name: "probability" data_type: TYPE_FP32 dims: [ 10 ] label_filename: "labels.txt" } ]
dynamic_batching { }
"""
    save("digits", model, "A handwritten digit from 8x8 grey levels, 0 to 16.", config, labels)
    (probability,) = session("digits").run(None, {"image": test})
    report("digits", "accuracy", (probability.argmax(axis=1) == test_labels).mean())
    seven = next(image for image, label in zip(test, test_labels) if label == 7)
    write_pgm("digit-7.pgm", seven)
    numpy.save(INPUTS / "digits.npy", test[:4])


def digits_model(network: MLPClassifier) -> onnx.ModelProto:
    nodes = [
        helper.make_node("Flatten", ["image"], ["flat"], axis=1),
        helper.make_node("Div", ["flat", "scale"], ["layer_0"]),
    ]
    weights = [numpy_helper.from_array(numpy.array(16, numpy.float32), "scale")]
    last = len(network.coefs_) - 1
    for index, (matrix, bias) in enumerate(zip(network.coefs_, network.intercepts_)):
        weights.append(numpy_helper.from_array(matrix.astype(numpy.float32), f"weight_{index}"))
        weights.append(numpy_helper.from_array(bias.astype(numpy.float32), f"bias_{index}"))
        product = f"product_{index}"
        nodes.append(helper.make_node("Gemm", [f"layer_{index}", f"weight_{index}", f"bias_{index}"], [product]))
        if index < last:
            nodes.append(helper.make_node("Relu", [product], [f"layer_{index + 1}"]))
        else:
            nodes.append(helper.make_node("Softmax", [product], ["probability"], axis=1))
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 8, 8])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["batch", 10])],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def train_diabetes() -> None:
    """A regression: one number a row."""
    data = load_diabetes()
    train, test, train_targets, test_targets = train_test_split(
        data.data.astype(numpy.float32), data.target, test_size=0.3, random_state=1
    )
    boosting = GradientBoostingRegressor(n_estimators=60, max_depth=2, random_state=1).fit(train, train_targets)
    model = convert(boosting, 10, {"variable": "progression"})
    config = """max_batch_size: 64
dynamic_batching { }
"""
    save("diabetes", model, "Progression of diabetes one year on, from ten standardised measurements.", config, None)
    (predicted,) = session("diabetes").run(None, {"features": test})
    spread = ((test_targets - test_targets.mean()) ** 2).sum()
    report("diabetes", "R2", 1 - ((predicted[:, 0] - test_targets) ** 2).sum() / spread)
    write_json("diabetes.json", "features", "FP32", test[:2])


def make_read_digit() -> None:
    """An ensemble, for pictures as cameras give them: their 256 grey levels become the 17 that digits was trained with."""
    nodes = [
        helper.make_node("Cast", ["pixels"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["levels", "divisor"], ["image"]),
    ]
    graph = helper.make_graph(
        nodes,
        "grey_levels",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["batch", 8, 8])],
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 8, 8])],
        [numpy_helper.from_array(numpy.array(255 / 16, numpy.float32), "divisor")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    save("grey_levels", model, "Grey levels 0 to 16 from pixels 0 to 255.", "max_batch_size: 128\ndynamic_batching { }\n", None)
    folder = MODELS / "read_digit"
    (folder / "1").mkdir(parents=True, exist_ok=True)
    (folder / "1" / ".gitkeep").write_text("")
    (folder / "config.pbtxt").write_text("""platform: "ensemble"
max_batch_size: 128
input [ { name: "pixels" data_type: TYPE_UINT8 dims: [ 8, 8 ] } ]
output [ { name: "probability" data_type: TYPE_FP32 dims: [ 10 ] } ]
ensemble_scheduling {
  step [
    {
      model_name: "grey_levels"
      model_version: -1
      input_map { key: "pixels" value: "pixels" }
      output_map { key: "image" value: "image" }
    },
    {
      model_name: "digits"
      model_version: -1
      input_map { key: "image" value: "image" }
      output_map { key: "probability" value: "probability" }
    }
  ]
}
""")
    numpy.save(INPUTS / "pixels.npy", (numpy.load(INPUTS / "digits.npy") * (255 / 16)).round().astype(numpy.uint8))


def train_draw_digit() -> None:
    """Draws a digit line by line: each line from the digit, the number of the line and what has been drawn so far."""
    data = load_digits()
    seen, lines = [], []
    for image, digit in zip(data.images / 16, data.target):
        for row in range(8):
            above = image * (numpy.arange(8) < row)[:, None]
            seen.append(numpy.concatenate([numpy.eye(10)[digit], numpy.eye(8)[row], above.ravel()]))
            lines.append(image[row])
    network = MLPRegressor(hidden_layer_sizes=(64,), max_iter=40, random_state=1)
    network.fit(numpy.array(seen, numpy.float32), numpy.array(lines, numpy.float32))
    config = """max_batch_size: 16
model_transaction_policy { decoupled: true }
sequence_batching {
  iterative_sequence: true
  oldest { max_candidate_sequences: 64 }
  state { input_name: "row" output_name: "next_row" data_type: TYPE_INT64 dims: [ 1 ] }
  state { input_name: "drawn" output_name: "next_drawn" data_type: TYPE_FP32 dims: [ 8, 8 ] }
}
parameters { key: "stop_output" value { string_value: "done" } }
"""
    save("draw_digit", draw_digit_model(network), "Draws a digit: the next line of its picture, grey levels 0 to 16.", config, None)
    pictures = numpy.zeros((10, 8, 8), numpy.float32)
    for row in range(8):
        inputs = {"digit": numpy.arange(10)[:, None], "row": numpy.full((10, 1), row), "drawn": pictures}
        pictures = session("draw_digit").run(["next_drawn"], inputs)[0]
    (probability,) = session("digits").run(None, {"image": pictures})
    report("draw_digit", "read by digits", (probability.argmax(axis=1) == numpy.arange(10)).mean())


def draw_digit_model(network: MLPRegressor) -> onnx.ModelProto:
    constants = {
        "digits": numpy.eye(10, dtype=numpy.float32),
        "rows": numpy.eye(8, dtype=numpy.float32),
        "levels": numpy.array(16, numpy.float32),
        "black": numpy.array(0, numpy.float32),
        "white": numpy.array(1, numpy.float32),
        "one": numpy.array([1], numpy.int64),
        "two": numpy.array([2], numpy.int64),
        "last": numpy.array(8, numpy.int64),
    }
    for index, (matrix, bias) in enumerate(zip(network.coefs_, network.intercepts_)):
        constants[f"weight_{index}"] = matrix.astype(numpy.float32)
        constants[f"bias_{index}"] = bias.astype(numpy.float32)
    nodes = [
        helper.make_node("Squeeze", ["digit", "one"], ["which_digit"]),
        helper.make_node("Gather", ["digits", "which_digit"], ["digit_hot"]),
        helper.make_node("Squeeze", ["row", "one"], ["which_row"]),
        helper.make_node("Gather", ["rows", "which_row"], ["row_hot"]),
        helper.make_node("Flatten", ["drawn"], ["flat"], axis=1),
        helper.make_node("Div", ["flat", "levels"], ["above"]),
        helper.make_node("Concat", ["digit_hot", "row_hot", "above"], ["seen"], axis=1),
        helper.make_node("Gemm", ["seen", "weight_0", "bias_0"], ["product"]),
        helper.make_node("Relu", ["product"], ["hidden"]),
        helper.make_node("Gemm", ["hidden", "weight_1", "bias_1"], ["estimate"]),
        helper.make_node("Clip", ["estimate", "black", "white"], ["shade"]),
        helper.make_node("Mul", ["shade", "levels"], ["line"]),
        helper.make_node("Unsqueeze", ["row_hot", "two"], ["place"]),
        helper.make_node("Unsqueeze", ["line", "one"], ["stroke"]),
        helper.make_node("Mul", ["place", "stroke"], ["added"]),
        helper.make_node("Add", ["drawn", "added"], ["next_drawn"]),
        helper.make_node("Add", ["row", "one"], ["next_row"]),
        helper.make_node("Equal", ["next_row", "last"], ["done"]),
    ]
    number, picture = (TensorProto.INT64, ["batch", 1]), (TensorProto.FLOAT, ["batch", 8, 8])
    graph = helper.make_graph(
        nodes,
        "draw_digit",
        [
            helper.make_tensor_value_info("digit", *number),
            helper.make_tensor_value_info("row", *number),
            helper.make_tensor_value_info("drawn", *picture),
        ],
        [
            helper.make_tensor_value_info("line", TensorProto.FLOAT, ["batch", 8]),
            helper.make_tensor_value_info("next_row", *number),
            helper.make_tensor_value_info("next_drawn", *picture),
            helper.make_tensor_value_info("done", TensorProto.BOOL, ["batch", 1]),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def write_json(file: str, name: str, datatype: str, rows: numpy.ndarray) -> None:
    """The request body of the protocol's REST dialect, which is also what the command line takes."""
    tensor = {
        "name": name,
        "datatype": datatype,
        "shape": list(rows.shape),
        "data": [round(float(value), 6) for value in rows.ravel()],
    }
    (INPUTS / file).write_text(json.dumps({"inputs": [tensor]}) + "\n")


def write_pgm(file: str, image: numpy.ndarray) -> None:
    """Plain PGM: readable in an editor, and its maximum grey level is the data set's own."""
    rows = [" ".join(f"{int(value):2d}" for value in row) for row in image]
    (INPUTS / file).write_text("P2\n8 8\n16\n" + "\n".join(rows) + "\n")


def report(name: str, metric: str, value: float) -> None:
    size = (MODELS / name / "1" / "model.onnx").stat().st_size
    print(f"{name}: {size} bytes, {metric} {value:.3f}")


if __name__ == "__main__":
    MODELS.mkdir(exist_ok=True)
    INPUTS.mkdir(exist_ok=True)
    train_iris()
    train_breast_cancer()
    train_digits()
    train_diabetes()
    make_read_digit()
    train_draw_digit()
