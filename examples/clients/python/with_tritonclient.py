#!/usr/bin/env python3
"""Asks the example models through NVIDIA's tritonclient: python with_tritonclient.py [host:port]"""

import sys
from pathlib import Path

import numpy
import tritonclient.grpc as triton

INPUTS = Path(__file__).parents[2] / "inputs"


def classify_digits(client: triton.InferenceServerClient) -> list[str]:
    """Four images in one request; the server names the best class of each (`label` comes from labels.txt)."""
    images = numpy.load(INPUTS / "digits.npy")
    image = triton.InferInput("image", images.shape, "FP32")
    image.set_data_from_numpy(images)
    best = triton.InferRequestedOutput("probability", class_count=1)
    answer = client.infer("digits", [image], outputs=[best], client_timeout=5)
    # Each element reads "probability:index:label".
    return [row[0].decode().split(":")[2] for row in answer.as_numpy("probability")]


def predict_species(client: triton.InferenceServerClient) -> list[int]:
    flower = numpy.array([[6.2, 3.4, 5.4, 2.3]], numpy.float32)
    features = triton.InferInput("features", flower.shape, "FP32")
    features.set_data_from_numpy(flower)
    return client.infer("iris", [features], client_timeout=5).as_numpy("label").ravel().tolist()


def main() -> None:
    address = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8001"
    with triton.InferenceServerClient(address) as client:
        print("models:", [model.name for model in client.get_model_repository_index().models])
        print("digits:", classify_digits(client))
        print("iris species:", predict_species(client))


if __name__ == "__main__":
    main()
