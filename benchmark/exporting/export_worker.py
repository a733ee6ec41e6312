"""Converts one model and checks the result, or joins several networks in one, in a process with TensorFlow.

`python -m benchmark.exporting.export_worker` reads the question on standard input.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.exporting.descriptions import write_description
from benchmark.exporting.formats import FORMATS
from benchmark.hardware import backend
from benchmark.hardware.processes import serve
from benchmark.store.stored_models import custom_classes, load_model, predict
from zoo.errors import UserError, in_one_line

IMAGES: Final = 100
TOLERANCE: Final = 1e-3


def converted(job: Mapping[str, Any]) -> dict[str, Any]:
    """Convert and check; Keras must be up on TensorFlow.

    Args:
        job: the path of a `model`, the name of a `format`, and the path of the `output`, where nothing is yet;
            `sources` that define its layers, if they are a user's own; and the `description` for the file.

    Returns:
        The largest `difference` between both models' probabilities, and how many `images` they predicted.

    Raises:
        UserError: it is larger than `TOLERANCE`.
    """
    model = load_model(Path(job["model"]), *job.get("sources", ()))
    images = check_images(model.input_shape[1:])
    with custom_classes(job.get("sources", ())):
        expected = (images, predict(model, images))
        difference = write_and_compare(model, job["format"], Path(job["output"]), expected, job.get("description"))
    if not difference <= TOLERANCE:  # so that NaN fails as well
        raise UserError(
            f"the model as {job['format']} does not predict what the stored one does: probabilities differ by up to "
            f"{difference:.2g}, expected {TOLERANCE:g} at most; nothing was written, try another format"
        )
    return {"difference": difference, "images": len(images)}


def joined(question: Mapping[str, Any]) -> dict[str, Any]:
    """Join networks in one, write it, and predict pictures with it and with each; Keras must be up on TensorFlow.

    Args:
        question: paths of the `networks` by name, the `tree` that combines them (`benchmark.training.joint_model`), and
            the path of the Keras file to write, `output`; `sources` that define layers of the networks.

    Returns:
        The joint model's `parameters`; its `probabilities` (n, classes) of the pictures, as read back from the file;
        and those of each of the `networks`, (networks, n, classes), in the order asked.
    """
    from benchmark.training.joint_model import joint_model

    sources = question.get("sources", ())
    networks = {name: load_model(Path(path), *sources) for name, path in question["networks"].items()}
    output = Path(question["output"])
    joint_model(networks, question["tree"]).save(output)
    model = load_model(output, *sources)
    images = check_images(model.input_shape[1:])
    return {
        "parameters": model.count_params(),
        "probabilities": predict(model, images).tolist(),
        "networks": [predict(network, images).tolist() for network in networks.values()],
    }


def write_and_compare(
    model: Any,
    format: str,
    output: Path,
    expected: tuple[NDArray[np.float32], NDArray[np.float32]],
    description: Mapping[str, Any] | None = None,
) -> float:
    """Write a Keras model, load the file, and return the largest difference between their probabilities.

    `expected` are images (n, height, width, channels) and the model's probabilities of them (n, classes); `description`
    is what the file says of the model besides its input.
    """
    images, probabilities = expected
    try:
        FORMATS[format].write(model, output)
        write_description(output, format, {**description, "input": _input_of(model)} if description else {})
        written = FORMATS[format].predict(output, images)
    except UserError:
        raise
    except Exception as error:  # a format that lacks one of the model's operations may fail in any way
        raise UserError(f"the model cannot be written as {format}: {in_one_line(error, 300)}; try another") from error
    return float(np.abs(written - probabilities).max())


def _input_of(model: Any) -> dict[str, Any]:
    height, width, channels = model.input_shape[1:]
    size = {"height": height, "width": width, "channels": channels}
    return {**size, "dtype": "float32", "range": [0, 255], "colours": "RGB" if channels == 3 else "grey"}


def check_images(shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Pictures of built-in faces, float32, 0-255, shape (100, height, width, channels)."""
    from benchmark.data.faces.generator import generate
    from benchmark.data.readers.images import reshaped

    return reshaped(generate(IMAGES, 7, 0).train.images, shape).astype(np.float32)


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """Join networks where the question names some, else convert a model; Keras must be up on TensorFlow."""
    return joined(question) if "networks" in question else converted(question)


def _task(question: dict[str, Any]) -> dict[str, Any]:
    backend.start_for_conversion()
    return answer(question)


if __name__ == "__main__":
    sys.exit(serve(_task))
