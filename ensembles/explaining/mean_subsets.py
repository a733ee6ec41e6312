"""Scores of many averages of members that are read in blocks: from the true classes and their rivals."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmark.metrics import SMALLEST_PROBABILITY
from ensembles.costs import Subset
from ensembles.member_rows import MemberRows
from ensembles.methods.pair_sums import PairSums
from ensembles.methods.pairs import AT_ONCE, RivalPairs

Array = NDArray[np.float64]


class MeanSubsets:
    """Accuracy and log loss of the mean of any members; rows count as summing to 1.

    Sums over the members that were asked for last are kept, and a member less can turn few pairs of many members.
    """

    def __init__(self, probabilities: MemberRows, labels: NDArray[np.int64]) -> None:
        """Args:
        probabilities: of all members.
        labels: shape (n,).
        """
        self._pairs = RivalPairs(probabilities, labels)
        self._given = self._pairs.truth.given
        self._sums, self._inside = PairSums(self._pairs), np.zeros(len(self._given), np.int64)

    def score(self, members: Sequence[int]) -> Subset:
        """Of the mean of these members."""
        if len(members) == 1:
            right = self._pairs.truth.right[members[0]]
            return Subset(tuple(members), float(right.mean()), self._losses([tuple(members)])[0])
        return self._scored([tuple(members)], members, 0)[0]

    def without_each(self, members: Sequence[int]) -> list[Subset]:
        """Of the mean of these members without each, in their order."""
        subsets = [tuple(one for one in members if one != dropped) for dropped in members]
        return self._scored(subsets, members, -1)

    def _scored(self, subsets: Sequence[tuple[int, ...]], members: Sequence[int], more: int) -> list[Subset]:
        """Scores of subsets, of which each is `members` or one less (more is 0 or -1)."""
        inside = np.zeros_like(self._inside)
        inside[list(members)] = 1
        for member in np.flatnonzero(inside != self._inside).tolist():
            self._sums.add(member, int(inside[member] - self._inside[member]))
        self._inside = inside
        wrong = self._pairs.truth.lost.copy()
        turning = self._sums.turning(more, wrong)
        missed = np.count_nonzero(wrong) + self._missed(subsets, turning)
        return [
            Subset(chosen, float(1 - count / len(wrong)), loss)
            for chosen, count, loss in zip(subsets, missed.tolist(), self._losses(subsets), strict=True)
        ]

    def _missed(self, subsets: Sequence[tuple[int, ...]], turning: NDArray[np.intp]) -> NDArray[np.int64]:
        """In how many samples each subset prefers any of these pairs to the true class."""
        chosen, margins = self._chosen(subsets), self._pairs.margins(turning)
        before, rows = self._pairs.pairs.before.take(turning), self._pairs.pairs.rows.take(turning)
        turned = np.empty((len(subsets), len(turning)), bool)
        for start in range(0, len(turning), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            leads = chosen @ margins[:, part]
            turned[:, part] = (leads < 0) | (before[part] & (leads == 0))
        return np.array([np.count_nonzero(np.diff(rows[those], prepend=-1)) for those in turned], np.int64)

    def _losses(self, subsets: Sequence[tuple[int, ...]]) -> list[float]:
        chosen = self._chosen(subsets).T
        truth = self._given.T @ chosen
        losses = -np.log(np.clip(truth / chosen.sum(axis=0), SMALLEST_PROBABILITY, 1)).mean(axis=0)
        return [float(loss) for loss in losses]

    def _chosen(self, subsets: Sequence[tuple[int, ...]]) -> Array:
        """Which members each subset has, as 0 and 1, shape (subsets, members)."""
        chosen = np.zeros((len(subsets), len(self._given)))
        for position, members in enumerate(subsets):
            chosen[position, list(members)] = 1
        return chosen
