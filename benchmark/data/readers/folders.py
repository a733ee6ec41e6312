"""Images in folders: train, validation and test with a folder for each class, or one folder of classes."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np

from benchmark.data.options import ReadOptions
from benchmark.data.readers.decoding import decoded
from benchmark.data.readers.source import ROLES, Layout, Part, file_identity
from benchmark.dataset import SPLITS
from benchmark.files.names import SUFFIXES, NaturalKey, is_picture, natural
from benchmark.matching.class_names import common_names
from zoo.errors import UserError

IGNORED: Final = ("thumbs.db", "desktop.ini", "__macosx")
DEEPEST_WRAPPING: Final = 3
# FER-2013's two test splits lie in one folder in many copies; the files' names tell them apart.
PREFIXES: Final = {"validation": "publictest_", "test": "privatetest_"}


@dataclass
class Folder:
    """The files of one split, before they are read.

    Attributes:
        role: train, validation or test.
        class_names: the names of its class folders; empty for a folder without any.
        files: path relative to the source and class name, None where there is none.
    """

    role: str
    class_names: list[str] = field(default_factory=list)
    files: list[tuple[str, str | None]] = field(default_factory=list)


def inner(root: Path) -> Path:
    """The directory in which the data lies: archives often wrap it in a folder or two that hold nothing else."""
    for _ in range(DEEPEST_WRAPPING):
        entries = _entries(root)
        if len(entries) != 1 or not entries[0].is_dir() or entries[0].name.lower() in ROLES:
            break
        if not any(entry.is_dir() or entry.name.lower().endswith(".csv") for entry in _entries(entries[0].path)):
            break
        root = root / entries[0].name
    return root


def find(root: Path) -> Layout | None:
    """The layout of a directory of images; None where it holds no folder with images.

    Raises:
        UserError: two folders for one split, or images where a class folder was expected.
    """
    identity: list[str] = []
    by_role: dict[str, str] = {}
    for name in sorted(entry.name for entry in _entries(root) if entry.is_dir()):
        role = ROLES.get(name.lower())
        if role in by_role:
            raise UserError(f"{root}: {by_role[role]} and {name} are both {role} folders, expected one of them")
        if role:
            by_role[role] = name
    if "train" in by_role:
        by_role = {role: by_role[role] for role in SPLITS if role in by_role}
        folders = [_scan(root, name, role, identity) for role, name in by_role.items()]
        description = "folders " + ", ".join(f"{name}/" for name in by_role.values())
    elif by_role:
        raise UserError(f"{root}: no train folder beside {', '.join(by_role.values())}, expected train/<class>/")
    else:
        folders = [_scan(root, "", "train", identity)]
        description = "one folder of classes"
    if not any(folder.files for folder in folders):
        return None
    folders, told_apart = _told_apart(folders)
    if told_apart:
        description += ", PublicTest_* and PrivateTest_* files told apart"
    if any(folder.role == "test" and not folder.class_names for folder in folders):
        description += ", test without labels"

    def read(options: ReadOptions) -> list[Part]:
        return _read(root, folders, options)

    return Layout(str(root), description, tuple(sorted(identity)), read)


def _entries(directory: str | Path) -> list[os.DirEntry[str]]:
    """What lies in the directory, hidden files and those that systems leave behind left out."""
    with os.scandir(directory) as entries:
        listed = [entry for entry in entries if entry.name[0] != "." and entry.name.lower() not in IGNORED]
    for entry in listed:
        if any("\ud800" <= character <= "\udfff" for character in entry.name):  # which no JSON could hold
            raise UserError(f"{entry.path!a}: the name is no UTF-8 text, rename it")
    return listed


def _check_file(entry: os.DirEntry[str]) -> None:
    if not entry.is_file():  # a pipe would be waited for without end
        raise UserError(f"{entry.path}: a pipe, a device or a link that leads nowhere, expected a file")


def _scan(root: Path, name: str, role: str, identity: list[str]) -> Folder:
    """The files of a split's folder `name`; every one of them is entered into `identity`."""
    folder = Folder(role)
    prefix = f"{name}/" if name else ""
    loose = []
    for entry in _entries(root.resolve() / name):
        if entry.is_dir():
            folder.class_names.append(entry.name)
            identity.append(entry.path)
            for file in _entries(entry.path):
                if file.is_dir():
                    raise UserError(f"{root}/{prefix}{entry.name}/{file.name}: a folder, expected images only")
                _check_file(file)
                identity.append(file_identity(file.path, file.stat()))
                folder.files.append((f"{prefix}{entry.name}/{file.name}", entry.name))
        elif name or is_picture(entry.name):
            _check_file(entry)
            loose.append(entry)
    if loose and (folder.class_names or role != "test"):
        first = min(entry.name for entry in loose)
        raise UserError(f"{root}/{prefix}{first}: is outside of any class folder, expected {role}/<class>/")
    for entry in loose:
        identity.append(file_identity(entry.path, entry.stat()))
        folder.files.append((f"{prefix}{entry.name}", None))
    return folder


def _told_apart(folders: list[Folder]) -> tuple[list[Folder], bool]:
    """A test folder of both PublicTest_* and PrivateTest_* files, split in two unless there is a validation folder."""
    test = next((folder for folder in folders if folder.role == "test" and folder.class_names), None)
    if test is None or any(folder.role == "validation" for folder in folders):
        return folders, False
    names = [path.rsplit("/", 1)[-1].lower() for path, _ in test.files]
    by_role = {
        role: [file for file, name in zip(test.files, names, strict=True) if name.startswith(prefix)]
        for role, prefix in PREFIXES.items()
    }
    if not all(by_role.values()) or sum(map(len, by_role.values())) < len(test.files):
        return folders, False
    apart = [Folder(role, test.class_names, files) for role, files in by_role.items()]
    return [*(folder for folder in folders if folder is not test), *apart], True


def _read(root: Path, folders: Sequence[Folder], options: ReadOptions) -> list[Part]:
    order = {name: index for index, name in enumerate(common_names(folder.class_names for folder in folders))}

    def place(file: tuple[str, str | None]) -> tuple[int, NaturalKey]:
        path, class_name = file
        return 0 if class_name is None else order[class_name], natural(path)

    folders = [replace(folder, files=sorted(folder.files, key=place)) for folder in folders]
    paths = [path for folder in folders for path, _ in folder.files]
    images = decoded(root, paths, options)
    parts = []
    start = 0
    for folder in folders:
        names = tuple(folder.class_names)
        position = {name: index for index, name in enumerate(names)}
        labels = np.array([position[name] for _, name in folder.files if name is not None], dtype=np.int64)
        stop = start + len(folder.files)
        ids = np.array(_sample_ids(paths[start:stop]), dtype=np.str_)
        parts.append(Part(folder.role, images[start:stop], ids, names, labels if names else None))
        start = stop
    return parts


def _sample_ids(paths: Sequence[str]) -> list[str]:
    """The stems of a split's files, or where some repeat there the relative paths without suffix."""
    relative = [path.removesuffix(PurePosixPath(path).suffix) for path in paths]
    stems = [path.rsplit("/", 1)[-1] for path in relative]
    return stems if len(set(stems)) == len(stems) else relative


def picture_files(paths: Iterable[str | Path]) -> list[str]:
    """The files named, whatever they are called, and the pictures in the folders named and in folders inside them.

    Raises:
        UserError: nothing is named or there, a folder holds no pictures or cannot be read.
    """
    pictures: list[str] = []
    for path in map(Path, paths):
        try:
            if not path.exists():
                raise UserError(f"{path}: no such file or directory, expected a picture or a folder of pictures")
            files = sorted(_pictures_in(path), key=natural) if path.is_dir() else [str(path)]
        except OSError as error:
            raise UserError(f"{error.filename or path}: cannot be read: {error.strerror or error}") from error
        if not files:
            raise UserError(f"{path}: no pictures in this folder, expected files such as {', '.join(SUFFIXES[:3])}")
        pictures += files
    if not pictures:
        raise UserError("no pictures are named, expected files or folders of them")
    return pictures


def _pictures_in(folder: str | Path) -> Iterator[str]:
    for entry in _entries(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _pictures_in(entry.path)
        elif entry.is_file() and is_picture(entry.name):
            yield entry.path
