"""Pixel text as numbers: many rows at a time, and still to the letter."""

from collections.abc import Sequence
from math import isqrt

import numpy as np
from numpy.typing import NDArray

_SPACE, _NEWLINE, _ZERO = b" \n0"


class PixelError(ValueError):
    """A row that is not what it should be.

    Attributes:
        row: its position among the rows given.
    """

    def __init__(self, row: int, message: str) -> None:
        super().__init__(message)
        self.row = row


def pixel_count(text: bytes) -> int:
    """How many pixels the row has.

    Raises:
        PixelError: no square number of them, so that the image has no size.
    """
    count = len(text.split())
    if not count or isqrt(count) ** 2 != count:
        raise PixelError(0, f"{count} pixels, expected a square number of them, such as {48 * 48} for 48x48")
    return count


def parse_pixels(rows: Sequence[bytes], count: int) -> NDArray[np.uint8]:
    """The values in rows of `count` whole numbers 0-255 between spaces: uint8, shape (rows, count).

    Raises:
        PixelError: for the first row with another count or another value.
    """
    values = _parse_fast(rows, count)
    return values if values is not None else _parse_slowly(rows, count)


def _parse_fast(rows: Sequence[bytes], count: int) -> NDArray[np.uint8] | None:
    """All rows in a few passes over their bytes; None where anything is out of the ordinary."""
    # Three characters before the first digit, so that each one can look back; a newline ends each row.
    text = np.frombuffer(b"".join((b"   ", b"\n".join(rows), b"\n")), dtype=np.uint8)
    digits = text - np.uint8(_ZERO)
    is_digit = digits < 10
    if not (is_digit | (text == _SPACE) | (text == _NEWLINE)).all():
        return None
    digits *= is_digit
    here, before, twice_before = is_digit[3:-1], is_digit[2:-2], is_digit[1:-3]
    if (here & before & twice_before & is_digit[:-4]).any():
        return None
    ends = np.flatnonzero(here & ~is_digit[4:])
    if len(ends) != len(rows) * count or not _rows_hold(ends, rows, count):
        return None
    # A number's value stands at its last digit: ones here, tens before (0 where that is a space), hundreds before that.
    values = (digits[1:-3] * before).astype(np.uint16)
    values *= 10
    values += digits[2:-2]
    values *= 10
    values += digits[3:-1]
    numbers = values[ends]
    if numbers.max(initial=0) > 255:
        return None
    return numbers.astype(np.uint8).reshape(len(rows), count)


def _rows_hold(ends: NDArray[np.intp], rows: Sequence[bytes], count: int) -> bool:
    """Whether each row ends after exactly its own `count` numbers."""
    newlines = np.cumsum([len(row) + 1 for row in rows]) - 1
    last, following = ends[count - 1 :: count], ends[count::count]
    return bool((last < newlines).all() and (following > newlines[:-1]).all())


def _parse_slowly(rows: Sequence[bytes], count: int) -> NDArray[np.uint8]:
    values = np.empty((len(rows), count), dtype=np.uint8)
    for index, row in enumerate(rows):
        tokens = row.split(b" ")
        numbers = [_number(index, token) for token in tokens if token]
        if len(numbers) != count:
            raise PixelError(index, f"{len(numbers)} pixels, expected {count} as in the rows before")
        values[index] = numbers
    return values


def _number(row: int, token: bytes) -> int:
    text = token.decode("utf-8", "replace")
    digits = text[1:] if text[:1] in "+-" else text
    if not (digits.isascii() and digits.isdigit()):
        raise PixelError(row, f"pixel {text[:20]!r}, expected a whole number 0-255")
    if text != digits or len(digits) > 20 or int(digits) > 255:
        raise PixelError(row, f"pixel {text[:20]}, expected 0-255")
    return int(digits)
