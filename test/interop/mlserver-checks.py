"""Requests that MLServer's own codecs write and replies that its own types and codecs read, over HTTP and gRPC.

Each line of the output is {"name": ..., "error": ""}.
"""

import json
import sys
import urllib.error
import urllib.request

import grpc
import numpy as np
import pandas as pd
from mlserver.codecs import Base64Codec, NumpyCodec, NumpyRequestCodec, PandasCodec, StringCodec, StringRequestCodec
from mlserver.grpc import converters, dataplane_pb2_grpc
from mlserver.types import (
    InferenceRequest,
    InferenceResponse,
    MetadataModelResponse,
    MetadataServerResponse,
    Parameters,
    RepositoryIndexResponse,
    RequestOutput,
)

http, rpc = sys.argv[1:]


def ask(path, body=None):
    data = None if body is None else body.encode()
    request = urllib.request.Request(f"http://{http}{path}", data, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read()


def over_http(model, request):
    status, body = ask(f"/v2/models/{model}/infer", request.model_dump_json())
    assert status == 200, body
    return InferenceResponse.model_validate_json(body)


def over_grpc(model, request):
    with grpc.insecure_channel(rpc) as channel:
        stub = dataplane_pb2_grpc.GRPCInferenceServiceStub(channel)
        message = converters.ModelInferRequestConverter.from_types(request, model_name=model, model_version=None)
        return converters.ModelInferResponseConverter.to_types(stub.ModelInfer(message, timeout=20))


checks = []


def check(run):
    checks.append(run)
    return run


def on_both(run):
    for front in (over_http, over_grpc):
        checks.append(lambda front=front: run(front))
        checks[-1].__name__ = f"{run.__name__} {front.__name__}"
    return run


def output(response, name="y"):
    return next(one for one in response.outputs if one.name == name)


@on_both
def an_array_with_its_content_type(ask_model):
    x = np.array([[1.5, -2.25], [3.0e8, 0.1]], dtype=np.float32)
    response = ask_model("floats", InferenceRequest(id="7", inputs=[NumpyCodec.encode_input("x", x)]))
    assert response.id == "7" and response.model_name == "floats"
    np.testing.assert_array_equal(NumpyCodec.decode_output(output(response)), x)


@on_both
def a_request_of_one_array(ask_model):
    x = np.arange(6, dtype=np.float32).reshape(3, 2)
    request = NumpyRequestCodec.encode_request(x)
    assert request.parameters.content_type == "np"
    request.inputs[0].name = "x"
    got = NumpyRequestCodec.decode_response(ask_model("floats", request))
    np.testing.assert_array_equal(got, x)


@on_both
def every_integer(ask_model):
    for dtype in (np.int8, np.uint8, np.int16, np.int32, np.int64, np.uint64):
        limits = np.iinfo(dtype)
        # JavaScript's numbers would lose some of these digits.
        x = np.array([[limits.min, limits.max - 1]], dtype=dtype)
        model = np.dtype(dtype).name
        response = ask_model(model, InferenceRequest(inputs=[NumpyCodec.encode_input("x", x)]))
        got = NumpyCodec.decode_output(output(response))
        assert got.dtype == dtype, got.dtype
        np.testing.assert_array_equal(got, x)


@on_both
def text(ask_model):
    words = ["plain", "Grüße", "", "日本"]
    request = InferenceRequest(inputs=[StringCodec.encode_input("x", words)])
    assert request.inputs[0].parameters.content_type == "str"
    got = StringCodec.decode_output(output(ask_model("text", request)))
    assert got == words, got


@check
def a_request_of_text():
    words = ["a", "b"]
    request = StringRequestCodec.encode_request(words)
    request.inputs[0].name = "x"
    got = StringRequestCodec.decode_response(over_http("text", request))
    assert got == words, got


@check
def base64_of_bytes_stays_text():
    payload = [b"\x00\xff\x10", b"abc"]
    request = InferenceRequest(inputs=[Base64Codec.encode_input("x", payload)])
    response = over_http("text", request)
    one = output(response)
    one.parameters = Parameters(content_type="base64")
    got = Base64Codec.decode_output(one)
    assert got == payload, got


@on_both
def a_data_frame_of_columns(ask_model):
    frame = pd.DataFrame({"left": [1.0, 2.0, 3.0], "by": [1.0, 1.0, 1.0]}, dtype=np.float32)
    request = PandasCodec.encode_request(frame)
    assert request.parameters.content_type == "pd"
    request.outputs = [RequestOutput(name="rest"), RequestOutput(name="y")]
    got = PandasCodec.decode_response(ask_model("columns", request))
    assert sorted(got.columns) == ["rest", "y"], got
    np.testing.assert_array_equal(got["rest"].to_numpy(dtype=np.float32), [0.0, 1.0, 2.0])


@on_both
def chosen_outputs(ask_model):
    frame = pd.DataFrame({"left": [1.0], "by": [2.0]}, dtype=np.float32)
    request = PandasCodec.encode_request(frame)
    request.outputs = [RequestOutput(name="rest", parameters=Parameters(content_type="np"))]
    response = ask_model("columns", request)
    assert [one.name for one in response.outputs] == ["rest"]


@check
def metadata_of_server_and_models():
    assert MetadataServerResponse.model_validate_json(ask("/v2")[1]).name
    told = MetadataModelResponse.model_validate_json(ask("/v2/models/floats")[1])
    assert [one.name for one in told.inputs] == ["x"]
    index = RepositoryIndexResponse.model_validate_json(ask("/v2/repository/index", "{}")[1])
    assert "floats" in [one.name for one in index]


@check
def a_refusal_says_why():
    request = InferenceRequest(inputs=[NumpyCodec.encode_input("nothing", np.zeros((1, 2), dtype=np.float32))])
    status, body = ask("/v2/models/floats/infer", request.model_dump_json())
    assert status == 400 and "nothing" in json.loads(body)["error"], body


for run in checks:
    try:
        run()
        error = ""
    except Exception as problem:
        error = f"{type(problem).__name__}: {problem}"
    print(json.dumps({"name": run.__name__.replace("_", " "), "error": error}))
