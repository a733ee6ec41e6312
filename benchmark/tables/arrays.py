"""Arrays that a user hands over: .npy, mapped and not read into memory, .npz, and those of a notebook."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.files.npz_files import Archive, NpzError, mapped_npy, opened
from benchmark.tables.formats import HARD, ONE_COLUMN
from benchmark.tables.frame_tables import text_values
from benchmark.tables.numbered_labels import with_names
from benchmark.tables.prediction_rows import Rows, check_headings, split_name
from zoo.errors import UserError

VALUES: Final = (
    "probabilities", "probs", "proba", "prob", "predictions", "preds", "pred", "y_prob", "y_pred", "logits", "arr_0",
)  # fmt: skip
IDS: Final = ("sample_ids", "sample_id", "ids", "id", "image_ids", "filenames")
CLASSES: Final = ("class_names", "classes")
SPLITS: Final = ("split", "splits")
FOLDS: Final = ("fold", "folds")
BY_SPLIT: Final = {"oof": "validation", "oof_preds": "validation", "val_preds": "validation", "test_preds": "test"}
"""What arrays with the predictions of a split are called, besides the names of splits."""


def array_rows(where: str, values: NDArray[Any], kind: str = "array") -> Rows:
    """The rows of an array: probabilities (n, classes), those of the second of two classes (n,), or labels (n,).

    Raises:
        UserError: another shape or type, or no rows.
    """
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    shape = f"{values.dtype} {values.shape}"
    if values.ndim == 2 and values.dtype.kind in "fiub":
        return Rows(where, f"{kind} {shape}", values=values)
    if values.ndim == 1 and values.dtype.kind == "f" and not np.array_equal(values, np.round(values)):
        return Rows(where, f"{kind} {shape}, {ONE_COLUMN}", values=values[:, None])
    if values.ndim == 1 and values.dtype.kind in "fiubUSOT":
        return Rows(where, f"{kind} {shape}, {HARD}", labels=text_values(where, values))
    raise UserError(f"{where}: probabilities are {shape}, expected numbers of shape (samples, classes)")


def npy_array(path: Path) -> NDArray[Any]:
    """The array in an .npy file, mapped into memory: nothing of it is read yet.

    Raises:
        UserError: it cannot be read, is damaged, or holds Python objects.
    """
    try:
        return mapped_npy(path)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except NpzError as error:
        raise UserError(f"{path} cannot be read as .npy: {error}") from error


def npz_rows(path: Path) -> list[Rows]:
    """The rows of an .npz: one array of predictions (`VALUES`, or the only one with two axes), or one for each split.

    With it may be ids (`IDS`), `class_names`, `split` and `fold`, the last two for all rows or one for each.

    Raises:
        UserError: it cannot be read, or its arrays do not belong together.
    """
    with named_arrays(path) as arrays:
        return _archived(path, arrays)


@dataclass(frozen=True, eq=False)
class NamedArrays:
    """The arrays of an .npz by their names in lower case."""

    archive: Archive
    by_name: Mapping[str, str]

    def find(self, names: Sequence[str]) -> NDArray[Any] | None:
        """The first of these that there is."""
        name = next((self.by_name[name] for name in names if name in self.by_name), None)
        return None if name is None else self.archive.read(name)


@contextmanager
def named_arrays(path: Path) -> Iterator[NamedArrays]:
    """The arrays of an .npz; what is wrong with it is a `UserError`."""
    try:
        with opened(path) as archive:
            yield NamedArrays(archive, {name.lower(): name for name in reversed(archive.names)})
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except NpzError as error:
        raise UserError(f"{path} cannot be read as .npz: {error}") from error


def _archived(path: Path, arrays: NamedArrays) -> list[Rows]:
    find, by_name, archive = arrays.find, arrays.by_name, arrays.archive
    by_split: dict[str, str] = {}
    for key, name in by_name.items():
        if split := BY_SPLIT.get(key) or split_name(key):
            if split in by_split:
                raise UserError(f"{path} has {by_split[split]} and {name}, expected one array of {split}")
            by_split[split] = name
    classes, values = find(CLASSES), find(VALUES)
    headings = None if classes is None else tuple(_texts(path, "class_names", classes))
    if values is None and by_split:
        parts = [(split, name, _checked(path, archive.read(name), headings)) for split, name in by_split.items()]
        return [replace(part, where=f"{path}, {name}", splits=[split] * len(part)) for split, name, part in parts]
    if values is None:
        raise UserError(f"{path} has no array {VALUES[0]}: expected it, and maybe {IDS[0]}, {CLASSES[0]}, {SPLITS[0]}")
    rows, ids = _checked(path, values, headings), find(IDS)
    if ids is not None and ids.shape != (len(rows),):
        raise UserError(f"{path}: {len(rows):,} rows of probabilities, expected one for each of the ids {ids.shape}")
    return [
        replace(
            rows,
            sample_ids=None if ids is None else _texts(path, IDS[0], ids),
            splits=_one_a_row(path, SPLITS[0], find(SPLITS), len(rows)),
            folds=_one_a_row(path, FOLDS[0], find(FOLDS), len(rows)),
        )
    ]


def _checked(path: Path, values: NDArray[Any], headings: tuple[str, ...] | None) -> Rows:
    rows = array_rows(str(path), values, ".npz")
    if headings is not None and rows.values is not None and rows.columns not in (1, len(headings)):
        raise UserError(
            f"{path}: probabilities are {values.shape}, expected (samples, {len(headings)}), one column per class name"
        )
    check_headings(str(path), headings or ())
    if headings and rows.labels is not None:
        return with_names(rows, headings)
    return replace(rows, headings=headings)


def _one_a_row(path: Path, name: str, values: NDArray[Any] | None, rows: int) -> list[str] | None:
    if values is None:
        return None
    if values.shape not in ((), (rows,)):
        raise UserError(f"{path}: {name} is {values.shape}, expected one for all rows or ({rows},)")
    texts = [text.lower() for text in _texts(path, name, values.reshape(-1))]
    return texts * rows if values.shape == () else texts


def _texts(path: Path, name: str, values: NDArray[Any]) -> list[str]:
    """The values of one axis as text."""
    if values.ndim != 1 or values.dtype.kind not in "USiuf":
        raise UserError(f"{path}: {name} is {values.dtype} {values.shape}, expected text or whole numbers")
    return text_values(f"{path}: {name}", values)
