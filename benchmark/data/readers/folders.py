"""Images in folders: train, validation and test with a folder for each class, or one folder of classes."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np

from benchmark.data.read_options import ReadOptions
from benchmark.data.readers.decoding import decoded
from benchmark.data.readers.listing import (
    SYSTEM_FOLDERS,
    check_file,
    entries_of,
    first_of,
    has_pictures,
    holds_picture,
    is_store,
    left_out_notes,
)
from benchmark.data.readers.source import Layout, Part, composed, file_identity
from benchmark.data.readers.split_names import may_be_class, role_of
from benchmark.dataset import SPLITS
from benchmark.files.names import NaturalKey, is_picture, natural
from benchmark.matching.class_names import common_names, meaning
from benchmark.tables.prediction_rows import SPLIT_NAMES
from zoo.errors import UserError

DEEPEST_WRAPPING: Final = 3
DATA_SUFFIXES: Final = (".csv", ".npy", ".parquet")
CLASSES_ALONE: Final = "one folder of classes"
# Of how files become images, so that a cache holds nothing of an older one. 2 honours the orientation in EXIF data,
# 3 the bits that a PNG of 16 says it has; 4 transparent pixels, 5 TIFFs of 16 bits in which 0 is white.
VERSION: Final = "folders 5"
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
        entries = [entry for entry in entries_of(root) if entry.is_dir() or entry.name.lower().endswith(DATA_SUFFIXES)]
        if len(entries) != 1 or not entries[0].is_dir() or entries[0].name.lower() in SPLIT_NAMES:
            break
        inside = entries_of(entries[0].path)
        if not any(entry.is_dir() or entry.name.lower().endswith(DATA_SUFFIXES) for entry in inside):
            break
        root = root / entries[0].name
    return root


def find(root: Path) -> Layout | None:
    """The layout of a directory of images; None where it holds no folder with images.

    Raises:
        UserError: two folders for one split, or images where a class folder was expected.
    """
    identity = [f"{root.resolve()}\t{VERSION}"]
    left_out: list[str] = []
    names, stores = _folder_names(root, left_out)
    by_role, notes = _splits(root, names)
    if by_role:
        by_role = {role: by_role[role] for role in SPLITS if role in by_role}
        folders = [_scan(root, name, role, identity, left_out) for role, name in by_role.items()]
        description = "folders " + ", ".join(f"{name}/" for name in by_role.values())
    else:
        folders = [_scan(root, "", "train", identity, left_out, names)]
        description = CLASSES_ALONE
    if not any(folder.files for folder in folders):
        return None
    folders, told_apart = _told_apart(folders)
    if told_apart:
        description += ", PublicTest_* and PrivateTest_* files told apart"
    folders = [_without_dummy(folder, folders) for folder in folders]
    if any(folder.role == "test" and not folder.class_names for folder in folders):
        description += ", test without labels"
    notes = [*notes, *stores, *_drop_empty(folders), *left_out_notes(left_out)]

    def read(options: ReadOptions) -> list[Part]:
        return read_files(root, folders, options)

    return Layout(str(root), description, tuple(sorted(identity)), read, tuple(notes))


def _folder_names(root: Path, left_out: list[str]) -> tuple[list[str], list[str]]:
    """The folders that may be splits or classes, sorted, and a note on each store of runs among the others."""
    names, notes = [], []
    for entry in sorted(entries_of(root), key=lambda entry: entry.name):
        if not entry.is_dir():
            continue
        if entry.name.lower() in SYSTEM_FOLDERS:
            left_out.append(entry.name)
        elif is_store(entry.path):
            notes.append(f"left out {entry.name}/, which holds stored runs")
        else:
            names.append(entry.name)
    return names, notes


def _splits(root: Path, names: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """The folder of each split, empty where the folders are classes; and notes.

    A folder that is called like a split is one, unless there are pictures right in it and in folders beside it that
    are called otherwise: then all of them are classes.

    Raises:
        UserError: two folders for one split, or no train folder.
    """
    roles = {name: role for name in names if (role := role_of(name))}
    # Folders such as test_labels/, by whose words nobody meant pictures.
    roles = {
        name: role for name, role in roles.items() if name.lower() in SPLIT_NAMES or has_pictures(root / name, True)
    }
    if not roles:
        return {}, []
    flat = all(may_be_class(name) and has_pictures(root / name) for name in roles)
    if flat and any(name not in roles and has_pictures(root / name) for name in names):
        return {}, [f"{name}/ is read as a class, as there are pictures in folders beside it" for name in roles]
    by_role: dict[str, str] = {}
    for name, role in roles.items():
        if role in by_role:
            raise UserError(f"{root}: {by_role[role]} and {name} are both {role} folders, expected one of them")
        by_role[role] = name
    if "train" not in by_role:
        others = ", ".join(by_role.values())
        raise UserError(
            f"{root}: no train folder beside {others}, expected train/<class>/; if {others} is a class, rename it"
        )
    unused = [f"{name}/" for name in names if name not in roles]
    return by_role, [f"left out, not splits by their names: {first_of(unused)}"] if unused else []


def _scan(
    root: Path, name: str, role: str, identity: list[str], left_out: list[str], names: Sequence[str] = ()
) -> Folder:
    """The files of a split's folder `name`, or of the class folders `names`; each is entered into `identity`."""
    folder = Folder(role)
    name = _unwrapped(root, name) if name else ""
    prefix = f"{name}/" if name else ""
    loose = []
    for entry in entries_of(root.resolve() / name):
        path = f"{prefix}{entry.name}"
        if entry.is_dir():
            if name and entry.name.lower() in SYSTEM_FOLDERS:
                left_out.append(path)
            elif name or entry.name in names:
                _scan_class(root, path, entry, folder, identity, left_out)
        elif is_picture(entry.name) or (entry.is_file() and name and holds_picture(entry)):
            loose.append(entry)
        else:
            left_out.append(path)
    if loose and (folder.class_names or role != "test"):
        first = min(entry.name for entry in loose)
        raise UserError(f"{root}/{prefix}{first}: is outside of any class folder, expected {name or role}/<class>/")
    for entry in loose:
        check_file(entry)
        identity.append(_identity(entry))
        folder.files.append((f"{prefix}{entry.name}", None))
    return folder


def _unwrapped(root: Path, name: str) -> str:
    """`train/train` for a `train` that holds but a folder of folders of pictures."""
    for _ in range(DEEPEST_WRAPPING):
        inside = [one for one in entries_of(root / name) if one.is_dir() and one.name.lower() not in SYSTEM_FOLDERS]
        if len(inside) != 1 or has_pictures(root / name) or has_pictures(inside[0].path):
            break
        if not has_pictures(inside[0].path, deep=True):
            break
        name = f"{name}/{inside[0].name}"
    return name


def _scan_class(
    root: Path, path: str, entry: os.DirEntry[str], folder: Folder, identity: list[str], left_out: list[str]
) -> None:
    """Enter the pictures of one class folder, at `path` under the root."""
    class_name = composed(entry.name)
    if class_name not in folder.class_names:
        folder.class_names.append(class_name)
    identity.append(entry.path)
    for file in entries_of(entry.path):
        if file.is_dir():
            if file.name.lower() not in SYSTEM_FOLDERS and has_pictures(file.path, deep=True):
                raise UserError(
                    f"{root}/{path}/{file.name}: a folder, expected images only; if class folders lie deeper, give "
                    "the path of the folder that holds them"
                )
            left_out.append(f"{path}/{file.name}")
            continue
        check_file(file)
        if not holds_picture(file):
            left_out.append(f"{path}/{file.name}")
            continue
        identity.append(_identity(file))
        folder.files.append((f"{path}/{file.name}", class_name))


def _identity(entry: os.DirEntry[str]) -> str:
    """`file_identity` of what a link leads to, so that a file and a link to it are the same data."""
    return file_identity(os.path.realpath(entry.path) if entry.is_symlink() else entry.path, entry.stat())


def _without_dummy(folder: Folder, folders: Sequence[Folder]) -> Folder:
    """A test folder without labels if all lies in one folder that is no class: Keras' generators want `test/test/`."""
    trained = {meaning(name) for other in folders if other is not folder for name in other.class_names}
    if folder.role != "test" or len(folder.class_names) != 1 or meaning(folder.class_names[0]) in trained:
        return folder
    return Folder("test", [], [(path, None) for path, _ in folder.files])


def _drop_empty(folders: Sequence[Folder]) -> list[str]:
    """Take classes without any picture out of the folders, and say so."""
    used = {meaning(name) for folder in folders for _, name in folder.files if name is not None}
    empty = sorted({name for folder in folders for name in folder.class_names if meaning(name) not in used})
    for folder in folders:
        folder.class_names = [name for name in folder.class_names if name not in empty]
    return [f"left out, as folders without pictures: {first_of(empty)}"] if empty else []


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


def read_files(root: Path, folders: Sequence[Folder], options: ReadOptions) -> list[Part]:
    """The pictures of each split, by class and then in natural order of their paths under `root`.

    Raises:
        UserError: a picture that cannot be read.
    """
    order = {name: index for index, name in enumerate(common_names(folder.class_names for folder in folders))}

    def place(file: tuple[str, str | None]) -> tuple[int, NaturalKey]:
        path, class_name = file
        return 0 if class_name is None else order[class_name], natural(composed(path))

    folders = [replace(folder, files=sorted(folder.files, key=place)) for folder in folders]
    paths = [path for folder in folders for path, _ in folder.files]
    images, notes = decoded(root, paths, options)
    parts = []
    start = 0
    for folder in folders:
        names = tuple(folder.class_names)
        position = {name: index for index, name in enumerate(names)}
        labels = np.array([position[name] for _, name in folder.files if name is not None], dtype=np.int64)
        stop = start + len(folder.files)
        ids = np.array(_sample_ids(paths[start:stop]), dtype=np.str_)
        parts.append(Part(folder.role, images[start:stop], ids, names, labels if names else None, tuple(notes)))
        start = stop
    return parts


def _sample_ids(paths: Sequence[str]) -> list[str]:
    """The stems of a split's files; where some repeat there the relative paths without suffix, or else with it."""
    paths = [composed(path) for path in paths]
    relative = [path.removesuffix(PurePosixPath(path).suffix) for path in paths]
    stems = [path.rsplit("/", 1)[-1] for path in relative]
    return next((ids for ids in (stems, relative) if len(set(ids)) == len(ids)), paths)
