"""The first filters of a network, made from the images that it learns from, as in airbench (Jordan 2024)."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from zoo.errors import UserError
from zoo.layers import layers_within

IMAGES: Final = 1000
PATCHES_PER_EDGE: Final = 12
"""At most so many images, evenly spaced, and so many patches along each edge: enough, and little memory."""

EPSILON: Final = 5e-4
"""Added to the variance of each component, of pixels from 0 to 1: the rarest components are mostly noise."""


def whiten(model: Any, images: NDArray[np.uint8]) -> None:
    """Replace the filters of the first convolution by whitened principal components of patches, and their negatives.

    Components are divided by their standard deviation, so that all filters respond equally strongly; together they are
    scaled to the standard deviation of the weights that they replace. Those of largest variance are taken. Where there
    are more filters than components and negatives, the others keep their weights.

    Args:
        model: a Keras model; changed in place.
        images: uint8, shape (n, height, width, channels).

    Raises:
        UserError: it has no convolution that sees the images themselves.
    """
    from keras.layers import Conv2D

    first = next(layers_within(model, Conv2D), None)
    channels = images.shape[-1]
    if first is None or first.kernel.shape[2] != channels:
        raise UserError(
            f"first_filters=whitened needs a convolution that sees images of {channels} channels: leave it out"
        )
    weights = np.array(first.kernel.numpy())
    height, width, _, filters = weights.shape
    values, vectors = np.linalg.eigh(np.cov(_patches(images, height, width), rowvar=False))
    taken = min(filters // 2, len(values))
    components = (vectors / np.sqrt(np.maximum(values, 0) + EPSILON))[:, ::-1][:, :taken]
    both = np.concatenate([components, -components], axis=1)
    both *= weights.std() / both.std()
    weights[..., : 2 * taken] = both.reshape(height, width, channels, 2 * taken)
    first.kernel.assign(weights)


def _patches(images: NDArray[np.uint8], height: int, width: int) -> NDArray[np.float32]:
    """Patches of the images, pixels from 0 to 1, shape (patches, height * width * channels)."""
    some = images[np.linspace(0, len(images) - 1, min(len(images), IMAGES)).astype(np.int64)]
    windows = np.lib.stride_tricks.sliding_window_view(some, (height, width), axis=(1, 2))
    steps = (max(1, edge // PATCHES_PER_EDGE) for edge in windows.shape[1:3])
    rows, columns = (slice(None, None, step) for step in steps)
    patches = windows[:, rows, columns].transpose(0, 1, 2, 4, 5, 3).astype(np.float32)
    flat: NDArray[np.float32] = patches.reshape(-1, height * width * images.shape[-1])
    return flat / np.float32(255)
