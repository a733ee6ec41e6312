"""Named augmentation policies, as Keras layers inside the training graph: they run where the model runs.

Every policy works on raw pixels (0-255, shape (n, height, width, channels)) of any size and keeps the shape. It
computes in float32 whatever the precision of the model behind it: in bfloat16 places are rounded to whole pixels.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.training.images.training_mode import in_training
from zoo.errors import unknown_name

_BATCH = 256


@dataclass(frozen=True)
class _Layer:
    """A layer of a policy.

    Attributes:
        kind: its class in `augmentation_layers`, else in `keras.layers`.
        stream: added to the policy's seed, so that each layer draws numbers of its own.
        arguments: of the class; of "InHalf" the `inner` layers.
    """

    kind: str
    stream: int
    arguments: Mapping[str, Any]


def _rotation(degrees: float, fill_mode: str = "nearest") -> _Layer:
    return _Layer("RandomRotation", 1, {"factor": degrees / 360, "fill_mode": fill_mode})


def _zoom(share: float) -> _Layer:
    return _Layer("RandomZoom", 2, {"height_factor": share, "fill_mode": "nearest"})


def _shear(share: float) -> _Layer:
    return _Layer("CentredShear", 3, {"x_factor": share, "y_factor": share, "fill_mode": "nearest"})


def _shift(share: float, fill_mode: str = "nearest", interpolation: str = "bilinear") -> _Layer:
    factors = {"height_factor": share, "width_factor": share}
    return _Layer("RandomTranslation", 4, {**factors, "fill_mode": fill_mode, "interpolation": interpolation})


def _brightness(share: float) -> _Layer:
    return _Layer("RandomBrightness", 5, {"factor": share})


def _contrast(share: float) -> _Layer:
    return _Layer("RandomContrast", 6, {"factor": share})


def _in_half_of_images(stream: int, *inner: _Layer) -> _Layer:
    return _Layer("InHalf", stream, {"inner": inner})


_FLIP: Final = _Layer("RandomFlip", 0, {"mode": "horizontal"})
_FLIP_BOTH_WAYS: Final = _Layer("RandomFlip", 0, {"mode": "horizontal_and_vertical"})
_ZOOM_IN: Final = _Layer(
    "RandomZoom", 2, {"height_factor": (-0.2, 0.0), "width_factor": (-0.2, 0.0), "fill_mode": "nearest"}
)
_FIELD: Final = (
    _in_half_of_images(9, _shift(0.2, "constant")),
    _FLIP,
    _in_half_of_images(10, _rotation(10, "constant")),
    # The chance itself is drawn from this range; a single number would be its upper end, from 0.
    _Layer("RandomErasing", 7, {"factor": (0.5, 0.5), "fill_value": 0.0}),
)

POLICIES: Final[Mapping[str, tuple[_Layer, ...]]] = {
    "none": (),
    "flip": (_FLIP,),
    "light": (_FLIP, _rotation(10), _shift(0.1)),
    "affine": (_FLIP, _rotation(15), _zoom(0.15), _shear(0.15), _shift(0.1)),
    # A crop of the image padded by reflection by a twelfth on each side (4 pixels of 48), as a shift by whole pixels.
    "crop": (_FLIP, _shift(1 / 12, "reflect", "nearest")),
    # A crop of half to all of the area of the same padded image, with sides of 3:4 to 4:3, stretched to the image's
    # size (Dinh and Gray).
    "resized_crop": (_FLIP, _Layer("ResizedCrop", 11, {})),
    # The last layer replaces in a quarter of the images a rectangle of 2-33 % of the area by noise (random erasing).
    "strong": (
        *(_FLIP, _rotation(10), _zoom(0.2), _shift(0.2), _brightness(0.2), _contrast(0.2)),
        _Layer("RandomErasing", 7, {"factor": 0.5}),
    ),
    # As usef-kh/fer trains its VGGNet: a crop of 80-100 % of each edge (PyTorch's crop of 0.8-1.2 of the area is never
    # larger than the image), flip, in half of the images each a shift, a rotation and a black rectangle; uncovered
    # pixels are black. Without its crops of 40 x 40.
    "field": (_ZOOM_IN, *_FIELD),
    # The same with contrast and brightness changed in half of the images, as LetheSec trains ResNet18.
    "field_jitter": (_ZOOM_IN, _in_half_of_images(8, _brightness(0.2), _contrast(0.5)), *_FIELD),
    # That of the CS985 project.
    "coursework": (_FLIP_BOTH_WAYS, _rotation(20), _zoom(0.2), _shear(0.2), _shift(0.2)),
}
"""The layers of each policy, in order. Rotations are in degrees, everything else is a share, drawn up to this size."""


def layers_of(policy: str, seed: int) -> list[Any]:
    """The Keras layers of a policy, in order.

    Raises:
        UserError: there is no such policy.
    """
    if policy not in POLICIES:
        raise unknown_name("augmentation", policy, POLICIES)
    return [_keras_layer(layer, seed) for layer in POLICIES[policy]]


def _keras_layer(layer: _Layer, seed: int) -> Any:
    import keras

    from benchmark.training.images import augmentation_layers

    arguments = dict(layer.arguments)
    if layer.kind == "InHalf":
        arguments["inner"] = [_keras_layer(inner, seed) for inner in arguments["inner"]]
    home = augmentation_layers if hasattr(augmentation_layers, layer.kind) else keras.layers
    return getattr(home, layer.kind)(**arguments, seed=(seed + layer.stream) % 2**32, dtype="float32")


def copies(images: NDArray[np.uint8], positions: NDArray[np.int64], policy: str, seed: int) -> NDArray[np.uint8]:
    """Augmented copies of images, as the offline sets of old were made.

    Args:
        images: uint8, shape (n, height, width, channels).
        positions: shape (copies,), of the image that each is a copy of.
        policy: name of the policy.
        seed: of the random numbers.

    Returns:
        uint8, shape (copies, height, width, channels).
    """
    augment = augmenter(images.shape[1:], policy, seed)
    made = np.empty((len(positions), *images.shape[1:]), np.uint8)
    for start in range(0, len(made), _BATCH):
        made[start : start + _BATCH] = augment(images[positions[start : start + _BATCH]])
    return made


def augmenter(shape: tuple[int, ...], policy: str, seed: int) -> Callable[[NDArray[np.uint8]], NDArray[np.uint8]]:
    """A function that augments images (n, *shape), 0-255, drawing on from one call to the next; "none" changes none."""
    import keras

    if policy == "none":
        return lambda images: images
    forward = in_training(keras.Sequential([keras.Input(shape), *layers_of(policy, seed)]))

    def augment(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        augmented = forward(images.astype(np.float32))
        rounded: NDArray[np.uint8] = np.clip(np.rint(keras.ops.convert_to_numpy(augmented)), 0, 255).astype(np.uint8)
        return rounded

    return augment
