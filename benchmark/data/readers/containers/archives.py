"""Archives read in place: unpacked into a folder of our own, which is read as any folder and then removed."""

import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmark.data.read_options import ReadOptions
from benchmark.data.readers import folders
from benchmark.data.readers.containers.own_folders import own_folder
from benchmark.data.readers.file_kinds import check_workbook
from benchmark.data.readers.source import Layout, Part, file_identity
from benchmark.data.readers.votes import check_rows
from benchmark.files.unpacking import ArchiveError, is_archive, plain_name, unpack
from zoo.errors import UserError

VERSION: Final = "archive 1"

FindInside = Callable[[Path], Layout]


def find(path: Path, find_inside: FindInside) -> Layout:
    """The layout of an archive, which is unpacked only when its images are read: a cache may have them already.

    Args:
        path: of the archive.
        find_inside: gives the layout of the folder that the archive was unpacked into.
    """

    def read(options: ReadOptions) -> list[Part]:
        with in_place([path]) as ((folder,), shown):
            parts = unpacked_parts(find_inside(folder), options, path.name)
        return [replace(part, notes=tuple(map(shown, part.notes))) for part in parts]

    identity = (f"{file_identity(path.resolve(), path.stat())}\t{folders.VERSION}\t{VERSION}",)
    return Layout(str(path), f"archive {path.name}", identity, read, in_rows=True)


def unpacked_parts(layout: Layout, options: ReadOptions, archives: str, notes: Sequence[str] = ()) -> list[Part]:
    """The images of what was unpacked, whose notes begin with its layout and those on it, and then these."""
    if options.labels_from is not None:
        check_rows(layout, Path(options.labels_from))
    numbers = f", {layout.numbers}" if layout.numbers and not options.class_names else ""
    first = (f"read from {archives}: {layout.description}{numbers}", *layout.notes, *notes)
    return [replace(part, notes=(*first, *part.notes)) for part in layout.read(options)]


@contextmanager
def in_place(paths: Iterable[str | Path]) -> Iterator[tuple[list[Path], Callable[[str], str]]]:
    """The paths, with a folder of its files in place of each archive, as long as the context lasts.

    Returns:
        With them, what puts the archives' paths back into a text that names such folders; errors have it already.

    Raises:
        UserError: an archive is damaged, or refused; see `benchmark.files.unpacking.unpack`.
    """
    places: list[Path] = []
    names: dict[str, str] = {}

    def shown(text: str) -> str:
        for folder, name in names.items():
            text = text.replace(folder, name)
        return text

    with ExitStack() as stack:
        for path in map(Path, paths):
            if not (path.is_file() and is_meant(path)):
                places.append(path)
                continue
            # Under its own name, which tells what the data is called.
            folder = stack.enter_context(own_folder()) / (plain_name(path.name) or "data")
            folder.mkdir()
            try:
                unpack(path, folder)
            except ArchiveError as error:
                raise UserError(f"{path}: {error}") from error
            places.append(folder)
            names[str(folder)] = str(path)
        try:
            yield places, shown
        except UserError as error:
            raise UserError(shown(str(error))) from error


def is_meant(path: Path) -> bool:
    """Whether the file is an archive of files, and none of arrays as .npz is.

    Raises:
        UserError: an Excel workbook, which is a zip archive too.
    """
    if path.suffix.lower() == ".npz" or not is_archive(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except Exception:  # Of another kind, or a damaged one: `unpack` says so.
        return True
    check_workbook(path, names)
    return not all(name.endswith(".npy") and "/" not in name for name in names)
