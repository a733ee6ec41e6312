"""Images as arrays in an .npz file: one pool, or a pair of arrays for each split."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.data.options import ReadOptions
from benchmark.data.readers.file_kinds import check_zip
from benchmark.data.readers.images import MAX_PIXELS
from benchmark.data.readers.source import Layout, Part, file_identity
from benchmark.files.npz_files import Archive, NpzError, opened
from zoo.errors import UserError

ZIP_MAGIC: Final = b"PK\x03\x04"
CLASS_NAMES: Final = "class_names"
ACCEPTED: Final = (
    "images and labels; x_train, y_train, x_test, y_test; or train_images, train_labels, validation_images, "
    "validation_labels, test_images, test_labels; besides these class_names and sample_ids"
)
# By role and content, what the arrays are called.
SPELLINGS: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("train", "images"): ("train_images", "x_train", "images", "x"),
    ("train", "labels"): ("train_labels", "y_train", "labels", "y"),
    ("train", "ids"): ("train_sample_ids", "train_ids", "sample_ids", "ids"),
    ("validation", "images"): ("validation_images", "val_images", "x_validation", "x_val", "x_valid"),
    ("validation", "labels"): ("validation_labels", "val_labels", "y_validation", "y_val", "y_valid"),
    ("validation", "ids"): ("validation_sample_ids", "validation_ids", "val_ids"),
    ("test", "images"): ("test_images", "x_test"),
    ("test", "labels"): ("test_labels", "y_test"),
    ("test", "ids"): ("test_sample_ids", "test_ids"),
}

_KNOWN: Final = {CLASS_NAMES, *(spelling for spellings in SPELLINGS.values() for spelling in spellings)}


def is_npz(path: Path) -> bool:
    """Whether the file is a zip archive, which is what an .npz is."""
    with path.open("rb") as file:
        return file.read(len(ZIP_MAGIC)) == ZIP_MAGIC


def find(path: Path) -> Layout:
    """The layout of an .npz file.

    Raises:
        UserError: no readable archive, or arrays that are missing or unknown.
    """
    names = _names(path)
    unknown = [name for name in names if name.lower() not in _KNOWN]
    if unknown or _spelled(path, names, "train", "images") is None:
        problem = f"unknown array {unknown[0]!r}" if unknown else "no train images"
        raise UserError(f"{path}: {problem}; found {', '.join(names)[:200]}; accepted are {ACCEPTED}")

    def read(_options: ReadOptions) -> list[Part]:
        return _read(path, names)

    description = f"arrays in {path.name}: {', '.join(names)}"
    return Layout(str(path), description, (file_identity(path.resolve(), path.stat()),), read)


def _names(path: Path) -> list[str]:
    try:
        with opened(path) as archive:
            if not _KNOWN.intersection(map(str.lower, archive.names)):
                check_zip(path, archive.members)
            return archive.names
    except NpzError as error:
        raise UserError(f"{path}: {error}, expected an .npz file") from error


def _spelled(path: Path, names: Sequence[str], role: str, content: str) -> str | None:
    matches = [name for name in names if name.lower() in SPELLINGS[role, content]]
    if len(matches) > 1:
        raise UserError(f"{path}: arrays {' and '.join(matches)} found, expected one of them")
    return matches[0] if matches else None


def _read(path: Path, names: Sequence[str]) -> list[Part]:
    with opened(path) as archive:
        declared = next((name for name in names if name.lower() == CLASS_NAMES), None)
        class_names = None if declared is None else _texts(path, declared, _array(path, archive, declared))
        parts = []
        for role in ("train", "validation", "test"):
            arrays = {}
            for content in ("images", "labels", "ids"):
                name = _spelled(path, names, role, content)
                if name is not None:
                    arrays[content] = (name, _array(path, archive, name))
            if "images" in arrays:
                parts.append(_part(path, role, arrays, class_names))
            elif arrays:
                lonely = next(iter(arrays.values()))[0]
                raise UserError(f"{path}: {lonely} found without images, expected {role}_images")
    return parts


def _array(path: Path, archive: Archive, name: str) -> NDArray[Any]:
    try:
        return archive.read(name)
    except NpzError as error:
        raise UserError(f"{path}: array {name} holds {error}, expected numbers or text") from error


def _part(
    path: Path, role: str, arrays: Mapping[str, tuple[str, NDArray[Any]]], class_names: tuple[str, ...] | None
) -> Part:
    name, images = arrays["images"]
    pixels = _pixels(path, name, images)
    if "ids" in arrays:
        ids_name, ids = arrays["ids"]
        _check_length(path, ids_name, ids, name, len(pixels))
        sample_ids = np.array(_texts(path, ids_name, ids), dtype=np.str_)
    else:
        sample_ids = np.array([f"{role}-{row}" for row in range(len(pixels))], dtype=np.str_)
    if "labels" not in arrays:
        return Part(role, pixels, sample_ids, class_names or ())
    labels_name, labels = arrays["labels"]
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    _check_length(path, labels_name, labels, name, len(pixels))
    names, positions = _labels(path, labels_name, labels, class_names)
    return Part(role, pixels, sample_ids, names, positions)


def _pixels(path: Path, name: str, images: NDArray[Any]) -> NDArray[np.uint8]:
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or 0 in images.shape[1:]:
        raise UserError(f"{path}: {name} has shape {images.shape}, expected (n, height, width[, 1 or 3])")
    if images.shape[1] * images.shape[2] > MAX_PIXELS:
        size = f"{images.shape[2]}x{images.shape[1]}"
        raise UserError(f"{path}: {name} has images of {size} pixels, expected at most {MAX_PIXELS:,}")
    if images.dtype.kind not in "iu":
        raise UserError(f"{path}: {name} is of type {images.dtype}, expected whole numbers 0-255")
    if images.dtype != np.uint8 and images.size:
        low, high = images.min(), images.max()
        if low < 0 or high > 255:
            worst = low if low < 0 else high
            row = int(np.argwhere(images == worst)[0, 0])
            raise UserError(f"{path}: {name}, row {row} has pixel {worst}, expected 0-255")
    return np.ascontiguousarray(images, dtype=np.uint8)


def _labels(
    path: Path, name: str, labels: NDArray[Any], class_names: tuple[str, ...] | None
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Class names and positions among them; whole numbers index `class_names`, or are names where there are none."""
    if labels.dtype.kind in "iu":
        highest = len(class_names) - 1 if class_names is not None else np.iinfo(np.int64).max
        outside = np.flatnonzero((labels < 0) | (labels > highest))
        if len(outside):
            expected = f"0-{highest}" if class_names is not None else "0 or more"
            raise UserError(f"{path}: {name}, row {outside[0]} has label {labels[outside[0]]}, expected {expected}")
        if class_names is not None:
            return class_names, labels.astype(np.int64)
    texts = np.array(_texts(path, name, labels), dtype=np.str_)
    unknown = np.flatnonzero(~np.isin(texts, class_names or texts))
    if len(unknown):
        raise UserError(
            f"{path}: {name}, row {unknown[0]} has label {str(texts[unknown[0]])!r}, "
            f"expected one of {', '.join(class_names or ())}"
        )
    known, positions = np.unique(texts, return_inverse=True)
    if class_names is not None:
        order = np.array([class_names.index(str(text)) for text in known], dtype=np.int64)
        return class_names, order[positions] if len(texts) else np.empty(0, dtype=np.int64)
    return tuple(map(str, known)), positions.astype(np.int64)


def _texts(path: Path, name: str, values: NDArray[Any]) -> tuple[str, ...]:
    """The values as text; ids may be numbers too."""
    if values.ndim != 1 or values.dtype.kind not in "USiu":
        raise UserError(f"{path}: {name} is {values.dtype} {values.shape}, expected text or whole numbers (n,)")
    try:
        texts = tuple(v.decode() if isinstance(v, bytes) else str(v) for v in values.tolist())
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: {name} holds bytes that are not UTF-8 text") from error
    if "" in texts:
        raise UserError(f"{path}: {name}, row {texts.index('')} is empty, expected text")
    return texts


def _check_length(path: Path, name: str, values: NDArray[Any], images_name: str, count: int) -> None:
    if values.ndim != 1 or len(values) != count:
        raise UserError(f"{path}: {name} has shape {values.shape}, expected ({count},) as many as {images_name}")
