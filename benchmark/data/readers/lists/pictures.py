"""The pictures under a folder, and which of them a text in a list means. No text leads out of the folder."""

import os
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmark.data.readers.listing import SYSTEM_FOLDERS, entries_of, files_under, holds_picture, is_store
from benchmark.data.readers.source import composed
from benchmark.data.readers.split_names import means_pictures, role_of
from benchmark.files.names import without_suffix
from benchmark.matching.sample_ids import IdMatcher
from zoo.errors import UserError

MOST: Final = 3_000_000
ALIGNED: Final = "_aligned"
"""What RAF-DB adds to the names of the pictures whose faces are aligned; its list has the names without."""


class Pictures:
    """The pictures under a folder.

    Attributes:
        root: the folder.
        paths: of the pictures, relative to it, in no order.

    Args:
        root: as above.
        inside: the only folders in it to look through; None for all of it.
    """

    def __init__(self, root: Path, inside: Sequence[str] | None = None) -> None:
        self.root = root
        files = files_under(root, [""] if inside is None else inside, _has_data)
        self.paths = list(islice((path for path, entry in files if holds_picture(entry)), MOST + 1))
        if len(self.paths) > MOST:
            raise UserError(f"{root}: more than {MOST:,} pictures; give the folder that holds those of the list")
        self._matchers: dict[str, tuple[NDArray[np.int64], IdMatcher]] = {}

    def places(self, texts: Sequence[str], roles: Sequence[str], aligned: bool) -> NDArray[np.int64]:
        """The places in `paths` of the pictures meant, shape (n,); -1 for one that is not there or could be two.

        A text is a path or the end of one, with a picture's suffix or without; folders that both have must agree.

        Args:
            texts: as the list has them, with slashes between folders.
            roles: of each text the split whose folders are looked through first; empty for none.
            aligned: whether `x_aligned.jpg` is meant by `x.jpg` before `x.jpg` itself.
        """
        texts = [composed(text) for text in texts]
        with_end = [f"{without_suffix(text)}{ALIGNED}" for text in texts]
        positions = np.full(len(texts), -1, np.int64)
        wanted = np.array(roles, dtype=np.str_)
        for names in (with_end, texts) if aligned else (texts, with_end):
            for scope in (*sorted(set(roles) - {""}), ""):
                rows = np.flatnonzero((positions < 0) & ((wanted == scope) | (scope == "")))
                own, matcher = self._matcher(scope)
                if len(rows) and len(own):
                    matches = matcher.match([names[row] for row in rows]).places
                    positions[rows] = np.where(matches >= 0, own[matches], -1)
        return positions

    def several(self, texts: Sequence[str]) -> tuple[str, ...]:
        """A text that could mean several pictures, and two of these; empty where none could."""
        stems = Counter(_stem(path) for path in self.paths)
        for text in texts:
            if stems[_stem(text)] > 1:
                could_be = self._matcher("")[1].candidates(composed(text))
                return (text, *could_be[:2]) if len(could_be) > 1 else ()
        return ()

    def _matcher(self, role: str) -> tuple[NDArray[np.int64], IdMatcher]:
        """The places of the pictures in folders of that split, or of all, and what finds them."""
        if role not in self._matchers:
            own = [place for place, path in enumerate(self.paths) if not role or role == folder_role(path)]
            matcher = IdMatcher([composed(self.paths[place]) for place in own])
            self._matchers[role] = np.array(own, dtype=np.int64), matcher
        return self._matchers[role]


def _has_data(folder: os.DirEntry[str], parent: str) -> bool:
    return folder.name.lower() not in SYSTEM_FOLDERS and (bool(parent) or not is_store(folder.path))


def folder_role(path: str) -> str:
    """The split that the first folder of a path means that means one; empty for none."""
    return next((role for folder in path.split("/")[:-1] if (role := role_of(folder))), "")


def _stem(path: str) -> str:
    return without_suffix(composed(path)).rsplit("/", 1)[-1]


def beside(folder: Path) -> Pictures:
    """The pictures in folders beside this one that are called images or the like."""
    folder = folder.resolve()
    names = [entry.name for entry in entries_of(folder.parent) if entry.is_dir() and means_pictures(entry.name)]
    return Pictures(folder.parent, sorted(set(names) - {folder.name}))
