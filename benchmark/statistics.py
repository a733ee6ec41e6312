"""Intervals and paired tests of classifiers on the same samples, and how small a difference a test can find.

In NumPy rather than by scipy.stats, which takes longer to import than most reports take, and has no Wilson interval of
a fraction, no interval of paired shares and no Holm correction. The tests compare with it.

Sources: Wilson, JASA 22 (1927); McNemar, Psychometrika 12 (1947); Bonett and Price, J. Educ. Behav. Stat. 37 (2012);
Student, Biometrika 6 (1908); Holm, Scand. J. Stat. 6 (1979); Connor, Biometrics 43 (1987), for the samples that
McNemar's test needs.
"""

import math
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

ALPHA: Final = 0.05
POWER: Final = 0.8


def wilson_interval(hits: float, n: int) -> tuple[float, float]:
    """Where the true share lies when `hits` of `n` samples were right: Wilson's 95 % score interval (1927).

    Args:
        hits: 0 to n; a fraction where it is the mean of several runs.
        n: samples, at least 1.

    Returns:
        low and high, 0-1.

    Raises:
        ValueError: numbers outside of these.
    """
    if n < 1 or not 0 <= hits <= n:
        raise ValueError(f"expected 0 <= hits <= n and n >= 1, got {hits} of {n}")
    z = _z()
    share = hits / n
    centre = share + z**2 / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    scale = 1 + z**2 / n
    # At 0 and at n hits the formula ends at 0 and 1 exactly, which rounding would miss.
    low = 0.0 if hits == 0 else (centre - half) / scale
    high = 1.0 if hits == n else (centre + half) / scale
    return low, high


def mcnemar_exact(correct_a: ArrayLike, correct_b: ArrayLike) -> float:
    """Two-sided p-value of the exact McNemar test: that two classifiers are right equally often.

    Of the samples that one alone has right, each is equally likely to be either's: a binomial test at one half.

    Args:
        correct_a: bool or 0-1, shape (n,).
        correct_b: the same samples in the same order.

    Returns:
        0-1; 1 where they never differ.

    Raises:
        ValueError: shapes that differ, or values that are neither 0 nor 1.
    """
    from scipy.special import bdtr

    a, b = _pair(correct_a, correct_b)
    if not _is_binary(a, b):
        raise ValueError("expected 0 or 1 for every sample: for averages over seeds use a sign-flip test")
    only_a, only_b = int((a > b).sum()), int((b > a).sum())
    return min(1.0, 2 * float(bdtr(min(only_a, only_b), only_a + only_b, 0.5)))


def paired_interval(a: ArrayLike, b: ArrayLike, *, shares: bool = True) -> tuple[float, float, float]:
    """The mean of a - b over samples and the 95 % interval of its true value.

    Values that are all 0 or 1 get the adjusted Wald interval of Bonett and Price (2012), which adds one sample to each
    of the two kinds that differ and so has a width even where none does. All others, such as losses and correctness
    averaged over seeds, get Student's t interval of the differences.

    Args:
        a: shape (n,), n at least 2: 0-1 for right or wrong, or a loss.
        b: the same samples in the same order.
        shares: False for losses, which may all be 0 or 1 by chance.

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
    if shares and _is_binary(first, second):
        centre = float(differences.sum()) / (n + 2)
        variance = (float((differences**2).sum()) + 2) / (n + 2) - centre**2
        half = _z() * math.sqrt(variance / (n + 2))
        return mean, max(-1.0, centre - half), min(1.0, centre + half)
    from scipy.special import stdtrit

    half = float(stdtrit(n - 1, 1 - ALPHA / 2)) * float(differences.std(ddof=1)) / math.sqrt(n)
    return mean, mean - half, mean + half


def paired_t_p_value(differences: ArrayLike) -> float:
    """Two-sided p-value that the mean of these differences is 0: Student's paired t test.

    Args:
        differences: shape (n,), n at least 2, one a sample.

    Raises:
        ValueError: another shape.
    """
    from scipy.special import stdtr

    values = np.asarray(differences, np.float64)
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(f"expected differences of at least 2 samples, got {values.shape}")
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    if error == 0:
        return 1.0 if values.mean() == 0 else 0.0
    return 2 * float(stdtr(len(values) - 1, -abs(float(values.mean())) / error))


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


def smallest_share_difference(n: int, differing: float) -> float | None:
    """The smallest true difference of two accuracies that McNemar's test finds in `POWER` of all cases, 0-1.

    Connor (1987): n = (z_a sqrt(d) + z_p sqrt(d - D^2))^2 / D^2 samples find the difference D where the two differ in
    the share d of samples, z_a being the normal quantile of 1 - ALPHA / 2 and z_p that of POWER. Solved for D:
    sqrt(d) (sqrt(n) z_a + z_p sqrt(n + z_p^2 - z_a^2)) / (n + z_p^2).

    Args:
        n: samples, at least 1.
        differing: share of samples that one of the two alone has right, 0-1.

    Returns:
        None where so few samples differ that no difference is found so often: it cannot exceed their share.
    """
    z_a, z_p = _z(), NormalDist().inv_cdf(POWER)
    inside = n + z_p**2 - z_a**2
    if inside < 0:
        return None
    difference = math.sqrt(differing) * (math.sqrt(n) * z_a + z_p * math.sqrt(inside)) / (n + z_p**2)
    return difference if 0 < difference <= differing else None


def smallest_mean_difference(error: float) -> float:
    """The smallest true difference that a normal test finds in `POWER` of all cases: (z_a + z_p) standard errors."""
    return (_z() + NormalDist().inv_cdf(POWER)) * error


def p_value_text(value: float) -> str:
    """A p-value as text: "p = 0.012", "p < 0.001"."""
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def precise_p_value_text(value: float) -> str:
    """A p-value to two digits, down to 0.0001."""
    return "p < 0.0001" if value < 0.0001 else f"p = {value:.2g}"


def _z() -> float:
    """The normal quantile of 1 - ALPHA / 2, of 95 % intervals and two-sided tests."""
    return NormalDist().inv_cdf(1 - ALPHA / 2)


def _pair(a: ArrayLike, b: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(f"expected two arrays of one shape (n,), got {first.shape} and {second.shape}")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("expected finite values for every sample")
    return first, second


def _is_binary(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    return bool(((a == 0) | (a == 1)).all() and ((b == 0) | (b == 1)).all())
