"""Layers that several models share. Keras is imported when a model is built, not before."""

from collections.abc import Iterator
from typing import Any


def layers_within(model: Any, kind: type) -> Iterator[Any]:
    """The layers of a kind in a Keras model, once each, including those inside of its models and other layers."""
    seen = set[int]()
    # Keras has no public way to the layers that a layer made for itself (3.15).
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, kind) and id(layer) not in seen:
            seen.add(id(layer))
            yield layer


def pixels(input_shape: tuple[int, int, int]) -> tuple[Any, Any]:
    """A model's input (raw pixels, 0-255, shape (n, height, width, channels)), and the pixels scaled to 0-1.

    Scaled in float32 whatever the precision of the rest: bfloat16 has only eight binary digits.
    """
    from keras import Input, layers

    inputs = Input(input_shape, name="pixels")
    return inputs, layers.Rescaling(1 / 255, dtype="float32")(inputs)


def batch_norm() -> Any:
    """Batch normalisation with a momentum of 0.9, PyTorch's default (called 0.1 there).

    With Keras' 0.99 the running statistics need hundreds of steps: those of a short training would come from its first.
    """
    from keras import layers

    return layers.BatchNormalization(momentum=0.9)


def torch_kernel() -> Any:
    """PyTorch's initial weights of convolutions and dense layers: uniform within 1 / sqrt(fan in).

    For networks from PyTorch. Keras' own are larger: an untrained network's probabilities are then far from uniform,
    which costs its first epochs.
    """
    from keras import initializers

    return initializers.VarianceScaling(1 / 3, "fan_in", "uniform")


def softmax(features: Any, classes: int, *, l2: float = 0.0, kernel: Any = "glorot_uniform") -> Any:
    """Probabilities (n, classes) from `features` (n, any), in float32 whatever the precision of the rest.

    Args:
        l2: factor of the sum of the squared weights, without biases, that is added to the training loss.
    """
    from keras import layers, regularizers

    penalty = regularizers.L2(l2) if l2 else None
    return layers.Dense(
        classes,
        activation="softmax",
        kernel_initializer=kernel,
        kernel_regularizer=penalty,
        dtype="float32",
        name="probabilities",
    )(features)
