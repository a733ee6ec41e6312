"""What arrays of images and labels hold, made one thing: uint8 images with channels last, and classes by name."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.data.readers.images import MAX_PIXELS, check_memory
from benchmark.data.readers.source import dark_notes
from benchmark.files.npz_files import is_mapped
from benchmark.matching.class_names import listed
from zoo.errors import UserError

BLOCK_VALUES: Final = 1 << 24
CHANNELS: Final = (1, 3)
RANGES: Final = "0-1 or 0-255"


@dataclass(frozen=True)
class Named:
    """An array under its name in the file or folder `where`, both for messages."""

    where: Path
    name: str
    values: NDArray[Any]

    def error(self, message: str) -> UserError:
        """The error that says so; the message starts with what follows the name."""
        return UserError(f"{self.where}: {self.name}{message}")


def pixels(arrays: Mapping[str, Named]) -> tuple[dict[str, NDArray[np.uint8]], list[str]]:
    """The images of each split as uint8, shape (n, height, width, 1 or 3), and notes on what was done to them.

    Channels may stand in front of height and width. Values of a floating type are 0-1 in all splits if those of the
    first split, which is train, are, and 0-255 otherwise.

    Raises:
        UserError: another shape, type or range, or splits of different ranges.
    """
    moved = [array.name for array in arrays.values() if _is_first(array.values.shape)]
    notes = [f"channels stand first in {' and '.join(moved)}, they are moved to the end"] if moved else []
    images = {split: _channels_last(array) for split, array in arrays.items()}
    first = next(iter(images.values()))
    top = 255
    if first.values.dtype.kind == "f" and len(first.values):
        top = 1 if _range(first)[1] <= 1 else 255
        range_text = "0-1, read as 0-255" if top == 1 else "a floating type, rounded to whole numbers"
        notes.append(f"pixels of {first.name} are {range_text}")
    if top == 255:
        filled = (array for array in images.values() if len(array.values))
        notes += [note for array in filled for note in dark_notes(f"pixels of {array.name}", _range(array)[1])]
    return {split: _as_bytes(array, top, first.name) for split, array in images.items()}, notes


def _is_first(shape: tuple[int, ...]) -> bool:
    return len(shape) == 4 and shape[-1] not in CHANNELS and shape[1] in CHANNELS


def _channels_last(array: Named) -> Named:
    images = array.values
    if images.ndim == 3:
        images = images[..., np.newaxis]
    elif _is_first(images.shape):
        images = np.moveaxis(images, 1, -1)
    if images.ndim != 4 or images.shape[-1] not in CHANNELS or 0 in images.shape[1:]:
        expected = "(n, height, width[, 1 or 3]) or (n, 1 or 3, height, width)"
        raise array.error(f" has shape {images.shape}, expected {expected}")
    height, width = images.shape[1:3]
    if height * width > MAX_PIXELS:
        raise array.error(f" has images of {width}x{height} pixels, expected at most {MAX_PIXELS:,}")
    if images.dtype.kind not in "iuf":
        raise array.error(f" is of type {images.dtype}, expected numbers {RANGES}")
    return replace(array, values=images)


def _blocks(images: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    """The images some at a time, each with the row of the first, so that what is on the disk stays there."""
    count = max(1, BLOCK_VALUES // int(np.prod(images.shape[1:])))
    return ((start, images[start : start + count]) for start in range(0, len(images), count))


def _range(array: Named) -> tuple[float, float]:
    """The smallest and the largest pixel; there must be one.

    Raises:
        UserError: one that is not a number, or infinite.
    """
    ranges = []
    for start, images in _blocks(array.values):
        ranges.append((images.min().item(), images.max().item()))
        if not np.isfinite(ranges[-1]).all():
            row = start + int(np.argwhere(~np.isfinite(images))[0, 0])
            raise array.error(f", row {row} has a pixel that is not a finite number, expected {RANGES}")
    lowest, highest = zip(*ranges, strict=True)
    return min(lowest), max(highest)


def _as_bytes(array: Named, top: int, first: str) -> NDArray[np.uint8]:
    """The images as 0-255; `top` is the end of the range that the images of the array `first` have."""
    images = array.values
    check_memory(array.where, len(images), images.shape[1:])
    if images.dtype == np.uint8 and top == 255:
        return np.array(images, order="C") if is_mapped(images) else np.asarray(images, order="C")
    is_whole = images.dtype.kind != "f"
    if len(images):
        _check_range(array, top, "" if array.name == first else f" as in {first}")
    result = np.empty(images.shape, dtype=np.uint8)
    for start, block in _blocks(images):
        result[start : start + len(block)] = block if is_whole else np.rint(block * np.float32(255 / top))
    return result


def _check_range(array: Named, top: int, as_first: str) -> None:
    low, high = _range(array)
    is_whole = array.values.dtype.kind != "f"
    differs = is_whole if top == 1 else not is_whole and high <= 1
    if 0 <= low <= high <= top and not (as_first and differs):
        return
    if not is_whole or top == 1:
        expected = f"0-{top}{as_first}" if as_first else RANGES
        raise array.error(f" has pixels from {low:g} to {high:g}, expected {expected}")
    worst = low if low < 0 else high
    worst_places = ((start, np.argwhere(images == worst)) for start, images in _blocks(array.values))
    row = next(start + int(places[0, 0]) for start, places in worst_places if len(places))
    raise array.error(f", row {row} has pixel {worst}, expected 0-255")


def from_one_hot(array: Named) -> tuple[Named, list[str]]:
    """Labels with one axis: those of a single column without it, and the position of the only 1 in each row; and notes.

    Raises:
        UserError: several columns that are not one-hot.
    """
    labels = array.values
    if labels.ndim == 2 and labels.shape[1] == 1:
        return replace(array, values=labels[:, 0]), []
    if labels.ndim != 2 or labels.shape[1] == 0 or labels.dtype.kind not in "biuf":
        return array, []
    wrong = np.flatnonzero(((labels != 0) & (labels != 1)).any(axis=1) | ((labels == 1).sum(axis=1) != 1))
    if len(wrong):
        raise array.error(f", row {wrong[0]} is not one-hot, expected a single 1 and zeros, or whole numbers (n,)")
    note = f"{array.name} is one-hot, its columns are the classes 0-{labels.shape[1] - 1}"
    return replace(array, values=labels.argmax(axis=1)), [note]


def check_widths(labels: Sequence[Named], class_names: tuple[str, ...] | None) -> None:
    """Raise UserError where one-hot labels have a column for each class that occurs in their own split alone."""
    one_hot = [array for array in labels if array.values.ndim == 2 and array.values.shape[1] > 1]
    for array in one_hot:
        found, first = array.values.shape[1], one_hot[0]
        if class_names is not None and found != len(class_names):
            raise array.error(f" has {found} columns, expected one for each class: {listed(class_names)}")
        if found != first.values.shape[1]:
            raise array.error(f" has {found} columns, {first.name} has {first.values.shape[1]}: expected as many")


def classes(array: Named, class_names: tuple[str, ...] | None) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Class names and positions among them; whole numbers index `class_names`, or are names where there are none.

    Raises:
        UserError: labels that are neither whole numbers nor text, or none of those names.
    """
    labels = array.values
    if labels.dtype.kind in "iu":
        highest = len(class_names) - 1 if class_names is not None else np.iinfo(np.int64).max
        outside = np.flatnonzero((labels < 0) | (labels > highest))
        if len(outside):
            expected = f"0-{highest}" if class_names is not None else "0 or more"
            raise array.error(f", row {outside[0]} has label {labels[outside[0]]}, expected {expected}")
        if class_names is not None:
            return class_names, labels.astype(np.int64)
    named = np.array(texts(array), dtype=np.str_)
    unknown = np.flatnonzero(~np.isin(named, class_names or named))
    if len(unknown):
        label = str(named[unknown[0]])
        raise array.error(f", row {unknown[0]} has label {label!r}, expected one of {', '.join(class_names or ())}")
    known, positions = np.unique(named, return_inverse=True)
    if class_names is not None:
        order = np.array([class_names.index(str(text)) for text in known], dtype=np.int64)
        return class_names, order[positions] if len(named) else np.empty(0, dtype=np.int64)
    return tuple(map(str, known)), positions.astype(np.int64)


def texts(array: Named) -> tuple[str, ...]:
    """The values as text; ids may be numbers too.

    Raises:
        UserError: values of another kind, empty ones, or bytes that are not UTF-8.
    """
    values = array.values
    if values.ndim != 1 or values.dtype.kind not in "USiu":
        raise array.error(f" is {values.dtype} {values.shape}, expected text or whole numbers (n,)")
    try:
        names = tuple(v.decode() if isinstance(v, bytes) else str(v) for v in values.tolist())
    except UnicodeDecodeError as error:
        raise array.error(" holds bytes that are not UTF-8 text") from error
    if "" in names:
        raise array.error(f", row {names.index('')} is empty, expected text")
    return names


def check_length(array: Named, images: Named) -> None:
    """Raise UserError if the array has not one value for each of the images."""
    count = len(images.values)
    if array.values.ndim != 1 or len(array.values) != count:
        shape = array.values.shape
        raise array.error(f" has shape {shape}, expected ({count},), one for each of {images.name}")
