"""The labels that a user hands over, which make a dataset: a table, an array, or what a notebook has."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.files.npz_files import NpzError, opened
from benchmark.matching.columns import ID_COLUMNS, LABEL_COLUMNS, find_column, unnamed_column
from ensembles.importing.arrays import CLASSES, FOLDS, IDS, SPLITS, npy_array
from ensembles.importing.formats import FOLD_COLUMNS, SPLIT_COLUMNS
from ensembles.importing.rows import SPLIT_NAMES, split_name
from ensembles.importing.sources import SUFFIXES, as_array, as_frame, is_frame
from ensembles.importing.tables import CsvTable, Table, frame_table, is_table, open_table, text_values
from zoo.errors import UserError

COLUMNS: Final = (*LABEL_COLUMNS, "y")
ARRAYS: Final = ("labels", "label", "y", "y_true", "target", "targets", "arr_0")


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels as text, as they were given.

    Attributes:
        where: the file, or words, for messages.
        texts: one a sample; empty where it has none.
        sample_ids: one a sample; None where samples are told by their row.
        splits: train, validation or test, one a sample; None where there are none.
        folds: one a sample; None where there are none.
        class_names: where the file has them, the classes that its numbers stand for; otherwise None.

    Raises:
        UserError: there are no rows, or a split has another name.
    """

    where: str
    texts: Sequence[str]
    sample_ids: Sequence[str] | None = None
    splits: Sequence[str] | None = None
    folds: Sequence[str] | None = None
    class_names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if not len(self.texts):
            raise UserError(f"{self.where} has no rows: expected one label per sample")


def read_labels(source: Any, words: str = "the labels") -> Labels:
    """Read labels.

    A table has a column of labels (`benchmark.matching.columns`) and may have ids, `split` and `fold`; or it is one
    label a line. An .npz has the arrays labels and maybe ids, split, fold and class_names. Rows of one-hot numbers in
    an array are labels, too.

    Args:
        source: a path, an array, a list, or a pandas Series or DataFrame.
        words: what to call it in messages, unless it is a file.

    Raises:
        UserError: it cannot be read, or has no labels.
    """
    if isinstance(source, (str, Path)):
        return _of_file(Path(source))
    if is_frame(source):
        return _of_table(frame_table(words, as_frame(source, "label")))
    return Labels(words, _array_texts(words, as_array(source, words)))


def _of_file(path: Path) -> Labels:
    name = path.name.lower()
    if is_table(path):
        return _of_table(open_table(path))
    if name.endswith(".npy"):
        return Labels(str(path), _array_texts(str(path), npy_array(path)))
    if name.endswith(".npz"):
        return _of_npz(path)
    raise UserError(f"{path}: expected labels in a file that ends in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")


def _of_table(table: Table) -> Labels:
    header = table.header
    label = find_column(header, COLUMNS)
    places = [find_column(header, names) for names in (ID_COLUMNS, SPLIT_COLUMNS, FOLD_COLUMNS)]
    if label is None and table.width == 1:
        label = 0
        if isinstance(table, CsvTable):
            table = CsvTable(table.path, headed=False)
    if label is None:
        raise UserError(
            f"{table.where} has no label column, expected one of {', '.join(COLUMNS)}; found "
            f"{', '.join(header)[:200] or 'nothing'}"
        )
    places[0] = unnamed_column(header) if places[0] is None else places[0]
    wanted = [place for place in places if place is not None]
    cells = table.read([label, *wanted], ())
    if cells.faults:
        raise UserError(f"{table.where}: {'; '.join(cells.faults)}")
    found = dict(zip(wanted, cells.texts[1:], strict=True))
    ids, splits, folds = (None if place is None else found[place] for place in places)
    return Labels(table.where, cells.texts[0], ids, _splits(table.where, splits), folds)


def _of_npz(path: Path) -> Labels:
    try:
        with opened(path) as archive:
            by_name = {name.lower(): name for name in reversed(archive.names)}

            def find(names: Sequence[str]) -> NDArray[Any] | None:
                name = next((by_name[name] for name in names if name in by_name), None)
                return None if name is None else archive.read(name)

            values, others = find(ARRAYS), [find(names) for names in (IDS, SPLITS, FOLDS, CLASSES)]
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except NpzError as error:
        raise UserError(f"{path} is no .npz that can be read: {error}") from error
    if values is None:
        raise UserError(f"{path} has no array {ARRAYS[0]}: expected it, and maybe ids, split, fold, class_names")
    texts = _array_texts(str(path), values)
    ids, splits, folds, names = (
        None if found is None else text_values(f"{path}, {what}", found.reshape(-1))
        for what, found in zip(("ids", "split", "fold", "class_names"), others, strict=True)
    )
    splits, folds = (found * len(texts) if found and len(found) == 1 else found for found in (splits, folds))
    for what, found in (("ids", ids), ("split", splits), ("fold", folds)):
        if found is not None and len(found) != len(texts):
            raise UserError(f"{path} has {len(texts):,} labels and {len(found):,} values of {what}: expected as many")
    return Labels(str(path), texts, ids, _splits(str(path), splits), folds, None if names is None else tuple(names))


def _splits(where: str, texts: Sequence[str] | None) -> list[str] | None:
    if texts is None:
        return None
    names = {text: split_name(text) for text in set(texts)}
    for text, name in names.items():
        if name is None:
            raise UserError(f"{where}: the split {text!r} is none of {', '.join(SPLIT_NAMES)}")
    return [names[text] or "" for text in texts]


def _array_texts(where: str, values: NDArray[Any]) -> list[str]:
    if values.ndim == 2 and values.shape[1] > 1 and values.dtype.kind in "fiub":
        if not ((values == 0) | (values == 1)).all() or not (values.sum(axis=1) == 1).all():
            raise UserError(f"{where} is {values.dtype} {values.shape}, expected one label a row, or one-hot rows")
        return [str(place) for place in values.argmax(axis=1).tolist()]
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or values.dtype.kind not in "fiubUSOT":
        raise UserError(f"{where} is {values.dtype} {values.shape}, expected one label a sample")
    if values.dtype.kind == "f" and not np.array_equal(values, np.round(values), equal_nan=True):
        raise UserError(f"{where} has fractions: expected labels; are these probabilities?")
    return text_values(where, values)
