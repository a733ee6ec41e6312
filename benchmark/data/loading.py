"""From a path to a `Dataset`: recognise the layout, take the cached copy or read, align classes, split."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Final, Literal

import numpy as np

from benchmark.data import cache, kaggle, merging
from benchmark.data.merging import Origin
from benchmark.data.read_options import (
    DEFAULTS,
    ReadOptions,
    Source,
    Sources,
    dataset_name,
    default_cache,
    source_list,
)
from benchmark.data.readers import csv, folders
from benchmark.data.readers.arrays import array_files
from benchmark.data.readers.containers import archives, packed_folders, parquet
from benchmark.data.readers.images import same_shape, shape_notes
from benchmark.data.readers.lists import image_lists
from benchmark.data.readers.numbered_classes import named
from benchmark.data.readers.source import Layout, Part, align, notes_of, read_parts, twin_notes
from benchmark.data.readers.votes import voted
from benchmark.data.splits import arrange
from benchmark.dataset import Dataset
from benchmark.files.unpacking import plain_name
from benchmark.matching.class_names import listed
from zoo.errors import UserError

DEEPEST_ARCHIVES: Final = 2
"""Levels: an archive, and those in it."""

FACES: Final = "faces"
FACES_COUNTS: Final = (2100, 700, 700)
FACES_SEED: Final = 0


@dataclass(frozen=True, eq=False)
class Loaded:
    """A dataset, the layout it came in, in words, and what the user should know about how it was made, a line each."""

    dataset: Dataset
    layout: str
    notes: tuple[str, ...] = ()


def load(
    source: Sources,
    options: ReadOptions = DEFAULTS,
    cache: Path | Literal["default"] | None = "default",
) -> Dataset:
    """The dataset at `source`.

    Args:
        source: a CSV or .npz file, a directory, an archive (.zip, .tar, .gz) of these, "faces" for the built-in
            synthetic ones, or "kaggle:OWNER/NAME" for a dataset to download; or several of these, which `merging.merge`
            makes one dataset of.
        options: what to keep and how to split.
        cache: directory for decoded images; "default" for `default_cache()`, None for no cache.

    Raises:
        UserError: nothing readable there, or content that breaks its layout; says where, what, and what was expected.
    """
    return load_with_layout(source, options, cache).dataset


def load_with_layout(
    source: Sources,
    options: ReadOptions = DEFAULTS,
    cache_directory: Path | Literal["default"] | None = "default",
) -> Loaded:
    """As `load`, with the layout that was recognised."""
    directory = default_cache() if cache_directory == "default" else cache_directory
    sources = located(source)
    origins = _origins(sources, options)
    name, identity, layout = merging.facts(origins)
    merging_notes = merging.joined_notes(origins)
    key = cache.cache_key(identity, options)
    if directory is not None and (entry := cache.fetch(directory, key)) is not None:
        return Loaded(replace(entry[0], name=name), layout, (*merging_notes, *entry[2], *_absent(entry[0])))
    dataset, notes = _read(origins, options)
    # Files that changed under the reader must not be kept as what they were before.
    if directory is not None and merging.facts(_origins(sources, options))[1] == identity:
        cache.keep(directory, key, dataset, layout, notes)
    return Loaded(replace(dataset, name=name), layout, (*merging_notes, *notes, *_absent(dataset)))


def _absent(dataset: Dataset) -> list[str]:
    """A note for each split on the classes of which it has no image."""
    notes = []
    for split in dataset.splits:
        if split.labels is None:
            continue
        counts = np.bincount(split.labels, minlength=len(dataset.class_names))
        if missing := [name for name, count in zip(dataset.class_names, counts.tolist(), strict=True) if not count]:
            what = "nothing can learn them" if split.name == "train" else "no score of it says anything of them"
            notes.append(f"{split.name} has no image of {listed(missing)}: {what}")
    return notes


def located(source: Sources) -> tuple[Source, ...]:
    """The sources one by one, as paths of this machine or "faces"; what is to be downloaded is downloaded.

    Raises:
        UserError: no source, or one that cannot be downloaded.
    """
    return tuple(kaggle.downloaded(one) if kaggle.is_meant(one) else one for one in source_list(source))


def _origins(sources: Sequence[Source], options: ReadOptions) -> list[Origin]:
    if len(sources) > 1 and options.name is not None:
        raise UserError(f"name is {options.name!r}, but several sources have names of their own: leave it out")
    names = [dataset_name(options.name if options.name is not None else _own_name(one)) for one in sources]
    layouts = [find(one) for one in sources]
    if options.labels_from is not None:
        if len(sources) > 1:
            raise UserError("labels can be taken from another file for a single source only, not for several")
        path = Path(options.labels_from)
        layouts = [voted(layouts[0], path)]
        names = names if options.name is not None else [dataset_name(f"{names[0]}-{path.stem}")]
    if not options.class_names:
        layouts = [
            replace(one, description=f"{one.description}, {one.numbers}") if one.numbers else one for one in layouts
        ]
    return merging.origins_of(names, layouts)


def find(source: Source, levels: int = DEEPEST_ARCHIVES) -> Layout:
    """The layout at `source`, told by its content, with archives in archives unpacked so many levels deep.

    Raises:
        UserError: nothing there, or nothing that is recognised.
    """
    if _is_faces(source):
        return _faces()
    path = Path(source)
    try:
        if not path.exists():
            raise UserError(f"{path}: no such file or directory; expected a CSV or .npz file, or a folder of images")
        return _find_in(path, levels) if path.is_dir() else _find_file(path, levels)
    except OSError as error:
        raise UserError(f"{error.filename or path}: cannot be read: {error.strerror or error}") from error


def _find_in(outer: Path, levels: int) -> Layout:
    """What lies in the folder unpacked; where that is nothing that can be read, with its archives unpacked."""
    packed = packed_folders.archives_in(outer)
    problem = None
    try:
        layout = _find_unpacked(outer)
    except UserError as error:
        layout, problem = None, error
    if layout is not None and not (packed and levels and packed_folders.are_needed(packed[0].parent, layout)):
        return replace(layout, notes=(*layout.notes, packed_folders.unread_note(packed))) if packed else layout
    if packed and levels:
        return packed_folders.find(outer, packed, partial(find, levels=levels - 1))
    if problem is not None:
        raise problem
    path = folders.inner(outer)
    csv.explain_directory(path)
    raise UserError(
        f"{path}: no images and no CSV with a pixels column found; expected train/, validation/ and test/ "
        "folders, one folder for each class, or a CSV such as fer2013.csv"
    )


def _find_unpacked(outer: Path) -> Layout | None:
    path = folders.inner(outer)
    layout = csv.find_in_directory(path) or image_lists.find_in_directory(path)
    # A list that is no .csv may lie beside the only folder.
    layout = layout or (image_lists.find_in_directory(outer) if outer != path else None)
    layout = layout or folders.find(path) or array_files.find_in_directory(path)
    return layout or parquet.find_in_directory(path)


def _find_file(path: Path, levels: int) -> Layout:
    if not path.is_file():
        raise UserError(f"{path}: a pipe or a device, expected a file, since it is read more than once")
    if not path.stat().st_size:
        raise UserError(f"{path}: the file is empty, expected a CSV or .npz file")
    if archives.is_meant(path):
        inside = partial(find, levels=levels - 1)
        if others := packed_folders.companions_of(path):
            packed = [path, *(one for one in others if archives.is_meant(one))]
            return packed_folders.find(path, packed, inside, [one for one in others if one not in packed])
        return archives.find(path, inside)
    if parquet.is_parquet(path):
        return parquet.find(path)
    if array_files.is_npy(path):
        return array_files.find_npy(path)
    if array_files.is_npz(path):
        return array_files.find(path)
    return image_lists.find_file(path) or csv.find_file(path)


def _read(origins: Sequence[Origin], options: ReadOptions) -> tuple[Dataset, tuple[str, ...]]:
    """The dataset, and notes on how its files were read and, of several sources, brought together."""
    if len(origins) > 1:
        return merging.merge(origins, options)
    layout = origins[0].layout
    read = read_parts(layout, options)
    if options.class_names:
        read = named(read, options.class_names, layout.where)
    notes = notes_of(read)
    class_names, parts = align(read, options.classes, layout.where)
    notes += twin_notes(class_names)
    if any(len(part) for part in parts):
        notes += shape_notes(parts, options)
        parts = same_shape(parts, options)
    return arrange(parts, class_names, options, layout.where), tuple(notes)


def _is_faces(source: Source) -> bool:
    """A string means the built-in faces (./faces is the way to a folder of that name), a Path only if none is there."""
    return str(source) == FACES and (isinstance(source, str) or not source.exists())


def _faces() -> Layout:
    faces = import_module("benchmark.data.faces.generator")

    def read(_options: ReadOptions) -> list[Part]:
        dataset: Dataset = faces.generate(*FACES_COUNTS, seed=FACES_SEED)
        return [
            Part(split.name, split.images, split.sample_ids, dataset.class_names, split.labels)
            for split in dataset.splits
        ]

    identity = (FACES, str(faces.FACES_VERSION), *map(str, FACES_COUNTS), str(FACES_SEED))
    notes = (f"the folder {FACES} is not read: ./{FACES} means it",) if Path(FACES).is_dir() else ()
    return Layout(FACES, "built-in synthetic faces", identity, read, notes)


def _own_name(source: Source) -> str:
    if _is_faces(source):
        return FACES
    path = Path(source).resolve()
    if path.parent.name == "versions" and path.name.isdecimal():
        path = path.parents[1]  # where kagglehub puts a dataset: OWNER/NAME/versions/3
    if array_files.is_npy(path):
        path = path.parent
    if path.is_dir():
        return path.name
    shorter = plain_name(path.name)
    return path.stem if shorter == path.name else shorter
