"""A stored model as a Keras model, whatever it was trained with."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.dataset import image_shape
from benchmark.files.run_layout import ESTIMATOR, MODEL_SOURCE
from zoo.errors import UserError, kind_and_message
from zoo.model_files import classes_in

LAMBDA: Final = (
    "a Lambda layer of a function without a name, which Keras stores as code and does not load safely: give it a "
    "function that the file defines by name, or a layer such as Rescaling"
)


def load_model(path: Path, *sources: str) -> Any:
    """The model in the file: from raw pixels (n, height, width, channels), 0-255, to probabilities (n, classes).

    Keras must be up (`benchmark.hardware.backend`).

    Args:
        path: a Keras file, or the arrays of a scikit-learn perceptron (`benchmark.training.sklearn_trainer`).
        sources: texts whose classes its layers may be (`zoo.model_files`), which are run.

    Raises:
        UserError: it has layers that neither Keras nor the sources define, or code in it; or it is a perceptron of
            images that are not square, stored before it noted their shape.
    """
    if path.suffix == Path(ESTIMATOR).suffix:
        return _perceptron(path)
    import keras

    try:
        # A scope inside of another one hides what that has (Keras 3.15).
        with custom_classes(sources) if sources else nullcontext():
            return keras.saving.load_model(path, compile=False, safe_mode=True)
    except TypeError as error:
        if "Could not locate" not in str(error):
            raise
        raise UserError(
            f"{path} has layers of a model of one's own: give the file that defines it with --models; its text is "
            f"{MODEL_SOURCE} beside the run"
        ) from error
    except ValueError as error:
        if not _is_of_a_lambda(error):
            raise
        raise UserError(f"{path} has {LAMBDA}. Then train it again") from error


def check_readable(name: str, model: Any, pixels: NDArray[Any], *sources: str) -> None:
    """Raise UserError if the model, once it is stored, could not be loaded as it is, with the classes of the sources.

    Loaded it must say of `pixels` (n, height, width, channels) what it says now: a layer whose `get_config` leaves an
    argument out comes back with that argument's default.
    """
    import keras

    try:
        with custom_classes(sources):
            config = keras.saving.serialize_keras_object(model)
            loaded = keras.saving.deserialize_keras_object(config, safe_mode=True)
        loaded.set_weights(model.get_weights())
        said = [np.asarray(keras.ops.convert_to_numpy(one(pixels, training=False))) for one in (model, model, loaded)]
    except Exception as error:
        if _is_of_a_lambda(error):
            raise UserError(f"{name} has {LAMBDA}") from error
        raise UserError(
            f"{name} could not be loaded once it is stored: its layers, and their functions, are those of Keras or "
            "defined by name in its file, classes with a get_config that has all their arguments "
            f"({kind_and_message(error, 200)})"
        ) from error
    before, again, after = said
    # One that draws whenever it predicts never says the same twice.
    if np.allclose(before, again, atol=1e-3) and not np.allclose(before, after, atol=1e-3):
        raise UserError(
            f"{name} would be another network once it is stored and loaded, whose predictions differ by up to "
            f"{np.abs(before - after).max():.2g}: the get_config of each class in its file must have all arguments"
        )


def _is_of_a_lambda(error: Exception) -> bool:
    return isinstance(error, ValueError) and "Lambda" in str(error) and "safe_mode" in str(error)


def custom_classes(sources: Sequence[str]) -> AbstractContextManager[Any]:
    """Within, Keras finds the classes that the texts define, which are run."""
    import keras

    known = {name: value for source in sources for name, value in classes_in(source).items()}
    scope: AbstractContextManager[Any] = keras.saving.custom_object_scope(known)
    return scope


def predict(model: Any, images: NDArray[Any]) -> NDArray[np.float32]:
    """Probabilities, float32 (n, classes), of images (n, height, width, channels)."""
    return np.asarray(model.predict(images, batch_size=32, verbose=0), np.float32)


def _perceptron(path: Path) -> Any:
    """The network that equals scikit-learn's `MLPClassifier` on pixels scaled to 0-1, with rectified hidden layers."""
    from keras import Input, Model, layers

    with np.load(path, allow_pickle=False) as arrays:
        depth = sum(name.startswith("coefs_") for name in arrays)
        weights = [(arrays[f"coefs_{layer}"], arrays[f"intercepts_{layer}"]) for layer in range(depth)]
        values = len(weights[0][0])
        edge, channels = image_shape(values)
        shape = arrays["input_shape"].tolist() if "input_shape" in arrays else [edge, edge, channels]
    if not shape[0]:
        raise UserError(
            f"{path} does not say the shape of its images of {values} values: remove the run and make it again"
        )
    inputs = Input(shape, name="pixels")
    x = layers.Reshape((values,))(layers.Rescaling(1 / 255)(inputs))
    weights[-1] = _both_classes(*weights[-1])
    for layer, (kernel, bias) in enumerate(weights, start=1):
        last = {"activation": "softmax", "name": "probabilities"} if layer == depth else {"activation": "relu"}
        dense = layers.Dense(len(bias), **last)
        x = dense(x)
        dense.set_weights([kernel, bias])
    return Model(inputs, x, name="perceptron")


def _both_classes(kernel: NDArray[Any], bias: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The last layer with a column for each class.

    Of two classes scikit-learn stores the second one's logit alone; the softmax of 0 and that is its logistic function.
    """
    if len(bias) > 1:
        return kernel, bias
    return np.hstack([np.zeros_like(kernel), kernel]), np.concatenate([np.zeros_like(bias), bias])
