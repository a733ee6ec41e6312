"""Images as arrays, in one .npz file or in .npy files: one pool, or a pair of arrays for each split."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.data.read_options import ReadOptions
from benchmark.data.readers.arrays.array_values import (
    Named,
    check_length,
    check_widths,
    classes,
    from_one_hot,
    pixels,
    texts,
)
from benchmark.data.readers.file_kinds import check_zip
from benchmark.data.readers.source import Layout, Part, file_identity
from benchmark.files.npz_files import NpzError, mapped_npy, opened
from benchmark.files.unpacking import ZIP
from benchmark.matching.class_names import listed
from zoo.errors import UserError

NPY: Final = ".npy"
# Of how arrays become images, so that a cache holds nothing of an older one.
VERSION: Final = "npy 1"
CLASS_NAMES: Final = "class_names"
ACCEPTED: Final = (
    "images and labels; x_train, y_train, x_test, y_test; or train_images, train_labels, validation_images, "
    "validation_labels, test_images, test_labels; besides these class_names and sample_ids"
)
# By role and content, what the arrays are called.
SPELLINGS: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("train", "images"): ("train_images", "x_train", "train_x", "images", "x"),
    ("train", "labels"): ("train_labels", "y_train", "train_y", "labels", "y"),
    ("train", "ids"): ("train_sample_ids", "train_ids", "sample_ids", "ids"),
    ("validation", "images"): ("validation_images", "val_images", "x_validation", "x_val", "x_valid", "val_x"),
    ("validation", "labels"): ("validation_labels", "val_labels", "y_validation", "y_val", "y_valid", "val_y"),
    ("validation", "ids"): ("validation_sample_ids", "validation_ids", "val_ids"),
    ("test", "images"): ("test_images", "x_test", "test_x"),
    ("test", "labels"): ("test_labels", "y_test", "test_y"),
    ("test", "ids"): ("test_sample_ids", "test_ids"),
}

_KNOWN: Final = {CLASS_NAMES, *(spelling for spellings in SPELLINGS.values() for spelling in spellings)}
Take = Callable[[str], NDArray[Any]]
"""The array of that name; raises NpzError."""


def is_npz(path: Path) -> bool:
    """Whether the file is a zip archive, which is what an .npz is."""
    with path.open("rb") as file:
        return file.read(len(ZIP)) == ZIP


def is_npy(path: Path) -> bool:
    """Whether the file is called like an array."""
    return path.suffix.lower() == NPY


def find(path: Path) -> Layout:
    """The layout of an .npz file.

    Raises:
        UserError: no readable archive, or arrays that are missing or unknown.
    """
    names = _names(path)
    unknown = [name for name in names if name.lower() not in _KNOWN]
    if unknown or _spelled(path, names, "train", "images") is None:
        problem = f"unknown array {unknown[0]!r}" if unknown else "no train images"
        raise UserError(f"{path}: {problem}; found {listed([name[:30] for name in names])}; accepted are {ACCEPTED}")

    def read(_options: ReadOptions) -> list[Part]:
        with opened(path) as archive:
            return _read(path, names, archive.read)

    description = f"arrays in {path.name}: {', '.join(names)}"
    return Layout(str(path), description, (file_identity(path.resolve(), path.stat()),), read)


def find_npy(path: Path) -> Layout:
    """The layout of an .npy file and those beside it, called as `SPELLINGS` says in any case.

    Raises:
        UserError: there are no images of train by such a name.
    """
    layout = find_in_directory(path.parent) if path.stem.lower() in _KNOWN else None
    if layout is None:
        raise UserError(f"{path}: an array, expected X.npy with y.npy beside it, or X_train.npy with y_train.npy")
    return layout


def find_in_directory(directory: Path) -> Layout | None:
    """The layout of a directory's .npy files; None where none holds images of train by its name.

    Raises:
        UserError: two files for one array.
    """
    every = sorted(path for path in directory.iterdir() if is_npy(path) and path.is_file() and path.name[0] != ".")
    files = {path.stem: path for path in every if path.stem.lower() in _KNOWN}
    if _spelled(directory, list(files), "train", "images") is None:
        return None

    def read(_options: ReadOptions) -> list[Part]:
        return _read(directory, list(files), lambda name: mapped_npy(files[name]))

    unused = [path.name for path in every if path.stem not in files]
    notes = (f"left out, as no images or labels by their names: {listed(unused)}",) if unused else ()
    identity = tuple(f"{file_identity(path.resolve(), path.stat())}\t{VERSION}" for path in files.values())
    return Layout(str(directory), f"arrays {', '.join(path.name for path in files.values())}", identity, read, notes)


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


def _read(where: Path, names: Sequence[str], take: Take) -> list[Part]:
    declared = next((name for name in names if name.lower() == CLASS_NAMES), None)
    class_names = None if declared is None else texts(_named(where, declared, take))
    if class_names and (twice := Counter(class_names).most_common(1)[0])[1] > 1:
        raise UserError(f"{where}: {declared} has {twice[0]!r} twice, expected one name for each class")
    named: dict[str, dict[str, Named]] = {}
    for role, content in SPELLINGS:
        name = _spelled(where, names, role, content)
        if name is not None:
            named.setdefault(role, {})[content] = _named(where, name, take)
    for role, arrays in named.items():
        if "images" not in arrays:
            lonely = next(iter(arrays.values())).name
            raise UserError(f"{where}: {lonely} found without images, expected {role}_images")
    check_widths([arrays["labels"] for arrays in named.values() if "labels" in arrays], class_names)
    images, notes = pixels({role: arrays["images"] for role, arrays in named.items()})
    return [_part(role, arrays, images[role], class_names, notes) for role, arrays in named.items()]


def _named(where: Path, name: str, take: Take) -> Named:
    try:
        return Named(where, name, take(name))
    except NpzError as error:
        raise UserError(f"{where}: array {name} holds {error}, expected numbers or text") from error


def _part(
    role: str,
    arrays: Mapping[str, Named],
    images: NDArray[np.uint8],
    class_names: tuple[str, ...] | None,
    notes: Sequence[str],
) -> Part:
    if "ids" in arrays:
        check_length(arrays["ids"], arrays["images"])
        sample_ids = np.array(texts(arrays["ids"]), dtype=np.str_)
    else:
        sample_ids = np.array([f"{role}-{row}" for row in range(len(images))], dtype=np.str_)
    if "labels" not in arrays:
        return Part(role, images, sample_ids, class_names or (), notes=tuple(notes))
    labels, on_labels = from_one_hot(arrays["labels"])
    check_length(labels, arrays["images"])
    names, positions = classes(labels, class_names)
    return Part(role, images, sample_ids, names, positions, (*notes, *on_labels))
