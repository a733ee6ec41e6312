"""Arrays of images: brought to one shape, which is the commonest size, grey or RGB; equal ones found."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.data.read_options import ReadOptions
from benchmark.data.readers.source import Part
from zoo.errors import UserError

MAX_PIXELS: Final = 50_000_000
"""An image's; larger ones are mistakes, or made to fill the memory."""


def check_memory(where: Path, count: int, shape: Sequence[int]) -> None:
    """Raise UserError if this machine has not the memory for `count` images of `shape` (height, width, channels)."""
    needed = count * prod(shape)
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > available:
        raise UserError(
            f"{where}: {count:,} images of {shape[1]}x{shape[0]} pixels take {needed / 1e9:.0f} GB, this machine has "
            f"{available / 1e9:.0f} GB of memory; give a smaller --size"
        )


def target_shape(sizes: Mapping[tuple[int, int], int], all_grey: bool, options: ReadOptions) -> tuple[int, int, int]:
    """The (height, width, channels) that all images get.

    Args:
        sizes: how many images there are by (height, width); of equally common sizes the middle one is taken, of two
            the larger, so that one huge picture does not blow up all the others.
        all_grey: whether no image has colour channels.
        options: what the user asked for goes before what is found.
    """
    highest = max(sizes.values())
    tied = sorted((size for size in sizes if sizes[size] == highest), key=lambda size: (size[0] * size[1], size))
    height, width = tied[len(tied) // 2]
    if options.size is not None:
        height = width = options.size
    channels = options.channels or (1 if all_grey else 3)
    return height, width, channels


def mixture_notes(sizes: Mapping[tuple[int, int], int], in_colour: int, options: ReadOptions) -> list[str]:
    """What images of several sizes, or some in colour and some grey, become, unless `options` ask for it.

    Args:
        in_colour: how many of them have colour channels.
    """
    notes, total = [], sum(sizes.values())
    if len(sizes) > 1 and options.size is None:
        height, width, _ = target_shape(sizes, False, options)
        small, *_, large = sorted(sizes, key=lambda size: (size[0] * size[1], size))
        notes.append(
            f"images of {len(sizes):,} sizes, {small[1]}x{small[0]} to {large[1]}x{large[0]}, are resized to "
            f"{width}x{height}, which {sizes[height, width]:,} of {total:,} have; --size sets another"
        )
    if 0 < in_colour < total and options.channels is None:
        has = "has" if in_colour == 1 else "have"
        notes.append(f"{in_colour:,} of {total:,} images {has} colour, so all are RGB; --channels 1 makes all grey")
    return notes


def shape_notes(parts: Sequence[Part], options: ReadOptions) -> list[str]:
    """The notes on parts whose images are of several shapes, as arrays may be."""
    return mixture_notes(_sizes(parts), sum(len(part) for part in parts if part.images.shape[-1] == 3), options)


def _sizes(parts: Sequence[Part]) -> dict[tuple[int, int], int]:
    sizes: dict[tuple[int, int], int] = {}
    for part in parts:
        height, width = part.images.shape[1:3]
        if len(part):
            sizes[height, width] = sizes.get((height, width), 0) + len(part)
    return sizes


def same_shape(parts: Sequence[Part], options: ReadOptions) -> list[Part]:
    """The parts, which must not all be empty, with all images in one shape."""
    all_grey = all(part.images.shape[-1] == 1 for part in parts)
    shape = target_shape(_sizes(parts), all_grey, options)
    return [replace(part, images=reshaped(part.images, shape)) for part in parts]


def reshaped(images: NDArray[np.uint8], shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """The images, uint8 (n, height, width, 1 or 3), resized to `shape` (bilinear) and made grey or RGB."""
    if images.shape[1:] == shape:
        return images
    # Importing Pillow costs a tenth of a second, which most datasets need not pay.
    from PIL import Image

    result = np.empty((len(images), *shape), dtype=np.uint8)
    for index, pixels in enumerate(images):
        result[index] = as_pixels(Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels), shape)
    return result


def as_pixels(image: Any, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """A Pillow image as uint8 of `shape` (height, width, 1 or 3)."""
    from PIL import Image

    height, width, channels = shape
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        # On white, as documents show it: what lies under transparent pixels is mostly black.
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    mode = "L" if channels == 1 else "RGB"
    if image.mode != mode:
        image = image.convert(mode)
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image, dtype=np.uint8).reshape(shape)


def by_pixels(images: NDArray[np.uint8]) -> dict[bytes, list[int]]:
    """The positions of equal images, by a digest of their pixels; in the order of first appearance.

    Args:
        images: uint8, shape (n, height, width, channels).
    """
    places: dict[bytes, list[int]] = defaultdict(list)
    for index, image in enumerate(images):
        places[hashlib.blake2b(image.tobytes(), digest_size=16).digest()].append(index)
    return dict(places)
