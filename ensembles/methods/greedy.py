"""Greedy selection with replacement (Caruana, Niculescu-Mizil, Crew and Ksikes 2004).

    Members are added one at a time, each time the one whose addition gives the best score on validation; one that is
    added twice weighs twice. Sums over what is in the bag are kept, so that a round looks at each member once.

Two starts are tried, the best member alone and the paper's sorted initialisation (the best N members, with the N that
scores best), and the better result is taken.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ensembles.member_rows import MemberRows
from ensembles.methods.accuracy_judging import AccuracyJudge
from ensembles.methods.judging import Judge, LogLossJudge
from ensembles.methods.options import Options
from ensembles.methods.pairs import Floats
from ensembles.methods.weighting import true_class

Array = NDArray[np.float64]

BAG_SHARE: Final = 0.5
"""Share of the members that each bag offers, as in the paper."""

SMALLEST_BAG: Final = 2
"""Fewest members that a bag offers, if there are as many."""

TIE: Final = 1e-12
"""Scores this close are equal: rounding must not choose."""


def judge_of(probabilities: Floats | MemberRows, labels: NDArray[np.int64], metric: str) -> Judge:
    """What scores bags of these members by `metric`."""
    if metric == "accuracy":
        return AccuracyJudge(probabilities, labels)
    return LogLossJudge(true_class(probabilities, labels))


def selected_weights(judge: Judge, options: Options) -> Array:
    """Each member's share of the picks.

    Args:
        judge: of the members.
        options: `rounds`, `bags` and `seed` are used.

    Returns:
        Shape (members,), sum 1; with bags the mean of the bags' shares.
    """
    alone = judge.alone
    members = len(alone)
    if not options.bags:
        return _selected(judge, alone, options.rounds)
    generator = np.random.default_rng(options.seed)
    weights = np.zeros(members)
    # A bag of one member has nothing to choose: its pick would be chance.
    bag = min(members, max(SMALLEST_BAG, round(BAG_SHARE * members)))
    for _ in range(options.bags):
        offered = np.full(members, -np.inf)
        chosen = generator.choice(members, bag, replace=False)
        offered[chosen] = alone[chosen]
        weights += _selected(judge, offered, options.rounds)
    shares: Array = weights / weights.sum()
    return shares


def _selected(judge: Judge, alone: Array, rounds: int) -> Array:
    """Each member's share of the picks; members whose score alone is -inf are not offered."""
    order = np.argsort(-alone, kind="stable")[: np.count_nonzero(alone > -np.inf)]
    starts = {1, min(rounds, _best_start(judge, alone, order))}
    results = [_pick(judge, order[:start].tolist(), alone, rounds) for start in sorted(starts)]
    best = max(results, key=lambda result: result[0])
    # The shorter start stands first and wins where both score alike.
    chosen = results[0][1] if results[0][0] >= best[0] - TIE else best[1]
    return np.bincount(chosen, minlength=len(alone)) / len(chosen)


def _best_start(judge: Judge, alone: Array, order: NDArray[np.intp]) -> int:
    # Of the best N members for every N, the number N of those that score best together.
    bag, scores = judge.bag(np.isfinite(alone)), np.empty(len(order))
    for place, member in enumerate(order.tolist()):
        scores[place] = bag.score(member)
        bag.add(member)
    return int(np.argmax(scores >= scores.max() - TIE)) + 1


def _pick(judge: Judge, start: list[int], alone: Array, rounds: int) -> tuple[float, list[int]]:
    """The best prefix of what greedy selection picks after `start`, at most `rounds` members, and its score."""
    picked, bag = list(start), judge.bag(np.isfinite(alone))
    for member in start[:-1]:
        bag.add(member)
    best, length = bag.score(start[-1]), len(start)
    bag.add(start[-1])
    unoffered = np.where(alone > -np.inf, 0, -np.inf)
    # Members that are in already make a smaller ensemble; then the better one alone, then the first.
    preference = np.empty(len(alone), np.int64)
    preference[np.argsort(-alone, kind="stable")] = np.arange(len(alone))
    preference[start] -= len(alone)
    while len(picked) < rounds:
        scores = bag.scores() + unoffered
        tied = (scores >= scores[scores.argmax()] - TIE).nonzero()[0]
        member = int(tied[preference[tied].argmin()])
        picked.append(member)
        if preference[member] >= 0:
            preference[member] -= len(alone)
        bag.add(member)
        if scores[member] > best + TIE:
            best, length = float(scores[member]), len(picked)
    return best, picked[:length]
