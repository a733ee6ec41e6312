"""Scores over resamples of the samples: bootstrap intervals. Every random draw is a function of its seed.

Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters 13 and 16.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark import metrics
from benchmark.metrics import Labels, Probabilities, Score

RESAMPLES: Final = 1000
QUANTILES: Final = (0.025, 0.975)
"""The ends of 95 % intervals."""

Parts = tuple[NDArray[np.float64], Callable[[NDArray[np.float64]], NDArray[np.float64]]]
"""Per-sample values (n, k), and the score of each row of their sums (resamples, k)."""

PartsOf = Callable[[Probabilities, Labels], Parts]

PARTS_BYTES: Final = 1 << 28
"""Of the classifiers' parts that one product takes, about."""

CELLS: Final = 4_000_000
"""How many counts (resamples x samples) are held at once for a single classifier: 16 MB."""

KEPT_CELLS: Final = 1 << 28
"""Of a part of all resamples' counts, which every classifier and score uses."""

FEW_CLASSES: Final = 32
"""Up to so many, macro F1 is resampled by one product of full matrices; beyond that, each sample's few cells are."""


@dataclass(frozen=True)
class Resampled:
    """The difference of a score over resamples of the samples.

    Attributes:
        low, high: the 95 % percentile interval.
        deviation: standard deviation, the difference's standard error.
        p_value: two-sided, 0-1: twice the share of resamples on the rarer side of 0, itself counted. Where none lies
            there, that of a normal test with `deviation`, if it is smaller: so many resamples cannot tell how rare it
            is, and a correction for many pairs would find no difference at all.
    """

    low: float
    high: float
    deviation: float
    p_value: float


def bootstrap_intervals(
    scores: Sequence[Score], probabilities: Probabilities, labels: Labels
) -> list[tuple[float, float]]:
    """The 95 % percentile interval of each score over resamples of the samples (Efron and Tibshirani, chapter 13).

    The calibration error of a resample is on average larger than that of the samples, so its interval lies high and may
    leave the score out. Macro F1 is over the classes that a resample has, and those that are predicted and have no
    labels; where classes have few samples, its interval lies low.

    Args:
        scores: accuracy, log loss, MSE, calibration error or macro F1 of `benchmark.metrics`.
        probabilities: shape (n, classes).
        labels: shape (n,), n at least 1.

    Returns:
        low and high of each score, in its unit.

    Raises:
        ValueError: no samples.
    """
    if len(labels) < 1 or len(probabilities) != len(labels):
        raise ValueError(f"expected as many rows as labels, at least one, got {len(probabilities)} and {len(labels)}")
    drawn = [
        [resampled_scores(score, [(probabilities, labels)], counts) for score in scores]
        for counts in _parts(len(labels), RESAMPLES, 0, CELLS)
    ]
    ends = [np.quantile(np.hstack(parts), QUANTILES) for parts in zip(*drawn, strict=True)]
    return [(float(low), float(high)) for low, high in ends]


def occurrences(n: int, resamples: int = RESAMPLES, seed: int = 0) -> NDArray[np.float32]:
    """How often each of n samples is in each resample, shape (resamples, n); a function of the seed.

    Made once, it serves any number of classifiers and scores, see `resampled_scores`.
    """
    (whole,) = _parts(n, resamples, seed, resamples * n)
    return whole


def occurrence_parts(n: int) -> Iterator[NDArray[np.float32]]:
    """The rows of `occurrences` in parts of about a gigabyte: one part up to a quarter of a million samples."""
    return _parts(n, RESAMPLES, 0, KEPT_CELLS)


def resampled_scores(
    score: Score, classifiers: Sequence[tuple[Probabilities, Labels]], occurrences: NDArray[np.floating]
) -> NDArray[np.float64]:
    """The score of every classifier on each resample, shape (classifiers, resamples).

    Args:
        score: accuracy, log loss, MSE, calibration error or macro F1 of `benchmark.metrics`.
        classifiers: probabilities (n, classes) and labels (n,) of each, at least one.
        occurrences: see the function of that name. Sums are taken in its precision: with float32, scores are good for
            six digits.
    """
    if score is metrics.macro_f1 and max(probabilities.shape[1] for probabilities, _ in classifiers) > FEW_CLASSES:
        counts = np.ascontiguousarray(occurrences.T)
        return np.array([_resampled_macro_f1(*classifier, counts) for classifier in classifiers])
    scores: list[NDArray[np.float64]] = []
    parts: list[Parts] = []
    for position, (probabilities, labels) in enumerate(classifiers):
        parts.append(_PARTS[score](probabilities, labels))
        if position + 1 == len(classifiers) or sum(values.nbytes for values, _ in parts) > PARTS_BYTES:
            scores += _combined(parts, occurrences)
            parts = []
    return np.array(scores)


def resampled_difference(score: Score, a: NDArray[np.floating], b: NDArray[np.floating], labels: Labels) -> Resampled:
    """The difference of two classifiers' mean scores over resamples of the samples, which both have in common.

    Args:
        score: as `resampled_scores` takes it.
        a: probabilities, shape (trainings, n, classes).
        b: shape (trainings of b, n, classes), the same samples in the same order.
        labels: shape (n,).
    """
    both: list[tuple[Probabilities, Labels]] = [(one, labels) for one in (*a, *b)]
    scores = np.hstack([resampled_scores(score, both, drawn) for drawn in occurrence_parts(len(labels))])
    differences = scores[: len(a)].mean(axis=0) - scores[len(a) :].mean(axis=0)
    low, high = np.quantile(differences, QUANTILES)
    deviation = float(differences.std(ddof=1))
    rarer = min(int((differences <= 0).sum()), int((differences >= 0).sum()))
    p_value = min(1.0, 2 * (rarer + 1) / (RESAMPLES + 1))
    if rarer == 0 and deviation > 0:
        p_value = min(p_value, math.erfc(abs(float(differences.mean())) / deviation / math.sqrt(2)))
    return Resampled(float(low), float(high), deviation, p_value)


def _combined(parts: Sequence[Parts], occurrences: NDArray[np.floating]) -> list[NDArray[np.float64]]:
    # All in one product of matrices, many times faster than one after the other.
    sums = occurrences @ np.hstack([values.astype(occurrences.dtype) for values, _ in parts])
    ends = np.cumsum([values.shape[1] for values, _ in parts])
    own = np.split(sums.astype(np.float64), ends[:-1], axis=1)
    return [combine(columns) for (_, combine), columns in zip(parts, own, strict=True)]


def _parts(n: int, resamples: int, seed: int, cells: int) -> Iterator[NDArray[np.float32]]:
    """The rows of `occurrences`, so many numbers at a time."""
    generator = np.random.default_rng(seed)
    at_once = max(1, cells // n)
    for start in range(0, resamples, at_once):
        part = np.empty((min(at_once, resamples - start), n), np.float32)
        # One row at a time, whose counts stay in the processor's cache.
        for row in part:
            row[:] = np.bincount(generator.integers(0, n, n), minlength=n)
        yield part


def _mean_parts(sample_values: Callable[[Probabilities, Labels], NDArray[Any]]) -> PartsOf:
    """The parts of a score that is the mean of these values of the samples."""

    def parts(probabilities: Probabilities, labels: Labels) -> Parts:
        values = sample_values(probabilities, labels).astype(np.float64)
        return values[:, None], lambda sums: sums[:, 0] / len(values)

    return parts


def _calibration_parts(probabilities: Probabilities, labels: Labels) -> Parts:
    position, gaps = metrics.calibration_gaps(probabilities, labels)
    values = np.zeros((len(labels), int(position.max()) + 1))
    values[np.arange(len(labels)), position] = gaps
    return values, lambda sums: np.abs(sums).sum(axis=1) / len(labels)


def _resampled_macro_f1(
    probabilities: Probabilities, labels: Labels, counts: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Macro F1 of each resample, shape (resamples,), from the counts of each sample in it, (n, resamples).

    At 10,000 samples and 200 classes ten times as fast as the full matrices of `_macro_f1_parts`, at 7 classes half.
    """
    from scipy.sparse import csr_array

    n, classes = probabilities.shape
    predicted = probabilities.argmax(axis=1)
    ones, ends = np.ones(n, counts.dtype), np.arange(n + 1)
    predictions_by_class = csr_array((ones, predicted, ends), (n, classes))
    labels_by_class = csr_array((ones, labels, ends), (n, classes))
    hits_by_class = csr_array(((predicted == labels).astype(counts.dtype), labels, ends), (n, classes))
    # Whole numbers, which float32 holds exactly up to 16 million.
    seen = (predictions_by_class.T @ counts + labels_by_class.T @ counts).astype(np.float64)
    hits = (hits_by_class.T @ counts).astype(np.float64)
    return _mean_f1(hits.T, seen.T, _without_labels(predicted, labels, classes))


def _macro_f1_parts(probabilities: Probabilities, labels: Labels) -> Parts:
    classes = probabilities.shape[1]
    likeliest = probabilities.argmax(axis=1)
    predicted, true = np.eye(classes)[likeliest], np.eye(classes)[labels]
    unlabelled = _without_labels(likeliest, labels, classes)
    return np.hstack([predicted * true, predicted + true]), lambda sums: _mean_f1(
        sums[:, :classes], sums[:, classes:], unlabelled
    )


def _without_labels(predicted: NDArray[np.integer], labels: Labels, classes: int) -> NDArray[np.bool_]:
    """The classes that are predicted and have no labels, shape (classes,)."""
    given: NDArray[np.bool_] = np.isin(np.arange(classes), predicted) & ~np.isin(np.arange(classes), labels)
    return given


def _mean_f1(
    hits: NDArray[np.float64], seen: NDArray[np.float64], unlabelled: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The mean F1 of each resample, from its hits and its predicted and true samples, both (resamples, classes).

    It is over the classes that a resample has, as in scikit-learn, and in each of them over those that are `unlabelled`
    in all samples (classes,). Otherwise the only answer that names such a class would be in some resamples and not in
    others, and the interval be that of two different scores. A rare class that was not drawn has no F1: as 0 it would
    put the interval below the score itself.
    """
    # F1 is 2 hits / (predicted + true).
    f1: NDArray[np.float64] = np.divide(2 * hits, seen, out=np.zeros_like(hits), where=seen > 0)
    return np.asarray(f1.sum(axis=1) / np.count_nonzero((seen > 0) | unlabelled, axis=1))


_PARTS: Final[Mapping[Score, PartsOf]] = {
    metrics.accuracy: _mean_parts(metrics.sample_correct),
    metrics.log_loss: _mean_parts(metrics.sample_log_losses),
    metrics.mse: _mean_parts(metrics.sample_squared_errors),
    metrics.expected_calibration_error: _calibration_parts,
    metrics.macro_f1: _macro_f1_parts,
}
