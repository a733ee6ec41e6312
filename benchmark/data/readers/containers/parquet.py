"""Pictures in parquet files, as the Hugging Face hub serves data sets: a column of encoded pictures, one of labels."""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np

from benchmark.data.read_options import ReadOptions
from benchmark.data.readers import folders
from benchmark.data.readers.containers.own_folders import own_folder
from benchmark.data.readers.decoding import decoded
from benchmark.data.readers.source import Layout, Part, file_identity
from benchmark.data.readers.split_names import role_of
from benchmark.dataset import SPLITS
from benchmark.files.names import natural
from benchmark.files.unpacking import ArchiveError, Room
from benchmark.matching.cell_text import too_long
from benchmark.matching.class_names import listed
from zoo.errors import UserError, in_one_line

VERSION: Final = "parquet 1"
SUFFIX: Final = ".parquet"
ANY_CASE: Final = "*.[pP][aA][rR][qQ][uU][eE][tT]"
IMAGE_COLUMNS: Final = ("image", "img", "images", "picture", "photo", "face")
LABEL_COLUMNS: Final = ("label", "labels", "emotion", "class", "expression", "target")
# Few, as a picture that a file holds once can be that of many rows.
BATCH_ROWS: Final = 16


@dataclass
class Rows:
    """The rows of one split, whose pictures were written into a folder.

    Attributes:
        pictures: their names in the folder.
        stems: the names that the file gives the pictures; empty where it gives none.
        labels: each row's class; None where there is none.
    """

    pictures: list[str] = field(default_factory=list)
    stems: list[str] = field(default_factory=list)
    labels: list[str | None] = field(default_factory=list)


def is_parquet(path: Path) -> bool:
    """Whether the file is called like one."""
    return path.suffix.lower() == SUFFIX


def find(path: Path) -> Layout:
    """The layout of one file, whatever split its name says."""
    others = sum(is_parquet(other) for other in path.parent.iterdir()) - 1
    notes = (f"{others:,} more .parquet files beside it are not used; give their folder to read all",) if others else ()
    return _layout(path, {"train": [path]}, notes)


def find_in_directory(directory: Path) -> Layout | None:
    """The layout of the files in a directory, or in folders inside it; None where there are none.

    The name of a file, or of a folder that it lies in, says its split; several files of one split follow each other.
    """
    files = sorted(directory.rglob(ANY_CASE), key=lambda path: natural(path.relative_to(directory).as_posix()))
    files = [path for path in files if path.is_file() and not f"/{path.relative_to(directory)}".count("/.")]
    if not files:
        return None
    by_role: dict[str | None, list[Path]] = {}
    for path in files:
        by_role.setdefault(_role(path.relative_to(directory)), []).append(path)
    if set(by_role) == {None}:
        return _layout(directory, {"train": files}, ())
    unused = [path.name for path in by_role.get(None, [])]
    notes: tuple[str, ...] = (f"left out, not splits by their names: {listed(unused)}",) if unused else ()
    for role in SPLITS:
        homes = sorted({_home(path.relative_to(directory)) for path in by_role.get(role, ())})
        if len(homes) > 1:
            notes += (f"{role} is all of {listed(homes)}; if these are versions of one dataset, give one of them",)
    return _layout(directory, {role: by_role[role] for role in SPLITS if role in by_role}, notes)


def _home(path: Path) -> str:
    """The folder of a relative path without what says its split, as text."""
    return "/".join(part for part in path.parts[:-1] if not role_of(part)) or "."


def _role(path: Path) -> str | None:
    """The split that a relative path names: train for train-00000-of-00002.parquet, and for train/0000.parquet."""
    return next((role for name in (path.stem, *map(str, reversed(path.parts[:-1]))) if (role := role_of(name))), None)


def _layout(where: Path, files: Mapping[str, Sequence[Path]], notes: tuple[str, ...]) -> Layout:
    count = ", ".join(f"{len(paths)} of {role}" for role, paths in files.items())
    identity = tuple(
        f"{file_identity(path.resolve(), path.stat())}\t{role}\t{folders.VERSION}\t{VERSION}"
        for role, paths in files.items()
        for path in paths
    )

    def read(options: ReadOptions) -> list[Part]:
        with own_folder() as folder:
            try:
                return _read(where, files, folder, options)
            except UserError as error:
                raise UserError(str(error).replace(str(folder), str(where))) from error

    return Layout(str(where), f"parquet files: {count}", identity, read, notes)


def _read(where: Path, files: Mapping[str, Sequence[Path]], folder: Path, options: ReadOptions) -> list[Part]:
    room = Room(folder, sum(path.stat().st_size for paths in files.values() for path in paths))
    rows_by_role = {role: Rows() for role in files}
    for role, rows in rows_by_role.items():
        for path in files[role]:
            _unpack(path, role, rows, room)
    paths = [name for rows in rows_by_role.values() for name in rows.pictures]
    if not paths:
        raise UserError(f"{where}: no rows, expected pictures")
    images, notes = decoded(folder, paths, options)
    parts, start = [], 0
    for role, rows in rows_by_role.items():
        stop = start + len(rows.pictures)
        parts.append(_part(where, role, rows, images[start:stop], tuple(notes)))
        start = stop
    return parts


def _part(where: Path, role: str, rows: Rows, images: Any, notes: tuple[str, ...]) -> Part:
    are_unique = all(rows.stems) and len(set(rows.stems)) == len(rows.stems)
    ids = np.array(rows.stems if are_unique else [f"{role}-{row}" for row in range(len(images))], dtype=np.str_)
    if role == "test" and not any(label is not None for label in rows.labels):
        return Part(role, images, ids, notes=notes)
    if None in rows.labels:
        raise UserError(f"{where}: row {rows.labels.index(None)} of {role} has no label, expected a class")
    names, labels = np.unique(np.array(rows.labels, dtype=np.str_), return_inverse=True)
    return Part(role, images, ids, tuple(names.tolist()), labels.astype(np.int64), notes)


def _unpack(path: Path, role: str, rows: Rows, room: Room) -> None:
    """Enter the file's rows into `rows`, and write their pictures into the room."""
    try:
        for picture, name, label in _rows_of(path, room, needs_labels=role != "test"):
            number = len(rows.pictures)
            if not picture:
                raise UserError(f"{path}: row {number} of {role} has no picture in it, expected its bytes")
            rows.pictures.append(f"{role}-{number}")
            room.write(rows.pictures[-1], io.BytesIO(picture))
            rows.stems.append(PurePosixPath(name.replace("\\", "/")).stem)
            rows.labels.append(label)
            if too_long(name, label or ""):
                raise UserError(f"{path}: row {number} of {role} has text that is too long or holds a null character")
    except ImportError as error:
        raise UserError(f"{path}: parquet needs pyarrow: pip install pyarrow") from error
    except ArchiveError as error:
        raise UserError(f"{path}: {error}") from error
    except UserError:
        raise
    except Exception as error:  # Damaged files raise nearly anything in pyarrow.
        raise UserError(f"{path}: cannot be read as parquet: {in_one_line(error)}") from error


def _rows_of(path: Path, room: Room, needs_labels: bool) -> Iterator[tuple[bytes | None, str, str | None]]:
    """Each row's encoded picture, its name or "", and its class."""
    from pyarrow import parquet

    # From an open file, which a message never names and which a pool of pyarrow's does not keep.
    with path.open("rb") as file, parquet.ParquetFile(file) as table:
        groups = (table.metadata.row_group(number) for number in range(table.metadata.num_row_groups))
        room.check(room.bytes + sum(group.total_byte_size for group in groups))
        features = _features(table.schema_arrow.metadata or {})
        names = table.schema_arrow.names
        image = _column(path, names, IMAGE_COLUMNS, [name for name in names if _kind(features, name) == "Image"])
        labels = [name for name in names if _kind(features, name) == "ClassLabel"]
        label = _column(path, names, LABEL_COLUMNS, labels, needs_labels)
        classes = features.get(label, {}).get("names")
        for batch in table.iter_batches(BATCH_ROWS, columns=[image, label] if label else [image]):
            pictures = batch.column(image).to_pylist()
            values = batch.column(label).to_pylist() if label else [None] * len(pictures)
            for picture, value in zip(pictures, values, strict=True):
                content = picture.get("bytes") if isinstance(picture, dict) else picture
                name = picture.get("path") if isinstance(picture, dict) else None
                if not isinstance(content, bytes | None) or not isinstance(name, str | None):
                    raise UserError(f"{path}: column {image} holds no pictures, expected their bytes")
                yield content, name or "", _class(path, label, value, classes)


def _features(metadata: Mapping[bytes, bytes]) -> dict[str, dict[str, Any]]:
    """What the hub's data sets say of their columns, by name; empty where nothing is said."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        return {name: about for name, about in features.items() if isinstance(about, dict)}
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return {}


def _kind(features: Mapping[str, Mapping[str, Any]], name: str) -> Any:
    return features.get(name, {}).get("_type")


def _column(
    path: Path, names: Sequence[str], usual: Sequence[str], declared: Sequence[str], is_needed: bool = True
) -> str:
    """The column of a usual name, or else the only one that is declared as such; "" for none that is not needed."""
    columns = [name for name in names if name.lower() in usual] or list(declared)
    if len(columns) == 1:
        return columns[0]
    if not columns and not is_needed:
        return ""
    problem = (
        f"columns {listed(columns)} found, expected one of them" if columns else f"no column {' or '.join(usual[:2])}"
    )
    raise UserError(f"{path}: {problem}; there are {listed(list(names))[:200]}")


def _class(path: Path, column: str, value: Any, classes: Any) -> str | None:
    """The class that a label means; None for none, as which the hub writes -1."""
    if value is None or value == -1:
        return None
    if isinstance(value, str):
        return value.strip() or None
    if not isinstance(value, int) or value < 0:
        raise UserError(f"{path}: column {column} has {str(value)[:40]!r}, expected whole numbers from 0 or text")
    if not isinstance(classes, list) or not all(isinstance(name, str) and name for name in classes):
        return str(value)
    if value >= len(classes):
        raise UserError(f"{path}: column {column} has {value}, but there are names for 0-{len(classes) - 1} only")
    return str(classes[value])
