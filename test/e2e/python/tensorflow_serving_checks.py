"""tensorflow_serving_checks.py ADDRESS EXAMPLE_MODELS: the gRPC stubs of tensorflow-serving-api."""

import sys
from pathlib import Path

import grpc
import numpy

import checks
import tensorflow_stubs  # noqa: F401, before the stubs
from reference import expected, same_bits
from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2, types_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

ADDRESS, MODELS = sys.argv[1], Path(sys.argv[2])
random = numpy.random.default_rng(13)
channel = grpc.insecure_channel(ADDRESS)
predictions = prediction_service_pb2_grpc.PredictionServiceStub(channel)
models = model_service_pb2_grpc.ModelServiceStub(channel)


def tensor(values: numpy.ndarray, typed: bool) -> tensor_pb2.TensorProto:
    shape = tensor_shape_pb2.TensorShapeProto(
        dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=size) for size in values.shape]
    )
    proto = tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, tensor_shape=shape)
    if typed:
        proto.float_val.extend(values.ravel().tolist())
    else:
        proto.tensor_content = values.tobytes()
    return proto


def array(proto: tensor_pb2.TensorProto) -> numpy.ndarray:
    shape = [dim.size for dim in proto.tensor_shape.dim]
    if proto.dtype == types_pb2.DT_FLOAT:
        return numpy.array(proto.float_val, numpy.float32).reshape(shape)
    checks.equal(proto.dtype, types_pb2.DT_INT64)
    return numpy.array(proto.int64_val, numpy.int64).reshape(shape)


def predict_request(model: str, **inputs: tensor_pb2.TensorProto) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    for name, proto in inputs.items():
        request.inputs[name].CopyFrom(proto)
    return request


def predict(typed: bool) -> None:
    values = (random.random((5, 4)) * 7).astype(numpy.float32)
    answer = predictions.Predict(predict_request("iris", features=tensor(values, typed)), timeout=120)
    checks.equal(answer.model_spec.version.value, 1)
    for name, wanted in expected(MODELS / "iris" / "1" / "model.onnx", {"features": values}).items():
        same_bits(array(answer.outputs[name]), wanted)


def contents() -> None:
    """predicts from tensor_content, bit for bit as ONNX Runtime"""
    predict(typed=False)


def typed_values() -> None:
    """predicts from float_val, bit for bit as ONNX Runtime"""
    predict(typed=True)


def filtered() -> None:
    """gives only the outputs of output_filter"""
    request = predict_request("iris", features=tensor(numpy.ones((1, 4), numpy.float32), True))
    request.output_filter.append("label")
    checks.equal(list(predictions.Predict(request, timeout=10).outputs), ["label"])


def metadata() -> None:
    """tells the signature of a model"""
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "iris"
    answer = predictions.GetModelMetadata(request, timeout=10)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    checks.equal(answer.metadata["signature_def"].Unpack(signatures), True)
    signature = signatures.signature_def["serving_default"]
    checks.equal(signature.inputs["features"].dtype, types_pb2.DT_FLOAT)
    checks.equal([dim.size for dim in signature.inputs["features"].tensor_shape.dim], [-1, 4])
    checks.equal(sorted(signature.outputs), ["label", "probability"])


def status() -> None:
    """tells the state of a model's versions"""
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "iris"
    (version,) = models.GetModelStatus(request, timeout=10).model_version_status
    checks.equal(version.version, 1)
    checks.equal(version.state, get_model_status_pb2.ModelVersionStatus.AVAILABLE)
    checks.equal(version.status.error_code, 0)


def errors() -> None:
    """fails with the usual codes"""
    request = predict_request("nope", features=tensor(numpy.ones((1, 4), numpy.float32), True))
    checks.fails("NOT_FOUND", predictions.Predict, request, timeout=10)
    request = predict_request("iris", features=tensor(numpy.ones((1, 3), numpy.float32), True))
    checks.fails("INVALID_ARGUMENT", predictions.Predict, request, timeout=10)


checks.run(contents, typed_values, filtered, metadata, status, errors)
