"""The formats of predictions, each recognised by its columns or arrays: wide and long tables, hard labels, arrays."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.matching.cell_text import UNNAMED
from benchmark.matching.class_names import FER_CLASSES, ClassMatcher, meaning
from benchmark.matching.column_finding import (
    LABEL_COLUMNS,
    called_ids,
    find_column,
    naming_column,
    unnamed_column,
)
from benchmark.matching.sample_ids import IdMatcher
from benchmark.tables.csv_tables import CsvTable
from benchmark.tables.frame_tables import Cells, Table, and_others, is_number
from benchmark.tables.prediction_rows import Rows, check_headings
from zoo.errors import UserError

SPLIT_COLUMNS: Final = ("split", "usage", "subset")
FOLD_COLUMNS: Final = ("fold", "folds", "kfold", "fold_id", "cv_fold")
PREDICTED_COLUMNS: Final = ("prediction", "predicted", "pred", "y_pred", "predicted_label", "predicted_class")
CLASS_COLUMNS: Final = (*LABEL_COLUMNS, "class_name", "class_id", *PREDICTED_COLUMNS)
PROBABILITY_COLUMNS: Final = ("probability", "prob", "proba", "p", "score", "confidence", "value", "logit")
ONE_COLUMN: Final = "one column, the probability of one of two classes"
HARD: Final = "hard labels, which count as probabilities of 0 and 1"
SMALL: Final = 10_000
"""Cells of a long table that may be missing beyond half of them before it is refused at once."""


PEEK: Final = 200
"""Rows that tell what the columns are."""


@dataclass(frozen=True)
class KnownNames:
    """What is known before predictions are read.

    Attributes:
        class_names: as far as they are known: a column of that name is nothing else.
        sample_ids: tell which column has the ids where its heading does not.
    """

    class_names: Sequence[str] = ()
    sample_ids: Sequence[str] = ()


NOTHING: Final = KnownNames()


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


def table_rows(table: Table, known: KnownNames, dtype: Any) -> Rows:
    """The rows of a table of predictions.

    Args:
        table: with one column a class; with class and probability, one row for each of both; with one label a row; or
            with the probability of the second of two classes.
        known: names of classes and ids of samples.
        dtype: of the numbers, float32 or float64.

    Raises:
        UserError: none of these, or a cell that cannot be read.
    """
    table = _without_header(table, known)
    header = table.header or tuple(str(number) for number in range(table.width))
    if not any(header):
        raise UserError(f"{table.where} is empty: expected a header, and one row per sample")
    columns = _columns(table, known) if table.header else Columns(None, None, None, None, tuple(range(table.width)))
    names = [header[at].lower() for at in columns.others]
    if not columns.others:
        raise UserError(f"{table.where} has the columns {', '.join(header)}: expected predictions beside them")
    if len(names) == 2 and (places := _long(names)) is not None:
        return _long_rows(table, columns, [columns.others[place] for place in places])
    if len(names) == 1:
        return _single_column(table, columns, names[0])
    return _wide_rows(table, columns, header, dtype)


def _without_header(table: Table, known: KnownNames) -> Table:
    """The table; if its only column begins with a class and not with a heading, all of it is rows."""
    if isinstance(table, CsvTable) and len(table.header) == 1 and known.class_names:
        named = find_column(table.header, (*CLASS_COLUMNS, *PROBABILITY_COLUMNS)) is not None
        (first,) = table.header
        is_class = ClassMatcher(known.class_names).position(first) is not None or meaning(first) in FER_CLASSES
        # Above numbers a class is the heading of its probabilities.
        heads = not is_number(first) and all(is_number(cells[0]) for cells in table.peek(PEEK))
        if is_class and not named and not heads:
            return CsvTable(table.path, headed=False)
    return table


def _columns(table: Table, known: KnownNames) -> Columns:
    header, rows = table.header, table.peek(PEEK)
    own = _class_columns(header, rows, known)
    free = ["\0" if at in own else name for at, name in enumerate(header)]
    identity = _identity(free, rows, known)
    split, fold = (find_column(free, names) for names in (SPLIT_COLUMNS, FOLD_COLUMNS))
    taken = {identity, split, fold}
    others = [at for at, name in enumerate(header) if at not in taken and name.lower() not in UNNAMED]
    long = len(others) == 2 and _long([header[at].lower() for at in others]) is not None
    truth, predictions = (None, others) if long else _truth_and_predictions(free, rows, others)
    return Columns(identity, split, fold, truth, tuple(predictions))


def _class_columns(header: Sequence[str], rows: Sequence[Sequence[str]], known: KnownNames) -> list[int]:
    """The columns that a class heads: a class may be called "image" or "y".

    That is so where others have columns of numbers, too, or where it is one of two.
    """
    classes = {name.casefold() for name in known.class_names}
    own = [at for at, name in enumerate(header) if name.casefold() in classes]
    holds_text = any(not is_number(cells[at]) for cells in rows for at in own)
    chance = len(own) < len(classes) and (holds_text or (len(own) == 1 and len(classes) > 2))
    return [] if chance else own


def _truth_and_predictions(
    header: Sequence[str], rows: Sequence[Sequence[str]], others: Sequence[int]
) -> tuple[int | None, Sequence[int]]:
    """The column of true labels, None where there is none, and those of predictions.

        beside ids, splits and folds           predictions            true labels
        several columns of numbers             the numbers            the label, if any
        a predicted label                      the predicted label    the label, if any
        a label and several columns of text    the label              none
        anything else                          all of it              none

    Args:
        header: without the headings that are classes.
        others: the columns that are no ids, splits or folds.
    """
    label, predicted = (
        None if (place := find_column([header[at] for at in others], names)) is None else others[place]
        for names in (LABEL_COLUMNS, PREDICTED_COLUMNS)
    )
    rest = [at for at in others if at not in (label, predicted)]
    if len(rest) > 1 and all(not rows or any(is_number(cells[at]) for cells in rows) for at in rest):
        # The predicted label beside probabilities says nothing new.
        return label, rest
    if predicted is not None:
        return label, [predicted]
    if label is not None and len(rest) > 1:
        return None, [label]
    return None, others


def _identity(header: Sequence[str], rows: Sequence[Sequence[str]], known: KnownNames) -> int | None:
    """The column of ids: the one that names known samples, or is called so, or a frame's index; else one of text."""
    column = naming_column(header, rows, IdMatcher(known.sample_ids)) if known.sample_ids and len(header) > 1 else None
    for place in (column, called_ids(header), unnamed_column(header)):
        if place is not None:
            return place
    if len(header) == 1:
        return None
    labels = [find_column([name], CLASS_COLUMNS) is not None for name in header]
    for place, name in enumerate(header):
        texts = [cells[place] for cells in rows]
        beside_label = len(header) == 2 and any(labels) and name.lower() not in PROBABILITY_COLUMNS
        own = not labels[place] and name != "\0" and len(set(texts)) == len(texts) > 1
        if own and (beside_label or not any(map(is_number, texts))):
            return place
    return None


def _long(names: Sequence[str]) -> tuple[int, int] | None:
    """Which of two columns is the class and which its probability; None where they are neither."""
    for one, other in ((0, 1), (1, 0)):
        if names[one] in CLASS_COLUMNS and names[other] in PROBABILITY_COLUMNS:
            return one, other
    return None


def _read(
    table: Table, columns: Columns, texts: Sequence[int], numbers: Sequence[int], dtype: Any = np.float32
) -> tuple[Cells, dict[str, Any]]:
    """The cells of these columns, and what else there is to know of the rows, by the fields of `Rows`."""
    places = (columns.identity, columns.split, columns.fold, columns.truth)
    wanted = [place for place in places if place is not None]
    cells = table.read([*wanted, *texts], numbers, dtype)
    by_place = dict(zip(wanted, cells.texts, strict=False))
    ids, splits, folds, truth = (None if place is None else by_place[place] for place in places)
    if columns.identity is not None and (not table.header or table.header[columns.identity].lower() in UNNAMED):
        # Without a name they are row numbers, or ids that were a frame's index.
        ids = None if ids == [str(row) for row in range(len(ids or ()))] else ids
    about = {
        "where": table.where,
        "sample_ids": ids,
        "splits": None if splits is None else [text.lower() for text in splits],
        "folds": folds,
        "truth": truth,
        "faults": tuple(cells.faults),
        "unread": frozenset(cells.unread),
        "line": cells.line,
    }
    return replace(cells, texts=cells.texts[len(wanted) :]), about


def _wide_rows(table: Table, columns: Columns, header: Sequence[str], dtype: Any) -> Rows:
    headings = tuple(header[at] for at in columns.others) if table.header else None
    check_headings(table.where, headings or ())
    cells, about = _read(table, columns, (), columns.others, dtype)
    shown = f" ({headings[0]} ... {headings[-1]})" if headings else ", without header"
    format = f"wide {table.kind}, {len(columns.others):,} columns{shown}"
    return Rows(format=format, values=cells.values, headings=headings, **about)


def _single_column(table: Table, columns: Columns, name: str) -> Rows:
    cells, about = _read(table, columns, columns.others, ())
    (texts,) = cells.texts
    headings = (table.header[columns.others[0]],) if table.header else None
    numbers = np.array(texts, np.float64) if all(map(is_number, texts)) else None
    # Whole numbers and gaps are labels, of which some are missing.
    whole = numbers is not None and np.array_equal(numbers, np.round(numbers), equal_nan=True)
    if numbers is not None and (name in PROBABILITY_COLUMNS or not whole):
        format = f"{table.kind}, {ONE_COLUMN}"
        return Rows(format=format, values=numbers[:, None], headings=headings, any_heading=True, **about)
    return Rows(format=f"{table.kind}, {HARD}", labels=texts, headings=headings, any_heading=True, **about)


def _long_rows(table: Table, columns: Columns, places: Sequence[int]) -> Rows:
    if columns.identity is None:
        raise UserError(f"{table.where} has a class and a probability in each row: expected a column id beside them")
    cells, about = _read(table, columns, places[:1], places[1:])
    (classes,) = cells.texts
    splits = about["splits"] or [""] * len(classes)  # which may share ids
    ids = about["sample_ids"] or [str(row) for row in range(len(classes))]
    row_of: dict[tuple[str, str], int] = {}
    column_of: dict[str, int] = {}
    rows = np.array([row_of.setdefault(key, len(row_of)) for key in zip(splits, ids, strict=True)], np.int64)
    at = np.array([column_of.setdefault(name, len(column_of)) for name in classes], np.int64)
    shape = (len(row_of), len(column_of))
    if shape[0] * shape[1] > 2 * len(rows) + SMALL:
        raise UserError(
            f"{table.where} has {len(rows):,} rows for {shape[0]:,} ids and {shape[1]:,} classes: expected a row for "
            "each id and class"
        )
    values = np.full(shape, np.nan, np.float32)
    values[rows, at] = cells.values[:, 0]
    counts = np.bincount(rows * shape[1] + at, minlength=shape[0] * shape[1]).reshape(shape)
    firsts = np.unique(rows, return_index=True)[1].tolist()
    about |= {
        name: None if given is None else [given[row] for row in firsts]
        for name, given in {"sample_ids": ids, "splits": about["splits"], "folds": about["folds"]}.items()
    }
    about["faults"] += tuple(_pair_faults(counts, [name for _, name in row_of], list(column_of)))
    about["unread"] = frozenset(rows[list(cells.unread)].tolist()).union(
        np.flatnonzero((counts != 1).any(axis=1)).tolist()
    )
    about["line"] = None
    format = f"long {table.kind}, a row per id and class"
    return Rows(format=format, values=values, headings=tuple(column_of), **about)


def _pair_faults(counts: NDArray[np.int64], ids: Sequence[str], classes: Sequence[str]) -> list[str]:
    """What is wrong with the pairs of ids and classes of a long table, of which each should be there once."""
    faults = []
    for wrong, verb in ((counts == 0, "has no row"), (counts > 1, "has several rows")):
        if wrong.any():
            row, column = divmod(int(wrong.argmax()), len(classes))
            phrase = f"{verb} for the id {ids[row]!r} and the class {classes[column]}"
            faults.append(and_others(phrase, int(wrong.sum()) - 1, "pairs"))
    return faults
