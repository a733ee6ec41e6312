"""Whether what a model from outside of the zoo builds is a network that can be trained and judged here."""

from typing import Any, Final

import numpy as np

from benchmark.store.stored_models import check_readable
from zoo.errors import UserError

TOLERANCE: Final = 1e-2
"""Largest error of a sum of probabilities, which a network may compute in bfloat16."""


def check_network(name: str, model: Any, input_shape: tuple[int, ...], classes: int, source: str = "") -> None:
    """Raise UserError unless the network of an outside model maps pixels (n, *input_shape) to probabilities, and can be
    loaded once it is stored, with the layers that `source` defines.
    """
    import keras

    shape = " x ".join(map(str, input_shape))
    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
        raise UserError(
            f"{name} must return a keras.Model whose input is declared, functional or Sequential with an Input; got "
            f"{type(model).__name__}"
        )
    if len(model.inputs) != 1 or tuple(model.input_shape[1:]) != tuple(input_shape):
        raise UserError(f"{name} must take one input, images of {shape}; its network takes {model.input_shape}")
    if not isinstance(model.output_shape, tuple) or tuple(model.output_shape[1:]) != (classes,):
        raise UserError(f"{name} must give {classes} probabilities an image; its network gives {model.output_shape}")
    pixels = np.random.default_rng(0).integers(0, 256, (2, *input_shape)).astype(np.float32)
    outputs = np.asarray(keras.ops.convert_to_numpy(model(pixels, training=False)), np.float64)
    if outputs.min() < 0 or np.abs(outputs.sum(axis=1) - 1).max() > TOLERANCE:
        raise UserError(f"{name} must give probabilities, which sum to 1: end its network with a softmax")
    check_readable(name, model, pixels, *([source] if source else []))
