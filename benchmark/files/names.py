"""Names: safe file names from any text, names of picture files, their natural order."""

import hashlib
import re
from decimal import Decimal
from posixpath import splitext
from typing import Final

LONGEST: Final = 80
SUFFIXES: Final = (
    ".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm", ".pbm", ".pnm", ".jfif", ".jpe"
)  # fmt: skip

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.+@-]+")
_DIGITS: Final = re.compile(r"(\d+)")

NaturalKey = tuple[list[str | Decimal], str]


def file_name(text: str) -> str:
    """A name for a file or folder, safe whatever the text is: 1 to 80 letters, digits and _ . + @ -.

    What is safe already stays as it is. Anything else loses its other characters and its length and gets eight digits
    of its SHA-256 instead, so that two texts never share a name. No name is hidden, empty, or leads out of a folder.
    """
    plain = _UNSAFE.sub("-", text).strip(".-")
    if plain == text and 0 < len(text) <= LONGEST:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    kept = plain[: LONGEST - len(digest) - 1].rstrip(".-")
    return f"{kept}-{digest}" if kept else digest


def safe(name: str) -> str:
    """The name with characters that cannot name a run replaced; it begins with a letter or digit, and may be empty."""
    return re.sub(r"[^A-Za-z0-9_.+:-]+", "-", name).strip("-._:+")[:LONGEST]


def natural(name: str) -> NaturalKey:
    """A key that sorts test/2 before test/10; the name itself decides between 1 and 01."""
    pieces: list[str | Decimal] = list(_DIGITS.split(name))
    # Digits are at odd places, so numbers are only compared with numbers. An int refuses thousands of digits.
    pieces[1::2] = map(Decimal, pieces[1::2])
    return pieces, name


def is_picture(name: str) -> bool:
    """Whether it has the suffix of a picture, in any case."""
    return name.lower().endswith(SUFFIXES)


def without_suffix(name: str) -> str:
    """The name or path without the suffix of a picture, if it has one: `img.1` has none."""
    stem, suffix = splitext(name)
    return stem if suffix.lower() in SUFFIXES else name
