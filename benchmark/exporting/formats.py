"""The export formats: how each is written, and how it is loaded with its own runtime.

Keras, TensorFlow and the runtimes are imported when a format is used, not before.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.store.stored_models import load_model, predict

BATCH: Final = 20
"""LiteRT keeps a batch's layers in memory: 13 MB an image and layer with VGG16 at 224 x 224."""

Predict = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""From pixels (n, height, width, channels), 0-255, to probabilities (n, classes)."""


@dataclass(frozen=True)
class Format:
    """An export format.

    Attributes:
        ending: of the name of its file or folder.
        write: writes a Keras model to a path where nothing is.
        read: loads, with the format's own runtime, what was written.
        folder: whether it is a folder.
        packages: those that write and check it.
    """

    ending: str
    write: Callable[[Any, Path], None]
    read: Callable[[Path], Predict]
    folder: bool = False
    packages: tuple[str, ...] = ("tensorflow",)

    def predict(self, path: Path, images: NDArray[np.float32] | NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities (n, classes) that the written model at `path` gives for the images."""
        run = self.read(path)
        batches = (images[start : start + BATCH] for start in range(0, len(images), BATCH))
        return np.concatenate([run(batch.astype(np.float32, copy=False)) for batch in batches])


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


FORMATS: Final[Mapping[str, Format]] = {
    "keras": Format(".keras", lambda model, output: model.save(output), _read_keras),
    "litert": Format(".tflite", _write_litert, _read_litert),
    "onnx": Format(
        ".onnx", partial(_export, "onnx"), _read_onnx, packages=("tensorflow", "onnx", "tf2onnx", "onnxruntime")
    ),
    "tf_saved_model": Format("-saved-model", partial(_export, "tf_saved_model"), _read_saved_model, folder=True),
    "json+h5": Format("-json-h5", _write_json, _read_json, folder=True),
}
