"""Names of picture files: which there are, in which order, and what is left of one without its suffix."""

import re
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Final

SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
DIGITS: Final = re.compile(r"(\d+)")

NaturalKey = tuple[list[str | Decimal], str]


def natural(name: str) -> NaturalKey:
    """A key that sorts test/2 before test/10; the name itself decides between 1 and 01."""
    pieces: list[str | Decimal] = list(DIGITS.split(name))
    # Digits stand at odd places, so that numbers only ever meet numbers. An int refuses thousands of digits.
    pieces[1::2] = map(Decimal, pieces[1::2])
    return pieces, name


def is_picture(name: str) -> bool:
    """Whether it has the suffix of a picture, in any case."""
    return name.lower().endswith(SUFFIXES)


def without_suffix(name: str) -> str:
    """The name or path without the suffix of a picture, if it has one: `img.1` has none."""
    suffix = PurePosixPath(name).suffix
    return name.removesuffix(suffix) if suffix.lower() in SUFFIXES else name
