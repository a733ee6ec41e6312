"""95 % intervals of the scores in a leaderboard, cheap enough for every row: all share one set of resamples."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmark import metrics
from benchmark.records import Predictions
from benchmark.statistics import occurrences, resampled_scores, wilson_interval

RESAMPLES: Final = 1000

Interval = tuple[float, float]

BOOTSTRAPPED: Final[Mapping[str, Callable[[metrics.Probabilities, metrics.Labels], float]]] = {
    "macro_f1": metrics.macro_f1,
    "log_loss": metrics.log_loss,
    "mse": metrics.mse,
    "ece": metrics.expected_calibration_error,
}


def accuracy_interval(predictions: Sequence[Predictions]) -> Interval:
    """Wilson's interval of the accuracy of a row; of several runs, that of their mean accuracy.

    The mean of several runs is known a little better than that, since images that some have right count in between.

    Args:
        predictions: labelled, of the row's runs on one split, at least one.
    """
    shares = [metrics.accuracy(found.probabilities, found.labels) for found in predictions if found.labels is not None]
    n = len(predictions[0].sample_ids)
    return wilson_interval(sum(shares) / len(shares) * n, n)


def drop_interval(validation: tuple[float, Interval], test: tuple[float, Interval]) -> Interval:
    """The interval of validation accuracy less test accuracy, of different images (Newcombe 1998, method 10).

    Args:
        validation, test: the accuracy and its Wilson interval, 0-1.
    """
    (a, (a_low, a_high)), (b, (b_low, b_high)) = validation, test
    return (a - b - math.hypot(a - a_low, b_high - b), a - b + math.hypot(a_high - a, b - b_low))


def bootstrap_intervals(
    rows: Sequence[Sequence[Predictions]], scores: Sequence[str], seed: int = 0
) -> list[dict[str, Interval]]:
    """The percentile intervals of `benchmark.statistics.bootstrap_interval` for every row and score.

    Images are resampled, the row's runs stay: the interval of their mean is about other images, not other seeds.

    Args:
        rows: labelled predictions of each row's runs on one split, at least one a row.
        scores: names in `BOOTSTRAPPED`.
        seed: of the resamples.

    Returns:
        For each row its intervals by score.
    """
    found: list[dict[str, Interval]] = [{} for _ in rows]
    for n in sorted({len(row[0].sample_ids) for row in rows} if scores else ()):
        places = [place for place, row in enumerate(rows) if len(row[0].sample_ids) == n]
        resamples = occurrences(n, RESAMPLES, seed)
        for score in scores:
            for place, interval in zip(places, _intervals([rows[at] for at in places], score, resamples), strict=True):
                found[place][score] = interval
    return found


def _intervals(rows: Sequence[Sequence[Predictions]], score: str, resamples: NDArray[np.float32]) -> Iterator[Interval]:
    """The interval of each row, whose runs stand one behind the other in one call."""
    runs = [(found.probabilities, found.labels) for row in rows for found in row if found.labels is not None]
    ends = np.cumsum([len(row) for row in rows])
    for drawn in np.split(resampled_scores(BOOTSTRAPPED[score], runs, resamples), ends[:-1]):
        low, high = np.quantile(drawn.mean(axis=0), [0.025, 0.975])
        yield float(low), float(high)
