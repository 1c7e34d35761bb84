"""ensemble_checks.py GRPC_ADDRESS HTTP_ADDRESS EXAMPLE_MODELS: the ensemble read_digit against its two models in ONNX Runtime."""

import asyncio
import sys
from pathlib import Path

import numpy
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
import tritonclient.http as triton_http

import checks
from reference import close, expected

ADDRESS, HTTP, MODELS = sys.argv[1], sys.argv[2], Path(sys.argv[3])
CLIENTS, CALLS = 64, 10
random = numpy.random.default_rng(11)
client = triton.InferenceServerClient(ADDRESS)


def pixels(rows: int) -> numpy.ndarray:
    return random.integers(0, 256, (rows, 8, 8), dtype=numpy.uint8)


def wanted(values: numpy.ndarray) -> numpy.ndarray:
    image = expected(MODELS / "grey_levels" / "1" / "model.onnx", {"pixels": values})["image"]
    return expected(MODELS / "digits" / "1" / "model.onnx", {"image": image})["probability"]


def tensor(values: numpy.ndarray) -> list[triton.InferInput]:
    made = triton.InferInput("pixels", values.shape, "UINT8")
    made.set_data_from_numpy(values)
    return [made]


def answers_are_those_of_its_models() -> None:
    """answers with what its models give one after the other, for one row and for many"""
    for rows in [1, 2, 7, 128]:
        values = pixels(rows)
        answer = client.infer("read_digit", tensor(values), request_id=f"rows-{rows}")
        close(answer.as_numpy("probability"), wanted(values))
        response = answer.get_response()
        checks.equal((response.model_name, response.model_version, response.id), ("read_digit", "1", f"rows-{rows}"))


def classes_have_the_labels_of_the_model() -> None:
    """classifies its output, with the labels of the model that gives it"""
    values = pixels(3)
    answer = client.infer(
        "read_digit", tensor(values), outputs=[triton.InferRequestedOutput("probability", class_count=2)]
    )
    best = wanted(values).argsort(axis=1)[:, ::-1][:, :2]
    given = [[text.decode().split(":")[1:] for text in row] for row in answer.as_numpy("probability")]
    checks.equal(given, [[[str(index), str(index)] for index in row] for row in best])


def metadata_config_and_index() -> None:
    """describes itself: metadata, configuration, index"""
    metadata = client.get_model_metadata("read_digit", as_json=True)
    checks.equal(metadata["platform"], "ensemble")
    checks.equal(metadata["inputs"], [{"name": "pixels", "datatype": "UINT8", "shape": ["-1", "8", "8"]}])
    checks.equal(metadata["outputs"], [{"name": "probability", "datatype": "FP32", "shape": ["-1", "10"]}])
    config = client.get_model_config("read_digit").config
    checks.equal((config.platform, config.max_batch_size, len(config.instance_group)), ("ensemble", 128, 0))
    steps = config.ensemble_scheduling.step
    checks.equal([(step.model_name, step.model_version) for step in steps], [("grey_levels", -1), ("digits", -1)])
    checks.equal(dict(steps[1].output_map), {"probability": "probability"})
    index = {model.name: model.state for model in client.get_model_repository_index().models}
    checks.equal(index["read_digit"], "READY")
    checks.equal(client.is_model_ready("read_digit", "1"), True)


def http_speaks_of_it_too() -> None:
    """serves the same over HTTP"""
    http = triton_http.InferenceServerClient(HTTP)
    step = http.get_model_config("read_digit")["ensemble_scheduling"]["step"][0]
    checks.equal((step["model_version"], step["input_map"]), (-1, {"pixels": "pixels"}))
    checks.equal(http.get_model_metadata("read_digit")["platform"], "ensemble")
    values = pixels(2)
    made = triton_http.InferInput("pixels", values.shape, "UINT8")
    made.set_data_from_numpy(values)
    close(http.infer("read_digit", [made]).as_numpy("probability"), wanted(values))
    http.close()


def statistics_count_it_and_its_models() -> None:
    """counts its own requests and those of its models"""

    def counts() -> dict[str, tuple[int, int]]:
        found = {}
        for model in ["read_digit", "grey_levels", "digits"]:
            (own,) = client.get_inference_statistics(model).model_stats
            found[model] = (own.inference_count, own.inference_stats.success.count)
        return found

    before = counts()
    for _ in range(3):
        client.infer("read_digit", tensor(pixels(4)))
    after = counts()
    for model, (rows, requests) in after.items():
        checks.equal((model, rows - before[model][0], requests - before[model][1]), (model, 12, 3))
    (own,) = client.get_inference_statistics("read_digit").model_stats
    checks.equal(own.inference_stats.queue.ns, 0)
    if not own.inference_stats.compute_infer.ns > 0:
        raise AssertionError("the compute time of the steps is not counted")


def wrong_requests_are_refused() -> None:
    """refuses what does not fit the ensemble, before any step"""
    message = checks.fails("INVALID_ARGUMENT", client.infer, "read_digit", tensor(pixels(129)))
    checks.equal(message, "inference request batch-size must be <= 128 for 'read_digit'")
    wrong = triton.InferInput("pixels", [1, 8, 8], "FP32")
    wrong.set_data_from_numpy(numpy.zeros((1, 8, 8), numpy.float32))
    checks.fails("INVALID_ARGUMENT", client.infer, "read_digit", [wrong])


def every_answer_is_its_own() -> None:
    """gives every one of 64 concurrent clients the answer to its own request, and batches their steps"""
    values = random.integers(0, 256, (CLIENTS, CALLS, 8, 8), dtype=numpy.uint8)
    answers = wanted(values.reshape(-1, 8, 8)).reshape(CLIENTS, CALLS, 10)
    before = client.get_inference_statistics("digits").model_stats[0]

    async def one_client(number: int) -> int:
        wrong = 0
        options = [("grpc.use_local_subchannel_pool", 1)]
        async with triton_aio.InferenceServerClient(ADDRESS, channel_args=options) as own:
            for call in range(CALLS):
                answer = await own.infer("read_digit", tensor(values[number, call : call + 1]))
                right = numpy.allclose(answer.as_numpy("probability"), answers[number, call], rtol=1e-5, atol=1e-7)
                wrong += not right
        return wrong

    async def all_clients() -> list[int]:
        return await asyncio.gather(*(one_client(number) for number in range(CLIENTS)))

    checks.equal(sum(asyncio.run(asyncio.wait_for(all_clients(), 60))), 0)
    after = client.get_inference_statistics("digits").model_stats[0]
    checks.equal(after.inference_count - before.inference_count, CLIENTS * CALLS)
    if not after.execution_count - before.execution_count < CLIENTS * CALLS:
        raise AssertionError("no two requests shared a batch")


checks.run(
    answers_are_those_of_its_models,
    classes_have_the_labels_of_the_model,
    metadata_config_and_index,
    http_speaks_of_it_too,
    statistics_count_it_and_its_models,
    wrong_requests_are_refused,
    every_answer_is_its_own,
)
