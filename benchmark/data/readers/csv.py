"""Images as rows of a CSV file: fer2013.csv and its relatives, with columns in any order."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmark.data.read_options import ReadOptions
from benchmark.data.readers.csv_rows import (
    HEADER_BYTES,
    LONGEST_LINE_BYTES,
    Columns,
    Rows,
    has_pixels,
    read_header,
    read_rows,
)
from benchmark.data.readers.source import Layout, Part, dark_notes, file_identity
from benchmark.data.readers.split_names import role_of
from benchmark.matching.cell_text import NO_LABEL, without_fraction
from benchmark.matching.class_names import CONTEMPT, FER_CLASSES_AND_CONTEMPT as NUMBERED, listed
from benchmark.tables.frame_tables import is_number
from benchmark.tables.prediction_rows import SPLIT_NAMES
from zoo.errors import UserError

# A directory may hold several copies of the same data: the ones that carry their splits come first.
MAIN_FILES: Final = ("fer2013.csv", "icml_face_data.csv", "train.csv")
TEST_FILE: Final = "test.csv"
# By role, the names of the files that complete one that holds no such rows.
COMPANIONS: Final = {"validation": ("validation.csv", "valid.csv", "val.csv"), "test": (TEST_FILE,)}
USAGES: Final = "Training, PublicTest or PrivateTest"
VOTES_FILE: Final = "fer2013new.csv"


def find_file(path: Path) -> Layout:
    """The layout of one CSV file; to one called train.csv belong the validation.csv and test.csv beside it.

    Raises:
        UserError: not a text file, or columns that are missing, unknown or repeated.
    """
    return _layout(path, path, _companions(path.parent) if path.name.lower() == "train.csv" else {})


def find_in_directory(directory: Path) -> Layout | None:
    """The layout of a directory's CSV files with a pixels column; None where there is none.

    Taken is the first there is of fer2013.csv, icml_face_data.csv, train.csv, or else the only CSV file; with
    validation.csv and test.csv where the one taken has no such rows. Or the files are called as the splits.

    Raises:
        UserError: several files that could be meant, or columns that are missing, unknown or repeated.
    """
    files = {path.name: path for path in _csv_files(directory) if has_pixels(path)}
    companions = _companions(directory)
    beside = [files.pop(path.name) for path in companions.values()]
    main = next((path for name in MAIN_FILES for path in files.values() if path.name.lower() == name), None)
    if main is None and len(files) > 1 and not companions:
        # mnist_train.csv and mnist_test.csv
        by_role = {role: path for path in files.values() if (role := role_of(path.stem))}
        if "train" in by_role and len(by_role) == len(files):
            return _layout(directory, by_role.pop("train"), by_role)
    if main is None and len(files) > 1:
        raise UserError(f"{directory}: several CSV files, {', '.join(files)}; give the path of one of them")
    if main is None:
        main = next(iter(files.values()), None)
    if main is None:
        return _layout(directory, beside[0], {}) if len(beside) == 1 else None
    return _layout(directory, main, companions)


def _companions(directory: Path) -> dict[str, Path]:
    """The files with pixels that complete another, by role."""
    files = [path for path in _csv_files(directory) if path.is_file()]
    found = {
        role: next((path for name in names for path in files if path.name.lower() == name and has_pixels(path)), None)
        for role, names in COMPANIONS.items()
    }
    return {role: path for role, path in found.items() if path is not None}


def _csv_files(directory: Path) -> list[Path]:
    """The CSV files right in a directory, sorted, without hidden ones, as some systems leave beside each file."""
    return sorted(path for path in directory.glob("*.[cC][sS][vV]") if path.name[0] != ".")


def explain_directory(directory: Path) -> None:
    """Say what is wrong with the first CSV file of a directory in which nothing was recognised.

    Raises:
        UserError: there is a CSV file, and it cannot be read as images.
    """
    files = [path for path in _csv_files(directory) if path.is_file()]
    preferred = [path for path in files if path.name.lower() in MAIN_FILES]
    for path in (preferred or files)[:1]:
        read_header(path)


def _layout(where: Path, main: Path, companions: Mapping[str, Path]) -> Layout:
    columns = read_header(main)
    description = f"CSV: {main.name} ({columns})"
    for role, path in companions.items():
        unless = f", unless {main.name} has {role} rows" if columns.usage is not None else ""
        description += f" with {path.name} ({read_header(path)}){unless}"

    def read(options: ReadOptions) -> list[Part]:
        as_emotions = not options.class_names
        parts = _parts(main, columns, as_emotions)
        present = {part.role for part in parts}
        for role, path in companions.items():
            if role not in present:
                parts += _parts(path, read_header(path), as_emotions, role)
        return parts

    identity = tuple(file_identity(path.resolve(), path.stat()) for path in (main, *companions.values()))
    notes = _unused_notes(where, main, companions)
    return Layout(str(where), description, identity, read, notes, _numbers(main, columns), in_rows=True)


def _unused_notes(where: Path, main: Path, companions: Mapping[str, Path]) -> tuple[str, ...]:
    """What lies beside the file and could have been meant."""
    used = {main, *companions.values()}
    beside = [path for path in _csv_files(main.parent) if path not in used]
    votes = [path for path in beside if path.name.lower() == VOTES_FILE]
    notes = [f"{path.name} beside it is not used; --labels-from {path} takes the labels of FER+" for path in votes]
    others = [path.name for path in beside if path not in votes and has_pixels(path)]
    if others and where != main:
        notes.append(f"not used: {listed(others)}; give the path of a file to read it")
    return tuple(notes)


def _numbers(path: Path, columns: Columns) -> str:
    """What numbers in a column `emotion` are taken for, if the first row has one there."""
    if columns.label != "emotion" or columns.labels is None:
        return ""
    with path.open("rb") as file:
        file.readline(HEADER_BYTES)
        fields = file.readline(LONGEST_LINE_BYTES).split(b",")
    place = columns.labels if columns.labels < columns.pixels else columns.labels + columns.width - 1
    first = fields[place].strip(b' "\r\n') if place < len(fields) else b""
    if not is_number(first.decode("utf-8", "replace")):
        return ""
    numbering = ", ".join(f"{value} {name}" for value, name in enumerate(NUMBERED))
    return f"emotions numbered as FER-2013's: {numbering} (--class-names gives others)"


def _parts(path: Path, columns: Columns, as_emotions: bool, role: str | None = None) -> list[Part]:
    """The file's rows by split: by their Usage, or all of them in `role`."""
    rows = read_rows(path, columns)
    roles = np.array([role] * len(rows) if role else _roles(path, rows))
    if columns.width == 1 or rows.ids:
        sample_ids = _sample_ids(path, rows, role or "train")
    else:  # from 1, as the competitions that give away a column for each pixel number their test images
        sample_ids = np.array([str(row + 1) for row in range(len(rows))], dtype=np.str_)
    labelled = _labelled(path, columns, rows, is_test=roles == "test")
    as_emotions = as_emotions and columns.label == "emotion"
    class_names, labels = _classes(path, columns, rows, labelled, as_emotions)
    ranks: tuple[int, ...] = ()
    if as_emotions and CONTEMPT in class_names and set(class_names) <= set(NUMBERED):
        ranks = tuple(map(NUMBERED.index, class_names))
    notes = tuple(dark_notes(f"pixels of {path.name}", int(rows.images.max(initial=0))))
    parts = []
    for name in ("train", "validation", "test"):
        taken = roles == name
        if not taken.any():
            continue
        # The commonest case, one split a file, needs no copy of the images.
        images, ids = (rows.images, sample_ids) if taken.all() else (rows.images[taken], sample_ids[taken])
        known = labelled[taken].all()
        part = Part(name, images, ids, notes=notes)
        parts.append(replace(part, class_names=class_names, labels=labels[taken], ranks=ranks) if known else part)
    return parts


def _labelled(path: Path, columns: Columns, rows: Rows, is_test: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which rows have a label: all or none of the file, the test rows aside, which may be sealed as a whole."""
    if not rows.labels:
        return np.zeros(len(rows), dtype=bool)
    labelled = np.array([text.lower() not in NO_LABEL for text in rows.labels], dtype=bool)
    sealed = is_test & (not labelled[is_test].any())
    missing = np.flatnonzero(~labelled & ~sealed)
    if len(missing):
        row = int(missing[0])
        raise rows.error(path, row, f"{columns.label} {rows.labels[row]!r}, expected a class")
    return labelled


def _roles(path: Path, rows: Rows) -> list[str]:
    if not rows.usages:
        return ["train"] * len(rows)
    roles = [SPLIT_NAMES.get(usage.lower(), "") for usage in rows.usages]
    if "" in roles:
        row = roles.index("")
        raise rows.error(path, row, f"Usage {rows.usages[row]!r}, expected {USAGES}")
    return roles


def _sample_ids(path: Path, rows: Rows, role: str) -> NDArray[np.str_]:
    """The id column, else `<Usage>-<row>`, else `<role>-<row>`; rows count from 0 after the header."""
    if not rows.ids:
        prefixes = rows.usages or [role] * len(rows)
        return np.array([f"{prefix}-{row}" for row, prefix in enumerate(prefixes)], dtype=np.str_)
    first: dict[str, int] = {}
    for row, sample_id in enumerate(rows.ids):
        if not sample_id:
            raise rows.error(path, row, "the id is empty, expected a unique one")
        if sample_id in first:
            earlier = rows.lines[first[sample_id]]
            raise rows.error(path, row, f"id {sample_id!r} is on line {earlier} too, expected unique ids")
        first[sample_id] = row
    return np.array(rows.ids, dtype=np.str_)


def _classes(
    path: Path, columns: Columns, rows: Rows, labelled: NDArray[np.bool_], as_emotions: bool
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The classes that occur, by name, and each row's position among them; -1 for a row without a label.

    Numbers in a column `emotion` are FER-2013's, and 7 is contempt, as in CK+ and FER+; whole ones in any other column,
    or where the user names classes, are names themselves. 3.0 is 3.
    """
    names = list(rows.labels) or [""] * len(rows)
    present = np.flatnonzero(labelled)
    texts = [names[row] for row in present]
    if columns.label == "emotion":
        numbered = any(map(is_number, texts))
    else:
        numbered = bool(texts) and (_is_whole(texts[0]) or all(_is_whole(without_fraction(one)) for one in set(texts)))
    if numbered:
        for row in map(int, present):
            names[row] = _numbered(path, columns, rows, row, as_emotions)
    known = tuple(sorted({names[row] for row in present}))
    position = {name: index for index, name in enumerate(known)}
    labels = [position[name] if has_label else -1 for name, has_label in zip(names, labelled, strict=True)]
    return known, np.array(labels, dtype=np.int64)


def _numbered(path: Path, columns: Columns, rows: Rows, row: int, as_emotion: bool) -> str:
    text = without_fraction(rows.labels[row])
    number = int(text) if _is_whole(text) else -1
    if number < 0 or (as_emotion and number >= len(NUMBERED)):
        expected = "whole numbers from 0, as the first label is one"
        if as_emotion:
            expected = "0-6, or 7 for contempt; name other classes with --class-names, or call the column label"
        raise rows.error(path, row, f"{columns.label} {text!r}, expected {expected}")
    return NUMBERED[number] if as_emotion else str(number)


def _is_whole(text: str) -> bool:
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdigit() and len(digits) < 10
