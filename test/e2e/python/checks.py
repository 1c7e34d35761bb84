"""How these scripts report to the node:test file that runs them: one JSON line a check, named by its docstring."""

import contextlib
import json
import sys
import traceback


def run(*functions) -> None:
    for function in functions:
        line = {"name": " ".join(function.__doc__.split()), "error": ""}
        # Clients print and log as they like; only our own lines may reach stdout.
        with contextlib.redirect_stdout(sys.stderr):
            try:
                function()
            except Exception:
                line["error"] = traceback.format_exc(limit=-6)
        print(json.dumps(line), flush=True)


def equal(actual, expected) -> None:
    if actual != expected:
        raise AssertionError(f"got {actual!r}, expected {expected!r}")


def fails(code: str, function, *arguments, **options) -> str:
    """Runs what must fail with a gRPC status; returns the message."""
    try:
        function(*arguments, **options)
    except Exception as error:
        status = str(error.status()) if callable(getattr(error, "status", None)) else str(error.code())
        if code not in status:
            raise AssertionError(f"failed with {status}, expected {code}: {error}") from error
        return str(error.message() if hasattr(error, "message") else error.details())
    raise AssertionError(f"succeeded, expected {code}")
