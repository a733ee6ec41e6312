"""EfficientNet-Lite0 without its classifier: no squeeze-and-excitation, ReLU6, stem and head not scaled.

Google's network for phones (github.com/tensorflow/tpu, models/official/efficientnet/lite), which `keras.applications`
lacks. Its ImageNet weights are read from the arrays of PyTorch's port. Keras is imported when a model is built.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

STAGES: Final = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""Blocks of a stage, kernel, stride of its first block, expansion, filters."""

HEAD_FILTERS: Final = 1280
_OF_NORMALISATION: Final = ("weight", "bias", "running_mean", "running_var")


def efficientnet_lite0(input_shape: tuple[int, int, int]) -> Any:
    """The network with random weights: RGB pixels as it was trained on them -> (n, height / 32, width / 32, 1280)."""
    from keras import Input, Model, layers

    def normalised(x: Any, name: str) -> Any:
        return layers.BatchNormalization(epsilon=1e-3, name=name)(x)

    def convolved(x: Any, name: str, filters: int, kernel: int, stride: int, norm: str) -> Any:
        x = layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False, name=name)(x)
        return layers.ReLU(6.0, name=f"{name}_relu")(normalised(x, norm))

    def block(x: Any, place: int, kernel: int, stride: int, expansion: int, filters: int) -> Any:
        start, prefix = x, f"block{place}"
        if expansion > 1:
            x = convolved(x, f"{prefix}_expand", expansion * x.shape[-1], 1, 1, f"{prefix}_bn0")
        x = layers.DepthwiseConv2D(kernel, stride, padding="same", use_bias=False, name=f"{prefix}_depthwise")(x)
        x = layers.ReLU(6.0, name=f"{prefix}_depthwise_relu")(normalised(x, f"{prefix}_bn1"))
        x = layers.Conv2D(filters, 1, padding="same", use_bias=False, name=f"{prefix}_project")(x)
        x = normalised(x, f"{prefix}_bn2")
        if stride == 1 and start.shape[-1] == filters:
            x = layers.Add(name=f"{prefix}_add")([x, start])
        return layers.Identity(name=f"{prefix}_out")(x)

    inputs = Input(input_shape)
    x = convolved(inputs, "stem", 32, 3, 2, "stem_bn")
    place = 0
    for count, kernel, stride, expansion, filters in STAGES:
        for number in range(count):
            x = block(x, place, kernel, stride if number == 0 else 1, expansion, filters)
            place += 1
    return Model(inputs, convolved(x, "head", HEAD_FILTERS, 1, 1, "head_bn"), name="efficientnet_lite0")


def load_arrays(network: Any, path: Path) -> None:
    """Give the network the weights of an `.npz` file of PyTorch's arrays, such as `_blocks.3._bn1.running_var`.

    Raises:
        ValueError, OSError, KeyError: no such file, or not the arrays of this network.
    """
    with np.load(path, allow_pickle=False) as file:
        for layer in network.layers:
            if not layer.weights:
                continue
            weights = [_as_keras(layer, file[name]) for name in _arrays_of(layer.name)]
            if not all(np.isfinite(array).all() for array in weights):
                raise ValueError(f"{layer.name} has weights that are not finite")
            layer.set_weights(weights)


def _arrays_of(layer: str) -> Iterator[str]:
    """The arrays in the file that a layer's weights come from, in Keras' order."""
    block, _, part = layer.rpartition("_")
    if layer in ("stem", "head"):
        yield f"_conv_{layer}.weight"
    elif layer in ("stem_bn", "head_bn"):
        yield from (f"{'_bn0' if block == 'stem' else '_bn1'}.{name}" for name in _OF_NORMALISATION)
    elif part.startswith("bn"):
        yield from (f"_blocks.{block.removeprefix('block')}._{part}.{name}" for name in _OF_NORMALISATION)
    else:
        yield f"_blocks.{block.removeprefix('block')}._{part}_conv.weight"


def _as_keras(layer: Any, array: NDArray[Any]) -> NDArray[np.float32]:
    """PyTorch's array as Keras has it: a kernel (out, in, h, w) as (h, w, in, out), depthwise (h, w, in, 1)."""
    if array.ndim == 4:
        array = array.transpose(2, 3, 0, 1) if layer.name.endswith("depthwise") else array.transpose(2, 3, 1, 0)
    return array.astype(np.float32)
