"""What ONNX Runtime itself answers, and how closely a server's answer must agree."""

from functools import cache
from pathlib import Path

import numpy
import onnxruntime

onnxruntime.set_default_logger_severity(4)


@cache
def session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def expected(path: Path, inputs: dict[str, numpy.ndarray]) -> dict[str, numpy.ndarray]:
    model = session(path)
    names = [output.name for output in model.get_outputs()]
    return dict(zip(names, model.run(names, inputs)))


def same_bits(actual: numpy.ndarray, wanted: numpy.ndarray) -> None:
    if actual.dtype != wanted.dtype and wanted.dtype.kind not in "OSU":
        raise AssertionError(f"got {actual.dtype}, expected {wanted.dtype}")
    if actual.size != wanted.size:
        raise AssertionError(f"got shape {actual.shape}, expected {wanted.shape}")
    if wanted.dtype.kind in "OSU":
        as_bytes = [value if isinstance(value, bytes) else str(value).encode() for value in wanted.ravel()]
        if list(actual.ravel()) != as_bytes:
            raise AssertionError(f"got {actual}, expected {wanted}")
        return
    if actual.tobytes() != wanted.tobytes():
        raise AssertionError(f"bits differ:\n{actual}\n{wanted}")


def close(actual: numpy.ndarray, wanted: numpy.ndarray, relative: float = 1e-5) -> None:
    """For answers computed in company: a batch may be summed in another order than its rows alone."""
    numpy.testing.assert_allclose(actual.reshape(wanted.shape), wanted, rtol=relative, atol=relative * 1e-2)
