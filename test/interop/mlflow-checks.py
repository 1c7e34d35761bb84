"""Compares predictions of this server with those of MLflow for the same model, by MLflow's own scoring client.

Arguments: `make <folder> <model.onnx>` logs the model; `check <folder> <port> <columns> <frames|tensors>`
asks the server, and MLflow itself, whose ONNX flavor has data frames only for models with one value for each output and row.
"""

import json
import sys

import mlflow
import numpy as np
import onnx
import pandas as pd
import requests
from mlflow.pyfunc.scoring_server.client import ScoringServerClient


def make(folder, path):
    mlflow.onnx.save_model(onnx.load(path), folder)


def same(name, got, expected):
    try:
        np.testing.assert_allclose(np.asarray(got, dtype=float), np.asarray(expected, dtype=float), rtol=1e-4, atol=1e-5)
        error = ""
    except (AssertionError, ValueError, TypeError) as problem:
        error = str(problem)
    print(json.dumps({"name": name, "error": error}))


def check(folder, port, columns, frames):
    local = mlflow.pyfunc.load_model(folder)
    client = ScoringServerClient("127.0.0.1", int(port))
    client.ping()
    values = np.random.default_rng(7).uniform(-0.1, 0.1, (5, int(columns))).astype(np.float32)
    frame = pd.DataFrame(values, columns=[f"c{index}" for index in range(int(columns))])

    tensors = local.predict(values)
    base = f"http://127.0.0.1:{port}/invocations"
    for form in ("inputs", "instances"):
        reply = requests.post(base, json={form: values.tolist()}, timeout=20).json()["predictions"]
        for name, array in tensors.items():
            same(f"{form}, output {name}", reply[name], array)
            shapes = [list(np.asarray(reply[name]).shape), list(array.shape)]
            print(json.dumps({"name": f"{form}, shape of {name}", "error": "" if shapes[0] == shapes[1] else str(shapes)}))
    if frames == "frames":
        check_frames(client, base, local.predict(frame), frame)


def check_frames(client, base, expected, frame):
    got = client.invoke(frame).get_predictions()
    for name in expected.columns:
        same(f"a data frame, output {name}", got[name], expected[name])
    for orient in ("split", "records"):
        body = {f"dataframe_{orient}": json.loads(frame.to_json(orient=orient, double_precision=15))}
        reply = requests.post(base, json=body, timeout=20).json()["predictions"]
        same(f"dataframe_{orient}", [list(row.values()) for row in reply], expected.values)
    reply = requests.post(base, data=frame.to_csv(index=False), headers={"content-type": "text/csv"}, timeout=20)
    same("CSV", [list(row.values()) for row in reply.json()["predictions"]], expected.values)


if __name__ == "__main__":
    {"make": make, "check": check}[sys.argv[1]](*sys.argv[2:])
