"""Predictions as `.npz` files, written and read."""

from pathlib import Path
from typing import Any

import numpy as np

from benchmark.checksums import DamagedError
from benchmark.npz_files import opened
from benchmark.records import Predictions


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write predictions as `.npz` (see `read_predictions`)."""
    arrays: dict[str, Any] = {
        "split": np.array(predictions.split),
        "sample_ids": predictions.sample_ids,
        "class_names": np.array(predictions.class_names),
        "probabilities": predictions.probabilities,
    }
    if predictions.labels is not None:
        arrays["labels"] = predictions.labels
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def read_predictions(path: Path) -> Predictions:
    """The predictions in an `.npz` that `write_predictions` made. Probabilities may be stored as float16.

    Raises:
        DamagedError: the file is damaged or is no such file.
    """
    try:
        with opened(path) as archive:
            arrays = {name: archive.read(name) for name in archive.names}
        if arrays["class_names"].dtype.kind != "U" or arrays["probabilities"].dtype.kind != "f":
            raise ValueError("class names that are no text, or probabilities that are no fractions")
        return Predictions(
            split=str(arrays["split"]),
            sample_ids=arrays["sample_ids"],
            class_names=tuple(arrays["class_names"].tolist()),
            probabilities=arrays["probabilities"].astype(np.float32),
            labels=arrays.get("labels"),
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DamagedError(f"{path} is damaged: {error}") from error
