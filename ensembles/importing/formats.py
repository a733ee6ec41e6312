"""The formats of predictions, each recognised by its columns or arrays: wide and long tables, hard labels, arrays."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.matching.columns import ID_COLUMNS, LABEL_COLUMNS, UNNAMED, find_column, unnamed_column
from ensembles.importing.rows import Rows
from ensembles.importing.tables import Cells, Table, and_others
from zoo.errors import UserError

SPLIT_COLUMNS: Final = ("split", "usage", "subset")
FOLD_COLUMNS: Final = ("fold", "folds", "kfold", "fold_id", "cv_fold")
PREDICTED_COLUMNS: Final = ("prediction", "predicted", "pred", "y_pred", "predicted_label", "predicted_class")
CLASS_COLUMNS: Final = (*LABEL_COLUMNS, "class_name", "class_id", *PREDICTED_COLUMNS)
PROBABILITY_COLUMNS: Final = ("probability", "prob", "proba", "p", "score", "confidence", "value", "logit")
SECOND: Final = "one column, the probability of the second of two classes"
HARD: Final = "hard labels, which count as probabilities of 0 and 1"
SMALL: Final = 10_000
"""Cells of a long table that may be missing beyond half of them before it is refused at once."""


@dataclass(frozen=True)
class Columns:
    """What the columns of a table are; positions, None where there is no such column.

    Attributes:
        identity, split, fold, truth: of ids, splits, folds and true labels.
        others: of all else.
    """

    identity: int | None
    split: int | None
    fold: int | None
    truth: int | None
    others: tuple[int, ...]


def table_rows(table: Table, classes: Sequence[str] = ()) -> Rows:
    """The rows of a table of predictions.

    Args:
        table: with one column a class; with class and probability, one row for each of both; with one label a row; or
            with the probability of the second of two classes.
        classes: names of classes, as far as they are known: a column of that name is nothing else.

    Raises:
        UserError: none of these, or a cell that cannot be read.
    """
    header = table.header or tuple(str(number) for number in range(table.width))
    if not any(header):
        raise UserError(f"{table.where} is empty: expected a header, and one row per sample")
    columns = _columns(header, classes) if table.header else Columns(None, None, None, None, tuple(range(table.width)))
    names = [header[at].lower() for at in columns.others]
    if not columns.others:
        raise UserError(f"{table.where} has the columns {', '.join(header)}: expected predictions beside them")
    if len(names) == 2 and (places := _long(names)) is not None:
        return _long_rows(table, columns, [columns.others[place] for place in places])
    if len(names) == 1:
        return _single_column(table, columns, names[0])
    return _wide_rows(table, columns, header)


def _columns(header: Sequence[str], classes: Sequence[str]) -> Columns:
    known = {name.casefold() for name in classes}
    # A class may be called "image" or "y".
    free = ["\0" if name.casefold() in known else name for name in header]
    identity, split, fold = (find_column(free, names) for names in (ID_COLUMNS, SPLIT_COLUMNS, FOLD_COLUMNS))
    if identity is None:
        identity = unnamed_column(header)
    taken = {identity, split, fold}
    others = [at for at, name in enumerate(header) if at not in taken and name.lower() not in UNNAMED]
    truth = find_column([free[at] for at in others], LABEL_COLUMNS) if len(others) > 2 else None
    place = None if truth is None else others.pop(truth)
    return Columns(identity, split, fold, place, tuple(others))


def _long(names: Sequence[str]) -> tuple[int, int] | None:
    """Which of two columns is the class and which its probability; None where they are neither."""
    for one, other in ((0, 1), (1, 0)):
        if names[one] in CLASS_COLUMNS and names[other] in PROBABILITY_COLUMNS:
            return one, other
    return None


@dataclass(frozen=True, eq=False)
class _Texts:
    """The columns of a table that are no predictions, None where there are none, and what else was read."""

    sample_ids: list[str] | None
    splits: list[str] | None
    folds: list[str] | None
    truth: list[str] | None
    texts: list[list[str]]
    cells: Cells


def _read(table: Table, columns: Columns, texts: Sequence[int], numbers: Sequence[int]) -> _Texts:
    places = (columns.identity, columns.split, columns.fold, columns.truth)
    wanted = [place for place in places if place is not None]
    cells = table.read([*wanted, *texts], numbers)
    by_place = dict(zip(wanted, cells.texts, strict=False))
    ids, splits, folds, truth = (None if place is None else by_place[place] for place in places)
    if columns.identity is not None and (not table.header or table.header[columns.identity].lower() in UNNAMED):
        # Without a name they are row numbers, or ids that were a frame's index.
        ids = None if ids == [str(row) for row in range(len(ids or ()))] else ids
    splits = None if splits is None else [text.lower() for text in splits]
    return _Texts(ids, splits, folds, truth, cells.texts[len(wanted) :], cells)


def _rows(
    table: Table,
    read: _Texts,
    format: str,
    *,
    values: NDArray[Any] | None = None,
    labels: Sequence[str] | None = None,
    headings: tuple[str, ...] | None = None,
) -> Rows:
    return Rows(
        where=table.where,
        format=format,
        values=values,
        labels=labels,
        headings=headings,
        sample_ids=read.sample_ids,
        splits=read.splits,
        folds=read.folds,
        truth=read.truth,
        faults=tuple(read.cells.faults),
        unread=frozenset(read.cells.unread),
    )


def _wide_rows(table: Table, columns: Columns, header: Sequence[str]) -> Rows:
    headings = tuple(header[at] for at in columns.others) if table.header else None
    folded = [name.casefold() for name in headings or ()]
    for name in headings or ():
        if folded.count(name.casefold()) > 1:
            raise UserError(f"{table.where} has the class {name} twice: expected one column per class")
    read = _read(table, columns, (), columns.others)
    shown = f" ({headings[0]} ... {headings[-1]})" if headings else ", without header"
    format = f"wide {table.kind}, {len(columns.others):,} columns{shown}"
    return _rows(table, read, format, values=read.cells.values, headings=headings)


def _single_column(table: Table, columns: Columns, name: str) -> Rows:
    read = _read(table, columns, columns.others, ())
    numbers = _numbers(read.texts[0])
    if numbers is not None and (name in PROBABILITY_COLUMNS or not np.array_equal(numbers, np.round(numbers))):
        return _rows(table, read, f"{table.kind}, {SECOND}", values=numbers[:, None])
    return _rows(table, read, f"{table.kind}, {HARD}", labels=read.texts[0])


def _numbers(texts: Sequence[str]) -> NDArray[np.float64] | None:
    try:
        return np.array([float(text) for text in texts], np.float64)
    except ValueError:
        return None


def _long_rows(table: Table, columns: Columns, places: Sequence[int]) -> Rows:
    if columns.identity is None:
        raise UserError(f"{table.where} has a class and a probability in each row: expected a column id beside them")
    read = _read(table, columns, places[:1], places[1:])
    (classes,) = read.texts
    splits = read.splits or [""] * len(classes)  # which may share ids
    ids = read.sample_ids or [str(row) for row in range(len(classes))]
    row_of: dict[tuple[str, str], int] = {}
    column_of: dict[str, int] = {}
    rows = np.array([row_of.setdefault(key, len(row_of)) for key in zip(splits, ids, strict=True)], np.int64)
    at = np.array([column_of.setdefault(name, len(column_of)) for name in classes], np.int64)
    shape = (len(row_of), len(column_of))
    if shape[0] * shape[1] > 2 * len(rows) + SMALL:
        raise UserError(
            f"{table.where} has {len(rows):,} rows for {shape[0]:,} ids and {shape[1]:,} classes: expected a row for "
            "each of both"
        )
    values = np.full(shape, np.nan, np.float32)
    values[rows, at] = read.cells.values[:, 0]
    counts = np.bincount(rows * shape[1] + at, minlength=shape[0] * shape[1]).reshape(shape)
    read.cells.unread = {*rows[list(read.cells.unread)].tolist(), *np.flatnonzero((counts != 1).any(axis=1)).tolist()}
    read.cells.faults += _pair_faults(counts, [name for _, name in row_of], list(column_of))
    firsts = np.unique(rows, return_index=True)[1].tolist()
    texts = [None if given is None else [given[row] for row in firsts] for given in (ids, read.splits, read.folds)]
    read = replace(read, sample_ids=texts[0], splits=texts[1], folds=texts[2])
    return _rows(table, read, f"long {table.kind}, a row per id and class", values=values, headings=tuple(column_of))


def _pair_faults(counts: NDArray[np.int64], ids: Sequence[str], classes: Sequence[str]) -> list[str]:
    """What is wrong with the pairs of ids and classes of a long table, of which each should be there once."""
    found = []
    for wrong, verb in ((counts == 0, "has no row"), (counts > 1, "has several rows")):
        if wrong.any():
            row, column = divmod(int(wrong.argmax()), len(classes))
            phrase = f"{verb} for the id {ids[row]!r} and the class {classes[column]}"
            found.append(and_others(phrase, int(wrong.sum()) - 1, "pairs"))
    return found
