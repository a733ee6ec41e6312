"""Images that are equal in every pixel."""

import hashlib
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray


def by_pixels(images: NDArray[np.uint8]) -> dict[bytes, list[int]]:
    """The positions of equal images, by a digest of their pixels; in the order of first appearance.

    Args:
        images: uint8, shape (n, height, width, channels).
    """
    places: dict[bytes, list[int]] = defaultdict(list)
    for index, image in enumerate(images):
        places[hashlib.blake2b(image.tobytes(), digest_size=16).digest()].append(index)
    return dict(places)
