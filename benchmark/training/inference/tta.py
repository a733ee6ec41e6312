"""Test-time augmentation: a model's probabilities averaged over several views of each image."""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmark.data.readers.images import reshaped

NONE: Final = "none"
VIEWS: Final = {NONE: 1, "flip": 2, "shifts": 18, "tencrop": 10}
"""How many views of an image each kind has."""

INCLUDED: Final = {"flip": (NONE,), "shifts": (NONE, "flip")}
"""The kinds all of whose views another kind has, too."""

CROP: Final = 7 / 8
"""Share of an image's edges in the ten crops: 42 of 48 pixels. It belongs to "tencrop" and never changes."""

SHIFT: Final = 1 / 48
"""Share of an image's edges by which "shifts" moves it: one of 48 pixels. It belongs to "shifts" and never changes."""

Predict = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def averaged(predict: Predict, images: NDArray[np.uint8], kind: str) -> NDArray[np.float32]:
    """Probabilities, float32 (n, classes), averaged over the views of each image.

    Args:
        predict: a model's prediction.
        images: uint8, shape (n, height, width, channels).
        kind: a key of `VIEWS`.
    """
    if kind == NONE:
        return predict(images)
    total = sum(predict(view).astype(np.float64) for view in views(images, kind))
    return np.asarray(total / VIEWS[kind], np.float32)


def views(images: NDArray[np.uint8], kind: str) -> Iterator[NDArray[np.uint8]]:
    """The views of every image, one view of all at a time, each of the images' shape.

    - none: the image
    - flip: the image and its mirror image, left and right exchanged
    - shifts: the image where it is and moved by `SHIFT` of its edges (at least a pixel) up, down, left, right and along
      the diagonals, border pixels repeated, and their mirror images: more of what Jordan (2024) does, who moves images
      along one diagonal. Unlike `tencrop`, faces keep their size.
    - tencrop: the four corners and the centre, each `CROP` of the image's edges and resized to it (bilinear), and
      their mirror images (Krizhevsky et al. 2012, who took 224 of 256 pixels)
    """
    for view in _moved(images, kind):
        yield view
        if kind != NONE:
            yield np.ascontiguousarray(view[:, :, ::-1])


def _moved(images: NDArray[np.uint8], kind: str) -> Iterator[NDArray[np.uint8]]:
    if kind == "tencrop":
        return _crops(images)
    return _shifted(images) if kind == "shifts" else iter((images,))


def _shifted(images: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    height, width = images.shape[1:3]
    down, right = (max(1, round(SHIFT * edge)) for edge in (height, width))
    padded = np.pad(images, ((0, 0), (down, down), (right, right), (0, 0)), mode="edge")
    for top, left in product((down, 0, 2 * down), (right, 0, 2 * right)):
        yield np.ascontiguousarray(padded[:, top : top + height, left : left + width])


def _crops(images: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    shape = images.shape[1:]
    height, width = (round(CROP * edge) for edge in shape[:2])
    bottom, right = shape[0] - height, shape[1] - width
    for top, left in ((0, 0), (0, right), (bottom, 0), (bottom, right), (bottom // 2, right // 2)):
        yield reshaped(np.ascontiguousarray(images[:, top : top + height, left : left + width]), shape)
