"""Folders with packed files in them, as Kaggle serves them: read as if the archives were unpacked where they lie."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmark.data.read_options import ReadOptions
from benchmark.data.readers import folders
from benchmark.data.readers.containers.archives import FindInside, is_meant, unpacked_parts
from benchmark.data.readers.containers.own_folders import own_folder
from benchmark.data.readers.csv import COMPANIONS
from benchmark.data.readers.listing import entries_of, files_under, has_pictures, is_store
from benchmark.data.readers.source import Layout, Part, file_identity
from benchmark.data.readers.split_names import role_of
from benchmark.files.unpacking import SUFFIX, ArchiveError, Room, plain_name, unpack
from benchmark.matching.class_names import listed
from zoo.errors import UserError

VERSION: Final = "packed 1"
# Of files packed one by one, whose folder is that of the archive.
TABLES: Final = (".csv", ".tsv", ".txt", ".npy", ".parquet")


def archives_in(folder: Path) -> Sequence[Path]:
    """The archives in the folder, or in the only folder in it, sorted; told by name and content."""
    entries = entries_of(folder)
    if len(entries) == 1 and entries[0].is_dir():
        return archives_in(Path(entries[0].path))
    files = sorted(Path(entry.path) for entry in entries if SUFFIX.search(entry.name) and entry.is_file())
    return [path for path in files if is_meant(path)]


def unread_note(archives: Sequence[Path]) -> str:
    """What to say of archives beside what is read without them."""
    return f"not unpacked: {listed([path.name for path in archives])} beside the data"


def are_needed(folder: Path, layout: Layout) -> bool:
    """Whether the layout without them is but a part: one folder of pictures for a class, or test and validation alone.

    Args:
        folder: that they lie in.
        layout: of what lies beside them.
    """
    entries = [one for one in entries_of(folder) if one.is_dir() or one.name.lower().endswith(TABLES)]
    if all(role_of(Path(one.name).stem) in ("validation", "test") for one in entries):
        return True
    inside = [one for one in entries if one.is_dir()]
    return layout.description == folders.CLASSES_ALONE and len(inside) == 1 and has_pictures(inside[0].path)


def companions_of(path: Path) -> list[Path]:
    """What completes a packed train.csv in its folder: validation.csv and test.csv, packed or not."""
    if path.stem.lower() != "train.csv":
        return []
    names = [name for names in COMPANIONS.values() for name in names]
    files = sorted(Path(entry.path) for entry in entries_of(path.parent) if entry.is_file())
    return [one for one in files if one.name in names or (SUFFIX.search(one.name) and one.stem in names)]


def find(
    where: Path, archives: Sequence[Path], find_inside: FindInside, beside: Sequence[Path] | None = None
) -> Layout:
    """The layout of a folder with these archives in it; they are unpacked only when the images are read.

    An archive that somebody has unpacked there is left as it is.

    Args:
        where: the folder that the user named.
        archives: in one folder, sorted; at least one.
        find_inside: gives the layout of the folder with everything unpacked.
        beside: the only other files of the folder to look at; None for all under it.
    """
    folder = archives[0].parent
    taken = {entry.name for entry in entries_of(folder)}
    packed = [path for path in archives if not _is_unpacked(path, taken)] or list(archives)
    rest = [path for path in archives if path not in packed]
    names = listed([path.name for path in packed])
    neighbours = _neighbours(folder, archives) if beside is None else [path.name for path in beside]

    def read(options: ReadOptions) -> list[Part]:
        with own_folder() as holder:
            own = holder / "own" / folder.resolve().name
            try:
                _link(folder, neighbours, own)
                _unpack(packed, holder, own)
                layout = _unpacked_layout(packed, own, find_inside, is_alone=not has_pictures(folder, deep=True))
                parts = unpacked_parts(layout, options, names, [unread_note(rest)] if rest else [])
            except UserError as error:
                raise UserError(str(error).replace(str(own), str(folder))) from error
        return [
            replace(part, notes=tuple(note.replace(str(own), str(folder)) for note in part.notes)) for part in parts
        ]

    used = [*archives, *(folder / name for name in neighbours)]
    identity = [file_identity(path.resolve(), path.stat()) for path in used]
    identity.append(f"{folder.resolve()}\t{folders.VERSION}\t{VERSION}")
    return Layout(str(where), f"folder with {names}", tuple(sorted(identity)), read, in_rows=True)


def _neighbours(folder: Path, archives: Sequence[Path]) -> list[str]:
    """Every other file under the folder, relative to it, but for those of a store of runs."""
    files = files_under(folder, [""], lambda entry, _: not is_store(entry.path))
    known = set(archives)
    return [path for path, _ in files if folder / path not in known]


def _is_unpacked(path: Path, taken: set[str]) -> bool:
    """Whether `train` lies beside train.zip, or train.csv beside train.csv.gz."""
    return (path.stem if path.stem.lower().endswith(TABLES) else plain_name(path.name)) in taken


def _link(folder: Path, files: Sequence[str], own: Path) -> None:
    """Put a link to each file into our own folder, where nothing is written through it."""
    own.mkdir(parents=True)
    for name in files:
        target = own / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to((folder / name).resolve())


def _unpack(archives: Sequence[Path], holder: Path, own: Path) -> None:
    """Unpack all of them within one limit: tables to where the archive is, anything else into a folder called as it."""
    room = Room(holder, sum(path.stat().st_size for path in archives))
    for number, path in enumerate(archives):
        room.folder = holder / str(number)
        room.folder.mkdir()
        try:
            unpack(path, room.folder, room)
        except ArchiveError as error:
            raise UserError(f"{path}: {error}") from error
        inside = list(room.folder.iterdir())
        are_tables = bool(inside) and all(one.suffix.lower() in TABLES for one in inside)
        moves = [(one, own / one.name) for one in inside] if are_tables else [(room.folder, _place(path, own))]
        for source, target in moves:
            if os.path.lexists(target):
                raise UserError(f"{path}: there is a {target.name} beside it, so it cannot be unpacked")
            source.rename(target)


def _place(path: Path, own: Path) -> Path:
    return own / plain_name(path.name)


def _unpacked_layout(archives: Sequence[Path], own: Path, find_inside: FindInside, is_alone: bool) -> Layout:
    """The layout of all together; or of the only archive, where no pictures lie beside it."""
    try:
        return find_inside(own)
    except UserError:
        if len(archives) != 1 or not is_alone or not _place(archives[0], own).is_dir():
            raise
    return find_inside(_place(archives[0], own))
