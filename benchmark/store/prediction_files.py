"""Predictions as `.npz` files, written and read."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy_format

from benchmark.files.checksums import DamagedError
from benchmark.files.npz_files import opened
from benchmark.records import Predictions
from benchmark.store.half_precision import is_halved


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write predictions as `.npz` (see `read_predictions`)."""
    with path.open("wb") as file:
        np.savez_compressed(file, **_arrays(predictions))


def compact_predictions(predictions: Predictions) -> bytes:
    """The content of an `.npz` of predictions that takes less than half of what `write_predictions` writes.

    That is so where float16 holds their probabilities (`benchmark.store.half_precision`); others stay float32.
    """
    kept = np.float16 if is_halved(predictions) else np.float32
    # One class after the other, since a class' probabilities are more alike than an image's; of the compressions that
    # every reader of zip files knows, LZMA leaves the least.
    probabilities = np.asfortranarray(predictions.probabilities.astype(kept))
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_LZMA) as archive:
        for name, array in (_arrays(predictions) | {"probabilities": probabilities}).items():
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
            probabilities=arrays["probabilities"].astype(np.float32, order="C"),
            labels=arrays.get("labels"),
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DamagedError(f"{path} is damaged: {error}") from error
