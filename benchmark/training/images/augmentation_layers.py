"""Layers of augmentation that Keras does not have. Imports Keras, so that it is imported by functions alone."""

import math
from collections.abc import Sequence
from typing import Any

from keras import layers, ops, random


class InHalf(layers.Layer):  # type: ignore[misc]
    """Changes images as the `inner` layers in order do, each image at even chances."""

    def __init__(self, inner: Sequence[Any], seed: int, dtype: str) -> None:
        super().__init__(dtype=dtype)
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


class CentredShear(layers.RandomShear):  # type: ignore[misc]
    """Keras' `RandomShear`, which turns about the upper left corner, about the image's centre: a face stays in place.

    Its random numbers are those of `RandomShear`.
    """

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        if not training or transformation is None:
            return images
        centre_y, centre_x = ((edge - 1) / 2 for edge in images.shape[-3:-1])
        x, y = transformation["shear_factor"][:, 0], transformation["shear_factor"][:, 1]
        none, one = ops.zeros_like(x), ops.ones_like(x)
        transform = ops.stack([one, x, -x * centre_y, y, one, -y * centre_x, none, none], axis=1)
        return ops.image.affine_transform(images, transform, self.interpolation, self.fill_mode)


class ResizedCrop(layers.Layer):  # type: ignore[misc]
    """Crops each image at random, as torchvision's `RandomResizedCrop` a padded image."""

    def __init__(self, seed: int, dtype: str) -> None:
        super().__init__(dtype=dtype)
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


def _window(edge: int, share: Any, place: Any) -> tuple[Any, Any]:
    """Scale and offset from a place in the crop to one in the image, in pixels whose centres are whole numbers.

    Args:
        edge: of the image; padded by a twelfth on each side.
        share: of the padded edge that is seen; where more than all, it is all.
        place: of the crop among those that fit, 0-1.
    """
    padding = edge / 12
    padded = edge + 2 * padding
    seen = padded * ops.minimum(share, 1.0)
    scale = seen / edge
    return scale, place * (padded - seen) - padding + (scale - 1) / 2


class Mix(layers.Layer):  # type: ignore[misc]
    """Mixes the images of a step with those in the reversed order, by `Mixing.shares` and `Mixing.boxes`."""

    def call(self, inputs: Any) -> Any:
        images, shares, boxes = inputs
        partners = ops.flip(images, axis=0)
        down = ops.reshape(ops.arange(images.shape[1], dtype="float32"), (1, -1, 1, 1))
        right = ops.reshape(ops.arange(images.shape[2], dtype="float32"), (1, 1, -1, 1))
        top, left, bottom, end = (ops.reshape(boxes[:, edge], (-1, 1, 1, 1)) for edge in range(4))
        in_rows = ops.logical_and(down >= top, down < bottom)
        in_columns = ops.logical_and(right >= left, right < end)
        share = ops.reshape(shares, (-1, 1, 1, 1))
        blend = share * images + (1 - share) * partners
        return ops.where(ops.logical_and(in_rows, in_columns), partners, blend)
