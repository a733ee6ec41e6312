"""Networks trained on ImageNet, without their heads: where their weights come from, and how a model is put on one.

Keras is imported when a model is built, not before; what is known of a backbone is plain data.
"""

import hashlib
import math
import os
import socket
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

from zoo.errors import UserError

STORAGE: Final = "https://storage.googleapis.com/tensorflow/keras-applications"
DOWNLOAD_SECONDS: Final = 15
"""Without an answer for so long a download is given up: a network that swallows packets must not hang a run."""


@dataclass(frozen=True)
class Backbone:
    """A network without its head: of `keras.applications`, or of this package.

    Attributes:
        application: its name there.
        module: of `keras.applications`, whose `preprocess_input` it was trained with; empty for one of this package.
        parameters: all weights, trainable or not.
        pixels: what it was trained on: "caffe" (BGR minus ImageNet's mean), "signed" (-1 to 1) or "lite" (128ths of the
            distance from 127).
        url: of its ImageNet weights; the last part is the file's name in Keras' cache. Without a scheme they cannot be
            downloaded.
        md5: of that file, where Keras knows it.
        blocks: the layers at which its blocks end, from the input to the last layer.
        fades: whether Keras' random weights let the signal fade on its way through it.
        options: further arguments of the application.
    """

    application: str
    module: str
    parameters: int
    pixels: str
    url: str
    blocks: tuple[str, ...]
    md5: str | None = None
    fades: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def file(self) -> str:
        """The name of the file with its ImageNet weights."""
        return self.url.rpartition("/")[2]


RESNET50: Final = Backbone(
    "ResNet50",
    "resnet",
    23_587_712,
    "caffe",
    f"{STORAGE}/resnet/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
    tuple(
        f"conv{stage}_block{k}_out" for stage, count in ((2, 3), (3, 4), (4, 6), (5, 3)) for k in range(1, count + 1)
    ),
    "4d473c1dd8becc155b73f8504c6f6626",
)
INCEPTION_V3: Final = Backbone(
    "InceptionV3",
    "inception_v3",
    21_802_784,
    "signed",
    f"{STORAGE}/inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
    tuple(f"mixed{k}" for k in range(11)),
    "bcbd6486424b2319ff4ef7d526e38f63",
    fades=True,
)
VGG16: Final = Backbone(
    "VGG16",
    "vgg16",
    14_714_688,
    "caffe",
    f"{STORAGE}/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
    tuple(f"block{k}_pool" for k in range(1, 6)),
    "6d6bbae143d832006294945121d1f1fc",
)
# The MobileNets' weights come in a file for each of some input sizes; that for 224 is taken whatever the size, so that
# "imagenet" means one file a backbone.
MOBILENET_V2: Final = Backbone(
    "MobileNetV2",
    "mobilenet_v2",
    2_257_984,
    "signed",
    f"{STORAGE}/mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
    # Where the size changes there is nothing to add. The last block goes on to the last layer.
    (*(f"block_{k}_{'project_BN' if k in (1, 3, 6, 10, 13) else 'add'}" for k in range(1, 16)), "out_relu"),
    fades=True,
)
MOBILENET_QUARTER: Final = Backbone(
    "MobileNet",
    "mobilenet",
    218_544,
    "signed",
    f"{STORAGE}/mobilenet/mobilenet_2_5_224_tf_no_top.h5",
    tuple(f"conv_pw_{k}_relu" for k in range(1, 14)),
    fades=True,
    options={"alpha": 0.25},
)

EFFICIENTNET_LITE0: Final = Backbone(
    "EfficientNetLite0",
    "",
    3_413_024,
    "lite",
    "efficientnet_lite0_notop.npz",
    (*(f"block{k}_out" for k in range(15)), "head_relu"),  # the last block goes on to the last layer
    fades=True,
)


def features(
    input_shape: tuple[int, int, int], backbone: Backbone, *, weights: str | Path, input_size: int, train_base: bool
) -> tuple[Any, Any]:
    """A model's input (raw pixels, 0-255, shape (n, height, width, 1 or 3)) and what the backbone makes of it.

    A model's `build` passes the keywords on.

    Args:
        input_shape: height, width and channels of the images.
        backbone: what they go through.
        weights: "imagenet", "random", or the path of a file of the same backbone's weights: HDF5, or `.npz` for
            EfficientNet-Lite0.
        input_size: edge in pixels of the square that they are resized to.
        train_base: False freezes every weight, and batch normalisation stays with the statistics it has; True trains
            all of it.

    Returns:
        The input, and feature maps (n, height, width, features).

    Raises:
        UserError: weights that cannot be had, or are those of another architecture.
    """
    from keras import Input, applications, layers

    shape = (input_size, input_size, 3)
    if backbone.module:
        network = getattr(applications, backbone.application)
        base = network(include_top=False, weights=None, input_shape=shape, **backbone.options)
    else:
        from zoo.efficientnet_lite import efficientnet_lite0

        base = efficientnet_lite0(shape)
    if weights == "random":
        if backbone.fades:
            _draw_kernels(base)
    else:
        _load(base, backbone, weights)
    inputs = Input(input_shape, name="pixels")
    # Pixels stay float32 up to the backbone whatever its precision, see `zoo.layers.pixels`.
    x = layers.Resizing(input_size, input_size, dtype="float32")(inputs)
    if input_shape[-1] == 1:
        x = layers.Concatenate(dtype="float32")([x, x, x])
    x = as_trained_on(backbone, x)
    if train_base:
        for layer in base.layers:
            if isinstance(layer, layers.BatchNormalization):
                layer.momentum = 0.9  # as `zoo.layers.batch_norm`, for the same reason
        return inputs, base(x)
    base.trainable = False
    return inputs, base(x)


def unfreeze(base: Any, backbone: Backbone, blocks: int) -> None:
    """Let training touch the top blocks of a frozen base; the model must be compiled afterwards.

    Batch normalisation stays frozen, and so in inference mode, with the statistics it has. To call the base with
    `training=False` would not do: inside a model Keras replaces that by the mode of the whole.

    Args:
        base: as `features` put it into a model, with `train_base=False`.
        backbone: which it is.
        blocks: how many, from the top; at most all of them.
    """
    from keras.layers import BatchNormalization

    names = [layer.name for layer in base.layers]
    frozen = 0 if blocks >= len(backbone.blocks) else names.index(backbone.blocks[-blocks - 1]) + 1
    base.trainable = True
    for place, layer in enumerate(base.layers):
        layer.trainable = place >= frozen and not isinstance(layer, BatchNormalization)


def as_trained_on(backbone: Backbone, x: Any) -> Any:
    """RGB pixels (0-255, shape (n, height, width, 3)) as the backbone was trained on them.

    The arithmetic of `keras.applications`' `preprocess_input`, from layers that every format exports.
    """
    from keras import layers, ops

    if backbone.pixels == "lite":
        return layers.Rescaling(1 / 128, -127 / 128, dtype="float32")(x)
    if backbone.pixels == "signed":
        return layers.Rescaling(1 / 127.5, -1, dtype="float32")(x)
    # ImageNet's mean red, green and blue.
    return ops.flip(layers.Rescaling(1.0, [-123.68, -116.779, -103.939], dtype="float32")(x), axis=-1)


def cached(backbone: Backbone) -> Path | None:
    """The file of the backbone's ImageNet weights in Keras' cache, if it is there."""
    path = keras_models() / backbone.file
    return path if path.is_file() else None


def keras_models() -> Path:
    """Where Keras keeps downloaded weights: in $KERAS_HOME, else in ~/.keras."""
    return (Path(os.environ["KERAS_HOME"]) if os.environ.get("KERAS_HOME") else Path.home() / ".keras") / "models"


def imagenet_file(backbone: Backbone) -> Path:
    """The file of the backbone's ImageNet weights, from Keras' cache, else downloaded into it.

    Raises:
        UserError: neither works, or the file is damaged.
    """
    ways = f"put it into {keras_models()}, or go on with --set weights=PATH or --set weights=random"
    if found := cached(backbone):
        if backbone.md5 and hashlib.md5(found.read_bytes(), usedforsecurity=False).hexdigest() != backbone.md5:
            raise UserError(
                f"{found} is damaged or another file (its MD5 is not {backbone.md5}): remove it; then {ways}"
            )
        return found
    if "://" not in backbone.url:
        raise UserError(f"ImageNet weights are missing: {backbone.file} cannot be downloaded; {ways}")
    import keras

    try:
        with _impatient():
            # A Keras home that is not there, get_file would replace by one in /tmp.
            keras_models().mkdir(parents=True, exist_ok=True)
            path = keras.utils.get_file(
                backbone.file,
                backbone.url,
                cache_subdir="models",
                cache_dir=str(keras_models().parent),
                file_hash=backbone.md5,
            )
    except Exception as error:  # get_file raises no narrower one
        raise UserError(
            f"ImageNet weights are missing: {backbone.file} is not there and cannot be downloaded; {ways}"
        ) from error
    return Path(path)


@contextmanager
def _impatient() -> Iterator[None]:
    usual = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(usual)


def _draw_kernels(base: Any) -> None:
    """Draw convolutions after He et al. 2015 (arXiv 1502.01852, eq. 10), depthwise ones with their own fan-in of 9.

    With Keras' own the signal fades from layer to layer where batch normalisation does not lift it, which it does not
    before it is trained: to 1e-17 in a frozen MobileNet, which would then say the same of every picture.
    """
    from keras import layers, random

    for layer in base.layers:
        if isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D):
            shape = layer.kernel.shape
            inputs = math.prod(shape[:2] if isinstance(layer, layers.DepthwiseConv2D) else shape[:3])
            layer.kernel.assign(random.normal(shape, stddev=math.sqrt(2 / inputs)))


def _load(base: Any, backbone: Backbone, weights: str | Path) -> None:
    path = imagenet_file(backbone) if weights == "imagenet" else Path(weights)
    try:
        if not backbone.module:
            from zoo.efficientnet_lite import load_arrays

            load_arrays(base, path)
            return
        with warnings.catch_warnings():
            # Keras warns of layers that it finds no weights for, and goes on.
            warnings.simplefilter("error", UserWarning)
            base.load_weights(path)
    except (OSError, ValueError, KeyError, TypeError, UserWarning, BadZipFile) as error:
        raise UserError(
            f"{path} has not the weights of {backbone.application} without its head: it is damaged, or of another "
            "architecture"
        ) from error
