"""Predicts pictures with stored models or an exported file, in a process of its own."""

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.data.readers.decoding import decoded_to
from benchmark.exporting.descriptions import read_description
from benchmark.exporting.formats import FORMATS
from benchmark.hardware import backend
from benchmark.hardware.processes import serve
from benchmark.store.stored_models import custom_classes, load_model, predict
from zoo.errors import UserError, in_one_line


def weighted_mean(
    models: list[dict[str, Any]], pictures: list[str], sources: Sequence[str] = ()
) -> NDArray[np.float64]:
    """The weighted mean of the models' probabilities of the pictures, shape (n, classes). Keras must be up.

    Each of `models` has a `file` and a `share`; the shares sum to 1.

    Raises:
        UserError: a picture that is none.
    """
    decoded: dict[tuple[int, int, int], NDArray[np.uint8]] = {}
    parts = []
    for described in models:
        model = load_model(Path(described["file"]), *sources)
        shape = model.input_shape[1:]
        if shape not in decoded:
            decoded[shape], _ = decoded_to(Path(), pictures, shape)
        parts.append(described["share"] * predict(model, decoded[shape]).astype(np.float64))
    return np.asarray(sum(parts))


def predict_exported(path: Path, pictures: list[str], sources: Sequence[str] = ()) -> dict[str, Any]:
    """The `classes` of an exported file, and its `probabilities` of the pictures, (n, classes).

    Raises:
        UserError: see `read_description`; or the file does not give what it says.
    """
    description = read_description(path)
    shape = tuple(description["input"][name] for name in ("height", "width", "channels"))
    decoded, _ = decoded_to(Path(), pictures, shape)
    (format,) = (format for format in FORMATS.values() if format.ending == path.suffix)
    try:
        with custom_classes(sources) if sources else nullcontext():
            probabilities = format.predict(path, decoded)
    except ImportError as error:
        raise UserError(f"{path} is read by {error.name}, which is not installed") from error
    except UserError:
        raise
    except Exception as error:  # a file from elsewhere may fail in its runtime in any way
        raise UserError(f"{path} cannot be run: {in_one_line(error, 1000)}") from error
    if probabilities.shape != (len(pictures), len(description["classes"])) or not np.isfinite(probabilities).all():
        raise UserError(f"{path} is damaged: it does not give a probability for each of its classes")
    return {"classes": description["classes"], "probabilities": probabilities.tolist()}


def _task(question: dict[str, Any]) -> dict[str, Any]:
    exported = question.get("exported")
    if exported is None or exported.endswith(FORMATS["keras"].ending):
        backend.start(seed=0)
    if exported is not None:
        return predict_exported(Path(exported), question["pictures"], question["sources"])
    return {"probabilities": weighted_mean(question["models"], question["pictures"], question["sources"]).tolist()}


if __name__ == "__main__":
    sys.exit(serve(_task))
