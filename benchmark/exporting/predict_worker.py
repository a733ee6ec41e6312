"""Predicts pictures with stored models, in a process with Keras."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.data.readers.decoding import decoded_to
from benchmark.hardware import backend
from benchmark.hardware.processes import serve
from benchmark.store.stored_models import load_model, predict


def weighted_mean(
    models: list[dict[str, Any]], pictures: list[str], sources: Sequence[str] = ()
) -> NDArray[np.float64]:
    """The models' probabilities of the pictures, each model with its share: shape (n, classes). Keras must be up.

    Args:
        models: `file` and `share` of each; the shares sum to 1.
        pictures: paths of image files.
        sources: texts that define layers of the models.

    Raises:
        UserError: a picture that is none.
    """
    decoded: dict[tuple[int, int, int], NDArray[np.uint8]] = {}
    total: NDArray[np.float64] | None = None
    for described in models:
        model = load_model(Path(described["file"]), *sources)
        shape = model.input_shape[1:]
        if shape not in decoded:
            decoded[shape] = decoded_to(Path(), pictures, shape)
        part = described["share"] * predict(model, decoded[shape]).astype(np.float64)
        total = part if total is None else total + part
    if total is None:
        raise ValueError("no model was given")
    return total


def _task(question: dict[str, Any]) -> dict[str, Any]:
    backend.start(seed=0)
    return {"probabilities": weighted_mean(question["models"], question["pictures"], question["sources"]).tolist()}


if __name__ == "__main__":
    sys.exit(serve(_task))
