"""Layers that several families share. Keras is imported when a model is built, not before."""

from typing import Any


def pixels(input_shape: tuple[int, int, int]) -> tuple[Any, Any]:
    """A model's input (raw pixels, 0-255, shape (n, height, width, channels)) and the same scaled to 0-1.

    Scaled in float32 whatever the precision of the rest: bfloat16 has no more than eight binary digits.
    """
    from keras import Input, layers

    inputs = Input(input_shape, name="pixels")
    return inputs, layers.Rescaling(1 / 255, dtype="float32")(inputs)


def batch_norm() -> Any:
    """Batch normalisation whose running statistics follow within tens of steps.

    Keras' momentum of 0.99 needs hundreds: a short training would then be validated with statistics of its first steps.
    0.9 is what PyTorch's default of 0.1 means here.
    """
    from keras import layers

    return layers.BatchNormalization(momentum=0.9)


def torch_kernel() -> Any:
    """First weights as PyTorch draws them for convolutions and dense layers: uniform within 1 / sqrt(fan in).

    For networks whose sources are PyTorch's. Keras' own are larger: the probabilities of an untrained network are then
    far from uniform, which costs its first epochs.
    """
    from keras import initializers

    return initializers.VarianceScaling(1 / 3, "fan_in", "uniform")


def softmax(features: Any, classes: int, *, l2: float = 0.0, kernel: Any = "glorot_uniform") -> Any:
    """Probabilities (n, classes) from `features` (n, any); computed in float32 whatever the precision of the rest.

    `l2` times the sum of the squared weights, biases aside, is added to the training loss; `kernel` draws the first
    weights.
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
