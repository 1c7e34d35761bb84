"""Logs a model of the ONNX flavour as the next version of `m` and points its alias `champion` there.

Arguments: the model's file; prints the version. MLFLOW_TRACKING_URI says where.
"""

import sys

import mlflow
import onnx

with mlflow.start_run():
    info = mlflow.onnx.log_model(onnx.load(sys.argv[1]), name="model", registered_model_name="m")
version = info.registered_model_version
mlflow.MlflowClient().set_registered_model_alias("m", "champion", version)
print(version)
