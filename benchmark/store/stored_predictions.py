"""Predictions as `.npz` files, in full and in half precision."""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from benchmark.files.checksums import reading
from benchmark.files.npz_files import MAPPED_BYTES, let_go, opened, write_uncompressed
from benchmark.metrics import log_loss
from benchmark.records import Predictions

LARGEST_CHANGE: Final = 1e-3
"""Largest change of the log loss that half precision may make, in nats."""


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write predictions as `.npz` (see `read_predictions`), large ones uncompressed, so that they can be mapped."""
    with path.open("wb") as file:
        if predictions.probabilities.nbytes < MAPPED_BYTES:
            np.savez_compressed(file, **_arrays(predictions))
        else:
            write_uncompressed(file, _arrays(predictions))


def compact_predictions(predictions: Predictions) -> bytes:
    """The content of an `.npz` of predictions that is less than half as large as that of `write_predictions`.

    Probabilities that float16 can hold (`halved`) are stored so, others as float32.
    """
    kept = np.float16 if is_halved(predictions) else np.float32
    return compact(_arrays(predictions) | {"probabilities": predictions.probabilities.astype(kept)})


def compact(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The content of an `.npz` of some arrays, as small as can be.

    One class after the other, because a class' probabilities are more alike than an image's. LZMA is the strongest
    compression that every reader of zip files knows.
    """
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_LZMA) as archive:
        for name, given in arrays.items():
            array = np.asfortranarray(given) if given.ndim == 2 else given
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                npy_format.write_array(file, array, allow_pickle=False)
    return content.getvalue()


def _arrays(predictions: Predictions) -> dict[str, Any]:
    arrays = {
        "split": np.array(predictions.split),
        "sample_ids": predictions.sample_ids,
        "class_names": np.array(predictions.class_names),
        "probabilities": predictions.probabilities,
    }
    return arrays if predictions.labels is None else {**arrays, "labels": predictions.labels}


def read_predictions(path: Path) -> Predictions:
    """The predictions in an `.npz` that `write_predictions` or `compact_predictions` made.

    Large ones stay on the disk, read-only, until their rows are used; `let_go` gives their memory back.

    Raises:
        DamagedError: the file is damaged or is no such file.
    """
    with reading(path):
        with opened(path) as archive:
            arrays = {name: archive.mapped(name) for name in archive.names}
        if arrays["class_names"].dtype.kind != "U" or arrays["probabilities"].dtype.kind != "f":
            raise ValueError("class names that are not text, or probabilities that are not fractions")
        predictions = Predictions(
            split=str(arrays["split"]),
            sample_ids=arrays["sample_ids"],
            class_names=tuple(arrays["class_names"].tolist()),
            probabilities=arrays["probabilities"].astype(np.float32, order="C", copy=False),
            labels=arrays.get("labels"),
        )
        let_go(predictions.probabilities)  # `Predictions` has checked all of it
        return predictions


def halved(predictions: Predictions) -> Predictions:
    """The predictions with each probability rounded to float16.

    Rounding may make the likeliest class equal to an earlier one. Then it gets the next larger number, so that no
    sample changes its class. The predictions are returned as they are where rows would no longer sum to 1, or the log
    loss would change by more than `LARGEST_CHANGE`: float16 has no number between 0 and 6e-8, which matters where many
    labels have so small a probability.
    """
    exact = predictions.probabilities
    rounded = exact.astype(np.float16)
    likeliest = exact.argmax(axis=1)
    tied = np.flatnonzero(rounded.argmax(axis=1) != likeliest)
    rounded[tied, likeliest[tied]] = np.nextafter(rounded[tied].max(axis=1), np.float16(np.inf))
    try:
        halved_predictions = replace(predictions, probabilities=rounded.astype(np.float32))
    except ValueError:
        return predictions
    if predictions.labels is not None and predictions.labels.size:
        change = log_loss(halved_predictions.probabilities, predictions.labels) - log_loss(exact, predictions.labels)
        if abs(change) > LARGEST_CHANGE:
            return predictions
    return halved_predictions


def is_halved(predictions: Predictions) -> bool:
    """Whether float16 can hold every probability exactly."""
    return np.array_equal(predictions.probabilities.astype(np.float16), predictions.probabilities)
