"""The run that is called `best`: the first row of the leaderboard, as `reports.leaderboards.ranking` sorts it.

It is computed here because every command takes runs by name, and this package does not import `reports`. A test
compares the two.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmark.files.checksums import DamagedError
from benchmark.metrics import accuracy, log_loss
from benchmark.records import PREDICTED, Predictions
from benchmark.store.stored_run import StoredRun
from zoo.errors import UserError

BEST: Final = "best"
DIGITS: Final = 12
"""Decimals that means are rounded to, so that equal ones that differ in the last bit count as equal."""


@dataclass(frozen=True)
class FirstRow:
    """The first of `rows` rows, by accuracy on a split, "test" or "validation"."""

    name: str
    split: str
    rows: int


def first_row(runs: Mapping[str, Sequence[StoredRun]], by: str | None = None) -> FirstRow:
    """The first of these rows by accuracy, then by accuracy on validation, log loss and name.

    Args:
        runs: the whole runs of each row, by its name on the leaderboard.
        by: the split that decides; None for test where any run has labels for it, else validation.

    Raises:
        UserError: no run has labelled predictions on that split.
    """
    rows = {name: _predictions(seeds) for name, seeds in runs.items()}
    labelled = [split for split in reversed(PREDICTED) if any(_scored(row, split) for row in rows.values())]
    split = by if by in labelled else labelled[0] if labelled and by is None else None
    if split is None:
        raise UserError(f"no row is {BEST}: no run has {'labelled' if by is None else f'labelled {by}'} predictions")
    judged = {name: _judged_on(row, split) for name, row in rows.items() if _scored(row, split)}
    # What is judged on other samples, as out of folds, has no rank.
    usual = Counter(judged.values()).most_common(1)[0][0]
    ranked = [name for name, content in judged.items() if content == usual]

    def place(name: str) -> tuple[float, float, float, str]:
        on_split, on_validation = _scored(rows[name], split), _scored(rows[name], "validation")
        validation = _mean([accuracy(*pair) for pair in on_validation]) if on_validation else -1.0
        losses = _mean([log_loss(*pair) for pair in on_split])
        return -_mean([accuracy(*pair) for pair in on_split]), -validation, losses, name

    return FirstRow(min(ranked, key=place), split, len(ranked))


def _mean(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), DIGITS)


def _predictions(runs: Sequence[StoredRun]) -> list[Predictions]:
    """The predictions of the runs; damaged runs are left out, as on the leaderboard."""
    predictions: list[Predictions] = []
    for run in runs:
        with suppress(DamagedError):
            predictions += [predicted for split in PREDICTED if (predicted := run.predictions(split)) is not None]
    return predictions


def _judged_on(row: Sequence[Predictions], split: str) -> bytes:
    """A digest of ids and labels, in the order of the ids, of the first of its predictions of the split with labels."""
    first = next(one for one in row if one.split == split and one.labels is not None and one.labels.size)
    order = np.argsort(first.sample_ids)
    digest = hashlib.blake2b("\n".join(first.sample_ids[order].tolist()).encode())
    digest.update(b"" if first.labels is None else first.labels[order].tobytes())
    return digest.digest()


def _scored(row: Sequence[Predictions], split: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Probabilities and labels of those predictions of the split that have labels."""
    return [
        (one.probabilities, one.labels)
        for one in row
        if one.split == split and one.labels is not None and one.labels.size
    ]
