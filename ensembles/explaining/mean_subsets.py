"""Scores of many averages of members that are read in blocks: from the true classes and their rivals."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmark.metrics import SMALLEST_PROBABILITY
from ensembles.costs import Subset
from ensembles.member_rows import MemberRows
from ensembles.methods.accuracy_judging import rows_with_any
from ensembles.methods.pairs import RivalPairs

Array = NDArray[np.float64]


class MeanSubsets:
    """Accuracy and log loss of the mean of any members; rows count as summing to 1."""

    def __init__(self, probabilities: MemberRows, labels: NDArray[np.int64]) -> None:
        """Args:
        probabilities: of all members.
        labels: shape (n,).
        """
        self._pairs = RivalPairs(probabilities, labels)
        self._given = self._pairs.truth.given

    def score(self, members: Sequence[int]) -> Subset:
        """Of the mean of these members."""
        return self._scored([tuple(members)])[0]

    def without_each(self, members: Sequence[int]) -> list[Subset]:
        """Of the mean of these members without each, in their order."""
        return self._scored([tuple(one for one in members if one != dropped) for dropped in members])

    def _scored(self, subsets: Sequence[tuple[int, ...]]) -> list[Subset]:
        chosen = np.zeros((len(self._given), len(subsets)))
        for position, members in enumerate(subsets):
            chosen[list(members), position] = 1
        truth = self._given.T @ chosen
        wrong = np.zeros(len(subsets))
        for rows, block in self._pairs.blocks():
            positions = np.arange(block.start, block.stop)
            where = self._pairs.rows(positions)
            leads = truth[rows][where - rows.start] - self._pairs.values(block) @ chosen
            turned = np.where(self._pairs.before(positions)[:, None], leads <= 0, leads < 0)
            turned[np.isin(positions, self._pairs.true_pairs[rows])] = False
            wrong += rows_with_any(turned, where)
        losses = -np.log(np.clip(truth / chosen.sum(axis=0), SMALLEST_PROBABILITY, 1)).mean(axis=0)
        return [
            Subset(members, float(1 - missed / len(truth)), float(loss))
            for members, missed, loss in zip(subsets, wrong, losses, strict=True)
        ]
