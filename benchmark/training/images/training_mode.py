"""Call a Keras model in training mode outside of a training, on any backend."""

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from benchmark.hardware import backend


def in_training(model: Any) -> Callable[[NDArray[np.float32]], Any]:
    """A function that calls a model in training mode, with new random numbers in each call."""
    import keras

    match keras.backend.backend():
        case "jax":
            return _on_jax(model)
        case "tensorflow":
            return _on_tensorflow(model)
        case _:
            return partial(model, training=True)


def _on_jax(model: Any) -> Callable[[NDArray[np.float32]], Any]:
    """Compiled, except for models without weights on a CPU: augmentation is up to three times slower there compiled,
    networks are twice as fast (JAX 0.10).
    """
    import jax

    if backend.on_cpu() and not model.trainable_variables:
        return partial(model, training=True)
    compiled = jax.jit(partial(model.stateless_call, training=True))

    def call(images: NDArray[np.float32]) -> Any:
        weights, others = model.trainable_variables, model.non_trainable_variables
        state = [variable.value for variable in weights], [variable.value for variable in others]
        outputs, values = compiled(*state, images)
        for variable, value in zip(model.non_trainable_variables, values, strict=True):
            variable.assign(value)
        return outputs

    return call


def _on_tensorflow(model: Any) -> Callable[[NDArray[np.float32]], Any]:
    """Compiled for any number of images."""
    import tensorflow as tf

    from benchmark.training.faster_layers import faster_layers

    @tf.function(autograph=False, input_signature=[tf.TensorSpec(model.input_shape, tf.float32)])  # type: ignore[untyped-decorator]
    def call(images: Any) -> Any:
        with faster_layers():
            return model(images, training=True)

    return cast("Callable[[NDArray[np.float32]], Any]", call)
