"""Makes one model of an ensemble's networks, in a process with TensorFlow."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmark.exporting.export_worker import check_images
from benchmark.hardware import backend
from benchmark.hardware.processes import serve
from benchmark.store.stored_models import load_model, predict
from benchmark.training.joint_model import joint_model


def joined(question: Mapping[str, Any]) -> dict[str, Any]:
    """Build the model, write it, and say what it and its networks predict; Keras must be up on TensorFlow.

    Args:
        question: paths of the `networks` by name, the `tree` that combines them (`benchmark.training.joint_model`), and
            the path of the Keras file to write, `output`.

    Returns:
        The model's `parameters`; of the same pictures its `probabilities` (n, classes) as read back from the file, and
        those of each of the `networks`, (networks, n, classes), in the order asked.
    """
    networks = {name: load_model(Path(path)) for name, path in question["networks"].items()}
    output = Path(question["output"])
    joint_model(networks, question["tree"]).save(output)
    model = load_model(output)
    images = check_images(model.input_shape[1:])
    return {
        "parameters": model.count_params(),
        "probabilities": predict(model, images).tolist(),
        "networks": [predict(network, images).tolist() for network in networks.values()],
    }


def _task(question: dict[str, Any]) -> dict[str, Any]:
    backend.start_for_conversion()
    return joined(question)


if __name__ == "__main__":
    sys.exit(serve(_task))
