"""What every layout hands over, and how classes are aligned: by name, never by position."""

import os
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmark.data.read_options import ReadOptions
from benchmark.matching.class_names import common_names, meaning
from zoo.errors import UserError, unknown_name

DARK: Final = 64
"""Below that largest pixel of 255 images are probably of another range, as those of scikit-learn's digits (0-16)."""


@dataclass(frozen=True, eq=False)
class Part:
    """Images that a layout assigns to one split.

    Attributes:
        role: train, validation or test.
        images: uint8, shape (n, height, width, channels), 0-255; channels is 1 or 3.
        sample_ids: str, shape (n,).
        class_names: as the source spells them; each counts as a class of the data, with images or without.
        labels: int64, shape (n,), positions in class_names; None where there are none.
        notes: what the user should know about how the images were read, a line each.
        ranks: the number of each class where numbers give their order; empty where names do.
    """

    role: str
    images: NDArray[np.uint8]
    sample_ids: NDArray[np.str_]
    class_names: tuple[str, ...] = ()
    labels: NDArray[np.int64] | None = None
    notes: tuple[str, ...] = ()
    ranks: tuple[int, ...] = ()

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
        notes: what the user should know about what was found, a line each.
        numbers: which classes numbers in it are taken for, in words.
        in_rows: whether each split's images are in the order of a file's rows.
    """

    where: str
    description: str
    identity: tuple[str, ...]
    read: Callable[[ReadOptions], Sequence[Part]]
    notes: tuple[str, ...] = ()
    numbers: str = ""
    in_rows: bool = False


def file_identity(path: str | Path, status: os.stat_result) -> str:
    """One line that changes when the file does: path, size in bytes, times of the last change in nanoseconds.

    Programs that copy files set the time of their content to that of the original, not that of the entry.
    """
    return f"{path}\t{status.st_size}\t{status.st_mtime_ns}\t{status.st_ctime_ns}"


def read_parts(layout: Layout, options: ReadOptions) -> list[Part]:
    """Read the images of a layout. Class names and sample ids are in Unicode's composed form (NFC).

    Raises:
        UserError: they cannot be read, or there are none.
    """
    try:
        parts = list(layout.read(options))
    except OSError as error:
        raise UserError(f"{error.filename or layout.where}: cannot be read: {error.strerror or error}") from error
    if not any(len(part) for part in parts):
        raise UserError(f"{layout.where}: no images found, expected at least one for each class")
    return [_composed(part) for part in parts]


def dark_notes(pixels: str, brightest: float) -> list[str]:
    """A note where the largest of these pixels, 0-255, says that the numbers of a file are of another range."""
    if not 0 < brightest < DARK:
        return []
    return [f"{pixels} are at most {brightest:g} of 255, nearly black: scale them to 0-255"]


def composed(text: str) -> str:
    """The text in Unicode's composed form (NFC): a Mac's archives hold names with accents apart from their letters."""
    return unicodedata.normalize("NFC", text)


def _composed(part: Part) -> Part:
    ids = part.sample_ids
    # A few names in a million are beyond ASCII, and the rest need no look at each.
    if ids.size and not all(map(str.isascii, ids.tolist())):
        part = replace(part, sample_ids=np.array([composed(name) for name in ids.tolist()], dtype=np.str_))
    if all(map(str.isascii, part.class_names)):
        return part
    return renamed(part, {name: composed(name) for name in part.class_names})


def renamed(part: Part, new_names: Mapping[str, str], *notes: str) -> Part:
    """The part with other class names, and more notes; two classes that get one name become one."""
    names = tuple(dict.fromkeys(new_names[name] for name in part.class_names))
    position = {name: index for index, name in enumerate(names)}
    new = np.array([position[new_names[name]] for name in part.class_names], dtype=np.int64)
    labels = part.labels if part.labels is None or not len(part) else new[part.labels]
    return replace(part, class_names=names, labels=labels, notes=(*part.notes, *notes))


def notes_of(parts: Sequence[Part]) -> list[str]:
    """The notes on how the parts were read, each once."""
    return list(dict.fromkeys(note for part in parts for note in part.notes))


def align(
    parts: Sequence[Part], wanted: Sequence[str], where: str, meanings: Mapping[str, str] | None = None
) -> tuple[tuple[str, ...], list[Part]]:
    """Class names in label order, and the parts with labels in that order.

    Args:
        wanted: the only classes to keep; empty for all. Images of others are dropped, unlabelled ones stay.
        meanings: the class that each spelling stands for, in the order of the labels; `common_names` by default.

    Raises:
        UserError: an unknown class is wanted, or fewer than two classes are left.
    """
    meanings = meanings or _meanings(parts)
    class_names = tuple(dict.fromkeys(meanings.values()))
    if wanted:
        kept = {_known_class(name, class_names) for name in wanted}
        class_names = tuple(name for name in class_names if name in kept)
    if len(class_names) < 2:
        found = f"only class {class_names[0]!r}" if class_names else "no class"
        raise UserError(f"{where}: {found} found, expected labelled images of at least two classes")
    return class_names, [_relabelled(part, meanings, class_names) for part in parts]


def _meanings(parts: Sequence[Part]) -> dict[str, str]:
    """The class of each spelling: as `common_names`, and `angry` in one part is `Angry` in another; or by number.

    Names of which one part has images side by side, such as `a` and `A`, stay apart.
    """
    named = [part for part in parts if part.class_names]
    if named and all(part.ranks for part in named):
        ranks = {name: rank for part in named for name, rank in zip(part.class_names, part.ranks, strict=True)}
        return {name: name for name in sorted(ranks, key=ranks.__getitem__)}
    used = [[part.class_names[label] for label in np.unique(part.labels)] for part in parts if part.labels is not None]
    folded: dict[str, list[str]] = {}
    # The spelling of the first part, which is train, goes before others.
    for name in dict.fromkeys(name for names in (*used, *(part.class_names for part in parts)) for name in names):
        folded.setdefault(meaning(name), []).append(name)
    spelling: dict[str, str] = {}
    for names in folded.values():
        together = all(len(set(own).intersection(names)) <= 1 for own in used)
        spelling |= {name: names[0] if together else name for name in names}
    common = common_names([spelling[name] for name in part.class_names] for part in parts)
    # In the order of the labels; a spelling's own place follows its class.
    return {name: common[first] for first in common for name, spelled in spelling.items() if spelled == first}


def twin_notes(class_names: Sequence[str]) -> list[str]:
    """A note on classes whose names differ in case or as synonyms alone, and so may be one."""
    by_meaning: dict[str, list[str]] = {}
    for name in class_names:
        by_meaning.setdefault(meaning(name), []).append(name)
    return [
        f"{' and '.join(names)} are classes of their own; if they are one, give them one name"
        for names in by_meaning.values()
        if len(names) > 1
    ]


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
