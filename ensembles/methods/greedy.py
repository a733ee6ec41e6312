"""Greedy selection with replacement (Caruana, Niculescu-Mizil, Crew and Ksikes 2004).

    Members are added one at a time, each time the one whose addition gives the best score on validation; one that is
    added twice weighs twice. Sums over what is in the bag are kept, so that a round looks at each member once.

Two starts are tried, the best member alone and the paper's sorted initialisation (the best N members, with the N that
scores best), and the better result is taken.
"""

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from ensembles.methods.options import Options
from ensembles.methods.weighting import true_class

Array = NDArray[np.float64]

BAG_SHARE: Final = 0.5
"""Of the members that each bag offers, as in the paper."""

SMALLEST_BAG: Final = 2
"""Members that each bag offers at least, where there are as many."""

BLOCK: Final = 16
"""Factors that are multiplied before a logarithm is taken: 10,000 to the power of 16 and 1e-7 to it are in range."""

REACH: Final = 1.01
"""The largest margin of one member: 1, and what stored rows may be off."""

TIE: Final = 1e-12
"""Scores this close are equal: rounding must not choose."""


class Judge(Protocol):
    """What a bag's score on validation would be with each member added; higher is better."""

    def empty(self) -> Array:
        """The sums of a bag without members."""

    def add(self, sums: Array, member: int) -> Array:
        """The sums with `member` added."""

    def scores(self, sums: Array, size: int) -> Array:
        """The score, shape (members,), of the bag of `size` members with each member added."""


@dataclass(frozen=True, eq=False)
class LogLossJudge:
    """Minus the log loss; only the true class' probabilities matter.

    Attributes:
        likelihoods: what each member gives to the true class, shape (members, n), positive.
    """

    likelihoods: Array

    def empty(self) -> Array:
        """Zeros of shape (n,)."""
        return np.zeros(self.likelihoods.shape[1])

    def add(self, sums: Array, member: int) -> Array:
        """The sums with `member` added."""
        total: Array = sums + self.likelihoods[member]
        return total

    def scores(self, sums: Array, size: int) -> Array:
        """Mean log-likelihood with each member added, shape (members,)."""
        totals = self.likelihoods + sums
        members, count = totals.shape
        whole = count - count % BLOCK
        # A logarithm costs ten times a product, and the sum of logarithms is the logarithm of the product.
        products = totals[:, :whole].reshape(members, BLOCK, -1).prod(axis=1)
        logarithms = np.log(products).sum(axis=1) + np.log(totals[:, whole:]).sum(axis=1)
        mean: Array = logarithms / count - np.log(size + 1)
        return mean


@dataclass(frozen=True, eq=False)
class AccuracyJudge:
    """Accuracy, with the first of equal classes as the prediction.

    Attributes:
        margins: true class less each other class, shape (n, classes - 1, members), -1 to 1.
        thresholds: shape (n, classes - 1): a sample is right where all summed margins reach these. 0 for classes after
            the true one, the smallest positive number for those before it, which win where they are equal.
    """

    margins: Array
    thresholds: Array

    @classmethod
    def of(cls, probabilities: Array, labels: NDArray[np.int64]) -> "AccuracyJudge":
        """From probabilities (members, n, classes) and labels (n,)."""
        members, count, classes = probabilities.shape
        others = np.tile(np.arange(classes), (count, 1))
        others = others[others != labels[:, None]].reshape(count, classes - 1)
        rows = np.arange(count)
        margins = np.empty((count, classes - 1, members))
        for member, said in enumerate(probabilities):
            margins[:, :, member] = said[rows, labels][:, None] - said[rows[:, None], others]
        return cls(margins, np.where(others < labels[:, None], np.nextafter(0, 1), 0.0))

    def empty(self) -> Array:
        """Zeros of shape (n, classes - 1)."""
        return np.zeros(self.thresholds.shape)

    def add(self, sums: Array, member: int) -> Array:
        """The sums with `member` added."""
        total: Array = sums + self.margins[:, :, member]
        return total

    def scores(self, sums: Array, size: int) -> Array:  # noqa: ARG002 - the likeliest class is that of the sums
        """Accuracy with each member added, shape (members,)."""
        # Where the sums are further from a change than one margin reaches, no member can bring it about.
        lowest = sums.min(axis=1)
        open_rows = np.flatnonzero(np.abs(lowest) <= REACH)
        settled = np.count_nonzero(lowest > REACH)
        # One class after the other: short reductions along an axis cost more than the passes.
        right = np.ones((len(open_rows), self.margins.shape[2]), bool)
        for other in range(sums.shape[1]):
            totals = self.margins[open_rows, other] + sums[open_rows, other, None]
            right &= totals >= self.thresholds[open_rows, other, None]
        accuracies: Array = (settled + np.count_nonzero(right, axis=0)) / len(sums)
        return accuracies


def greedy_weights(probabilities: Array, labels: NDArray[np.int64], options: Options) -> Array:
    """Each member's share of the picks.

    Args:
        probabilities: of validation, shape (members, n, classes), 0-1.
        labels: shape (n,).
        options: `metric`, `rounds`, `bags` and `seed` are used.

    Returns:
        Shape (members,), sum 1; with bags the mean of the bags' shares.
    """
    members = len(probabilities)
    if not options.bags:
        return _selected(_judge(probabilities, labels, options.metric), options.rounds)
    generator = np.random.default_rng(options.seed)
    weights = np.zeros(members)
    # A bag of one member has nothing to choose: its pick would be chance.
    bag = min(members, max(SMALLEST_BAG, round(BAG_SHARE * members)))
    for _ in range(options.bags):
        offered = np.sort(generator.choice(members, bag, replace=False))
        weights[offered] += _selected(_judge(probabilities[offered], labels, options.metric), options.rounds)
    shares: Array = weights / weights.sum()
    return shares


def _judge(probabilities: Array, labels: NDArray[np.int64], metric: str) -> Judge:
    if metric == "accuracy":
        return AccuracyJudge.of(probabilities, labels)
    return LogLossJudge(true_class(probabilities, labels))


def _selected(judge: Judge, rounds: int) -> Array:
    alone = judge.scores(judge.empty(), 0)
    order = np.argsort(-alone, kind="stable")
    starts = {1, min(rounds, _best_start(judge, order))}
    results = [_pick(judge, list(order[:start]), alone, rounds) for start in sorted(starts)]
    best = max(results, key=lambda result: result[0])
    # The shorter start stands first and wins where both score alike.
    chosen = results[0][1] if results[0][0] >= best[0] - TIE else best[1]
    shares: Array = np.bincount(chosen, minlength=len(alone)) / len(chosen)
    return shares


def _best_start(judge: Judge, order: NDArray[np.intp]) -> int:
    # Of the best N members for every N, the number N of those that score best together.
    sums, scores = judge.empty(), []
    for size, member in enumerate(order):
        scores.append(judge.scores(sums, size)[member])
        sums = judge.add(sums, int(member))
    return int(np.argmax(np.array(scores) >= max(scores) - TIE)) + 1


def _pick(judge: Judge, start: list[int], alone: Array, rounds: int) -> tuple[float, list[int]]:
    """The best prefix of what greedy selection picks after `start`, at most `rounds` members, and its score."""
    picked, sums, best, length = list(start), judge.empty(), -np.inf, 0
    for size, member in enumerate(start):
        if size == len(start) - 1:
            best, length = float(judge.scores(sums, size)[member]), len(start)
        sums = judge.add(sums, member)
    inside = np.zeros(len(alone), bool)
    inside[start] = True
    while len(picked) < rounds:
        scores = judge.scores(sums, len(picked))
        highest = scores.max()
        tied = np.flatnonzero(scores >= highest - TIE)
        # Members that are in already make a smaller ensemble; then the better one alone, then the first.
        member = int(min(tied, key=lambda index: (not inside[index], -alone[index], index)))
        picked.append(member)
        inside[member] = True
        sums = judge.add(sums, member)
        if scores[member] > best + TIE:
            best, length = float(scores[member]), len(picked)
    return best, picked[:length]
