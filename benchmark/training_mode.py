"""A Keras model called in training mode outside of a training, on any backend."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray


def in_training(model: Any) -> Callable[[NDArray[np.float32]], Any]:
    """Calls a model in training mode; its random numbers and running statistics go on from call to call.

    Args:
        model: of one input, images or features, shape (n, ...).
    """
    import keras

    match keras.backend.backend():
        case "jax":
            from benchmark import jax_calls

            return jax_calls.in_training(model)
        case "tensorflow":
            from benchmark import tensorflow_calls

            return tensorflow_calls.in_training(model)
        case _:
            return partial(model, training=True)
