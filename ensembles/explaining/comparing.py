"""An ensemble against its members on one split: gains, differences, and a sentence to quote."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmark.metrics import accuracy, log_loss, sample_correct, sample_log_losses
from benchmark.statistics import mcnemar_exact, paired_interval
from ensembles.explaining.diversity import disagreement, error_correlation, oracle_accuracy, right, right_alone
from ensembles.explaining.explanation import Contest, Estimate, MemberTruth, SplitTruth
from ensembles.members import Members

SEPARATE: Final = 0.05
"""A p-value below it tells two apart."""

FITTED_THERE: Final = ", on which its weights were fitted,"
"""What a sentence that people quote must not leave out."""


@dataclass(frozen=True, eq=False)
class Pooled:
    """An ensemble's probabilities on one split, (n, classes).

    Attributes:
        whole: of all members.
        without: of the ensemble fitted without each of the members, in their order.
        in_sample: whether its weights were fitted on these very samples, see `RunConfig.in_sample`.
    """

    whole: NDArray[np.float64]
    without: Sequence[NDArray[np.float64]]
    in_sample: bool = False


def split_truth(ensemble: str, best: tuple[int, int], members: Members, pooled: Pooled) -> SplitTruth:
    """All that is to say about an ensemble on one split.

    Args:
        ensemble: its name, for the sentence.
        best: position of the member that is most accurate on validation, and of how many seeds it is the mean.
        members: what they say, with labels.
        pooled: what the ensemble says, with and without each of them.

    Raises:
        ValueError: members without labels.
    """
    if members.labels is None:
        raise ValueError(f"{members.split} has no labels")
    labels = members.labels
    hits = right(members.probabilities, labels)
    return SplitTruth(
        samples=len(labels),
        accuracy=accuracy(pooled.whole, labels),
        log_loss=log_loss(pooled.whole, labels),
        members=_member_truths(members.probabilities, labels, pooled, right_alone(hits)),
        disagreement=_rows(disagreement(members.probabilities)),
        error_correlation=_rows(error_correlation(hits)),
        oracle_accuracy=oracle_accuracy(hits),
        contest=_contest(
            ensemble,
            (members.names[best[0]], best[1]),
            f"{members.split} images{FITTED_THERE if pooled.in_sample else ''}",
            sample_correct(pooled.whole, labels),
            hits[best[0]],
        ),
    )


def _member_truths(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], pooled: Pooled, alone: NDArray[np.int64]
) -> tuple[MemberTruth, ...]:
    correct = sample_correct(pooled.whole, labels).astype(np.float64)
    losses = sample_log_losses(pooled.whole, labels)
    return tuple(
        MemberTruth(
            accuracy=accuracy(own, labels),
            log_loss=log_loss(own, labels),
            gain_accuracy=_estimate(correct, sample_correct(rest, labels).astype(np.float64)),
            gain_log_loss=_estimate(sample_log_losses(rest, labels), losses),
            right_alone=int(count),
        )
        for own, rest, count in zip(probabilities, pooled.without, alone, strict=True)
    )


def _contest(
    ensemble: str, best: tuple[str, int], where: str, ours: NDArray[np.bool_], theirs: NDArray[np.bool_]
) -> Contest:
    member, seeds = best
    # A leaderboard has the mean of its seeds' scores, which is another number.
    averaged = f" (its {seeds} seeds averaged)" if seeds > 1 else ""
    difference = _estimate(ours.astype(np.float64), theirs.astype(np.float64))
    p_value = mcnemar_exact(ours, theirs)
    only_ours, only_theirs = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    verdict = "the two cannot be told apart"
    if p_value < SEPARATE:
        verdict = f"by this pair alone the ensemble is {'better' if difference.value > 0 else 'worse'}"
    sentence = (
        f"On {len(ours):,} {where} {ensemble} is right for {ours.mean():.2%} and its best member {member}{averaged} "
        f"for {theirs.mean():.2%}: {points(difference.value)} points (95% interval {points(difference.low)} to "
        f"{points(difference.high)}), {only_ours} images right by the ensemble alone and {only_theirs} by {member} "
        f"alone (exact McNemar test, {said_p(p_value)}), so {verdict}."
    )
    return Contest(member, difference, only_ours, only_theirs, p_value, sentence)


def points(difference: float) -> str:
    """A difference of shares in points, with its sign: +1.25."""
    return f"{100 * difference:+.2f}"


def said_p(p_value: float) -> str:
    """A p-value as it is quoted."""
    return "p < 0.0001" if p_value < 0.0001 else f"p = {p_value:.2g}"


def _estimate(a: NDArray[np.float64], b: NDArray[np.float64]) -> Estimate:
    if len(a) < 2:
        # One sample says nothing about the next.
        return Estimate(float((a - b).mean()), float("nan"), float("nan"))
    return Estimate(*paired_interval(a, b))


def _rows(matrix: NDArray[np.float64]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in matrix.tolist())
