"""95 % intervals of the scores in a leaderboard, cheap enough for every row: all share one set of resamples."""

import math
from collections.abc import Hashable, Iterator, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmark.files.npz_files import MAPPED_BYTES, let_go
from benchmark.metrics import SCORES, Labels, Probabilities, accuracy
from benchmark.records import Predictions
from benchmark.resampling import QUANTILES, occurrence_parts, resampled_scores
from benchmark.statistics import wilson_interval
from reports.leaderboards.results import Results
from reports.leaderboards.rows import ACCURACIES, KEYS, keys, labelled, ranking_split

Interval = tuple[float, float]

BOOTSTRAPPED: Final = {name: score for name, score in SCORES.items() if name != "accuracy"}


def with_intervals(rows: pd.DataFrame, results: Results, columns: Sequence[str]) -> pd.DataFrame:
    """The rows under their displayed names, with the intervals of these columns."""
    row_keys = keys(rows)
    intervals_by_row: list[dict[str, Any]] = [{} for _ in row_keys]
    labelled_runs = {split: labelled(results, split) for split in ACCURACIES.values()}
    drops = _drop_intervals(results)
    for place, key in enumerate(row_keys):
        for column, split in ACCURACIES.items():
            if key in labelled_runs[split]:
                intervals_by_row[place][column] = accuracy_interval(labelled_runs[split][key])
        if key in drops:
            intervals_by_row[place]["drop"] = drops[key]
    scored = labelled_runs[ranking_split(results)]
    places = [place for place, key in enumerate(row_keys) if key in scored]
    names = [name for name in BOOTSTRAPPED if name in columns]
    drawn = bootstrap_intervals([scored[row_keys[place]] for place in places], names)
    for place, bootstrapped in zip(places, drawn, strict=True):
        intervals_by_row[place] |= bootstrapped
    ends = [
        {f"{name}_{end}": value for name, pair in row.items() for end, value in zip(("low", "high"), pair, strict=True)}
        for row in intervals_by_row
    ]
    return rows.drop(columns="name").assign(model=rows["name"]).join(pd.DataFrame(ends, index=rows.index))


def _drop_intervals(results: Results) -> dict[Hashable, Interval]:
    """The interval of the drop of each (model, hash), of the runs whose drops are averaged: those with both scores."""
    scored = results.scores.dropna(subset="accuracy")
    validation, test = [scored[scored["split"] == split].set_index("run") for split in ACCURACIES.values()]
    both = validation[validation.index.isin(test.index)]
    return {key: drop_interval(_share(runs), _share(test.loc[runs.index])) for key, runs in both.groupby(KEYS)}


def _share(runs: pd.DataFrame) -> tuple[float, Interval]:
    """The mean accuracy of runs on a split, and Wilson's interval of it."""
    share, images = float(runs["accuracy"].mean()), int(runs["images"].iloc[0])
    return share, wilson_interval(share * images, images)


def accuracy_interval(predictions: Sequence[Predictions]) -> Interval:
    """Wilson's interval of the accuracy of a row; of several runs, that of their mean accuracy.

    The mean of several runs is known a little better than that, since images that some have right count in between.
    """
    shares = []
    for run in predictions:
        if run.labels is not None:
            shares.append(accuracy(run.probabilities, run.labels))
            let_go(run.probabilities)
    n = len(predictions[0].sample_ids)
    return wilson_interval(sum(shares) / len(shares) * n, n)


def drop_interval(validation: tuple[float, Interval], test: tuple[float, Interval]) -> Interval:
    """The interval of validation accuracy less test accuracy, of different images (Newcombe 1998, method 10); 0-1."""
    (a, (a_low, a_high)), (b, (b_low, b_high)) = validation, test
    return (a - b - math.hypot(a - a_low, b_high - b), a - b + math.hypot(a_high - a, b - b_low))


def bootstrap_intervals(rows: Sequence[Sequence[Predictions]], scores: Sequence[str]) -> list[dict[str, Interval]]:
    """The percentile intervals of `benchmark.resampling.bootstrap_intervals` for every row and score.

    Images are resampled, the row's runs stay: the interval of their mean is about other images, not other seeds.

    Args:
        scores: names in `BOOTSTRAPPED`.

    Returns:
        For each row its intervals by score.
    """
    intervals: list[dict[str, Interval]] = [{} for _ in rows]
    for n in sorted({len(row[0].sample_ids) for row in rows} if scores else ()):
        places = [place for place, row in enumerate(rows) if len(row[0].sample_ids) == n]
        alike, parts = [rows[at] for at in places], []
        for resamples in occurrence_parts(n):
            parts.append([_resampled_rows(alike, score, resamples) for score in scores])
        for score, drawn in zip(scores, zip(*parts, strict=True), strict=True):
            for place, interval in zip(places, _intervals(alike, np.hstack(drawn)), strict=True):
                intervals[place][score] = interval
    return intervals


def _resampled_rows(
    rows: Sequence[Sequence[Predictions]], score: str, resamples: NDArray[np.float32]
) -> NDArray[np.float64]:
    """The score of each run of all rows on these resamples, shape (runs, resamples)."""
    runs = [(run.probabilities, run.labels) for row in rows for run in row if run.labels is not None]
    if runs[0][0].nbytes < MAPPED_BYTES:
        return resampled_scores(BOOTSTRAPPED[score], runs, resamples)
    return np.concatenate([_resampled(score, run, resamples) for run in runs])


def _intervals(rows: Sequence[Sequence[Predictions]], scores: NDArray[np.float64]) -> Iterator[Interval]:
    """The interval of each row, whose runs stand one behind the other in `scores`."""
    ends = np.cumsum([len(row) for row in rows])
    for drawn in np.split(scores, ends[:-1]):
        low, high = np.quantile(drawn.mean(axis=0), QUANTILES)
        yield float(low), float(high)


def _resampled(score: str, run: tuple[Probabilities, Labels], resamples: NDArray[np.float32]) -> NDArray[np.float64]:
    """The score of a run whose predictions are read from the disk."""
    scores = resampled_scores(BOOTSTRAPPED[score], [run], resamples)
    let_go(run[0])
    return scores
