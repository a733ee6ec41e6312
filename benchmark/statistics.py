"""Intervals of scores and paired tests of two of them. Every random draw is a function of its seed.

In NumPy rather than by scipy.stats, which takes longer to import than most reports take, and has no Wilson interval of
a fraction, no interval of paired shares and no Holm correction. The tests compare with it.

Sources: Wilson, JASA 22 (1927); Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13; McNemar,
Psychometrika 12 (1947); Bonett and Price, J. Educ. Behav. Stat. 37 (2012); Holm, Scand. J. Stat. 6 (1979).
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmark import metrics
from benchmark.metrics import Labels, Probabilities, Score

Parts = tuple[NDArray[np.float64], Callable[[NDArray[np.float64]], NDArray[np.float64]]]
"""Per-sample values (n, k), and the score of each row of their sums (resamples, k)."""

PartsOf = Callable[[Probabilities, Labels], Parts]

PARTS_BYTES: Final = 1 << 28
"""Of the classifiers' parts that one product takes, about."""

CELLS: Final = 4_000_000
"""How many random cells (resamples x samples) are held at once: about 32 MB."""

FEW_CLASSES: Final = 32
"""Up to so many, macro F1 is resampled by one product of full matrices; beyond that, each sample's few cells are."""


def wilson_interval(hits: float, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Where the true share lies when `hits` of `n` samples were right: Wilson's score interval (1927).

    Args:
        hits: 0 to n; a fraction where it is the mean of several runs.
        n: samples, at least 1.
        confidence: above 0 and below 1.

    Returns:
        low and high, 0-1.

    Raises:
        ValueError: numbers outside of these.
    """
    if n < 1 or not 0 <= hits <= n:
        raise ValueError(f"expected 0 <= hits <= n and n >= 1, got {hits} of {n}")
    z = _quantile(confidence)
    share = hits / n
    centre = share + z**2 / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    scale = 1 + z**2 / n
    # At 0 and at n hits the formula ends at 0 and 1 exactly, which rounding would miss.
    low = 0.0 if hits == 0 else (centre - half) / scale
    high = 1.0 if hits == n else (centre + half) / scale
    return low, high


def bootstrap_interval(
    score: Score,
    probabilities: Probabilities,
    labels: Labels,
    *,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """The percentile interval of `score` over resamples of the samples (Efron and Tibshirani 1993, chapter 13).

    The calibration error of a resample is on average larger than that of the samples, so its interval lies high and may
    leave the score out. Macro F1 is over the classes of all samples in every resample.

    Args:
        score: accuracy, log loss, MSE, calibration error or macro F1 of `benchmark.metrics`.
        probabilities: shape (n, classes).
        labels: shape (n,), n at least 1.
        resamples: how many, at least 1.
        confidence: above 0 and below 1.
        seed: of the resamples; the same seed and n give every score the same resamples.

    Returns:
        low and high, in the score's unit.

    Raises:
        ValueError: no samples, or a confidence outside of 0 to 1.
    """
    (found,) = bootstrap_intervals(
        [score], probabilities, labels, resamples=resamples, confidence=confidence, seed=seed
    )
    return found


def bootstrap_intervals(
    scores: Sequence[Score],
    probabilities: Probabilities,
    labels: Labels,
    *,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> list[tuple[float, float]]:
    """`bootstrap_interval` of several scores, whose resamples are drawn once."""
    n = len(labels)
    if n < 1 or len(probabilities) != n:
        raise ValueError(f"expected as many rows as labels and at least one, got {len(probabilities)} and {n}")
    _quantile(confidence)
    drawn = [
        [resampled_scores(score, [(probabilities, labels)], counts) for score in scores]
        for counts in _resampled_counts(n, resamples, seed)
    ]
    quantiles = [(1 - confidence) / 2, (1 + confidence) / 2]
    found = [np.quantile(np.hstack(of_score), quantiles) for of_score in zip(*drawn, strict=True)]
    return [(float(low), float(high)) for low, high in found]


def occurrences(n: int, resamples: int, seed: int = 0) -> NDArray[np.float32]:
    """How often each of n samples is in each of the resamples of `bootstrap_interval`, shape (resamples, n).

    Made once, it serves any number of classifiers and scores, see `resampled_scores`.
    """
    return np.concatenate([counts.astype(np.float32) for counts in _resampled_counts(n, resamples, seed)])


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


def _combined(parts: Sequence[Parts], occurrences: NDArray[np.floating]) -> list[NDArray[np.float64]]:
    # All in one product of matrices, many times faster than one after the other.
    sums = occurrences @ np.hstack([values.astype(occurrences.dtype) for values, _ in parts])
    ends = np.cumsum([values.shape[1] for values, _ in parts])
    own = np.split(sums.astype(np.float64), ends[:-1], axis=1)
    return [combine(columns) for (_, combine), columns in zip(parts, own, strict=True)]


def mcnemar_exact(correct_a: ArrayLike, correct_b: ArrayLike) -> float:
    """Two-sided p-value of the exact McNemar test: that two classifiers are right equally often.

    Of the samples that one alone has right, each is equally likely to be either's: a binomial test at one half.
    Computed in whole numbers.

    Args:
        correct_a: bool or 0-1, shape (n,).
        correct_b: the same samples in the same order.

    Returns:
        0-1; 1 where they never differ.

    Raises:
        ValueError: shapes that differ, or values that are neither 0 nor 1.
    """
    a, b = _pair(correct_a, correct_b)
    if not _is_binary(a, b):
        raise ValueError("expected 0 or 1 for every sample: for averages over seeds use a sign-flip test")
    only_a, only_b = int((a > b).sum()), int((b > a).sum())
    trials = only_a + only_b
    ways, total = 1, 0
    for k in range(min(only_a, only_b) + 1):
        total += ways
        ways = ways * (trials - k) // (k + 1)
    return float(min(1.0, 2 * total / 2**trials))


def paired_interval(a: ArrayLike, b: ArrayLike, *, confidence: float = 0.95) -> tuple[float, float, float]:
    """The mean of a - b over samples and the interval of its true value.

    Values that are all 0 or 1 get the adjusted Wald interval of Bonett and Price (2012), which adds one sample to each
    of the two kinds that differ and so has a width even where none does. All others, such as losses and correctness
    averaged over seeds, get Student's t interval of the differences.

    Args:
        a: shape (n,), n at least 2: 0-1 for right or wrong, or a loss.
        b: the same samples in the same order.
        confidence: above 0 and below 1.

    Returns:
        difference, low, high.

    Raises:
        ValueError: shapes that differ, fewer than two samples, or values that are not finite.
    """
    first, second = _pair(a, b)
    n = len(first)
    if n < 2:
        raise ValueError(f"expected at least 2 samples, got {n}")
    differences = first - second
    mean = float(differences.mean())
    if _is_binary(first, second):
        centre = float(differences.sum()) / (n + 2)
        variance = (float((differences**2).sum()) + 2) / (n + 2) - centre**2
        half = _quantile(confidence) * math.sqrt(variance / (n + 2))
        return mean, max(-1.0, centre - half), min(1.0, centre + half)
    from scipy.special import stdtrit

    _quantile(confidence)
    half = float(stdtrit(n - 1, (1 + confidence) / 2)) * float(differences.std(ddof=1)) / math.sqrt(n)
    return mean, mean - half, mean + half


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """P-values adjusted for how many there are (Holm 1979): reject those at most alpha to keep the chance of any false
    rejection at alpha.

    Args:
        p_values: 0-1, shape (tests,).

    Returns:
        0-1, in the order given, never below the p-value itself.

    Raises:
        ValueError: not one-dimensional, or outside of 0 to 1.
    """
    given = np.asarray(p_values, np.float64)
    if given.ndim != 1 or not ((given >= 0) & (given <= 1)).all():
        raise ValueError("expected p-values between 0 and 1, of shape (tests,)")
    order = np.argsort(given, kind="stable")
    steps = given[order] * np.arange(len(given), 0, -1)
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted


def _quantile(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be above 0 and below 1, got {confidence}")
    return NormalDist().inv_cdf((1 + confidence) / 2)


def _pair(a: ArrayLike, b: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(f"expected two arrays of one shape (n,), got {first.shape} and {second.shape}")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("expected finite values for every sample")
    return first, second


def _is_binary(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    return bool(((a == 0) | (a == 1)).all() and ((b == 0) | (b == 1)).all())


def _resampled_counts(n: int, resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """How often each sample is in each resample, shape (at most `resamples`, n), as many at a time as memory allows."""
    generator = np.random.default_rng(seed)
    at_once = max(1, CELLS // n)
    for start in range(0, resamples, at_once):
        rows = generator.integers(0, n, (min(at_once, resamples - start), n))
        # One row at a time, whose counts stay in the processor's cache.
        yield np.array([np.bincount(row, minlength=n) for row in rows], np.float64)


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
    of_predicted = csr_array((ones, predicted, ends), (n, classes))
    of_labels = csr_array((ones, labels, ends), (n, classes))
    of_hits = csr_array(((predicted == labels).astype(counts.dtype), labels, ends), (n, classes))
    # Whole numbers, which float32 holds exactly up to 16 million.
    seen = (of_predicted.T @ counts + of_labels.T @ counts).astype(np.float64)
    hits = (of_hits.T @ counts).astype(np.float64)
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
