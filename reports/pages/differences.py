"""The difference of two rows on the same samples by any score: interval, test, and what these samples could show."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmark.metrics import SCORES, sample_log_losses, sample_squared_errors
from benchmark.resampling import resampled_difference
from benchmark.statistics import (
    mcnemar_exact,
    paired_interval,
    paired_t_p_value,
    smallest_mean_difference,
    smallest_share_difference,
)
from reports.leaderboards.significance import Hits, sign_flip_p_value
from reports.pages.evaluation import Evaluation
from reports.text.columns import COLUMNS, find_column
from zoo.errors import UserError, unknown_name

MCNEMAR: Final = "exact McNemar"
SIGN_FLIP: Final = "sign-flip permutation"
PAIRED_T: Final = "paired t"
BOOTSTRAP: Final = "paired bootstrap"

ACCURACY: Final = "accuracy"
OF_PROBABILITIES: Final = ("log_loss", "mse", "ece")
ECE_NOTE: Final = (
    "The ECE of a sample lies above the true one, most of all for a well-calibrated model, and that of a resample lies "
    "higher still. So interval and p-value are a hint, not a test; log loss and MSE are compared without that fault"
)

PER_IMAGE: Final = {"log_loss": sample_log_losses, "mse": sample_squared_errors}
"""Scores that are means over samples of these values."""


@dataclass(frozen=True)
class PairedDifference:
    """The difference of a score, a minus b, on the same samples.

    Attributes:
        scores: of a and b, means over their seeds.
        difference, low, high: with the 95 % interval over samples.
        test: that the p-value comes from.
        p_value: two-sided, 0-1: of these networks, as they were trained.
        smallest: the smallest true difference that the test would find on these samples in four of five cases, in the
            score's unit; None where it finds none that often. See `benchmark.statistics`.
    """

    scores: tuple[float, float]
    difference: float
    low: float
    high: float
    test: str
    p_value: float
    smallest: float | None


def find_metric(name: str | None) -> str:
    """The score that the user calls `name`, as in CSV: accuracy where there is none.

    Raises:
        UserError: no score has that name.
    """
    if name in (None, ACCURACY):
        return ACCURACY
    try:
        column = find_column(str(name))
    except UserError:
        column = ""
    if column.endswith(ACCURACY):
        return ACCURACY
    if column not in SCORES:
        raise unknown_name("metric", str(name), SCORES)
    return column


def label_of(metric: str) -> str:
    """The score in words."""
    return COLUMNS[metric].heading if metric in COLUMNS else metric


def paired_difference(first: Evaluation, second: Evaluation, metric: str) -> PairedDifference:
    """The difference of the first minus the second, whose samples are the same in the same order.

    Args:
        first, second: at least two samples.
        metric: a name in `benchmark.metrics.SCORES`.

    Raises:
        UserError: the metric needs probabilities and there are only labels.
    """
    for evaluation in (first, second):
        if metric in OF_PROBABILITIES and evaluation.hard:
            raise UserError(
                f"{evaluation.name} has labels and no probabilities, which {label_of(metric)} needs: "
                "compare by accuracy or macro_f1"
            )
    if metric == ACCURACY or metric in PER_IMAGE:
        return _mean_difference(first, second, metric)
    score = SCORES[metric]
    means = [
        float(np.mean([score(one, evaluation.labels) for one in evaluation.probabilities]))
        for evaluation in (first, second)
    ]
    drawn = resampled_difference(score, first.probabilities, second.probabilities, first.labels)
    smallest = smallest_mean_difference(drawn.deviation)
    return PairedDifference(
        (means[0], means[1]), means[0] - means[1], drawn.low, drawn.high, BOOTSTRAP, drawn.p_value, smallest
    )


def values(evaluation: Evaluation, metric: str) -> NDArray[np.float64]:
    """Each seed's value of each sample, shape (seeds, n), of accuracy or a score of `PER_IMAGE`."""
    if metric == ACCURACY:
        return evaluation.correct.astype(np.float64)
    return np.array([PER_IMAGE[metric](one, evaluation.labels) for one in evaluation.probabilities])


def _mean_difference(first: Evaluation, second: Evaluation, metric: str) -> PairedDifference:
    """The difference of a score that is a mean over samples: accuracy, or one of `PER_IMAGE`."""
    a, b = (values(evaluation, metric).mean(axis=0) for evaluation in (first, second))
    error = float((a - b).std(ddof=1)) / math.sqrt(len(a))
    smallest = smallest_mean_difference(error) or None
    if metric != ACCURACY:
        test, p_value = PAIRED_T, paired_t_p_value(a - b)
    elif first.seeds == second.seeds == 1:
        test, p_value = MCNEMAR, mcnemar_exact(a, b)
        smallest = smallest_share_difference(len(a), float((a != b).mean()))
    else:
        hits = [Hits(evaluation.correct.sum(axis=0), evaluation.seeds) for evaluation in (first, second)]
        test, p_value = SIGN_FLIP, sign_flip_p_value(*hits)
    scores = float(a.mean()), float(b.mean())
    interval = paired_interval(a, b, shares=metric == ACCURACY)
    return PairedDifference(scores, *interval, test, p_value, smallest)
