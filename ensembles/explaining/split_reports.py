"""An ensemble and its members on one split: gains, diversity, and a comparison with the best member."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmark.explanation import Contest, Estimate, MemberReport, SplitReport
from benchmark.statistics import ALPHA, mcnemar_exact, paired_interval, precise_p_value_text
from ensembles.explaining.anatomy import Anatomy
from ensembles.members import Members
from ensembles.sample_scores import SampleScores

Correct = NDArray[np.bool_]
"""Whether each member classifies each sample correctly, shape (members, n)."""


def split_report(
    anatomy: Anatomy, members: Members, probabilities: NDArray[np.floating], without: Sequence[SampleScores]
) -> SplitReport:
    """Compare an ensemble with its members on one split.

    Args:
        anatomy: of the ensemble.
        members: their predictions of that split.
        probabilities: the ensemble's, shape (n, classes).
        without: what the ensemble scores without each member, in their order.

    Raises:
        ValueError: members without labels.
    """
    labels = members.known_labels
    # One pass: members that are on the disk are read once.
    each = [(outputs.argmax(axis=1), SampleScores.of(outputs, labels)) for outputs in members.probabilities]
    likeliest, alone = np.array([classes for classes, _ in each]), [scores for _, scores in each]
    correct, whole = np.array([scores.correct for scores in alone]), SampleScores.of(probabilities, labels)
    reports = (
        MemberReport(
            accuracy=own.accuracy,
            log_loss=own.log_loss,
            gain_accuracy=_estimate(whole.correct.astype(np.float64), rest.correct.astype(np.float64)),
            gain_log_loss=_estimate(rest.losses, whole.losses, shares=False),
            right_alone=int(count),
        )
        for own, rest, count in zip(alone, without, right_alone(correct), strict=True)
    )
    return SplitReport(
        samples=len(labels),
        accuracy=whole.accuracy,
        log_loss=whole.log_loss,
        members=tuple(reports),
        disagreement=_rows(disagreement(likeliest)),
        error_correlation=_rows(error_correlation(correct)),
        oracle_accuracy=oracle_accuracy(correct),
        contest=_contest(anatomy, members.split, whole.correct, correct[anatomy.best]),
    )


def disagreement(classes: NDArray[np.integer]) -> NDArray[np.float64]:
    """Share of samples, 0-1, that two members classify differently: 1 less the agreement of Ho (PAMI 20, 1998).

    Two that are wrong in different ways disagree. Kuncheva and Whitaker's measure (Machine Learning 51, 2003), which
    DESlib 0.3.7 calls disagreement too, counts only samples that exactly one has right; of two classes it is the same.

    Args:
        classes: the likeliest of each sample, shape (members, n).

    Returns:
        shape (members, members), symmetric, 0 on the diagonal.
    """
    return np.array([[float((one != other).mean()) for other in classes] for one in classes])


def error_correlation(correct: Correct) -> NDArray[np.float64]:
    """Pearson correlation, -1 to 1, of two members' errors: 0 where these are independent.

    For two values it is the phi coefficient, Yule's and Kuncheva and Whitaker's (Machine Learning 51, 2003) measure of
    diversity.

    Returns:
        shape (members, members), symmetric; NaN where a member is always or never right.
    """
    if correct.shape[1] < 2:
        return np.full((len(correct), len(correct)), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.atleast_2d(np.corrcoef(correct))


def oracle_accuracy(correct: Correct) -> float:
    """Share of samples, 0-1, that at least one member classifies correctly: what a perfect choice would score."""
    return float(correct.any(axis=0).mean())


def right_alone(correct: Correct) -> NDArray[np.int64]:
    """How many samples each member classifies correctly and no other member does, shape (members,)."""
    alone: NDArray[np.int64] = (correct & (correct.sum(axis=0) == 1)).sum(axis=1)
    return alone


def _contest(anatomy: Anatomy, split: str, ours: NDArray[np.bool_], theirs: NDArray[np.bool_]) -> Contest:
    config, noun, member = anatomy.run.config, anatomy.noun, anatomy.names[anatomy.best]
    fitted = ", on which its weights were fitted," if split == "validation" and config.in_sample else ""
    seeds = len(anatomy.members[anatomy.best].runs)
    # The leaderboard shows another number: the mean of the seeds' scores.
    averaged = f" (its {seeds} seeds averaged)" if seeds > 1 else ""
    difference = _estimate(ours.astype(np.float64), theirs.astype(np.float64))
    p_value = mcnemar_exact(ours, theirs)
    only_ours, only_theirs = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    verdict = "The difference is not significant"
    if p_value < ALPHA:
        verdict = f"For these predictions, the ensemble is {'better' if difference.value > 0 else 'worse'}"
    known = not np.isnan(difference.low)
    interval = f" (95% interval {points(difference.low)} to {points(difference.high)})" if known else ""
    sentence = (
        f"On {noun.counted(len(ours), split)}{fitted} {config.model} is right for {ours.mean():.2%} and its best "
        f"member {member}{averaged} for {theirs.mean():.2%}: {points(difference.value)} points{interval}. "
        f"Only the ensemble is right for {noun.counted(only_ours)}, only {member} for {only_theirs}. "
        f"{verdict} (exact McNemar test, {precise_p_value_text(p_value)})."
    )
    return Contest(member, difference, only_ours, only_theirs, p_value, sentence)


def points(difference: float) -> str:
    """A difference of shares in points, with its sign: +1.25."""
    return f"{100 * difference:+.2f}"


def _estimate(a: NDArray[np.float64], b: NDArray[np.float64], *, shares: bool = True) -> Estimate:
    if len(a) < 2:
        # A single sample has no interval.
        return Estimate(float((a - b).mean()), float("nan"), float("nan"))
    return Estimate(*paired_interval(a, b, shares=shares))


def _rows(matrix: NDArray[np.float64]) -> tuple[tuple[float, ...], ...]:
    # Six decimals tell one sample in a million. Fifty members have 5,000 such numbers, which all are stored.
    return tuple(tuple(row) for row in matrix.round(6).tolist())
