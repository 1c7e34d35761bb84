"""real_model_checks.py ADDRESS MODEL_FOLDER: models as people use them, compared with ONNX Runtime call by call."""

import asyncio
import json
import sys
import zlib
from pathlib import Path

import numpy
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.utils import np_to_triton_dtype

import checks
from reference import close, expected, same_bits

ADDRESS, FILES = sys.argv[1], Path(sys.argv[2])
random = numpy.random.default_rng(13)
client = triton.InferenceServerClient(ADDRESS)


def tensors(inputs: dict[str, numpy.ndarray]) -> list[triton.InferInput]:
    made = []
    for name, values in inputs.items():
        tensor = triton.InferInput(name, values.shape, np_to_triton_dtype(values.dtype))
        tensor.set_data_from_numpy(values)
        made.append(tensor)
    return made


def infer(model: str, inputs: dict[str, numpy.ndarray], check=same_bits) -> dict[str, numpy.ndarray]:
    """Asks the server, compares with ONNX Runtime, returns the server's answer."""
    answer = client.infer(model, tensors(inputs))
    wanted = expected(FILES / f"{model}.onnx", inputs)
    outputs = {name: answer.as_numpy(name) for name in wanted}
    for name, values in wanted.items():
        checks.equal(list(outputs[name].shape), list(values.shape))
        check(outputs[name], values)
    return outputs


def audio(seconds: float, rate: int = 16_000) -> numpy.ndarray:
    """Silence, then a buzz with the formants of a vowel, then silence."""
    time = numpy.arange(int(seconds * rate)) / rate
    buzz = sum(numpy.sin(2 * numpy.pi * 120 * k * time) / (1 + abs(120 * k - 700) / 200) for k in range(1, 30))
    loud = (time > seconds / 3) & (time < 2 * seconds / 3)
    return (0.2 * buzz * loud + 0.001 * random.standard_normal(len(time))).astype(numpy.float32)


def speech_with_state() -> None:
    """silero-vad: carries its state through a stream of audio, bit for bit as ONNX Runtime"""
    context, chunk = 64, 512
    sound = audio(1.5)
    state = numpy.zeros((2, 1, 128), numpy.float32)
    probabilities = []
    for start in range(context, len(sound) - chunk, chunk):
        window = sound[None, start - context : start + chunk]
        answer = infer("silero_vad", {"input": window, "state": state, "sr": numpy.array(16_000, numpy.int64)})
        state = answer["stateN"]
        probabilities.append(float(answer["output"][0, 0]))
    # The state matters: without what came before, the same sound is judged otherwise.
    forgotten = {"input": window, "state": state * 0, "sr": numpy.array(16_000, numpy.int64)}
    checks.equal(float(infer("silero_vad", forgotten)["output"][0, 0]) != probabilities[-1], True)


def file_types() -> None:
    """magika: tells the type of real files from their bytes"""
    kinds = json.loads((FILES / "magika.json").read_text())
    labels, size = kinds["target_labels_space"], kinds["beg_size"]
    root = Path(__file__).parents[3]
    samples = {
        "python": Path(__file__).read_bytes(),
        "json": (root / "package.json").read_bytes(),
        "markdown": (root / "README.md").read_bytes(),
        "go": b'package main\n\nimport "fmt"\n\nfunc main() {\n\tfmt.Println("one")\n}\n',
        "elf": Path("/bin/sh").resolve().read_bytes(),
        "npy": (root / "examples" / "inputs" / "digits.npy").read_bytes(),
    }
    rows = []
    for content in samples.values():
        stripped = content.strip()
        head = list(stripped[:size]) + [kinds["padding_token"]] * (size - len(stripped[:size]))
        tail = [kinds["padding_token"]] * (size - len(stripped[-size:])) + list(stripped[-size:])
        rows.append(head + tail)
    batch = numpy.array(rows, numpy.int32)
    together = infer("magika", {"bytes": batch})["target_label"]
    checks.equal([labels[index] for index in together.argmax(axis=1)], list(samples))
    for index in range(len(batch)):
        alone = infer("magika", {"bytes": batch[index : index + 1]})["target_label"]
        checks.equal(alone[0].argmax(), together[index].argmax())


def text_orientation() -> None:
    """rapidocr: takes images of several sizes and batches of them"""
    for height, width, count in ((48, 192, 1), (48, 192, 3), (32, 100, 2), (64, 320, 1)):
        answer = infer("rapidocr_cls", {"x": random.standard_normal((count, 3, height, width)).astype(numpy.float32)})
        (scores,) = answer.values()
        checks.equal(scores.shape, (count, 2))
        close(scores.sum(axis=1), numpy.ones(count, numpy.float32))


def token_ids(*texts: str) -> dict[str, numpy.ndarray]:
    """Made-up ids: the package brings the network without its vocabulary. The same words get the same ids."""
    length = max(len(text.split()) for text in texts) + 2
    ids = numpy.zeros((len(texts), length), numpy.int64)
    for row, text in enumerate(texts):
        words = [101, *(2000 + zlib.crc32(word.encode()) % 20_000 for word in text.split()), 102]
        ids[row, : len(words)] = words
    return {"input_ids": ids, "attention_mask": (ids > 0).astype(numpy.int64), "token_type_ids": ids * 0}


def sentences() -> None:
    """MiniLM: three int64 inputs of any length"""
    for texts in (("a short one",), ("one sentence and then some more of it", "another"), ("x " * 60,)):
        infer("minilm", token_ids(*texts))


def mixed_lengths_together() -> None:
    """MiniLM: requests of different lengths in flight together each get their own answer"""
    texts = [" ".join(["word"] * (1 + number % 7) + [str(number)]) for number in range(40)]
    requests = [token_ids(text) for text in texts]

    async def all_at_once():
        async with triton_aio.InferenceServerClient(ADDRESS) as aio:
            return await asyncio.gather(*(aio.infer("minilm", tensors(inputs)) for inputs in requests))

    for inputs, answer in zip(requests, asyncio.run(asyncio.wait_for(all_at_once(), 60))):
        wanted = expected(FILES / "minilm.onnx", inputs)["last_hidden_state"]
        close(answer.as_numpy("last_hidden_state"), wanted, 1e-4)


checks.run(speech_with_state, file_types, text_orientation, sentences, mixed_lengths_together)
client.close()
