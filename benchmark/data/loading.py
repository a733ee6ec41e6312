"""From a path to a `Dataset`: recognise the layout, take the cached copy or read, align classes, split."""

from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Final, Literal

from benchmark.data import arrays, cache, csv, folders
from benchmark.data.images import same_shape
from benchmark.data.options import DEFAULTS, ReadOptions, dataset_name, default_cache
from benchmark.data.source import Found, Part, align
from benchmark.data.splits import arrange
from benchmark.records import Dataset
from zoo.errors import UserError

FACES: Final = "faces"
FACES_COUNTS: Final = (2100, 700, 700)
FACES_SEED: Final = 0


@dataclass(frozen=True, eq=False)
class Loaded:
    """A dataset and the layout it came in, in words."""

    dataset: Dataset
    layout: str


def load(
    source: str | Path,
    options: ReadOptions = DEFAULTS,
    cache: Path | Literal["default"] | None = "default",
) -> Dataset:
    """The dataset at `source`.

    Args:
        source: a CSV or .npz file, a directory, or "faces" for the built-in synthetic ones.
        options: what to keep and how to split.
        cache: directory for decoded images; "default" for `default_cache()`, None for no cache.

    Raises:
        UserError: nothing readable there, or content that breaks its layout; says where, what, and what was expected.
    """
    return load_with_layout(source, options, cache).dataset


def load_with_layout(
    source: str | Path,
    options: ReadOptions = DEFAULTS,
    cache_directory: Path | Literal["default"] | None = "default",
) -> Loaded:
    """As `load`, with the layout that was recognised."""
    directory = default_cache() if cache_directory == "default" else cache_directory
    found = find(source)
    name = dataset_name(options.name if options.name is not None else _own_name(source))
    key = cache.cache_key(found.identity, options)
    if directory is not None and (entry := cache.fetch(directory, key)) is not None:
        return Loaded(replace(entry[0], name=name), entry[1])
    dataset = _read(found, options)
    # Files that changed under the reader must not be kept as what they were before.
    if directory is not None and find(source).identity == found.identity:
        cache.keep(directory, key, dataset, found.layout)
    return Loaded(replace(dataset, name=name), found.layout)


def find(source: str | Path) -> Found:
    """The layout at `source`, told by its content.

    Raises:
        UserError: nothing there, or nothing that is recognised.
    """
    if _is_faces(source):
        return _faces()
    path = Path(source)
    try:
        if not path.exists():
            raise UserError(f"{path}: no such file or directory; expected a CSV or .npz file, or a folder of images")
        if path.is_dir():
            found = csv.find_in_directory(path) or folders.find(path)
            if found is None:
                csv.explain_directory(path)
                raise UserError(
                    f"{path}: no images and no CSV with a pixels column found; expected train/, validation/ and test/ "
                    "folders, one folder for each class, or a CSV such as fer2013.csv"
                )
            return found
        if not path.stat().st_size:
            raise UserError(f"{path}: the file is empty, expected a CSV or .npz file")
        return arrays.find(path) if arrays.is_npz(path) else csv.find_file(path)
    except OSError as error:
        raise UserError(f"{error.filename or path}: cannot be read: {error.strerror or error}") from error


def _read(found: Found, options: ReadOptions) -> Dataset:
    try:
        parts = list(found.read(options))
    except OSError as error:
        raise UserError(f"{error.filename or found.where}: cannot be read: {error.strerror or error}") from error
    if not any(len(part) for part in parts):
        raise UserError(f"{found.where}: no images found, expected at least one for each class")
    class_names, parts = align(parts, options.classes, found.where)
    if any(len(part) for part in parts):
        parts = same_shape(parts, options)
    return arrange(parts, class_names, options, found.where)


def _is_faces(source: str | Path) -> bool:
    """A string means the built-in faces (./faces is the way to a folder of that name), a Path only if none is there."""
    return str(source) == FACES and (isinstance(source, str) or not source.exists())


def _faces() -> Found:
    faces = import_module("benchmark.data.faces")

    def read(_options: ReadOptions) -> list[Part]:
        dataset: Dataset = faces.generate(*FACES_COUNTS, seed=FACES_SEED)
        return [
            Part(split.name, split.images, split.sample_ids, dataset.class_names, split.labels)
            for split in dataset.splits
        ]

    identity = (FACES, str(faces.FACES_VERSION), *map(str, FACES_COUNTS), str(FACES_SEED))
    return Found(FACES, "built-in synthetic faces", identity, read)


def _own_name(source: str | Path) -> str:
    if _is_faces(source):
        return FACES
    path = Path(source).resolve()
    return path.name if path.is_dir() else path.stem
