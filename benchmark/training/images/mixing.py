"""Mixup and cutmix: the images of a step are mixed with each other, and their labels likewise.

Random numbers are drawn before an epoch, from seed and epoch (`sampling.epoch_mixes`), so that the graph has no state
of its own. It mixes pixels after augmentation; labels and weights are mixed outside it. The partner of an image is the
one in its place in the reversed order of the step.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.training.images import sampling
from zoo.settings import TrainingSettings


@dataclass(frozen=True, eq=False)
class Mixing:
    """How each image of an epoch is mixed.

    Attributes:
        shares: float32, shape (n, 1), 0-1: its own share of each pixel outside the box; the rest is its partner's.
        boxes: float32, shape (n, 4): top, left, bottom and right edge, in pixels, of the box that is its partner's
            alone; bottom and right are exclusive. Four zeros where there is no box.
        kept: float32, shape (n,), 0-1: its own share of the whole image, and so of the label.
        partners: int64, shape (n,): position in the epoch of the image that it is mixed with.
    """

    shares: NDArray[np.float32]
    boxes: NDArray[np.float32]
    kept: NDArray[np.float32]
    partners: NDArray[np.int64]

    @property
    def arrays(self) -> tuple[NDArray[np.float32], ...]:
        """Shares, boxes and kept shares, all of shape (n, ...), as `mixed_step` takes them."""
        return self.shares, self.boxes, self.kept[:, None]

    def mixed(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Labels or weights, shape (n, ...), mixed as their images are."""
        kept = self.kept.reshape(-1, *[1] * (values.ndim - 1))
        return kept * values + (1 - kept) * values[self.partners]


def epoch_mixing(
    settings: TrainingSettings, count: int, size: int, edges: tuple[int, int], chance: tuple[int, int]
) -> Mixing:
    """How the images of one epoch are mixed.

    In a step, all images have the same share lambda. With mixup (Zhang et al. 2018) every pixel is lambda times the
    image's own and (1 - lambda) times its partner's. With cutmix (Yun et al. 2019) a rectangle with sqrt(1 - lambda) of
    each edge is the partner's, as far as it is within the image; labels are mixed by its actual area.

    Args:
        size: images a step; the last step may have fewer.
        edges: height and width in pixels.
        chance: seed and epoch.
    """
    drawn = sampling.epoch_mixes(-(-count // size), settings.mixup, settings.cutmix, *chance)
    lengths = np.array(edges)
    half = np.floor(lengths * np.sqrt(1 - drawn.shares)[:, None]) / 2
    centres = np.floor(lengths * drawn.centres)
    corners = [np.clip(np.floor(centres + sign * half), 0, lengths) for sign in (-1, 1)]
    boxes = np.where(drawn.cut[:, None], np.concatenate(corners, axis=1), 0.0)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    shares = np.where(drawn.cut, 1.0, drawn.shares)
    kept = np.where(drawn.cut, 1 - areas / lengths.prod(), drawn.shares)
    positions = np.arange(count)
    step = positions // size
    last = np.minimum((step + 1) * size, count) - 1
    return Mixing(
        shares[step, None].astype(np.float32),
        boxes[step].astype(np.float32),
        kept[step].astype(np.float32),
        step * size + last - positions,
    )


def mixing_model(shape: tuple[int, ...], before: list[Any], model: Any) -> Any:
    """A Keras model from images (n, *shape), `Mixing.shares` and `Mixing.boxes` to the model's outputs.

    Args:
        shape: of an image.
        before: layers that are applied before images are mixed.
        model: trained on the mixed images.
    """
    import keras

    from benchmark.training.images.augmentation_layers import Mix

    inputs = [keras.Input(shape), keras.Input((1,)), keras.Input((4,))]
    x = inputs[0]
    for layer in before:
        x = layer(x)
    # In a lower precision the pixels' shares would differ from those of the labels.
    return keras.Model(inputs, model(Mix(dtype="float32")([x, *inputs[1:]])))


def mixed_step(images: Any, labels: Any, arrays: tuple[Any, ...]) -> tuple[list[Any], Any]:
    """The inputs of a `mixing_model` and the mixed labels, on the device.

    Args:
        images: of the step, shape (n, height, width, channels).
        labels: one-hot, shape (n, classes).
        arrays: those of `Mixing.arrays` that belong to these images.
    """
    from keras import ops

    shares, boxes, kept = arrays
    return [images, shares, boxes], kept * labels + (1 - kept) * ops.flip(labels, axis=0)
