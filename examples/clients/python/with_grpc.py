#!/usr/bin/env python3
"""Asks an example model with nothing but grpcio and the proto file: python with_grpc.py [host:port]

The stubs are made from the proto while the program starts. `python -m grpc_tools.protoc` makes the same as files.
"""

import sys
from pathlib import Path

import grpc
import numpy

PROTO = Path(__file__).parents[3] / "proto"
sys.path.append(str(PROTO))
messages, services = grpc.protos_and_services("grpc_service.proto")


def main() -> None:
    address = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8001"
    flowers = numpy.array([[6.2, 3.4, 5.4, 2.3], [5.4, 3.9, 1.7, 0.4]], numpy.float32)
    request = messages.ModelInferRequest(
        model_name="iris",
        inputs=[{"name": "features", "datatype": "FP32", "shape": flowers.shape}],
        # Little-endian bytes of all elements: faster than the typed fields, and the only way for FP16.
        raw_input_contents=[flowers.tobytes()],
    )
    with grpc.insecure_channel(address) as channel:
        stub = services.GRPCInferenceServiceStub(channel)
        answer = stub.ModelInfer(request, timeout=5)
    raw = {output.name: data for output, data in zip(answer.outputs, answer.raw_output_contents)}
    print("species:", numpy.frombuffer(raw["label"], numpy.int64).tolist())
    print("probability:", numpy.frombuffer(raw["probability"], numpy.float32).reshape(2, -1).round(3).tolist())


if __name__ == "__main__":
    main()
