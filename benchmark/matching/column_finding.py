"""Which column of a user's file has the ids, and which the labels."""

import re
from collections.abc import Sequence
from typing import Final

from benchmark.matching.cell_text import UNNAMED
from benchmark.matching.sample_ids import IdMatcher

ID_COLUMNS: Final = ("id", "sample_id", "image_id", "image", "filename", "file_name", "file", "path", "image_name")
"""Headings of ids in any case; of several in one file, the first of these counts."""

OTHER_IDS: Final = re.compile(r"(?i:[ _.-]id)$|[a-z]I[dD]$")
"""Headings that end in the word id: PassengerId, essay_id, customer ID."""

LABEL_COLUMNS: Final = ("emotion", "label", "class", "target", "category", "y_true", "ground_truth")
"""Headings of labels in any case; of several in one file, the first of these counts."""

PEEK: Final = 100


def find_column(header: Sequence[str], names: Sequence[str]) -> int | None:
    """The column whose heading is the first of these names that occurs, `ImageId` for `image_id`; None for none."""
    plain = [_plain(heading) for heading in header]
    return next((plain.index(name) for name in map(_plain, names) if name in plain), None)


def called_ids(header: Sequence[str]) -> int | None:
    """The column that is called ids: one of `ID_COLUMNS`, else the only one whose heading ends in id; None for none."""
    if (usual := find_column(header, ID_COLUMNS)) is not None:
        return usual
    others = [place for place, heading in enumerate(header) if OTHER_IDS.search(heading.strip())]
    return others[0] if len(others) == 1 else None


def unnamed_column(header: Sequence[str]) -> int | None:
    """The column of pandas' index; None where there is none."""
    lower = [heading.strip().lower() for heading in header]
    return next((lower.index(name) for name in UNNAMED if name in lower), None)


def id_column(header: Sequence[str], rows: Sequence[Sequence[str]], known: IdMatcher) -> int:
    """The column of the ids.

    `naming_column`; else that which is called an id; else that which names most samples.

    Args:
        header: the first row.
        rows: the others, each with as many cells as the header.
        known: finds the known ids; there may be none.
    """
    for candidate in (naming_column(header, rows, known), called_ids(header)):
        if candidate is not None:
            return candidate
    return max(range(len(header)), key=lambda column: (not _is_label(header[column]), _samples(column, rows, known)))


def naming_column(header: Sequence[str], rows: Sequence[Sequence[str]], known: IdMatcher) -> int | None:
    """The column that names a sample in most rows, each another one, and is not called a label; None where none does.

    Arguments are those of `id_column`. Of several columns that which is called an id, else which names most samples.
    """
    called_id = called_ids(header)
    if called_id is not None and 2 * _samples(called_id, rows, known) > len(rows) and not _is_label(header[called_id]):
        return called_id
    named = {place: _samples(place, rows, known) for place, name in enumerate(header) if not _is_label(name)}
    return max((place for place, count in named.items() if 2 * count > len(rows)), key=named.__getitem__, default=None)


def _is_label(heading: str) -> bool:
    return find_column([heading], LABEL_COLUMNS) is not None


def _samples(column: int, rows: Sequence[Sequence[str]], known: IdMatcher) -> int:
    """How many samples the column names. Labels name few, however many rows there are."""
    # A thousand columns of probabilities are not looked at to their end.
    if len(rows) > PEEK and not _samples(column, rows[:PEEK], known):
        return 0
    return len(set(known.match([cells[column] for cells in rows]).places.tolist()) - {-1})


def _plain(heading: str) -> str:
    """The heading in lower case without the marks between its words."""
    return "".join(character for character in heading.lower() if character.isalnum())
