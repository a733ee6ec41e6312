"""Intervals of scores and paired tests of two of them, in NumPy. Every random draw is a function of its seed.

Sources: Wilson, JASA 22 (1927); Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13; McNemar,
Psychometrika 12 (1947); Bonett and Price, J. Educ. Behav. Stat. 37 (2012); Phipson and Smyth, Stat. Appl. Genet. Mol.
Biol. 9 (2010); Holm, Scand. J. Stat. 6 (1979).
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmark import metrics
from benchmark.metrics import Labels, Probabilities

Score = Callable[[Probabilities, Labels], float]

Parts = tuple[NDArray[np.float64], Callable[[NDArray[np.float64]], NDArray[np.float64]]]
"""Per-sample values (n, k), and the score of each row of their sums (resamples, k)."""

CELLS: Final = 4_000_000
"""How many random cells (resamples x samples) are held at once: about 32 MB."""


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

    Accuracy, log loss, MSE, calibration error and macro F1 of `benchmark.metrics` are computed for many resamples at
    once; any other function is called once a resample. The calibration error of a resample is on average larger than
    that of the samples, so its interval lies high and may leave the score out.

    Args:
        score: takes probabilities (n, classes) and labels (n,).
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
    n = len(labels)
    if n < 1 or len(probabilities) != n:
        raise ValueError(f"expected as many rows as labels and at least one, got {len(probabilities)} and {n}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be above 0 and below 1, got {confidence}")
    chunks = _resampled_rows(n, resamples, np.random.default_rng(seed))
    if score in _PARTS:
        values, combine = _PARTS[score](probabilities, labels)
        scores = np.concatenate([combine(_occurrences(rows) @ values) for rows in chunks])
    else:
        scores = np.array([score(probabilities[row], labels[row]) for rows in chunks for row in rows])
    low, high = np.quantile(scores, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def occurrences(n: int, resamples: int, seed: int = 0) -> NDArray[np.float32]:
    """How often each of n samples is in each of the resamples of `bootstrap_interval`, shape (resamples, n).

    Made once, it serves any number of classifiers and scores, see `resampled_scores`.
    """
    chunks = _resampled_rows(n, resamples, np.random.default_rng(seed))
    # One row at a time, whose counts stay in the processor's cache.
    return np.array([np.bincount(row, minlength=n) for rows in chunks for row in rows], np.float32)


def resampled_scores(
    score: Score, classifiers: Sequence[tuple[Probabilities, Labels]], occurrences: NDArray[np.float32]
) -> NDArray[np.float64]:
    """The score of every classifier on each resample, shape (classifiers, resamples).

    Sums are taken in single precision: scores are good for six digits.

    Args:
        score: accuracy, log loss, MSE, calibration error or macro F1 of `benchmark.metrics`.
        classifiers: probabilities (n, classes) and labels (n,) of each, at least one.
        occurrences: see the function of that name.
    """
    parts = [_PARTS[score](probabilities, labels) for probabilities, labels in classifiers]
    # All in one product of matrices, many times faster than one after the other.
    sums = occurrences @ np.hstack([values.astype(np.float32) for values, _ in parts])
    ends = np.cumsum([values.shape[1] for values, _ in parts])
    own = np.split(sums.astype(np.float64), ends[:-1], axis=1)
    return np.array([combine(columns) for (_, combine), columns in zip(parts, own, strict=True)])


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
        raise ValueError("expected 0 or 1 for every sample: for averages over seeds use sign_flip_test")
    only_a, only_b = int((a > b).sum()), int((b > a).sum())
    trials = only_a + only_b
    ways, total = 1, 0
    for k in range(min(only_a, only_b) + 1):
        total += ways
        ways = ways * (trials - k) // (k + 1)
    return float(min(1.0, 2 * total / 2**trials))


def sign_flip_test(differences: ArrayLike, *, permutations: int = 10_000, seed: int = 0) -> float:
    """Two-sided p-value of the paired permutation test: that the differences lie evenly around 0.

    Under that hypothesis each difference could as well have had the other sign; the p-value is the share of sign
    patterns whose mean is as far from 0 as the one found. All patterns are tried where there are no more than
    `permutations`; otherwise that many random ones, and (count + 1) / (permutations + 1) so that the p-value is never
    0 (Phipson and Smyth 2010).

    Args:
        differences: shape (n,), finite: one sample's score under a less that under b.
        permutations: at least 1.
        seed: of the random patterns.

    Returns:
        above 0, at most 1; 1 where all differences are 0.

    Raises:
        ValueError: values that are not finite or not one-dimensional.
    """
    found = np.asarray(differences, np.float64)
    if found.ndim != 1 or not np.isfinite(found).all():
        raise ValueError(f"expected finite differences of shape (n,), got shape {found.shape}")
    # A difference of 0 has no sign. The rounding makes 2/3 - 1/3 and 1 - 2/3 one size.
    scale = np.abs(found).max(initial=0)
    if scale == 0:
        return 1.0
    found = np.round(found / scale, 12)
    found = found[found != 0]
    observed = abs(found.sum()) * (1 - 1e-10) - 1e-10
    if len(found) <= math.log2(permutations):
        patterns = (np.arange(2 ** len(found))[:, None] >> np.arange(len(found))) & 1
        return float((np.abs((2 * patterns - 1) @ np.abs(found)) >= observed).mean())
    sums = _flipped_sums(np.abs(found), permutations, np.random.default_rng(seed))
    return float((np.count_nonzero(np.abs(sums) >= observed) + 1) / (permutations + 1))


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


def _resampled_rows(n: int, resamples: int, generator: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Rows of the resamples, shape (at most `resamples`, n), as many at a time as memory allows."""
    at_once = max(1, CELLS // n)
    for start in range(0, resamples, at_once):
        yield generator.integers(0, n, (min(at_once, resamples - start), n))


def _occurrences(rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """How often each sample is in each resample, shape (resamples, n)."""
    resamples, n = rows.shape
    cells = rows + n * np.arange(resamples)[:, None]
    return np.bincount(cells.ravel(), minlength=resamples * n).reshape(resamples, n).astype(np.float64)


def _flipped_sums(sizes: NDArray[np.float64], permutations: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Sums of `sizes` under random signs, shape (permutations,)."""
    values, counts = np.unique(sizes, return_counts=True)
    sums = np.zeros(permutations)
    # Of c differences of one size it only matters how many are positive: one binomial draw stands for c signs.
    for value, count in zip(values[counts > 1], counts[counts > 1], strict=True):
        sums += value * (2 * generator.binomial(count, 0.5, permutations) - count)
    single = values[counts == 1]
    at_once = max(1, CELLS // max(1, len(single)))
    for start in range(0, permutations if len(single) else 0, at_once):
        rows = min(at_once, permutations - start)
        drawn = np.frombuffer(generator.bytes(rows * -(-len(single) // 8)), np.uint8).reshape(rows, -1)
        positive = np.unpackbits(drawn, axis=1, count=len(single)).astype(np.float64)
        sums[start : start + rows] += 2 * (positive @ single) - single.sum()
    return sums


def _accuracy_parts(probabilities: Probabilities, labels: Labels) -> Parts:
    return _mean_of(metrics.sample_correct(probabilities, labels).astype(np.float64))


def _log_loss_parts(probabilities: Probabilities, labels: Labels) -> Parts:
    return _mean_of(metrics.sample_log_losses(probabilities, labels))


def _mse_parts(probabilities: Probabilities, labels: Labels) -> Parts:
    return _mean_of(metrics.sample_squared_errors(probabilities, labels))


def _mean_of(values: NDArray[np.float64]) -> Parts:
    return values[:, None], lambda sums: sums[:, 0] / len(values)


def _calibration_parts(probabilities: Probabilities, labels: Labels) -> Parts:
    position, gaps = metrics.calibration_gaps(probabilities, labels)
    values = np.zeros((len(labels), int(position.max()) + 1))
    values[np.arange(len(labels)), position] = gaps
    return values, lambda sums: np.abs(sums).sum(axis=1) / len(labels)


def _macro_f1_parts(probabilities: Probabilities, labels: Labels) -> Parts:
    classes = probabilities.shape[1]
    predicted = np.eye(classes)[probabilities.argmax(axis=1)]
    true = np.eye(classes)[labels]

    def combine(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        hits, seen = sums[:, :classes], sums[:, classes:]
        # F1 is 2 hits / (predicted + true); a class that is neither in a resample has none there.
        f1: NDArray[np.float64] = np.divide(2 * hits, seen, out=np.zeros_like(hits), where=seen > 0)
        return np.asarray(f1.sum(axis=1) / (seen > 0).sum(axis=1))

    return np.hstack([predicted * true, predicted + true]), combine


_PARTS: Final[Mapping[Score, Callable[[Probabilities, Labels], Parts]]] = {
    metrics.accuracy: _accuracy_parts,
    metrics.log_loss: _log_loss_parts,
    metrics.mse: _mse_parts,
    metrics.expected_calibration_error: _calibration_parts,
    metrics.macro_f1: _macro_f1_parts,
}
