"""Decoded datasets on disk, so that each later process has them in a fraction of a second.

An entry is an uncompressed .npz, whose checksums tell a damaged file; its name and its content carry the key, which
covers every file the data came from and every reading option. A damaged entry is ignored and made again.
"""

import hashlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmark.data.read_options import ReadOptions
from benchmark.dataset import SPLITS, Dataset, Split
from benchmark.files.file_writing import in_one_step

# 3: classes called 1.0, 2.0, 10.0 are in numerical order. 4: they are called 1, 2, 10.
FORMAT_VERSION: Final = 4
_PACKED: Final = "packed"
logger = logging.getLogger(__name__)


def cache_key(identity: Sequence[str], options: ReadOptions) -> str:
    """64 hexadecimal digits over the files' identity and the options that change what is read (the name does not)."""
    content: list[Any] = [
        FORMAT_VERSION,
        options.classes,
        options.size,
        options.channels,
        options.split,
        options.split_seed,
    ]
    if options.class_names:
        content.append(options.class_names)
    digest = hashlib.sha256(json.dumps(content).encode())
    digest.update("\n".join(identity).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def entry_path(cache: Path, key: str) -> Path:
    """Where the entry with that key lies."""
    return cache / f"{key[:32]}.npz"


def fetch(cache: Path, key: str) -> tuple[Dataset, str, tuple[str, ...]] | None:
    """The dataset, its layout in words and notes on it; None where there is no valid entry."""
    path = entry_path(cache, key)
    try:
        return _read(path, key)
    except FileNotFoundError:
        return None
    except Exception as error:  # A flipped byte can raise nearly anything in zipfile and NumPy's header parser.
        logger.warning("cache entry %s cannot be used and is made again: %s: %s", path, type(error).__name__, error)
        return None


def pack(path: Path, dataset: Dataset) -> None:
    """Write a dataset by itself, as it is, for another machine; see `unpack`."""
    np.savez(path, **_arrays(_PACKED, dataset, "", ()))


def unpack(path: Path) -> Dataset:
    """The dataset that `pack` wrote, but for its name; a damaged file raises nearly any exception."""
    return _read(path, _PACKED)[0]


def keep(cache: Path, key: str, dataset: Dataset, layout: str, notes: Sequence[str] = ()) -> None:
    """Write the entry, whole or not at all; where that is impossible, only warn."""
    arrays = _arrays(key, dataset, layout, notes)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with in_one_step(entry_path(cache, key)) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)
    except OSError as error:
        logger.warning("decoded images cannot be kept in %s, so the next reading takes as long: %s", cache, error)


def _arrays(key: str, dataset: Dataset, layout: str, notes: Sequence[str]) -> dict[str, Any]:
    arrays: dict[str, Any] = {}
    for split in dataset.splits:
        arrays[f"{split.name}_images"] = split.images
        arrays[f"{split.name}_sample_ids"] = split.sample_ids
        if split.labels is not None:
            arrays[f"{split.name}_labels"] = split.labels
    about = {
        "key": key,
        "class_names": dataset.class_names,
        "split": dataset.split,
        "layout": layout,
        "arrays": ["about", *arrays],
    }
    if notes:
        about["notes"] = list(notes)
    arrays["about"] = np.array(json.dumps(about))
    return arrays


def _read(path: Path, key: str) -> tuple[Dataset, str, tuple[str, ...]]:
    """The content of an entry; raises ValueError where its key is another."""
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        about = json.loads(str(arrays["about"]))
        if about["key"] != key:
            raise ValueError("it was written under another key")
        # The archive's own directory has no checksum: labels could go missing from it, and look sealed.
        if sorted(arrays.files) != sorted(about["arrays"]):
            raise ValueError(f"it holds {arrays.files}, expected {about['arrays']}")
        splits = {name: _split(arrays, name) for name in SPLITS if f"{name}_images" in arrays.files}
    in_order = (splits["train"], splits["validation"], splits.get("test"))
    dataset = Dataset("data", tuple(about["class_names"]), *in_order, about["split"])
    return dataset, about["layout"], tuple(about.get("notes", ()))


def _split(arrays: Any, name: str) -> Split:
    labels = arrays[f"{name}_labels"] if f"{name}_labels" in arrays.files else None
    return Split(name, arrays[f"{name}_images"], labels, arrays[f"{name}_sample_ids"])
