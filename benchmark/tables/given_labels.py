"""The labels that a user hands over, which make a dataset: a table, an array, or what a notebook has."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.matching.cell_text import NO_LABEL
from benchmark.matching.class_names import ClassMatcher
from benchmark.matching.column_finding import ID_COLUMNS, LABEL_COLUMNS, called_ids, find_column, unnamed_column
from benchmark.tables.arrays import CLASSES, FOLDS, IDS, SPLITS, named_arrays, npy_array
from benchmark.tables.csv_tables import CsvTable
from benchmark.tables.formats import FOLD_COLUMNS, PEEK, SPLIT_COLUMNS
from benchmark.tables.frame_tables import Cells, Table, frame_table, is_number, text_values
from benchmark.tables.prediction_rows import SPLIT_NAMES, at, rows_of, split_name
from benchmark.tables.sources import as_array, as_frame, is_frame, open_table
from zoo.errors import UserError

COLUMNS: Final = (*LABEL_COLUMNS, "y")
WORDS: Final = "the labels"
"""What messages call labels that are in no file."""

ARRAYS: Final = ("labels", "label", "y", "y_true", "target", "targets", "arr_0")


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels as text, as they were given.

    Attributes:
        where: the file, or words, for messages.
        texts: one a sample; empty where it has none, as `benchmark.matching.cell_text.NO_LABEL` says.
        sample_ids: one a sample; None where samples are told by their row.
        splits: one a sample, as in the file but in lower case; None where there are none.
        folds: one a sample; None where there are none.
        class_names: where the file has them, the classes that its numbers stand for; otherwise None.
        line: tells where a row stands in a CSV, from 1; None where there are no lines.

    Raises:
        UserError: there are no rows.
    """

    where: str
    texts: Sequence[str]
    sample_ids: Sequence[str] | None = None
    splits: Sequence[str] | None = None
    folds: Sequence[str] | None = None
    class_names: tuple[str, ...] | None = None
    line: Callable[[int], int] | None = None

    def __post_init__(self) -> None:
        if not len(self.texts):
            raise UserError(f"{self.where} has no rows: expected one label per sample")
        if self.sample_ids is not None and "" in self.sample_ids:
            raise UserError(f"{self.at(list(self.sample_ids).index(''))}: no id, expected one for each label")

    def __len__(self) -> int:
        return len(self.texts)

    def at(self, row: int) -> str:
        """Where a label stands, in words."""
        return at(self.where, self.line, row)

    def unique_ids(self) -> list[str]:
        """The ids; empty where there are none.

        Raises:
            UserError: one occurs twice.
        """
        rows: dict[str, int] = {}
        for row, sample_id in enumerate(self.sample_ids or ()):
            if rows.setdefault(sample_id, row) != row:
                raise UserError(f"{self.at(row)}: the id {sample_id!r} occurs a second time")
        return list(rows)

    def labelled(self) -> "Labels":
        """The labels themselves.

        Raises:
            UserError: a sample has none.
        """
        missing = [row for row, text in enumerate(self.texts) if not text]
        if len(missing) == len(self):
            raise UserError(f"{self.where}: all {len(self):,} labels are empty, as those of a sealed test set are")
        if missing:
            have = "1 sample has" if len(missing) == 1 else f"{len(missing):,} samples have"
            raise UserError(f"{self.at(missing[0])}: no label; {have} none, expected one for each")
        return self

    def positions(self, matcher: ClassMatcher) -> NDArray[np.int64]:
        """The position of each label's class, shape (n,).

        Raises:
            UserError: a sample without a label, or a label that is not a class.
        """
        self.labelled()
        positions = matcher.positions(self.texts)
        if (positions < 0).any():
            row = int((positions < 0).argmax())
            expected = f"expected one of {matcher.expected}"
            raise UserError(f"{self.at(row)}: unknown class {self.texts[row]!r}, {expected}")
        return positions

    def on_split(self, split: str) -> "Labels":
        """The labels that are said to be of a split; all of them where none is."""
        rows = rows_of(self.splits, split)
        if rows is None:
            return self
        ids, line = self.sample_ids, self.line
        return replace(
            self,
            texts=[self.texts[row] for row in rows],
            sample_ids=None if ids is None else [ids[row] for row in rows],
            splits=None,
            folds=None,
            line=None if line is None else lambda place: line(rows[place]),
        )

    def split_names(self) -> list[str] | None:
        """Train, validation or test, one a sample; None where there are none.

        Raises:
            UserError: a split has another name.
        """
        names = {text: split_name(text) for text in set(self.splits or ())}
        for text, name in names.items():
            if name is None:
                known = ", ".join(dict.fromkeys(SPLIT_NAMES.values()))
                raise UserError(f"{self.where}: the split {text!r} is none of {known}")
        return None if self.splits is None else [names[text] or "" for text in self.splits]


def read_labels(source: Any) -> Labels:
    """Read labels.

    A table has a column of labels (`benchmark.matching.column_finding`) and may have ids, `split` and `fold`; or it is
    one label a line. An .npz has the arrays labels and maybe ids, split, fold and class_names. Rows of one-hot numbers
    in an array are labels, too.

    Args:
        source: a path, an array, a list, or a pandas Series or DataFrame; or several of these by split.

    Raises:
        UserError: it cannot be read, or has no labels.
    """
    if isinstance(source, Mapping):
        return _of_splits(source)
    if is_frame(source):
        return _table_labels(frame_table(WORDS, as_frame(source, "label")))
    if not isinstance(source, (str, Path)):
        return Labels(WORDS, _array_texts(WORDS, as_array(source, WORDS)))
    path = Path(source)
    if path.suffix.lower() == ".npy":
        return Labels(str(path), _array_texts(str(path), npy_array(path)))
    return _npz_labels(path) if path.suffix.lower() == ".npz" else _table_labels(open_table(path))


def _of_splits(sources: Mapping[str, Any]) -> Labels:
    """The labels of all splits, one split after the other."""
    parts = {split: read_labels(source) for split, source in sources.items()}
    for split, part in parts.items():
        if other := [text for text in dict.fromkeys(part.splits or ()) if split_name(text) != split_name(str(split))]:
            raise UserError(f"the labels of {split} have a split of their own, {other[0]!r}: give all labels as one")
    if strange := [split for split in parts if split_name(str(split)) is None]:
        raise UserError(f"labels are of {', '.join(dict.fromkeys(SPLIT_NAMES.values()))}, got some of {strange[0]!r}")
    if not parts:
        raise UserError("labels are of no split: expected some of validation")
    ids = [part.sample_ids for part in parts.values()]
    if any(one is None for one in ids) and any(ids):
        raise UserError("the labels of some splits have ids and those of others have none: expected all or none")
    if len(names := {part.class_names for part in parts.values()}) > 1:
        raise UserError("the labels of some splits name other classes than those of others: give all the same names")
    return Labels(
        WORDS,
        [text for part in parts.values() for text in part.texts],
        sample_ids=[name for one in ids for name in one or ()] or None,
        splits=[str(split) for split, part in parts.items() for _ in part.texts],
        class_names=names.pop(),
    )


def read_ids(source: Any) -> list[str]:
    """Sample ids: the column of ids of a table, or one a line; or an array.

    Raises:
        UserError: they cannot be read.
    """
    is_file = isinstance(source, (str, Path))
    if is_file and Path(source).suffix.lower() not in (".npy", ".npz"):
        return _ids_of(open_table(Path(source)))
    if is_frame(source):
        return _ids_of(frame_table("the ids", as_frame(source, "id")))
    where = str(source) if is_file else "the ids"
    values = npy_array(Path(source)) if is_file else as_array(source, where)
    if values.ndim != 1 or not len(values):
        raise UserError(f"{where} is {values.dtype} {values.shape}, expected one id a row")
    return text_values(where, values)


def _ids_of(table: Table) -> list[str]:
    column, table = _column(table, ID_COLUMNS)
    column = called_ids(table.header) if column is None else column
    if column is None:
        raise UserError(f"{table.where} has no column of ids, expected one of {', '.join(ID_COLUMNS)}")
    (ids,) = _texts_of(table, [column]).texts
    if not ids:
        raise UserError(f"{table.where}: no rows, expected one id each")
    return ids


def _column(table: Table, names: Sequence[str]) -> tuple[int | None, Table]:
    """The column of that heading; the only one of a file without a header, or of any heading above numbers."""
    column = find_column(table.header, names)
    if column is None and table.width == 1:
        rows = table.peek(PEEK)
        if table.header and rows and all(is_number(cells[0]) for cells in rows) and not is_number(table.header[0]):
            return 0, table
        return 0, CsvTable(table.path, headed=False) if isinstance(table, CsvTable) else table
    return column, table


def _texts_of(table: Table, columns: Sequence[int]) -> Cells:
    cells = table.read(columns, ())
    if cells.faults:
        raise UserError(f"{table.where}: {'; '.join(cells.faults)}")
    return cells


def _table_labels(table: Table) -> Labels:
    if not table.width:
        raise UserError(f"{table.where} is empty: expected labels")
    if table.width == 1 and called_ids(table.header) is not None:
        raise UserError(f"{table.where} has ids, {table.header[0]}, and no labels: expected a column label beside them")
    label, table = _column(table, COLUMNS)
    header = table.header
    if label is None and table.width == 2 and (identity := called_ids(header)) is not None:
        label = 1 - identity
    if label is None:
        raise UserError(
            f"{table.where} has no label column, expected one of {', '.join(COLUMNS)}, or one label a line; found "
            f"{', '.join(header)[:200] or 'numbers without a header'}"
        )
    places = [called_ids(header), *(find_column(header, names) for names in (SPLIT_COLUMNS, FOLD_COLUMNS))]
    unnamed = unnamed_column(header)
    wanted = [place for place in (*places, unnamed) if place is not None]
    cells = _texts_of(table, [label, *wanted])
    texts = dict(zip(wanted, cells.texts[1:], strict=True))
    ids, splits, folds = (None if place is None else texts[place] for place in places)
    if ids is None and unnamed is not None and (numbers := texts[unnamed]) != [str(row) for row in range(len(numbers))]:
        ids = numbers
    splits = None if splits is None else [text.lower() for text in splits]
    return Labels(table.where, _given(cells.texts[0]), ids, splits, folds, line=cells.line)


def _npz_labels(path: Path) -> Labels:
    with named_arrays(path) as arrays:
        values, others = arrays.find(ARRAYS), [arrays.find(names) for names in (IDS, SPLITS, FOLDS, CLASSES)]
    if values is None:
        raise UserError(f"{path} has no array {ARRAYS[0]}: expected it, and maybe ids, split, fold, class_names")
    texts = _array_texts(str(path), values)
    ids, splits, folds, names = (
        None if array is None else text_values(f"{path}, {what}", array.reshape(-1))
        for what, array in zip(("ids", "split", "fold", "class_names"), others, strict=True)
    )
    splits, folds = (array * len(texts) if array and len(array) == 1 else array for array in (splits, folds))
    for what, array in (("ids", ids), ("split", splits), ("fold", folds)):
        if array is not None and len(array) != len(texts):
            raise UserError(f"{path} has {len(texts):,} labels and {len(array):,} values of {what}: expected as many")
    return Labels(str(path), texts, ids, splits, folds, None if names is None else tuple(names))


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
    return _given(text_values(where, values))


def _given(texts: Sequence[str]) -> list[str]:
    """The same with an empty text for whatever stands for a missing label."""
    return ["" if text.lower() in NO_LABEL else text for text in texts]
