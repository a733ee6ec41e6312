"""What a comparison of two classifiers on the same samples can find: p-values of mean and other scores, and power.

Sources: Student, Biometrika 6 (1908), for the paired t test; Efron and Tibshirani, An Introduction to the Bootstrap
(1993), chapters 13 and 16; Connor, Biometrics 43 (1987), for the samples that McNemar's test needs.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmark.metrics import Labels, Probabilities, Score
from benchmark.statistics import occurrences, resampled_scores

RESAMPLES: Final = 1000
ALPHA: Final = 0.05
POWER: Final = 0.8


@dataclass(frozen=True)
class Resampled:
    """The difference of a score over resamples of the samples.

    Attributes:
        low, high: the 95 % percentile interval.
        deviation: standard deviation, the difference's standard error.
        p_value: two-sided, 0-1: twice the share of resamples on the rarer side of 0, itself counted.
    """

    low: float
    high: float
    deviation: float
    p_value: float


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


def resampled_difference(
    score: Score, a: NDArray[np.floating], b: NDArray[np.floating], labels: Labels, seed: int = 0
) -> Resampled:
    """The difference of two classifiers' mean scores over resamples of the samples, which both have in common.

    Args:
        score: one of `benchmark.statistics.resampled_scores`.
        a: probabilities, shape (trainings, n, classes).
        b: shape (trainings of b, n, classes), the same samples in the same order.
        labels: shape (n,).
        seed: of the resamples.
    """
    drawn = occurrences(len(labels), RESAMPLES, seed)
    both: list[tuple[Probabilities, Labels]] = [(one, labels) for one in (*a, *b)]
    scores = resampled_scores(score, both, drawn)
    differences = scores[: len(a)].mean(axis=0) - scores[len(a) :].mean(axis=0)
    low, high = np.quantile(differences, [0.025, 0.975])
    rarer = min(int((differences <= 0).sum()), int((differences >= 0).sum()))
    p_value = min(1.0, 2 * (rarer + 1) / (RESAMPLES + 1))
    return Resampled(float(low), float(high), float(differences.std(ddof=1)), p_value)


def smallest_share_difference(n: int, differing: float, alpha: float = ALPHA, power: float = POWER) -> float | None:
    """The smallest true difference of two accuracies that McNemar's test finds in `power` of all cases, 0-1.

    Connor (1987): n = (z_a sqrt(d) + z_p sqrt(d - D^2))^2 / D^2 samples find the difference D where the two differ in
    the share d of samples, z_a being the normal quantile of 1 - alpha / 2 and z_p that of `power`. Solved for D:
    sqrt(d) (sqrt(n) z_a + z_p sqrt(n + z_p^2 - z_a^2)) / (n + z_p^2).

    Args:
        n: samples, at least 1.
        differing: share of samples that one of the two alone has right, 0-1.
        alpha: level of the two-sided test.
        power: share of cases in which it is to be found.

    Returns:
        None where so few samples differ that no difference could be found: it cannot exceed their share.
    """
    level, found = NormalDist().inv_cdf(1 - alpha / 2), NormalDist().inv_cdf(power)
    inside = n + found**2 - level**2
    if inside < 0:
        return None
    difference = math.sqrt(differing) * (math.sqrt(n) * level + found * math.sqrt(inside)) / (n + found**2)
    return difference if 0 < difference <= differing else None


def smallest_mean_difference(error: float, alpha: float = ALPHA, power: float = POWER) -> float:
    """The smallest true difference that a normal test finds in `power` of all cases: (z_a + z_p) standard errors."""
    return (NormalDist().inv_cdf(1 - alpha / 2) + NormalDist().inv_cdf(power)) * error
