"""Converts one model and checks the result, or joins several networks in one, in a process with TensorFlow.

`python -m benchmark.exporting.export_worker` reads the question on standard input.

Keras, TensorFlow and the runtimes are imported when a conversion begins, not before.
"""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.exporting.descriptions import write_description
from benchmark.hardware import backend
from benchmark.hardware.processes import serve
from benchmark.store.stored_models import custom_classes, load_model, predict
from zoo.errors import UserError

IMAGES: Final = 100
BATCH: Final = 20
"""LiteRT keeps a batch's layers in memory: 13 MB an image and layer with VGG16 at 224 x 224."""
TOLERANCE: Final = 1e-3

Predict = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def converted(job: Mapping[str, Any]) -> dict[str, Any]:
    """Convert and check; Keras must be up on TensorFlow.

    Args:
        job: the path of a `model`, the name of a `format`, and the path of the `output`, which is not there yet;
            `sources` that define its layers, if they are a user's own; and what is said of it, its `description`.

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
    """Build the model, write it, and say what it and its networks predict; Keras must be up on TensorFlow.

    Args:
        question: paths of the `networks` by name, the `tree` that combines them (`benchmark.training.joint_model`), and
            the path of the Keras file to write, `output`; `sources` that define layers of the networks.

    Returns:
        The model's `parameters`; of the same pictures its `probabilities` (n, classes) as read back from the file, and
        those of each of the `networks`, (networks, n, classes), in the order asked.
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
    """Write a Keras model, load what was written, and return how far their probabilities are apart at most.

    `expected` are images (n, height, width, channels) and the model's probabilities of them (n, classes); `description`
    is what the file says of the model besides its input.
    """
    write, read = FORMATS[format]
    write(model, output)
    write_description(output, format, {**description, "input": _input_of(model)} if description else {})
    loaded = read(output)
    images, probabilities = expected
    result = np.concatenate([loaded(images[start : start + BATCH]) for start in range(0, len(images), BATCH)])
    return float(np.abs(result - probabilities).max())


def _input_of(model: Any) -> dict[str, Any]:
    height, width, channels = model.input_shape[1:]
    size = {"height": height, "width": width, "channels": channels}
    return {**size, "dtype": "float32", "range": [0, 255], "colours": "RGB" if channels == 3 else "grey"}


def check_images(shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Pictures of built-in faces, float32, 0-255, shape (100, height, width, channels)."""
    from benchmark.data.faces.generator import generate
    from benchmark.data.readers.images import reshaped

    return reshaped(generate(IMAGES, 7, 0).train.images, shape).astype(np.float32)


def _read_keras(path: Path) -> Predict:
    model = load_model(path)
    return lambda images: predict(model, images)


def _export(format: str, model: Any, output: Path, **options: Any) -> None:
    _for_inference(model).export(str(output), format=format, verbose=False, **options)


def _write_litert(model: Any, output: Path) -> None:
    import tensorflow as tf

    # Built-in operations alone: what else Keras would allow, the runtimes of phones and boards do not have.
    builtin = {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}
    _export("litert", model, output, target_spec=builtin)


def _read_litert(path: Path) -> Predict:
    interpreter = _litert()(str(path))
    pixels = interpreter.get_input_details()[0]
    probabilities = interpreter.get_output_details()[0]

    def run(images: NDArray[np.float32]) -> NDArray[np.float32]:
        interpreter.resize_tensor_input(pixels["index"], images.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(pixels["index"], images)
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(probabilities["index"]))

    return run


def _litert() -> Any:
    """The class of LiteRT's interpreter: its own package's where that is installed, else TensorFlow's."""
    if find_spec("ai_edge_litert") is not None:
        from ai_edge_litert.interpreter import Interpreter

        return Interpreter
    import tensorflow as tf

    return tf.lite.Interpreter


def _read_onnx(path: Path) -> Predict:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    pixels = session.get_inputs()[0].name
    return lambda images: np.asarray(session.run(None, {pixels: images})[0])


def _read_saved_model(path: Path) -> Predict:
    import tensorflow as tf

    artifact = tf.saved_model.load(str(path))  # its variables are gone when it is
    return lambda images: np.asarray(artifact.serve(images))


def _write_json(model: Any, output: Path) -> None:
    output.mkdir()
    (output / "model.json").write_text(model.to_json(), encoding="utf-8")
    model.save_weights(output / "model.weights.h5")


def _read_json(path: Path) -> Predict:
    import keras

    model = keras.models.model_from_json((path / "model.json").read_text(encoding="utf-8"))
    model.load_weights(path / "model.weights.h5")
    return lambda images: predict(model, images)


FORMATS: Final[Mapping[str, tuple[Callable[[Any, Path], None], Callable[[Path], Predict]]]] = {
    "keras": (lambda model, output: model.save(output), _read_keras),
    "litert": (_write_litert, _read_litert),
    "onnx": (partial(_export, "onnx"), _read_onnx),
    "tf_saved_model": (partial(_export, "tf_saved_model"), _read_saved_model),
    "json+h5": (_write_json, _read_json),
}
"""How each format is written, and how it is loaded with its own runtime."""


def _for_inference(model: Any) -> Any:
    """The same model, which stays in inference mode when Keras exports it.

    Keras exports a call that says nothing about training, and its `Resizing` takes that for training: batch
    normalisation after it would then use the statistics of the pictures at hand.
    """
    import keras

    inputs = keras.Input(model.input_shape[1:], name="pixels")
    wrapped = keras.Model(inputs, model(inputs, training=False), name=model.name)
    wrapped(np.zeros((1, *model.input_shape[1:]), np.float32))  # what was never called, Keras does not export
    return wrapped


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """Join networks where the question names some, else convert a model; Keras must be up on TensorFlow."""
    return joined(question) if "networks" in question else converted(question)


def _task(question: dict[str, Any]) -> dict[str, Any]:
    backend.start_for_conversion()
    return answer(question)


if __name__ == "__main__":
    sys.exit(serve(_task))
