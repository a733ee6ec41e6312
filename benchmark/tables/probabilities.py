"""Numbers become probabilities: columns in the order of the classes, rows checked, rounded ones made to sum to 1.

Everything is done in blocks of rows, so that a file that is mapped into memory is never there as a whole.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.matching.class_names import ClassMatcher, number
from benchmark.metrics import softmax
from benchmark.nouns import counted
from benchmark.records import ROW_SUM_TOLERANCE
from benchmark.tables.frame_tables import and_others
from benchmark.tables.prediction_rows import Rows

BLOCK_NUMBERS: Final = 1 << 22
MOST_DECIMALS: Final = 6
FIRST: Final = np.array([1, 0])
"""The order of the columns where the only one is of the first of two classes: the other is made in front of it."""
FIRST_ROWS: Final = 100_000
LARGEST_LOGIT: Final = 30
"""Of a class against another; its probability is then 1 in float32."""

PERCENTAGES: Final = "are these percentages? then divide them by 100"

EXACT: Final = 1e-5
"""Deviations of a row's sum from 1 up to this come from arithmetic in float32."""

Outputs = Mapping[str, NDArray[np.floating]]


@dataclass(frozen=True, eq=False)
class Placed:
    """Rows with the samples that they are about.

    Attributes:
        rows: of one file, array or frame.
        targets: for each split the rows that are about it, ascending, and the places of their samples.
        faults: what is wrong with the ids, one phrase a kind.
        id_note: how ids were found that are not spelled as the known ones; empty where all are.
    """

    rows: Rows
    targets: Mapping[str, tuple[NDArray[np.intp], NDArray[np.int64]]]
    faults: tuple[str, ...] = ()
    id_note: str = ""


@dataclass(frozen=True)
class Filled:
    """What was found while numbers were read.

    Attributes:
        faults: what is wrong, one phrase a kind.
        notes: what was done to the numbers, one phrase each.
    """

    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def fill(placed: Placed, class_names: Sequence[str], outputs: Outputs, *, logits: bool | None) -> Filled:
    """Write the rows' probabilities to where their samples stand.

    Args:
        placed: rows with their samples.
        class_names: in the order that is written.
        outputs: float32 or float64, shape (samples, classes), by split.
        logits: whether the numbers are logits, of which the softmax is taken; None where the user cannot say so.
    """
    rows = placed.rows
    if rows.labels is not None:
        if logits:
            return Filled(("has labels, which are no logits",))
        return _hard(placed, rows.labels, class_names, outputs)
    columns, fault = _columns(rows, class_names)
    if fault:
        return Filled((fault,))
    values = _Values(rows, columns, logits)
    checks = _RowChecks(np.ones(len(rows)), np.zeros(len(rows), np.bool_), np.zeros(len(rows), np.bool_))
    for start, block in values.blocks():
        checks.add(start, block)
        for split, (at, places) in placed.targets.items():
            first, last = np.searchsorted(at, (start, start + len(block)))
            with np.errstate(over="ignore", invalid="ignore"):  # refused below
                outputs[split][places[first:last]] = block[at[first:last] - start]
    return _checked(placed, values, checks, outputs)


def _hard(placed: Placed, labels: Sequence[str], class_names: Sequence[str], outputs: Outputs) -> Filled:
    matcher = ClassMatcher(class_names)
    positions = matcher.positions(labels)
    wrong = np.flatnonzero(positions < 0)
    if wrong.size:
        phrase = f"the label {labels[wrong[0]]!r} is not a class, expected {matcher.expected}"
        return Filled((and_others(phrase, wrong.size - 1, "rows"),))
    if _says_whether_first(placed.rows, labels, class_names):
        positions = 1 - positions
    for split, (rows, places) in placed.targets.items():
        outputs[split][places] = 0
        outputs[split][places, positions[rows]] = 1
    return Filled()


def _says_whether_first(rows: Rows, labels: Sequence[str], class_names: Sequence[str]) -> bool:
    """Whether a column of 0 and 1 is named after the first of two classes, so that 1 is this class."""
    if len(class_names) != 2 or any(number(name) is not None for name in class_names) or not rows.headings:
        return False
    return class_of_one_column(rows, class_names) == 0 and all(number(text) in (0, 1) for text in set(labels))


def _columns(rows: Rows, class_names: Sequence[str]) -> tuple[NDArray[np.int64] | None, str]:
    """Where each class' column is, None where they are in order already; or what is wrong."""
    matcher = ClassMatcher(class_names)
    if rows.columns == 1 and len(class_names) == 2:
        place = class_of_one_column(rows, class_names)
        named = (rows.headings or ("",))[-1]
        fault = (
            "" if place is not None else f"has the column {named}, which is not a class: expected {matcher.expected}"
        )
        return (FIRST if place == 0 else None), fault
    if rows.headings is None:
        if rows.columns != len(class_names):
            return None, (
                f"has {rows.columns:,} columns, expected {len(class_names):,}, one for each class: {matcher.expected}"
            )
        return None, ""
    return _named_columns(rows, rows.headings, matcher)


def _named_columns(rows: Rows, headings: Sequence[str], matcher: ClassMatcher) -> tuple[NDArray[np.int64] | None, str]:
    class_names, positions = matcher.class_names, matcher.columns(headings).positions
    if set(positions) != set(range(len(class_names))):
        closest = matcher.closest_columns(headings).positions
        missing = [name for place, name in enumerate(class_names) if place not in closest]
        strange = [name for name, place in zip(headings, closest, strict=True) if place is None]
        if not missing and not strange:
            return None, _twice(closest, class_names)
        unknown = f"{strange[0]}, which is not a class" if strange else ""
        what = f"has no column for the class {missing[0]}" if missing else f"has the column {unknown}"
        other = f"; it has {unknown}" if missing and strange else ""
        if strange and rows.sample_ids is None:
            other += "; a column of ids is called id"
        return None, f"{what}: expected {matcher.expected}{other}"
    if len(positions) > len(class_names):
        return None, _twice(positions, class_names)
    order = np.argsort(np.array(positions, np.int64))
    return (None if np.array_equal(order, np.arange(len(order))) else order), ""


def _twice(positions: Sequence[int | None], class_names: Sequence[str]) -> str:
    twice = next(place for place in positions if positions.count(place) > 1)
    return f"has two columns for the class {class_names[twice or 0]}"


def class_of_one_column(rows: Rows, class_names: Sequence[str]) -> int | None:
    """Which of two classes the only column is of: the one that its heading names, else the second.

    None where the heading is no class and has to be one.
    """
    named = ClassMatcher(class_names).named_by(rows.headings[-1]) if rows.headings else None
    return 1 if named is None and (rows.any_heading or not rows.headings) else named


@dataclass(frozen=True, eq=False)
class _Values:
    """The numbers of rows, block by block, as probabilities."""

    rows: Rows
    columns: NDArray[np.int64] | None
    logits: bool | None

    def blocks(self) -> Iterator[tuple[int, NDArray[Any]]]:
        """The first row of each block, and its numbers, shape (rows, classes)."""
        values = self.rows.values
        assert values is not None  # noqa: S101 - for mypy: hard labels are dealt with elsewhere
        size = max(1, BLOCK_NUMBERS // values.shape[1])
        for start in range(0, len(values), size):
            block = np.asarray(values[start : start + size])
            if block.dtype.kind != "f" or block.dtype.itemsize < 4 or not block.dtype.isnative:
                block = block.astype(np.float64)
            if block.shape[1] == 1:
                block = np.hstack([1 - block, block]) if not self.logits else np.hstack([0 * block, block])
            if self.columns is not None:
                block = block[:, self.columns]
            if self.logits:
                with np.errstate(invalid="ignore", over="ignore"):
                    block = softmax(block.astype(np.float64))
            yield start, block


@dataclass(frozen=True, eq=False)
class _RowChecks:
    """What the rows are like: sums, and which of them are not finite or have a negative number."""

    sums: NDArray[np.float64]
    infinite: NDArray[np.bool_]
    negative: NDArray[np.bool_]

    def add(self, start: int, block: NDArray[Any]) -> None:
        rows = slice(start, start + len(block))
        with np.errstate(invalid="ignore", over="ignore"):
            self.sums[rows] = block.sum(axis=1, dtype=np.float64)
            # A sum is finite only where all numbers are, unless they are too large to be probabilities.
            self.infinite[rows] = ~np.isfinite(self.sums[rows])
            self.negative[rows] = ~self.infinite[rows] & (block.min(axis=1) < 0)


def _checked(placed: Placed, values: _Values, checks: _RowChecks, outputs: Outputs) -> Filled:
    """Refuse values that are not probabilities, and make rounded rows sum to 1."""
    rows, faults, notes = placed.rows, [], []
    read = np.ones(len(rows), np.bool_)
    read[list(rows.unread)] = False
    percentages = bool(checks.negative.any()) and _percentages(values)
    for wrong, what in (
        (checks.infinite & read, "has probabilities that are not finite numbers"),
        (checks.negative, "has a probability above 1" if percentages else "has a negative probability"),
    ):
        faults += _first(rows, wrong, what)
    whole = read & ~checks.infinite & ~checks.negative
    deviations = np.where(whole, np.abs(checks.sums - 1), 0)
    if deviations.max(initial=0) > EXACT or checks.negative.any():
        decimals = _decimals(values, whole)
        if decimals is None:
            wrong, explained = deviations > ROW_SUM_TOLERANCE, ""
        else:
            wrong = whole & ~_explained(values, checks.sums, decimals)
            explained = f", which rounding to {decimals} decimals does not explain"
        what = f"has probabilities that sum to {checks.sums[wrong.argmax()]:.6g}, expected 1{explained}"
        faults += _first(rows, wrong, what)
        faults += _hint(values, checks.sums, float((checks.negative | wrong).mean()), bool(checks.negative.any()))
        if decimals is not None and whole.all() and not wrong.any():
            _renormalise(placed, checks.sums, outputs)
            largest = checks.sums[deviations.argmax()]
            rounded = f"rounded to {counted(decimals, 'decimal')}"
            notes.append(f"{rounded}, rows made to sum to 1 (the farthest sums to {largest:.6g})")
    if values.logits and not faults and _percentages(values):
        faults.append(f"has numbers from 0 to 100: {PERCENTAGES}, and leave --logits out")
    if values.logits and not faults and _probabilities_already(values.rows):
        faults.append("has probabilities already, rows sum to 1: leave --logits out")
    return Filled(tuple(faults), tuple(notes))


def _first(rows: Rows, wrong: NDArray[np.bool_], what: str) -> list[str]:
    """A phrase about the first wrong row and how many others there are."""
    if not wrong.any():
        return []
    at = int(wrong.argmax())
    name = f"sample {rows.sample_ids[at]!r}" if rows.sample_ids is not None else f"row {at + 1:,}"
    return [and_others(f"{name} {what}", int(wrong.sum()) - 1, "samples")]


def _hint(values: _Values, sums: NDArray[np.float64], share: float, negative: bool) -> list[str]:
    """What the numbers may be where more than half of the rows are not probabilities."""
    if share <= 0.5 or values.logits:
        return []
    if _percentages(values):
        return [PERCENTAGES]
    if negative:
        mend = "add --logits" if values.logits is False else "take their softmax first"
        return [f"are these logits? then {mend}"]
    return [PERCENTAGES] if 90 < np.median(sums) < 110 else []


def _percentages(values: _Values) -> bool:
    """Whether a single column begins with numbers from 0 to 100, of which one is more than logits are."""
    if values.rows.values is None or values.rows.values.shape[1] != 1 or not len(values.rows):
        return False
    numbers = values.rows.values[:FIRST_ROWS]
    least, most = float(numbers.min()), float(numbers.max())
    return least >= 0 and LARGEST_LOGIT < most <= 100


def _decimals(values: _Values, whole: NDArray[np.bool_]) -> int | None:
    """The fewest decimals that all numbers of whole rows have, 1 to `MOST_DECIMALS`; None where they have more."""
    if values.logits:
        return None
    fewest = 1
    for start, block in values.blocks():
        numbers = block[whole[start : start + len(block)]]
        while fewest <= MOST_DECIMALS:
            # float32 holds a number between 0 and 1 to 6e-8. One that is too large to be scaled has no decimals.
            with np.errstate(over="ignore", invalid="ignore"):
                scaled = numbers * 10.0**fewest
                farthest = np.abs(scaled - np.round(scaled)).max(initial=0)
            if farthest <= 1.2e-7 * 10.0**fewest:
                break
            fewest += 1
        else:
            return None
    return fewest


def _explained(values: _Values, sums: NDArray[np.float64], decimals: int) -> NDArray[np.bool_]:
    """Whether numbers that round to each row's can sum to 1: each may be up to half a digit more, or less but not < 0.

    So d decimals and K classes explain a sum of 1 - K x 0.5 x 10^-d.
    """
    half = 0.5 * 10.0**-decimals
    above = np.concatenate([np.count_nonzero(block, axis=1) for _, block in values.blocks()])
    classes = next(block.shape[1] for _, block in values.blocks())
    slack = 1e-6
    explained: NDArray[np.bool_] = (
        (sums > 0) & (sums - half * above <= 1 + slack) & (sums + half * classes >= 1 - slack)
    )
    return explained


def _renormalise(placed: Placed, sums: NDArray[np.float64], outputs: Outputs) -> None:
    for split, (rows, places) in placed.targets.items():
        size = max(1, BLOCK_NUMBERS // outputs[split].shape[1])
        for start in range(0, len(rows), size):
            at = slice(start, start + size)
            outputs[split][places[at]] /= sums[rows[at], None].astype(outputs[split].dtype)


def _probabilities_already(rows: Rows) -> bool:
    assert rows.values is not None  # noqa: S101 - for mypy: hard labels are dealt with elsewhere
    head = np.asarray(rows.values[:1000], np.float64)
    return head.shape[1] > 1 and bool((head >= 0).all() and np.abs(head.sum(axis=1) - 1).max() < ROW_SUM_TOLERANCE)
