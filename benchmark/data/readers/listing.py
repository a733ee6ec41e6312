"""What lies in a folder: pictures, folders, and what is left out, which is counted."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from benchmark.files.names import SUFFIXES, is_picture, natural
from benchmark.files.run_layout import CONFIGURATION_NAME, DATASET_NAME, REPORTS, SEARCHES
from zoo.errors import UserError

IGNORED: Final = ("thumbs.db", "desktop.ini", "__macosx")
# Made by storage systems, with small copies of the pictures.
SYSTEM_FOLDERS: Final = ("@eadir", "lost+found", "$recycle.bin", "system volume information", "__pycache__")
SHOWN: Final = 3


def first_of(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def left_out_notes(paths: Sequence[str]) -> tuple[str, ...]:
    """One line on files that are not pictures; none where there are no such files."""
    return (f"left out, not pictures of a known format: {first_of(sorted(paths, key=natural))}",) if paths else ()


def entries_of(directory: str | Path) -> list[os.DirEntry[str]]:
    """What lies in the directory, hidden files and those that systems leave behind left out.

    Raises:
        UserError: a name that is not UTF-8 text.
    """
    with os.scandir(directory) as entries:
        listed = [entry for entry in entries if entry.name[0] != "." and entry.name.lower() not in IGNORED]
    for entry in listed:
        if any("\ud800" <= character <= "\udfff" for character in entry.name):  # which no JSON could hold
            raise UserError(f"{entry.path!a}: the name is not UTF-8 text; rename it")
    return listed


def check_file(entry: os.DirEntry[str]) -> None:
    """Raise UserError for what is not a file."""
    if not entry.is_file():  # a pipe would be waited for without end
        raise UserError(f"{entry.path}: a pipe, a device or a link that leads nowhere, expected a file")


def holds_picture(entry: os.DirEntry[str]) -> bool:
    """Whether a file is one by its name, or by its content where the name does not say."""
    if is_picture(entry.name):
        return True
    from benchmark.data.readers.decoding import is_image

    return is_image(entry.path)


def is_store(directory: str | Path) -> bool:
    """Whether the folder holds stored runs."""
    for entry in entries_of(directory):
        if entry.is_dir() and DATASET_NAME.fullmatch(entry.name):
            inside = [one.name for one in entries_of(entry.path) if one.is_dir()]
            if any(name in (REPORTS, SEARCHES) or CONFIGURATION_NAME.fullmatch(name) for name in inside):
                return True
    return False


def has_pictures(directory: str | Path, deep: bool = False) -> bool:
    """Whether pictures lie in the folder itself; with `deep`, in it or in a folder inside."""
    folders = []
    for entry in entries_of(directory):
        if entry.is_dir():
            folders.append(entry)
        elif entry.is_file() and holds_picture(entry):
            return True
    return deep and any(
        has_pictures(one.path, deep=not one.is_symlink()) for one in folders if one.name.lower() not in SYSTEM_FOLDERS
    )


def files_under(
    root: Path, inside: Iterable[str], enters: Callable[[os.DirEntry[str], str], object]
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Path relative to the root and entry of each file in some folders of the root and in folders inside them.

    Links to folders right in the root are followed, deeper ones are not.

    Args:
        root: the folder that the paths are relative to.
        inside: folders in it; "" for itself.
        enters: of a folder and the path that it lies in, whether its files are wanted too.
    """
    pending = list(inside)
    while pending:
        folder = pending.pop()
        for entry in entries_of(root / folder):
            path = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir(follow_symlinks=not folder):
                if enters(entry, folder):
                    pending.append(path)
            elif entry.is_file():
                yield path, entry


def picture_files(paths: Iterable[str | Path]) -> tuple[list[str], tuple[str, ...]]:
    """The files named, whatever they are called, and the pictures in the folders named and in folders inside them.

    Returns:
        The paths, and notes on what was left out of the folders, a line each.

    Raises:
        UserError: nothing is named or there, a folder holds no pictures or cannot be read.
    """
    pictures: list[str] = []
    left_out: list[str] = []
    for path in map(Path, paths):
        try:
            if not path.exists():
                raise UserError(f"{path}: no such file or directory, expected a picture or a folder of pictures")
            files = sorted(_pictures_in(path, left_out), key=natural) if path.is_dir() else [str(path)]
        except OSError as error:
            raise UserError(f"{error.filename or path}: cannot be read: {error.strerror or error}") from error
        if not files:
            raise UserError(f"{path}: no pictures in this folder, expected files such as {', '.join(SUFFIXES[:3])}")
        pictures += files
    if not pictures:
        raise UserError("no pictures are named, expected files or folders of them")
    return pictures, left_out_notes(left_out)


def _pictures_in(folder: str | Path, left_out: list[str]) -> Iterator[str]:
    for entry in entries_of(folder):
        if entry.is_dir(follow_symlinks=False):
            if entry.name.lower() in SYSTEM_FOLDERS:
                left_out.append(entry.path)
            else:
                yield from _pictures_in(entry.path, left_out)
        elif entry.is_file() and holds_picture(entry):
            yield entry.path
        else:
            left_out.append(entry.path)
