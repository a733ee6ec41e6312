"""Floating-point operations of one prediction, counted from a built model's layers on any backend."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

FREE: Final = frozenset(
    {
        *("InputLayer", "Flatten", "Reshape", "Permute", "Identity", "Concatenate", "ZeroPadding2D", "Cropping2D"),
        *("Dropout", "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "ActivityRegularization"),
        *("Flip", "GetItem", "Squeeze", "ExpandDims", "Transpose"),
    }
)
"""Layers that move values, or act in training alone."""

BY_VALUE: Final = {
    **dict.fromkeys(("ReLU", "LeakyReLU", "ELU", "Softmax"), 1),
    **dict.fromkeys(("BatchNormalization", "Normalization", "Rescaling"), 2),
}
"""Operations an output value; batch normalisation, in inference, is a scale and a shift."""

WEIGHTED: Final = frozenset({"Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Dense"})
GLOBAL_POOLING: Final = frozenset({"GlobalAveragePooling2D", "GlobalMaxPooling2D"})
MERGES: Final = frozenset({"Add", "Subtract", "Multiply", "Divide", "Maximum", "Minimum"})

BILINEAR: Final = 7
"""Four products and three sums an output value."""


def model_flops(model: Any) -> int | None:
    """Floating-point operations of one image's prediction by a Keras model; None where a layer is unknown.

    A multiplication and an addition are two operations:

    - Conv2D, DepthwiseConv2D, SeparableConv2D, Dense: two a weight and output position, one a value for the bias and
      one for an activation other than linear
    - batch normalisation, Rescaling and Normalization: two a value; activations: one a value, whatever the function
    - pooling: one for each value in the window, or in the whole map; merging n inputs: n - 1 a value, Average n
    - bilinear Resizing: seven a value; nearest: none
    - layers that move values or act in training alone: none

    A layer that is used twice counts twice. A subclass of `keras.Model`, which is no graph of layers, is unknown.

    Args:
        model: built, with one shape of input.
    """
    import keras

    total = 0
    for layer, inputs, output in _calls(model):
        nested = isinstance(layer, keras.Model) and layer is not model
        count = _nested(layer, output) if nested else _layer_flops(layer, inputs, output)
        if count is None:
            return None
        total += count
    return total


def perceptron_flops(kernels: Sequence[NDArray[np.floating[Any]]]) -> int:
    """Floating-point operations of one image's prediction by scikit-learn's perceptron: pixels scaled, dense layers.

    Args:
        kernels: weights of each layer, shape (inputs, outputs); each layer has a bias and an activation.
    """
    scaling: int = kernels[0].shape[0]
    return scaling + sum(2 * int(kernel.size) + 2 * int(kernel.shape[1]) for kernel in kernels)


def _calls(model: Any) -> Iterator[tuple[Any, list[tuple[int, ...]], tuple[int, ...]]]:
    """Each use of a layer in the model: the layer, its inputs' shapes and its output's shape, without the batch.

    Where there is no graph, one call of the model itself, which is unknown.
    """
    graph = getattr(model, "_functional", model)  # inside a Sequential
    # No public attribute of Keras tells the uses of a shared layer apart.
    depths = getattr(graph, "_nodes_by_depth", None)
    if depths is None:
        yield model, [], ()
        return
    for node in (node for nodes in depths.values() for node in nodes if not node.is_input):
        yield node.operation, [tensor.shape[1:] for tensor in node.input_tensors], node.output_tensors[0].shape[1:]


def _nested(model: Any, output: tuple[int, ...]) -> int | None:
    # Called on another shape than it was built with, its own graph does not describe this call.
    built = getattr(model, "outputs", None)
    return model_flops(model) if built and built[0].shape[1:] == output else None


def _layer_flops(layer: Any, inputs: list[tuple[int, ...]], output: tuple[int, ...]) -> int | None:
    kind = type(layer).__name__
    sizes = [size for shape in (*inputs, output) for size in shape]
    if not type(layer).__module__.startswith("keras.") or None in sizes:
        return None
    if kind in FREE:
        return 0
    if kind in WEIGHTED:
        return _weighted(layer, kind, inputs[0], output)
    by_value = _by_value(layer, kind, len(inputs))
    if by_value is not None:
        return by_value * math.prod(output)
    return math.prod(inputs[0]) if kind in GLOBAL_POOLING else None


def _by_value(layer: Any, kind: str, inputs: int) -> int | None:
    """Operations an output value of a layer without weights; None where they are unknown."""
    if kind in MERGES:
        return max(inputs - 1, 1)  # an operation with a constant has one input
    match kind:
        case "Activation":
            return _activated(layer)
        case "Average":
            return inputs
        case "MaxPooling2D" | "AveragePooling2D":
            return int(math.prod(layer.pool_size))
        case "Resizing":
            return {"bilinear": BILINEAR, "nearest": 0}.get(layer.interpolation)
    return BY_VALUE.get(kind)


def _weighted(layer: Any, kind: str, inputs: tuple[int, ...], output: tuple[int, ...]) -> int:
    """Operations of a layer with weights: products and sums, the bias, the activation."""
    values, channels = math.prod(output), output[-1]
    match kind:
        case "Dense":
            products = values * inputs[-1]
        case "Conv2D":
            products = values * math.prod(layer.kernel_size) * inputs[-1] // layer.groups
        case "DepthwiseConv2D":
            products = values * math.prod(layer.kernel_size)
        case _:
            depthwise = inputs[-1] * layer.depth_multiplier
            products = values // channels * depthwise * (math.prod(layer.kernel_size) + channels)
    return 2 * products + (int(layer.use_bias) + _activated(layer)) * values


def _activated(layer: Any) -> int:
    return 0 if getattr(layer.activation, "__name__", "") == "linear" else 1
