"""Named augmentation policies, as Keras layers inside the training graph: they run where the model runs.

Every policy works on raw pixels (0-255, shape (n, height, width, channels)) of any size and keeps the shape. It
computes in float32 whatever the precision of the model behind it: in bfloat16 places are rounded to whole pixels.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.training.images.training_mode import in_training
from zoo.errors import unknown_name
from zoo.settings import CHOICES

_BATCH = 256


def layers_of(policy: str, seed: int) -> list[Any]:
    """The layers of a policy, in order.

    - none: nothing
    - flip: left-right
    - light: flip, rotation by up to 10 degrees, shift by up to 10 %
    - affine: flip, rotation by up to 15 degrees, zoom and shear by up to 15 %, shift by up to 10 %
    - crop: flip, and a crop of the image padded by reflection by a twelfth on each side (4 pixels of 48)
    - resized_crop: flip, and a crop of half to all of the area of the image padded by reflection by a twelfth on each
      side, with sides of 3:4 to 4:3, stretched to the image's size (Dinh and Gray)
    - strong: flip, rotation by up to 10 degrees, zoom and shift by up to 20 %, brightness and contrast by up to 20 %,
      and in a quarter of the images a rectangle of 2-33 % of the area replaced by noise (random erasing)
    - field: what usef-kh/fer trains its VGGNet with: a crop of 80-100 % of each edge (PyTorch's crop of 0.8-1.2 of the
      area is never larger than the image), flip, in half of the images each a shift by up to 20 %, a rotation by up to
      10 degrees and a black rectangle; what comes into view is black. Without its crops of 40 x 40
    - field_jitter: the same, and in half of the images contrast by up to 50 % and brightness by up to 20 %, as LetheSec
      does for ResNet18
    - coursework: the CS985 project's: flips both ways, rotation by up to 20 degrees, zoom, shear and shift by up to
      20 %, crops

    Args:
        policy: its name.
        seed: of the layers' random numbers.

    Raises:
        UserError: there is no such policy.
    """
    from keras import layers

    if policy not in CHOICES["augmentation"]:
        raise unknown_name("augmentation", policy, CHOICES["augmentation"])

    chance = partial(_chance, seed)
    flip = layers.RandomFlip("horizontal", **chance(0))

    def rotation(degrees: float) -> Any:
        return layers.RandomRotation(degrees / 360, fill_mode="nearest", **chance(1))

    def zoom(share: float) -> Any:
        return layers.RandomZoom(share, fill_mode="nearest", **chance(2))

    def shear(share: float) -> Any:
        return layers.RandomShear(share, share, fill_mode="nearest", **chance(3))

    def shift(share: float, fill_mode: str = "nearest", interpolation: str = "bilinear") -> Any:
        return layers.RandomTranslation(share, share, fill_mode, interpolation, **chance(4))

    # A crop at a random place of the padded image is a shift by whole pixels.
    crop = shift(1 / 12, "reflect", "nearest")
    return {
        "none": [],
        "flip": [flip],
        "light": [flip, rotation(10), shift(0.1)],
        "affine": [flip, rotation(15), zoom(0.15), shear(0.15), shift(0.1)],
        "crop": [flip, crop],
        "resized_crop": [flip, _resized_crop(seed + 11)],
        "strong": [
            flip,
            rotation(10),
            zoom(0.2),
            shift(0.2),
            layers.RandomBrightness(0.2, **chance(5)),
            layers.RandomContrast(0.2, **chance(6)),
            layers.RandomErasing(0.5, **chance(7)),
        ],
        "field": _field(seed, jitter=False),
        "field_jitter": _field(seed, jitter=True),
        "coursework": [
            layers.RandomFlip("horizontal_and_vertical", **chance(0)),
            rotation(20),
            zoom(0.2),
            shear(0.2),
            shift(0.2),
        ],
    }[policy]


def _chance(seed: int, place: int) -> dict[str, Any]:
    """What every layer that draws is told: the place of its random numbers, and to compute on pixels in float32."""
    return {"seed": seed + place, "dtype": "float32"}


def _field(seed: int, *, jitter: bool) -> list[Any]:
    """The layers of `field` and `field_jitter`, in their sources' order."""
    from keras import layers

    chance = partial(_chance, seed)
    jittered = [layers.RandomBrightness(0.2, **chance(5)), layers.RandomContrast(0.5, **chance(6))]
    return [
        layers.RandomZoom((-0.2, 0.0), (-0.2, 0.0), fill_mode="nearest", **chance(2)),
        *([_in_half(jittered, seed + 8)] if jitter else []),
        _in_half([layers.RandomTranslation(0.2, 0.2, "constant", **chance(4))], seed + 9),
        layers.RandomFlip("horizontal", **chance(0)),
        _in_half([layers.RandomRotation(10 / 360, fill_mode="constant", **chance(1))], seed + 10),
        # The chance itself is drawn from this range; a single number would be its upper end, from 0.
        layers.RandomErasing((0.5, 0.5), fill_value=0.0, **chance(7)),
    ]


def _in_half(inner: Sequence[Any], seed: int) -> Any:
    """A layer that changes images as the `inner` layers in order do, each image at even chances."""
    from keras import layers, ops, random

    class InHalf(layers.Layer):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(dtype="float32")
            self.inner = list(inner)
            self.chances = random.SeedGenerator(seed)

        def build(self, shape: Any) -> None:
            for layer in self.inner:
                layer.build(shape)

        def call(self, images: Any, training: bool = False) -> Any:
            if not training:
                return images
            changed = images
            for layer in self.inner:
                changed = layer(changed, training=True)
            chosen = random.uniform((ops.shape(images)[0], 1, 1, 1), seed=self.chances) < 0.5
            return ops.where(chosen, changed, images)

    return InHalf()


def _resized_crop(seed: int) -> Any:
    """A layer that crops images at random, each anew, as torchvision's `RandomResizedCrop` a padded image."""
    from keras import layers, ops, random

    class ResizedCrop(layers.Layer):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(dtype="float32")
            self.chances = random.SeedGenerator(seed)

        def call(self, images: Any, training: bool = False) -> Any:
            if not training:
                return images
            count, height, width = ops.shape(images)[0], images.shape[1], images.shape[2]

            def drawn(low: float, high: float) -> Any:
                return random.uniform((count,), low, high, seed=self.chances)

            area, stretch = drawn(0.5, 1.0), ops.exp(drawn(-math.log(4 / 3), math.log(4 / 3)))
            scale_y, start_y = _window(height, ops.sqrt(area / stretch), drawn(0.0, 1.0))
            scale_x, start_x = _window(width, ops.sqrt(area * stretch), drawn(0.0, 1.0))
            none = ops.zeros_like(area)
            transform = ops.stack([scale_x, none, start_x, none, scale_y, start_y, none, none], axis=1)
            return ops.image.affine_transform(images, transform, interpolation="bilinear", fill_mode="reflect")

    return ResizedCrop()


def _window(edge: int, share: Any, place: Any) -> tuple[Any, Any]:
    """Scale and offset from a place in the crop to one in the image, in pixels whose centres are whole numbers.

    Args:
        edge: of the image; padded by a twelfth on each side.
        share: of the padded edge that is seen; where more than all, it is all.
        place: of the crop among those that fit, 0-1.
    """
    from keras import ops

    padding = edge / 12
    padded = edge + 2 * padding
    seen = padded * ops.minimum(share, 1.0)
    scale = seen / edge
    return scale, place * (padded - seen) - padding + (scale - 1) / 2


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
