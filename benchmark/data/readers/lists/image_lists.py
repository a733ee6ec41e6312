"""Pictures in any folders with a list of classes: RAF-DB, AffectNet, FER+, Kaggle's train.csv and test_images/."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import dropwhile
from pathlib import Path
from typing import Final

from benchmark.data.read_options import ReadOptions
from benchmark.data.readers import folders
from benchmark.data.readers.folders import Folder, read_files
from benchmark.data.readers.listing import SHOWN, entries_of
from benchmark.data.readers.lists.emotions import class_names, ranks
from benchmark.data.readers.lists.list_files import SUFFIXES, ListFile, is_placeholder, sniffed
from benchmark.data.readers.lists.listed import Listed, read_list
from benchmark.data.readers.lists.pictures import Pictures, beside, folder_role
from benchmark.data.readers.source import Layout, Part, file_identity
from benchmark.data.readers.split_names import role_of
from benchmark.dataset import SPLITS
from benchmark.matching.class_names import listed as several
from zoo.errors import UserError

VERSION: Final = "lists 1"
MOST_FILES: Final = 50
"""In a folder with more texts than this, each belongs to a picture, and none is a list."""


def find_file(path: Path) -> Layout | None:
    """The layout of a list and the pictures under its folder; None for a file that is no list of pictures.

    Where none of them is there, those in folders beside its own that are called images or the like. To a list for
    train belong those for validation and test beside it.

    Raises:
        UserError: none of its pictures is there, or one could be two; or a row that cannot be read.
    """
    role = role_of(path.stem) or ""
    file = sniffed(path, role)
    if file is None or not file.labelled:
        return None
    pictures = Pictures(path.parent)
    main = read_list(file, pictures)
    if main is None or (file.weak and not main.paths):
        return None
    if not main.paths:
        pictures = beside(path.parent)
        main = read_list(file, pictures) or main
    if not main.paths:
        raise UserError(_nothing_there(main, path.parent))
    lists = [one for one in _files(path.parent, False) if one.role not in ("", "train") and one.path != path]
    others = [one for file in lists if (one := read_list(file, pictures)) and one.paths] if role == "train" else []
    chosen, unused = _chosen(path.parent, [main, *others])
    return _layout(path, pictures, chosen, unused)


def find_in_directory(root: Path) -> Layout | None:
    """The layout of the lists in a folder, or in the folders in it, and of the pictures under it; None without any.

    Folders of classes go before a list that divides their pictures in the same way, or has less than half of them.

    Raises:
        UserError: lists that cannot be read, or of which several could be meant, and no folders of classes.
    """
    pictures = None
    problems: list[str] = []
    for inside in (False, True):
        files = _files(root, inside)
        if not files:
            continue
        pictures = pictures or Pictures(root)
        lists = _read_all(files, pictures, problems)
        labelled = [one for one in lists if one.file.labelled]
        if labelled and not _folders_say_so(pictures, labelled):
            return _layout(root, pictures, *_chosen(root, lists))
        if labelled:
            problems.append(f"{several([one.file.path.name for one in labelled])} beside the folders of classes")
            break
    if not problems or pictures is None:
        return None
    layout = folders.find(root) if _class_folders(pictures) else None
    if layout is None:
        raise UserError(problems[0])
    return replace(layout, notes=(*layout.notes, f"not used: {problems[0]}"))


def _read_all(files: Sequence[ListFile], pictures: Pictures, problems: list[str]) -> list[Listed]:
    """The lists of which there are pictures; what is wrong with others is added to `problems`."""
    lists = []
    for file in files:
        try:
            one = read_list(file, pictures)
        except UserError as error:
            problems.append(str(error))
            continue
        if one is not None and one.paths:
            lists.append(one)
        elif one is not None and one.missing and not file.weak:
            problems.append(_nothing_there(one, pictures.root))
    return lists


def _files(root: Path, inside: bool) -> list[ListFile]:
    """The lists right in the folder, or those in the folders in it, which may be called as their splits."""
    if inside:
        named = [(entry.path, role_of(entry.name)) for entry in _sorted(root) if entry.is_dir()]
        return [file for folder, role in named for file in _sniffed(Path(folder), role)]
    return _sniffed(root, None)


def _sniffed(folder: Path, role: str | None) -> list[ListFile]:
    texts = [entry for entry in _sorted(folder) if entry.name.lower().endswith(SUFFIXES) and entry.is_file()]
    if len(texts) > MOST_FILES:
        return []
    paths = [folder / entry.name for entry in texts]
    files = [sniffed(path, role_of(path.stem) or role or "") for path in paths if not is_placeholder(path)]
    return [file for file in files if file is not None]


def _sorted(folder: Path) -> list[os.DirEntry[str]]:
    return sorted(entries_of(folder), key=lambda entry: entry.name)


def _nothing_there(one: Listed, root: Path) -> str:
    return (
        f"{one.file.path}: of the pictures that it lists none is in {root} ({', '.join(one.missing[:SHOWN])}); give "
        "the folder that holds both"
    )


def _folders_say_so(pictures: Pictures, lists: Sequence[Listed]) -> bool:
    """Whether the pictures lie in folders of classes, and the lists divide them likewise or name less than half."""
    class_folders = _class_folders(pictures)
    if not class_folders:
        return False
    pairs = {(class_folders[path], label) for one in lists for path, label in zip(one.paths, one.labels, strict=True)}
    same = len(pairs) == len({folder for folder, _ in pairs}) == len({label for _, label in pairs}) > 1
    listed = {path for one in lists for path in one.paths}
    return same or 2 * len(listed) < len(pictures.paths)


def _class_folders(pictures: Pictures) -> dict[str, str]:
    """The folder of each picture's class by its path; empty where there are no folders of two classes or more."""
    class_folders = {path: _class_folder(path) for path in pictures.paths}
    named = {path: folder for path, folder in class_folders.items() if folder is not None}
    return named if len(named) == len(class_folders) and len({*named.values()} - {""}) > 1 else {}


def _class_folder(path: str) -> str | None:
    """The folder of a picture's class in a layout of folders; empty right in a test folder, None where it is none."""
    *parents, _ = path.split("/")
    own = list(dropwhile(role_of, parents))  # train/train/<class> too
    if own:
        return own[0] if len(own) == 1 else None
    return "" if parents and role_of(parents[0]) == "test" else None


def _chosen(where: Path, lists: Sequence[Listed]) -> tuple[list[Listed], list[str]]:
    """The list of each split, or the one list of all, and the names of the others.

    Raises:
        UserError: two lists for one split.
    """
    roles = {one.file.role for one in lists if one.file.labelled}
    kept = [one for role in ("", *SPLITS) for one in lists if one.file.role == role and (role or "train" not in roles)]
    for role in ("", *SPLITS):
        same = [one for one in kept if one.file.role == role]
        if len(same) > 1:
            names = several([str(one.file.path.relative_to(where)) for one in same])
            raise UserError(
                f"{where}: several lists of pictures{f' for {role}' if role else ''}, {names}; give the path of one"
            )
    return kept, [one.file.path.name for one in lists if one not in kept]


def _layout(where: Path, pictures: Pictures, lists: Sequence[Listed], unused: Sequence[str]) -> Layout:
    root = pictures.root
    splits, twice = _each_once(pictures.root, lists)
    listed = {path for files in splits.values() for path, _ in files}
    others = [path for path in pictures.paths if path not in listed and not any(path in one.present for one in lists)]
    tests = [] if splits["test"] else [path for path in others if folder_role(path) == "test"]
    splits["test"] += [(path, "") for path in tests]
    notes = _notes(lists, twice, sorted(set(others) - set(tests)), unused)
    homes = sorted({path.rpartition("/")[0] for files in splits.values() for path, _ in files})
    description = f"list of pictures {' with '.join(map(str, lists))}, pictures in {_places(homes)}"
    if tests:
        description += f", {len(tests):,} test pictures without labels"
    numberings = [one.numbering for one in lists if one.file.labelled]
    numbering = numberings[0] if numberings and all(one == numberings[0] for one in numberings) else None

    def read(options: ReadOptions) -> list[Part]:
        names = numbering.names if numbering is not None and not options.class_names else {}
        return _read(root, splits, names, options)

    base = str(root.resolve())
    identity = [f"{base}\t{VERSION}\t{folders.VERSION}"]
    used = [f"{base}/{path}" for files in splits.values() for path, _ in files]
    identity += [file_identity(path, os.stat(path)) for path in used]  # noqa: PTH116 - a Path for each takes seconds
    identity += [file_identity(one.file.path.resolve(), one.file.path.stat()) for one in lists]
    return Layout(str(where), description, tuple(sorted(identity)), read, tuple(notes), str(numbering or ""))


def _notes(lists: Sequence[Listed], twice: Sequence[str], rest: Sequence[str], unused: Sequence[str]) -> list[str]:
    """What is missing or left out.

    Args:
        twice: the pictures that are listed for several splits.
        rest: those that are in no list.
        unused: the names of lists that are not read.
    """
    notes = []
    if twice:
        notes.append(f"pictures: {len(twice):,} listed for several splits, kept in the last: {several(twice)}")
    for one in lists:
        notes += one.notes
        if one.missing:
            missing = ", ".join(one.missing[:SHOWN])
            notes.append(f"{one.file.path.name}: {len(one.missing):,} missing: {missing}")
    if rest:
        notes.append(f"pictures: {len(rest):,} left out, as they are in no list: {', '.join(rest[:SHOWN])}")
    if unused:
        notes.append(f"not used: {several(unused)}; give the path of a list to read it")
    return notes


def _each_once(root: Path, lists: Sequence[Listed]) -> tuple[dict[str, list[tuple[str, str]]], list[str]]:
    """Path and class of the pictures of each split, and the paths that are listed for several, kept in the last.

    Raises:
        UserError: two lists of different splits share pictures, as where test's pictures are missing and its names are
            those of train.
    """
    splits = {role: _files_of(lists, role) for role in SPLITS}
    own = {one.file.role for one in lists}
    homes: dict[str, str] = {}
    twice: list[str] = []
    for role in reversed(SPLITS):
        for path, _ in splits[role]:
            if (other := homes.setdefault(path, role)) == role:
                continue
            if {role, other} <= own:
                raise UserError(
                    f"{root}: {path} is listed for {role} and for {other}, expected each picture in one of them; are "
                    f"the pictures of {other} missing?"
                )
            twice.append(path)
        splits[role] = [one for one in splits[role] if homes[one[0]] == role]
    return splits, sorted(set(twice))


def _files_of(lists: Sequence[Listed], role: str) -> list[tuple[str, str]]:
    """Path and class of the pictures of a split, each picture once."""
    rows = [row for one in lists for row in zip(one.paths, one.labels, one.roles, strict=True)]
    return list({path: (path, label) for path, label, own in rows if own == role}.values())


def _places(homes: Sequence[str]) -> str:
    shown = ", ".join(f"{home}/" if home else "the folder itself" for home in homes[:SHOWN])
    return f"{shown} and {len(homes) - SHOWN:,} more folders" if len(homes) > SHOWN else shown


def _read(
    root: Path, splits: Mapping[str, list[tuple[str, str]]], numbers: Mapping[str, str], options: ReadOptions
) -> list[Part]:
    texts = [numbers.get(label, label) for files in splits.values() for _, label in files if label]
    names, notes = class_names(texts)
    parts = []
    wanted = []
    for role, files in splits.items():
        if files:
            labelled = [(path, names[numbers.get(label, label)] if label else None) for path, label in files]
            known = sorted({name for _, name in labelled if name is not None})
            wanted.append(Folder(role, known, labelled))
    for part in read_files(root, wanted, options):
        parts.append(replace(part, notes=(*notes, *part.notes), ranks=ranks(part.class_names, names.values())))
    return parts
