"""What every layout hands over, and how classes are aligned: by name, never by position."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmark.data.options import ReadOptions
from benchmark.matching.class_names import common_names, meaning
from zoo.errors import UserError, unknown_name

# What folders, `Usage` columns and arrays call the splits; compared in lower case.
ROLES: Final = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "publictest": "validation",
    "test": "test",
    "testing": "test",
    "privatetest": "test",
}


@dataclass(frozen=True, eq=False)
class Part:
    """Images that a layout assigns to one split.

    Attributes:
        role: train, validation or test.
        images: uint8, shape (n, height, width, channels), 0-255; channels is 1 or 3.
        sample_ids: str, shape (n,).
        class_names: as the source spells them; each counts as a class of the data, with images or without.
        labels: int64, shape (n,), positions in class_names; None where there are none.
    """

    role: str
    images: NDArray[np.uint8]
    sample_ids: NDArray[np.str_]
    class_names: tuple[str, ...] = ()
    labels: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class Layout:
    """A recognised layout, before any image is read.

    Attributes:
        where: the path, for messages.
        description: of the layout, in words.
        identity: path, size and time of every file; it changes with the content, which is not read for it.
        read: decodes the images.
    """

    where: str
    description: str
    identity: tuple[str, ...]
    read: Callable[[ReadOptions], Sequence[Part]]


def file_identity(path: str | Path, status: os.stat_result) -> str:
    """One line that changes when the file does: path, size in bytes, time of the last change in nanoseconds."""
    return f"{path}\t{status.st_size}\t{status.st_mtime_ns}"


def read_parts(layout: Layout, options: ReadOptions) -> list[Part]:
    """Read the images of a layout.

    Raises:
        UserError: they cannot be read, or there are none.
    """
    try:
        parts = list(layout.read(options))
    except OSError as error:
        raise UserError(f"{error.filename or layout.where}: cannot be read: {error.strerror or error}") from error
    if not any(len(part) for part in parts):
        raise UserError(f"{layout.where}: no images found, expected at least one for each class")
    return parts


def align(
    parts: Sequence[Part], wanted: Sequence[str], where: str, meanings: Mapping[str, str] | None = None
) -> tuple[tuple[str, ...], list[Part]]:
    """Class names in label order, and the parts with labels in that order.

    Args:
        parts: as the layout handed them over.
        wanted: the only classes to keep; empty for all. Images of others are dropped, unlabelled ones stay.
        where: the path, for messages.
        meanings: the class that each spelling stands for, in the order of the labels; `common_names` by default.

    Raises:
        UserError: an unknown class is wanted, or fewer than two classes are left.
    """
    meanings = meanings or common_names(part.class_names for part in parts)
    class_names = tuple(dict.fromkeys(meanings.values()))
    if wanted:
        kept = {_known_class(name, class_names) for name in wanted}
        class_names = tuple(name for name in class_names if name in kept)
    if len(class_names) < 2:
        raise UserError(f"{where}: {_listed(class_names)} found, expected labelled images of at least two classes")
    return class_names, [_relabelled(part, meanings, class_names) for part in parts]


def _listed(class_names: Sequence[str]) -> str:
    return f"only class {class_names[0]!r}" if class_names else "no class"


def _known_class(name: str, class_names: Sequence[str]) -> str:
    for candidate in (name, name.strip()):
        if candidate in class_names:
            return candidate
    same = [candidate for candidate in class_names if meaning(candidate) == meaning(name)]
    if len(same) == 1:
        return same[0]
    raise unknown_name("class", name, class_names)


def _relabelled(part: Part, meanings: Mapping[str, str], class_names: Sequence[str]) -> Part:
    if part.labels is None:
        return part
    position = {name: index for index, name in enumerate(class_names)}
    new = np.array([position.get(meanings[name], -1) for name in part.class_names], dtype=np.int64)
    labels = new[part.labels] if len(part) else part.labels
    if (labels >= 0).all():
        return Part(part.role, part.images, part.sample_ids, tuple(class_names), labels)
    keep = labels >= 0
    return Part(part.role, part.images[keep], part.sample_ids[keep], tuple(class_names), labels[keep])
