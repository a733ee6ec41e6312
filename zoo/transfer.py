"""Transfer models: a backbone with initial weights in front of a head. Keras is imported when a model is built."""

import math
from pathlib import Path
from typing import Any, Final

from zoo.backbones import PRESET, Backbone
from zoo.layers import layers_within, softmax
from zoo.pretrained_weights import load_weights
from zoo.settings import TrainingSettings

FROZEN_RECIPE: Final = TrainingSettings(
    schedule="plateau", schedule_patience=4, augmentation="light", views=4, patience=12, epochs=100
)
"""For a frozen backbone on any computer: augmented views, whose features are computed once."""

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SCALINGS: Final = {
    "caffe": (1.0, [-123.68, -116.779, -103.939]),
    "signed": (1 / 127.5, -1),
    "lite": (1 / 128, -127 / 128),
    "torch": (
        [1 / (255 * one) for one in _DEVIATION],
        [-middle / one for middle, one in zip(_MEAN, _DEVIATION, strict=True)],
    ),
}
"""Scale and offset of pixels (0-255), by `Backbone.pixels`; lists are of red, green and blue, from ImageNet."""


def features(
    input_shape: tuple[int, int, int], backbone: Backbone, *, weights: str | Path, input_size: int, train_base: bool
) -> tuple[Any, Any]:
    """A model's input (raw pixels, 0-255, shape (n, height, width, 1 or 3)), and the backbone's features of it.

    A model's `build` passes the keywords on.

    Args:
        input_shape: height, width and channels of the images.
        backbone: of the model.
        weights: "imagenet" (`PRESET` for a preset), "random", or the path of a file of the same backbone's weights:
            HDF5, or `.npz` for EfficientNet-Lite0.
        input_size: edge in pixels of the square that images are resized to.
        train_base: False freezes every weight and the statistics of batch normalisation; True trains all of it.

    Returns:
        The input, and feature maps (n, height, width, features).

    Raises:
        UserError: the weights are missing, or those of another architecture.
    """
    from keras import Input, layers

    base = _base(backbone, input_size, weights)
    inputs = Input(input_shape, name="pixels")
    # Pixels stay float32 up to the backbone whatever its precision, see `zoo.layers.pixels`.
    x = layers.Resizing(input_size, input_size, dtype="float32")(inputs)
    if input_shape[-1] == 1:
        x = layers.Concatenate(dtype="float32")([x, x, x])
    x = as_trained_on(backbone, x)
    if missing := _missing_scaling(base, backbone):
        scale, offset = missing
        x = layers.Rescaling(scale, offset, dtype="float32")(x)
    if train_base:
        for layer in layers_within(base, layers.BatchNormalization):
            layer.momentum = 0.9  # as `zoo.layers.batch_norm`, for the same reason
        return inputs, base(x)
    base.trainable = False
    return inputs, base(x)


def pooled(
    input_shape: tuple[int, int, int], classes: int, backbone: Backbone, *, dropout: float, l2: float = 0.0, **base: Any
) -> tuple[Any, Any]:
    """The input and the probabilities of a model: backbone, average pooling, dropout, softmax with an `l2` penalty."""
    from keras import layers

    inputs, x = features(input_shape, backbone, **base)
    # A transformer's features are a sequence of patches.
    pooling = layers.GlobalAveragePooling1D if len(x.shape) == 3 else layers.GlobalAveragePooling2D
    return inputs, softmax(layers.Dropout(dropout)(pooling()(x)), classes, l2=l2)


def _missing_scaling(base: Any, backbone: Backbone) -> tuple[list[float], list[float]] | None:
    """Scale and offset of the pixels in front of Keras' EfficientNets B0 to B7 with ImageNet's weights; None elsewhere.

    These weights hold deviations where Keras' normalisation has variances. Keras divides by the deviations' root a
    second time, in a layer that is there only if "imagenet" is asked for by name (`keras/applications/efficientnet.py`,
    Keras 3.15.1; `findings/keras-efficientnet-weights-by-path.sh`). In front of the normalisation it is
    (x - mean) / root + mean. Weights that hold variances need none.
    """
    from keras import ops
    from keras.layers import Normalization

    if backbone.module != "efficientnet":
        return None
    layer = next(layer for layer in base.layers if isinstance(layer, Normalization))
    mean, variance = (ops.convert_to_numpy(one).reshape(-1).tolist() for one in (layer.mean, layer.variance))
    if any(abs(found - one) > 1e-3 for found, one in zip(variance, _DEVIATION, strict=True)):
        return None
    scale = [1 / math.sqrt(one) for one in _DEVIATION]
    return scale, [255 * middle * (1 - one) for middle, one in zip(mean, scale, strict=True)]


def _base(backbone: Backbone, input_size: int, weights: str | Path) -> Any:
    """The backbone as a Keras model with its initial weights."""
    from keras import applications

    shape = (input_size, input_size, 3)
    if backbone.origin == PRESET:
        from zoo.hub import preset_base

        base = preset_base(backbone.application, input_size, weights)
    elif backbone.module:
        network = getattr(applications, backbone.application)
        base = network(include_top=False, weights=None, input_shape=shape, **backbone.options)
    else:
        from zoo.efficientnet_lite import efficientnet_lite0

        base = efficientnet_lite0(shape)
    if weights not in ("random", PRESET):
        load_weights(base, backbone, weights)
    elif backbone.fades:
        _draw_kernels(base)
    return base


def unfreeze(base: Any, backbone: Backbone, blocks: int) -> None:
    """Make the top blocks of a frozen base trainable; the model must be compiled afterwards.

    Batch normalisation stays frozen, and so in inference mode. Calling the base with `training=False` would not work:
    inside a model Keras replaces it by the mode of the whole.

    Args:
        base: from `features` with `train_base=False`.
        blocks: their number, from the top; at most all of them.
    """
    from keras.layers import BatchNormalization

    names, ends = [layer.name for layer in base.layers], backbone.blocks or block_ends(base)
    frozen = 0 if blocks >= len(ends) else names.index(ends[-blocks - 1]) + 1
    base.trainable = True
    for place, layer in enumerate(base.layers):
        layer.trainable = place >= frozen
    for layer in layers_within(base, BatchNormalization):
        layer.trainable = False


def block_ends(base: Any) -> tuple[str, ...]:
    """The last layer of each block of a network, from the input on.

    A block ends at a layer through which every path goes: a sum, a concatenation or a pooling, or the normalisation or
    activation directly behind it. The last block ends with the network.
    """
    from keras import layers

    joins = (layers.Add, layers.Concatenate, layers.MaxPooling2D, layers.AveragePooling2D)
    after = (layers.BatchNormalization, layers.Activation, layers.ReLU, layers.LayerNormalization)
    places = {id(layer): place for place, layer in enumerate(base.operations)}
    reached, ends = 0, list[str]()
    for place, layer in enumerate(base.operations):
        # Whether every path goes through this layer: no later layer reads an earlier one.
        alone = reached <= place
        if alone and isinstance(layer, joins):
            ends.append(layer.name)
        elif alone and ends and isinstance(layer, after) and base.operations[place - 1].name == ends[-1]:
            ends[-1] = layer.name
        readers = [places[id(node.operation)] for node in layer._outbound_nodes if id(node.operation) in places]
        reached = max([reached, *readers])
    last = base.layers[-1].name
    return tuple(ends) if ends and ends[-1] == last else (*ends, last)


def as_trained_on(backbone: Backbone, x: Any) -> Any:
    """RGB pixels (0-255, shape (n, height, width, 3)) as the backbone was trained on them.

    The arithmetic of `keras.applications`' `preprocess_input`, from layers that every format exports.
    """
    from keras import layers, ops

    if backbone.pixels == "own":
        return x
    if backbone.pixels == PRESET:
        from zoo.hub import preset_scaling

        scale, offset = preset_scaling(backbone.application)
    else:
        scale, offset = SCALINGS[backbone.pixels]
    scaled = layers.Rescaling(scale, offset, dtype="float32")(x)
    return ops.flip(scaled, axis=-1) if backbone.pixels == "caffe" else scaled


def _draw_kernels(base: Any) -> None:
    """Draw convolutions as in He et al. 2015 (arXiv 1502.01852, eq. 10), depthwise ones with their own fan-in.

    With Keras' own random weights the signal fades from layer to layer, until batch normalisation is trained. In a
    frozen MobileNet it fades to 1e-17, so that the model would predict the same for every image.
    """
    from keras import layers, random

    for layer in base.layers:
        if isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D):
            shape = layer.kernel.shape
            inputs = math.prod(shape[:2] if isinstance(layer, layers.DepthwiseConv2D) else shape[:3])
            layer.kernel.assign(random.normal(shape, stddev=math.sqrt(2 / inputs)))
