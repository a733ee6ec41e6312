"""CSV files that a user hands over: submissions, samples of them, labels."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from benchmark.data.readers.csv_rows import LABEL_COLUMNS
from benchmark.files.names import NaturalKey, is_picture, natural, without_suffix
from benchmark.matching.class_names import label_numbers
from zoo.errors import UserError

ID_COLUMNS: Final = ("id", "sample_id")

Line = tuple[int, list[str]]
"""Where a row stands, counted from 1, and its cells without the blanks around them."""


def read_lines(path: Path, expected: str) -> list[Line]:
    """Every row of the file that is not blank, the header included.

    Args:
        path: a CSV in UTF-8, with or without a byte-order mark (Excel's).
        expected: what should be in it, for the message where it is empty.

    Raises:
        UserError: the file cannot be read, is no CSV, or has no rows.
    """
    try:
        # csv wants the line ends as they are.
        text = path.read_bytes().decode("utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""))
        lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if any(map(str.strip, cells))]
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is no CSV in UTF-8: {error}") from error
    if not lines:
        raise UserError(f"{path} is empty: expected {expected}")
    return lines


def check_columns(path: Path, lines: Sequence[Line], columns: int) -> None:
    """Raise UserError at the first row that has not so many columns."""
    for line, cells in lines:
        if len(cells) != columns:
            raise UserError(f"{path}, line {line}: {len(cells)} columns, expected {columns}")


def find_column(header: Sequence[str], names: Sequence[str]) -> int | None:
    """The column whose heading, in any case, is the first of these names that occurs; None where none does."""
    lower = [heading.lower() for heading in header]
    return next((lower.index(name) for name in names if name in lower), None)


def class_positions(class_names: Sequence[str]) -> dict[str, int]:
    """What files write for the classes, integers and names, and the position of each among `class_names`."""
    positions = {str(number): position for position, number in enumerate(label_numbers(class_names))}
    # A class may be called "3": names go before numbers.
    return positions | {name: position for position, name in enumerate(class_names)}


@dataclass(frozen=True)
class IdPlaces:
    """The position of each id, from 0, by the ways in which a file may write it.

    Attributes:
        names: by the id itself.
        bare: by the id without a picture's suffix, where no other has it.
        stems: by the last part of that, without folders, where no other has it.
        paths: the ids without a picture's suffix, one a place.
    """

    names: dict[str, int]
    bare: dict[str, int]
    stems: dict[str, int]
    paths: tuple[PurePosixPath, ...]


def id_places(names: Sequence[str]) -> IdPlaces:
    """Where each of these ids stands, to be found by `find_id`."""
    paths = tuple(PurePosixPath(without_suffix(name)) for name in names)
    return IdPlaces(
        names={name: place for place, name in enumerate(names)},
        bare=_unique([str(path) for path in paths]),
        stems=_unique([path.name for path in paths]),
        paths=paths,
    )


def find_id(text: str, places: IdPlaces) -> int | None:
    """The place of an id, or None. Competitions on folders write the file's name, of which our id is the stem.

    `a/7.png` is `a/7`, or `7` where only one id has that stem, but never `b/7`: folders that both have must agree, from
    the last one up.
    """
    if text in places.names:
        return places.names[text]
    path = PurePosixPath(without_suffix(text))
    if str(path) in places.bare:
        return places.bare[str(path)]
    place = places.stems.get(path.name)
    return place if place is not None and _folders_agree(path, places.paths[place]) else None


def file_order(sample_id: str) -> NaturalKey:
    """A key that sorts ids as folders of images sort their files: 2 before 10, `img2` before `img`."""
    # The dot of the suffix counts there, and our ids are without.
    return natural(sample_id if is_picture(sample_id) else f"{sample_id}.png")


def _unique(texts: Sequence[str]) -> dict[str, int]:
    """The places of the texts that occur once."""
    seen = Counter(texts)
    return {text: place for place, text in enumerate(texts) if seen[text] == 1}


def _folders_agree(path: PurePosixPath, other: PurePosixPath) -> bool:
    """Whether one's folders are the last of the other's; no folder agrees with any."""
    pairs = zip(reversed(path.parent.parts), reversed(other.parent.parts), strict=False)
    return all(folder == same for folder, same in pairs)


def id_column(header: Sequence[str], lines: Sequence[Line], places: IdPlaces) -> int:
    """The column of the ids: that with most known ids; among equals one called so, or the first that is no label.

    Args:
        header: the first row.
        lines: the others, each with as many cells as the header.
        places: of the known ids, see `id_places`; may be empty.
    """
    counts = [sum(find_id(cells[column], places) is not None for _, cells in lines) for column in range(len(header))]
    lower = [name.lower() for name in header]
    # Where ids and labels are both small integers, the headings decide.
    ranks = [(count, name in ID_COLUMNS, name not in LABEL_COLUMNS) for count, name in zip(counts, lower, strict=True)]
    return ranks.index(max(ranks))


def csv_text(rows: Sequence[Sequence[str]]) -> str:
    """The rows as CSV, quoted where a cell needs it, a line feed after each."""
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue()
