"""The pixels of an image as text, checked to the letter."""

from math import isqrt

import numpy as np


def pixel_count(text: bytes) -> int:
    """How many pixels the text has.

    Raises:
        ValueError: no square number of them, so that the image has no size.
    """
    count = len(text.split())
    if not count or isqrt(count) ** 2 != count:
        raise ValueError(f"{count} pixels, expected a square number of them, such as {48 * 48} for 48x48")
    return count


def parse_pixels(text: bytes, count: int) -> bytes:
    """The values of `count` whole numbers 0-255 between spaces, each as a byte.

    Raises:
        ValueError: another count or another value.
    """
    # NumPy's parser stops without an error at what is not a number, so it gets digits and spaces only.
    is_plain = text.strip() and not text.translate(None, b"0123456789 ")
    values = np.fromstring(text, dtype=np.int64, sep=" ") if is_plain else np.empty(0, dtype=np.int64)
    if len(values) != count or values.max() > 255:
        raise ValueError(_fault(text, count))
    return values.astype(np.uint8).tobytes()


def _fault(text: bytes, count: int) -> str:
    tokens = [token.decode("utf-8", "replace") for token in text.split(b" ") if token]
    for token in tokens:
        digits = token[1:] if token[:1] in "+-" else token
        if not (digits.isascii() and digits.isdigit()):
            return f"pixel {token[:20]!r}, expected a whole number 0-255"
        if token != digits or len(digits) > 20 or int(digits) > 255:
            return f"pixel {token[:20]}, expected 0-255"
    return f"{len(tokens)} pixels, expected {count} as in the rows before"
