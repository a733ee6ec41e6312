"""Predictions of an exported file for pictures that are in no dataset."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmark.data.readers.decoding import check
from benchmark.data.readers.listing import picture_files
from benchmark.exporting.picture_predictions import WORKER, prediction_of
from benchmark.hardware.processes import ask
from zoo.errors import UserError
from zoo.model_files import sources_of


def predict_file(
    file: str | Path, images: str | Path | Sequence[str | Path], *, model_files: Sequence[str | Path] = ()
) -> list[dict[str, Any]]:
    """Predict pictures with a file that `export` wrote; `python -m benchmark predict --model FILE`.

    An `.onnx` file is run by onnxruntime, a `.tflite` file by ai-edge-litert or TensorFlow, a `.keras` file by Keras.

    Args:
        file: exported by this toolkit, and so with the names of its classes.
        images: files, or folders whose pictures are taken, as by `benchmark.predict`.
        model_files: Python files that define layers of a `.keras` file's network, which are run.

    Returns:
        As `benchmark.predict`.

    Raises:
        UserError: no such file, its runtime is not installed, or a picture that is none.
    """
    path = Path(file)
    pictures, notes = picture_files([images] if isinstance(images, str | Path) else images)
    check(Path(), pictures)
    if not path.is_file():
        raise UserError(f"there is no file {path}: --model takes an exported .onnx, .tflite or .keras file")
    question = {"exported": str(path.resolve()), "pictures": pictures, "sources": sources_of(model_files)}
    answer = ask(WORKER, question)
    for note in notes:
        sys.stderr.write(f"{note}\n")
    rows = zip(pictures, answer["probabilities"], strict=True)
    return [prediction_of(picture, answer["classes"], row) for picture, row in rows]
