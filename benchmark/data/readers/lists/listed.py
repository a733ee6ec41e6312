"""What a list says: of each picture the class and the split, with a note on every row that is left out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmark.data.readers.listing import SHOWN
from benchmark.data.readers.lists.emotions import Numbering, numbering_of, plain
from benchmark.data.readers.lists.list_files import ListFile
from benchmark.data.readers.lists.pictures import Pictures, folder_role
from benchmark.data.readers.split_names import role_of
from benchmark.data.readers.votes import NO_CLASSES, emotion_of, majority, vote_of
from benchmark.matching.cell_text import LONGEST_TEXT, NO_LABEL, too_long
from benchmark.matching.class_names import FER_CLASSES, meaning
from benchmark.tables.prediction_rows import SPLIT_NAMES
from zoo.errors import UserError


@dataclass
class Row:
    """A row of a list: its line, the texts that may name the picture, class and split as text, empty for none."""

    line: int
    images: tuple[str, ...]
    label: str
    split: str


@dataclass
class Listed:
    """The pictures of a list that are there.

    Attributes:
        file: the list.
        image: position of the column that names the pictures.
        paths: of the pictures, relative to the folder, each once.
        labels: the class of each as text; empty where the list has none.
        roles: the split of each.
        split: how these came about, in words; empty where all are train.
        present: paths of all pictures of the list that are there, with those that are left out.
        missing: the pictures that are not there, as the list has them.
        numbering: whose numbers the labels are, if that is known.
        notes: on rows that are left out.
    """

    file: ListFile
    image: int
    paths: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    roles: list[str] = field(default_factory=list)
    split: str = ""
    present: frozenset[str] = frozenset()
    missing: list[str] = field(default_factory=list)
    numbering: Numbering | None = None
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        file = self.file
        shown = [file.heading(self.image)]
        if file.label is not None:
            shown.append(file.heading(file.label))
        elif file.votes:
            shown.append("votes")
        return f"{file.path.name} ({', '.join(shown)}){self.split}"


def read_list(file: ListFile, pictures: Pictures) -> Listed | None:
    """The list with what is there of its pictures; None for a file that gives no classes after all.

    Raises:
        UserError: a row that cannot be read, or a picture that could be two.
    """
    notes: list[str] = []
    rows = _rows(file, notes)
    if rows is None:
        return None
    for at, image in enumerate(file.images):
        named = [row for row in rows if row.images[at].lower() not in NO_LABEL]
        texts = [row.images[at] for row in named]
        numbering = numbering_of(
            [file.heading(image), file.heading(file.label or 0)], texts, plain([row.label for row in named])
        )
        listed = Listed(file, image, numbering=numbering, notes=list(notes))
        if len(named) < len(rows):
            listed.notes.append(f"{file.path.name}: {len(rows) - len(named):,} left out, as they name no picture")
        roles = _said_roles(listed, named, texts)
        places = pictures.places(texts, roles, aligned=numbering is not None and numbering.data == "RAF-DB")
        listed.missing = [text for text, place in zip(texts, places.tolist(), strict=True) if place < 0]
        there = np.flatnonzero(places >= 0).tolist()
        if not there and image != file.images[-1]:
            continue
        if several := pictures.several(listed.missing):
            text, first, second = several
            raise UserError(
                f"{file.path}: {text!r} could be {first!r} or {second!r}; write its folder in the list, or keep one"
            )
        _take(
            listed,
            [pictures.paths[places[row]] for row in there],
            [named[row] for row in there],
            [roles[row] for row in there],
        )
        return listed
    return None


def _rows(file: ListFile, notes: list[str]) -> list[Row] | None:
    """The rows; None where numbers beside the pictures are neither votes nor ones and zeros."""
    rows: list[Row] = []
    votes: list[list[float]] = []
    are_votes = sum(emotion_of(name) in FER_CLASSES for _, name in file.votes) > 1
    for line, fields in file.rows():
        images = tuple(fields[place].replace("\\", "/") for place in file.images)
        label = "" if file.label is None else fields[file.label]
        if label.lower() in NO_LABEL:
            label = ""
        for text in (*images, label):
            if too_long(text):
                raise file.error(
                    line, f"a text of {len(text):,} characters, expected up to {LONGEST_TEXT:,} plain ones"
                )
        rows.append(Row(line, images, label, "" if file.split is None else fields[file.split]))
        if file.votes:
            try:
                votes.append([vote_of(file.path, line, fields[place]) for place, _ in file.votes])
            except UserError:
                if are_votes:
                    raise
                return None
    return rows if not votes else _decided(file, rows, votes, are_votes, notes)


def _decided(
    file: ListFile, rows: list[Row], votes: list[list[float]], are_votes: bool, notes: list[str]
) -> list[Row] | None:
    """The rows with the class that has the only one, or FER+'s majority of the votes; the others are left out."""
    order = sorted(range(len(file.votes)), key=lambda place: file.votes[place][1].lower() in NO_CLASSES)
    names = [emotion_of(file.votes[place][1]) for place in order]
    classes = sum(file.votes[place][1].lower() not in NO_CLASSES for place in order)
    numbers = np.array(votes)[:, order]
    single, why = numbers.sum(axis=1) == 1, "no class has more than half of the votes"
    if ((numbers == 0) | (numbers == 1)).all() and (are_votes or single.all()):
        chosen, why = np.where(single, numbers.argmax(axis=1), -1).tolist(), "not exactly one class has a 1"
    elif are_votes:
        chosen = [majority(row, classes) for row in numbers]
    else:
        return None
    kept = []
    for row, place in zip(rows, chosen, strict=True):
        if 0 <= place < classes:
            row.label = names[place]
            kept.append(row)
    if not kept:
        raise UserError(f"{file.path}: no row gives a class, expected a single 1, or votes of which a class has most")
    if len(kept) < len(rows):
        notes.append(f"{file.path.name}: {len(rows) - len(kept):,} left out, as {why}")
    return kept


def _said_roles(listed: Listed, rows: Sequence[Row], texts: Sequence[str]) -> list[str]:
    """The split of each row by its column, or by the list's name, or by how the pictures' names begin; or none.

    Raises:
        UserError: a split that is none, beside others that are.
    """
    file = listed.file
    if file.split is not None:
        roles = [SPLIT_NAMES.get(row.split.lower(), "") for row in rows]
        if all(roles):
            listed.split = f", split by {file.heading(file.split)}"
            return roles
        if any(roles):
            row = rows[roles.index("")]
            raise file.error(
                row.line, f"{file.heading(file.split)} {row.split[:30]!r}, expected train, validation or test"
            )
        listed.notes.append(f"{file.path.name}: column {file.heading(file.split)} names no splits and is not used")
    if file.role:
        listed.split = f" for {file.role}"
        return [file.role] * len(rows)
    roles = [role_of(text.rsplit("/", 1)[-1].partition("_")[0]) or "" for text in texts]
    if all(roles) and len(set(roles)) > 1:
        listed.split = ", split by how the names begin"
        return roles
    _note_of_some(listed, texts, roles, "the names begin")
    return [""] * len(rows)


def _note_of_some(listed: Listed, texts: Sequence[str], roles: Sequence[str], what: str) -> None:
    """That splits are drawn although those of most pictures could be told: the others' would have to be, too."""
    if len(set(roles) - {""}) > 1 and 2 * roles.count("") < len(roles):
        without = texts[roles.index("")]
        listed.notes.append(f"{listed.file.path.name}: no splits by how {what}, as {without} has none")


def _take(listed: Listed, paths: Sequence[str], rows: Sequence[Row], roles: Sequence[str]) -> None:
    """Enter the pictures that are there, each once."""
    listed.present = frozenset(paths)
    if not any(roles):
        by_folder = [folder_role(path) for path in paths]
        if all(by_folder) and len(set(by_folder)) > 1:
            roles = by_folder
            listed.split = ", split by the pictures' folders"
        else:
            _note_of_some(listed, paths, by_folder, "the pictures' folders are called")
    no_classes = listed.numbering.no_classes if listed.numbering is not None else {}
    labelled = zip(paths, plain([row.label for row in rows]), roles, strict=True)
    single, left = _with_one_class(list(labelled), no_classes)
    listed.notes += [f"{listed.file.path.name}: {count:,} {what}" for what, count in left.items() if count]
    listed.paths, listed.labels, listed.roles = (
        (list(column) for column in zip(*single, strict=True)) if single else ([], [], [])
    )


def _with_one_class(
    rows: Sequence[tuple[str, str, str]], no_classes: Mapping[str, str]
) -> tuple[list[tuple[str, str, str]], Counter[str]]:
    """Path, class and split of the pictures that have one class, each once in a split; and how many are left out why.

    Args:
        rows: path, class and split as listed; empty for none.
        no_classes: what stands for no class, with words for it.
    """
    entries: dict[tuple[str, str], set[str]] = {}
    # Test labels may be sealed as a whole; any other row without one is of no use.
    sealed = not any(label for _, label, role in rows if role == "test")
    left = Counter[str]()
    for path, label, role in rows:
        if label in no_classes:
            left[f"left out, as they show no class: {', '.join(no_classes.values())}"] += 1
        elif label or (role == "test" and sealed):
            key = (path, role or "train")
            left["listed again"] += key in entries
            entries.setdefault(key, set()).add(label)
        else:
            left["left out, as they have no class"] += 1
    # Spellings of one class are that class; of those the first in the alphabet.
    entries = {
        key: {min(classes)} if len({meaning(label) for label in classes}) == 1 else classes
        for key, classes in entries.items()
    }
    torn = [path for (path, _), classes in entries.items() if len(classes) > 1]
    if torn:
        left[f"left out, as they have several classes: {', '.join(torn[:SHOWN])}"] = len(torn)
    return [(path, classes.pop(), role) for (path, role), classes in entries.items() if len(classes) == 1], left
