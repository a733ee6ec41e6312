"""Labels by majority of votes, from a file beside the images: FER+'s fer2013new.csv for the rows of fer2013.csv."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmark.data.read_options import ReadOptions
from benchmark.data.readers.source import Layout, Part, file_identity
from benchmark.data.readers.text_lines import lines_of
from benchmark.matching.cell_text import UNNAMED
from benchmark.matching.class_names import FER_CLASSES, FER_CLASSES_AND_CONTEMPT, listed, meaning
from benchmark.tables.prediction_rows import SPLIT_NAMES
from zoo.errors import UserError

USAGE: Final = "usage"
NAMES: Final = ("image name", "image", "id")
NO_CLASSES: Final = ("unknown", "nf")
"""Columns of votes for no class: an expression that is none of these, and no face."""

NUMBERED: Final = re.compile(r"(\d{1,18})\.\w+$")
"""A picture's number in its name, such as that of fer0000032.png."""

MOST_VOTES: Final = 1e6


def voted(layout: Layout, path: Path) -> Layout:
    """The layout with the labels that a file of votes gives its rows.

    As in the code of Barsoum et al. 2016 (FER+, "majority"): single votes do not count, and a class needs more than
    half of the others, those for `unknown` and `NF` (no face) included. Other images are left out.

    Raises:
        UserError: the layout has no rows, or there is no such file.
    """
    check_rows(layout, path)
    if not path.is_file():
        raise UserError(f"{path}: no such file, expected a CSV file of votes such as fer2013new.csv")

    def read(options: ReadOptions) -> list[Part]:
        return _relabelled(list(layout.read(options)), path, layout.where)

    return replace(
        layout,
        description=f"{layout.description}, labels by majority of {path.name}",
        identity=(*layout.identity, f"votes\t{file_identity(path.resolve(), path.stat())}"),
        read=read,
        notes=tuple(note for note in layout.notes if not note.startswith(f"{path.name} ")),
        numbers="",
    )


def check_rows(layout: Layout, path: Path) -> None:
    """Raise UserError if the layout has no rows, which the labels in the file at `path` are for."""
    if not layout.in_rows:
        raise UserError(f"{layout.where}: labels from {path.name} are by row, expected a CSV file with pixels")


def _relabelled(parts: Sequence[Part], path: Path, where: str) -> list[Part]:
    classes, by_role, on_columns = _read(path)
    roles = [part.role for part in parts]
    if set(by_role) != set(roles) and not (set(by_role) == {""} and len(parts) == 1):
        raise UserError(f"{path}: its Usage gives {listed(sorted(by_role))}, expected {listed(roles)} as in {where}")
    names = tuple(name for name in _label_order(classes) if any(name in chosen for chosen in by_role.values()))
    if not names:
        raise UserError(
            f"{path}: no row gives a class, expected numbers of votes, of which a class needs more than half; single "
            "votes do not count"
        )
    position = {name: index for index, name in enumerate(names)}
    kept, left = [], 0
    for part in parts:
        chosen = by_role[part.role if part.role in by_role else ""]
        if len(chosen) != len(part):
            raise UserError(f"{path}: {len(chosen):,} rows for {part.role}, expected {len(part):,} as in {where}")
        labels = np.array([position.get(name, -1) for name in chosen], dtype=np.int64)
        keep = labels >= 0
        left += int((~keep).sum())
        kept.append(Part(part.role, part.images[keep], part.sample_ids[keep], names, labels[keep], part.notes))
    notes = [f"{left:,} images are left out, of whose votes no class has more than half"] if left else []
    return [replace(part, notes=(*part.notes, *on_columns, *notes), ranks=tuple(range(len(names)))) for part in kept]


def _label_order(classes: Sequence[str]) -> tuple[str, ...]:
    """FER-2013's classes in its order, others behind them."""
    return (*(name for name in FER_CLASSES if name in classes), *(name for name in classes if name not in FER_CLASSES))


def _read(path: Path) -> tuple[list[str], dict[str, list[str]], list[str]]:
    """The classes, by role the class of each row, "" for none, and notes; the role is "" where there is no Usage."""
    lines = lines_of(path)
    header = [name.strip().lower() for name in next(lines, (1, []))[1]]
    columns = [place for place, name in enumerate(header) if name not in (USAGE, *NAMES, *NO_CLASSES, *UNNAMED)]
    notes: list[str] = []
    # Among the names of FER+'s classes any other column, such as `index`, is about something else.
    known = [place for place in columns if meaning(header[place]) in FER_CLASSES_AND_CONTEMPT]
    if len(known) > 2 and (strange := [header[place] for place in columns if place not in known]):
        columns, notes = known, [f"{path.name}: {listed(strange)} not counted, as the votes are for FER+'s classes"]
    others = [place for place, name in enumerate(header) if name in NO_CLASSES]
    classes = [emotion_of(header[place]) for place in columns]
    if len(classes) < 2 or len(set(classes)) < len(classes) or header.count(USAGE) > 1:
        raise UserError(
            f"{path}: found columns {listed(header)[:200]}; expected a column of votes for each class, and "
            "Usage where the images have it"
        )
    usage = header.index(USAGE) if USAGE in header else None
    by_role: dict[str, list[str]] = {}
    image = next((header.index(name) for name in NAMES if name in header), None)
    last: dict[str, int] = {}
    for line, fields in lines:
        if len(fields) != len(header):
            raise UserError(f"{path}, line {line}: {len(fields)} columns, expected {len(header)}")
        role = "" if usage is None else SPLIT_NAMES.get(fields[usage].strip().lower(), "")
        if usage is not None and not role:
            raise UserError(f"{path}, line {line}: Usage {fields[usage][:30]!r}, expected Training, PublicTest or ...")
        if image is not None and (found := NUMBERED.search(fields[image])):
            if (number := int(found[1])) <= last.get(role, -1):
                raise UserError(
                    f"{path}, line {line}: {fields[image]!r} after image {last[role]}, expected the order of the rows "
                    "with pixels, as votes go by it"
                )
            last[role] = number
        votes = np.array([vote_of(path, line, fields[place]) for place in (*columns, *others)])
        place = majority(votes, len(columns))
        by_role.setdefault(role, []).append(classes[place] if place >= 0 else "")
    return classes, by_role, notes


def emotion_of(name: str) -> str:
    """FER-2013's name for the class where it has one, else the name itself."""
    return meaning(name) if meaning(name) in FER_CLASSES else name


def vote_of(path: Path, line: int, text: str) -> float:
    """The number of votes that the text is.

    Raises:
        UserError: no number from 0.
    """
    try:
        votes = float(text)
    except ValueError:
        votes = -1.0
    if not 0 <= votes <= MOST_VOTES:
        raise UserError(f"{path}, line {line}: {text[:30]!r} votes, expected a number from 0")
    return votes


def majority(votes: NDArray[np.float64], classes: int) -> int:
    """The class of a row, -1 for none; see `voted`."""
    counted = np.where(votes > 1, votes, 0)
    best = int(counted.argmax())
    return best if best < classes and counted[best] > counted.sum() / 2 else -1
