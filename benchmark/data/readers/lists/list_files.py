"""Which files list pictures, and in which of their columns stand the picture, the class and the split."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmark.data.readers.text_lines import LONGEST_LINE, lines_of
from benchmark.data.readers.votes import NO_CLASSES
from benchmark.files.names import is_picture
from benchmark.matching.class_names import FER_CLASSES_AND_CONTEMPT, meaning, number
from benchmark.tables.prediction_rows import SPLIT_NAMES
from zoo.errors import UserError

SUFFIXES: Final = (".csv", ".tsv", ".txt")
# Letters and digits of the usual names, the surest first: `id` may number the rows beside a `filename`.
IMAGES: Final = (
    "subdirectoryfilepath", "imagepath", "imgpath", "filepath", "filepaths", "imagefile", "filename", "filenames",
    "imagename", "imgname", "image", "images", "img", "picture", "photo", "file", "files", "path", "pth", "imageid",
    "imgid", "idcode", "name", "id",
)  # fmt: skip
LABELS: Final = (
    "label", "labels", "emotion", "emotions", "expression", "class", "classname", "category", "target", "diagnosis",
    "species", "breed", "dx",
)  # fmt: skip
SPLITS: Final = ("split", "usage", "subset", "set", "partition", "dataset", "phase", "fold")
WEAK: Final = ("id", "name")
"""Headings that files have which list no pictures."""

# The columns behind the picture, and maybe a box in it, in the label.csv of FER+, which has no headings.
FER_PLUS: Final = (
    "neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", *NO_CLASSES,
)  # fmt: skip


@dataclass(frozen=True)
class ListFile:
    """A file that lists pictures.

    Attributes:
        path: of the file.
        delimiter: between its columns.
        names: of its columns; empty where the first line is a row already.
        width: how many columns there are.
        images: positions of the columns that may name the picture, the surest first.
        label: position of the column of classes; None where there is none.
        split: position of the column of splits; None where there is none.
        votes: positions and names of the columns that count votes for a class, or have a one at the row's class.
        role: the split that the name of the file or its folder means; empty for none.
    """

    path: Path
    delimiter: str
    names: tuple[str, ...]
    width: int
    images: tuple[int, ...]
    label: int | None
    split: int | None
    votes: tuple[tuple[int, str], ...]
    role: str

    @property
    def labelled(self) -> bool:
        """Whether it gives classes."""
        return self.label is not None or bool(self.votes)

    @property
    def weak(self) -> bool:
        """Whether its headings are those of many a file without pictures."""
        return bool(self.names) and _key(self.names[self.images[0]]) in WEAK

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Line number and fields of each row.

        Raises:
            UserError: a row with another number of columns, or no UTF-8 text.
        """
        lines = lines_of(self.path, self.delimiter)
        if self.names:
            next(lines, None)
        for line, fields in lines:
            if len(fields) != self.width:
                raise self.error(line, f"{len(fields)} columns, expected {self.width}")
            yield line, [field.strip() for field in fields]

    def error(self, line: int, message: str) -> UserError:
        """The error for a line, from 1."""
        return UserError(f"{self.path}, line {line}: {message}")

    def heading(self, position: int) -> str:
        """The column in words."""
        return self.names[position] if self.names else f"column {position + 1}"


def is_placeholder(path: Path) -> bool:
    """Whether it is a competition's sample submission, whose labels are only placeholders."""
    return "submission" in path.stem.lower().replace("_", "")


def sniffed(path: Path, role: str) -> ListFile | None:
    """The file as a list of pictures of that split, told by its first line; None where it is none."""
    try:
        with path.open("rb") as file:
            text = file.readline(LONGEST_LINE).decode("utf-8-sig").rstrip("\r\n")
        delimiter = next((one for one in ",\t; " if one in text), ",")
        fields = next(csv.reader([text], delimiter=delimiter, skipinitialspace=delimiter == " ", strict=True), [])
    except (UnicodeDecodeError, csv.Error):
        return None
    fields = [field.strip() for field in fields]
    if any(map(is_picture, fields)):
        return _without_headings(path, delimiter, fields, role)
    return None if delimiter == " " else _with_headings(path, delimiter, tuple(fields), role)


def _without_headings(path: Path, delimiter: str, fields: Sequence[str], role: str) -> ListFile | None:
    image = next(place for place, field in enumerate(fields) if is_picture(field))
    others = [place for place in range(len(fields)) if place != image]
    split = next((place for place in others if fields[place].lower() in SPLIT_NAMES), None)
    others = [place for place in others if place != split]
    counted = others[-len(FER_PLUS) :]
    if len(counted) == len(FER_PLUS) and all(number(fields[place]) is not None for place in counted):
        votes = tuple(zip(counted, FER_PLUS, strict=True))
        return ListFile(path, delimiter, (), len(fields), (image,), None, split, votes, role)
    if len(others) != 1:
        return None
    return ListFile(path, delimiter, (), len(fields), (image,), others[0], split, (), role)


def _with_headings(path: Path, delimiter: str, names: tuple[str, ...], role: str) -> ListFile | None:
    keys = [_key(name) for name in names]
    images = tuple(keys.index(key) for key in IMAGES if key in keys)
    label = next((keys.index(key) for key in LABELS if key in keys), None)
    split = next((keys.index(key) for key in SPLITS if key in keys), None)
    votes: tuple[tuple[int, str], ...] = ()
    if label is None:
        votes = tuple((place, names[place]) for place, key in enumerate(keys) if key and place not in (*images, split))
        emotions = [(place, name) for place, name in votes if meaning(name) in (*FER_CLASSES_AND_CONTEMPT, *NO_CLASSES)]
        votes = tuple(emotions) if len(emotions) > 2 else votes if len(votes) > 1 else ()
    if not images or "pixels" in keys or (label is None and not votes and role != "test"):
        return None
    return ListFile(path, delimiter, names, len(names), images, label, split, votes, role)


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
