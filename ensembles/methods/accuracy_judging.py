"""Accuracy of bags of members, exactly, without looking at every class of every sample in every round.

A sample is right while no class has more than the true one (as much, for a class that stands before it). Sums are kept
for all pairs of sample and class, in single precision where there are many. From these, now and then, the pairs are
listed that some picks could turn within the next rounds, by what any member gives at most; all others are settled that
long. A round looks at the listed pairs only, and decides those in double precision that rounding leaves open.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ensembles.member_rows import MemberRows
from ensembles.methods.judging import Array, Rows
from ensembles.methods.pairs import EveryPair, Floats, Pairs, Positions, RivalPairs

FEW_PAIRS: Final = 1 << 18
"""So many pairs are summed in double precision."""

HORIZON: Final = 1 / 3
"""Rounds for which a list of pairs holds, as a share of the bag's size: as bags grow, one pick changes less."""

EXACT: Final = 1e-12
"""Sums in double precision that are nearer to a tie than this, for each pick, are taken in the order of the picks."""

ROUNDING: Final = 2.0**-24
"""Of a number in single precision, as a share of it."""


class AccuracyJudge:
    """Accuracy, with the first of equal classes as the prediction."""

    def __init__(self, probabilities: Floats | MemberRows, labels: NDArray[np.int64]) -> None:
        """Args:
        probabilities: shape (members, n, classes), float32 or float64, or to be read in blocks.
        labels: shape (n,).
        """
        self.pairs: Pairs = (
            RivalPairs(probabilities, labels)
            if isinstance(probabilities, MemberRows)
            else EveryPair(probabilities, labels)
        )
        self.most_truth = self.pairs.truth.given.max(axis=0)
        self.counted: Rows = np.ones(len(labels), bool)

    @property
    def total(self) -> int:
        """How many samples count."""
        return int(np.count_nonzero(self.counted))

    @property
    def alone(self) -> Array:
        """The accuracy of each member, shape (members,)."""
        share: Array = np.count_nonzero(self.pairs.truth.right & self.counted, axis=1) / self.total
        return share

    def bag(self, offered: Rows) -> "AccuracyBag":  # noqa: ARG002 - a member more costs next to nothing
        """A bag without members."""
        return AccuracyBag(self)

    def of_rows(self, rows: Rows) -> "AccuracyJudge":
        """The same on some of the samples; the arrays are shared."""
        judge = object.__new__(AccuracyJudge)
        judge.__dict__ |= self.__dict__ | {"counted": self.counted & rows}
        return judge


class AccuracyBag:
    """Sums of the members picked, and the list of pairs that may turn."""

    def __init__(self, judge: AccuracyJudge) -> None:
        self._judge, self._pairs, self._given = judge, judge.pairs, judge.pairs.truth.given
        members, count = self._given.shape
        self._picks: list[int] = []
        self._pending = np.zeros(members, np.int64)
        self._additions = 0
        self._true_sums = np.zeros(count)
        size = len(self._pairs.most)
        self._sums: Floats = np.zeros(size, np.float64 if size <= FEW_PAIRS else np.float32)
        # The true class is no rival of its own.
        self._sums[self._pairs.true_pairs] = -np.inf
        self._valid_until = 0

    def add(self, member: int) -> None:
        """Put `member` in, once more."""
        self._picks.append(member)
        self._pending[member] += 1
        self._true_sums = self._true_sums + self._given[member]
        if len(self._picks) <= self._valid_until:
            self._leads += self._given[member].take(self._list_rows)
            self._leads -= self._pairs.given(member, self._list)

    def score(self, member: int) -> float:
        """The accuracy with `member` added."""
        judge, pairs = self._judge, self._pairs
        tops = np.empty(len(self._true_sums))
        for rows, block in self._caught_up():
            said = pairs.given(member, block).astype(self._sums.dtype, copy=False)
            tops[rows] = pairs.tops(self._sums[block] + said, rows)
        gaps = self._true_sums + self._given[member] - tops
        slack = self._rounding(tops + 1)
        wrong = gaps < -slack
        near = np.flatnonzero((np.abs(gaps) <= slack) & judge.counted)
        if len(near):
            theirs, starts = pairs.of_rows(near)
            wrong[near] = np.logical_or.reduceat(self._violated(theirs)[member], starts)
        return (judge.total - int(np.count_nonzero(wrong & judge.counted))) / judge.total

    def scores(self) -> Array:
        """The accuracy with each member added, shape (members,)."""
        judge, size = self._judge, len(self._picks)
        if not size:
            return judge.alone
        if size > self._valid_until:
            self._make_list(max(1, int(HORIZON * size)))
        wrong, critical = self._settle(np.flatnonzero(self._leads <= self._reach))
        wrong_by_member = np.full(len(self._given), float(wrong))
        if len(critical):
            wrong_by_member += rows_with_any(self._turned(critical), self._list_rows.take(critical))
        accuracies: Array = (judge.total - wrong_by_member) / judge.total
        return accuracies

    def _make_list(self, rounds: int) -> None:
        """List the pairs that may turn in the next `rounds` additions; samples that stay wrong in all are counted."""
        judge, pairs, found = self._judge, self._pairs, []
        self._valid_until = len(self._picks) + rounds - 1
        hopeless = np.zeros(len(self._true_sums), bool)
        for rows, block in self._caught_up():
            sums, truth = self._sums[block], self._true_sums[rows]
            tops = pairs.tops(sums, rows)
            slack = self._rounding(tops + rounds)
            hopeless[rows] = truth - tops + rounds * (judge.most_truth[rows] - pairs.truth.floor) < -slack
            safe_below = np.where(hopeless[rows] | ~judge.counted[rows], np.inf, truth - slack).astype(sums.dtype)
            reach = pairs.most[block] * sums.dtype.type(rounds)
            reach += sums
            found.append(np.flatnonzero(pairs.shaped(reach, rows) >= pairs.spread(safe_below, rows)) + block.start)
        self._hopeless = int(np.count_nonzero(hopeless & judge.counted))
        self._list = np.concatenate(found)
        self._list_rows = pairs.rows(self._list)
        sums = self._sums.take(self._list)
        self._leads = self._true_sums[self._list_rows] - sums
        self._slack = self._rounding(sums)
        self._reach = pairs.most.take(self._list) + self._slack
        self._drop = pairs.truth.floor - judge.most_truth[self._list_rows] - self._slack

    def _caught_up(self) -> Iterator[tuple[slice, slice]]:
        """The blocks of samples and pairs, each with sums of all picks."""
        times, self._pending = self._pending, np.zeros_like(self._pending)
        self._additions += self._pairs.additions(times)
        for rows, block in self._pairs.blocks():
            self._pairs.add(self._sums[block], block, times)
            yield rows, block

    def _rounding(self, sums: Floats) -> Array:
        """By how much these sums may be off; what is added or subtracted once more is of single precision."""
        kind = ROUNDING if self._sums.dtype == np.float32 else float(np.finfo(np.float64).eps)
        # A sample without rivals has a true class only, whose sum is not taken.
        size = np.abs(np.where(sums > -np.inf, sums, 0)).astype(np.float64)
        off: Array = kind * (self._additions + 4) * size + 8 * ROUNDING
        return off

    def _settle(self, critical: Positions) -> tuple[int, Positions]:
        """How many samples are wrong with any member added, and the positions of critical pairs of the others."""
        gone = critical[self._leads.take(critical) < self._drop.take(critical)]
        if not len(gone):
            return self._hopeless, critical
        marked = np.zeros(len(self._true_sums), bool)
        marked[self._list_rows.take(gone)] = True
        kept: Positions = critical[~marked.take(self._list_rows.take(critical))]
        return self._hopeless + int(np.count_nonzero(marked)), kept

    def _turned(self, critical: Positions) -> Rows:
        """Whether each member's addition lets the class of each pair win, shape (pairs, members)."""
        excess = self._pairs.excess(self._list.take(critical))
        leads, slack = self._leads.take(critical), self._slack.take(critical)
        turned: Rows = excess > (leads - slack).astype(np.float32)[:, None]
        surely = excess > (leads + slack).astype(np.float32)[:, None]
        if not np.array_equal(turned, surely):
            unsure = np.flatnonzero((turned != surely).any(axis=1))
            turned[unsure] = self._violated(self._list.take(critical[unsure])).T
        return turned

    def _violated(self, pairs: Positions) -> Rows:
        """The same, decided as by sums in double precision in the order of the picks, shape (members, pairs)."""
        margins = self._pairs.margins(pairs)
        counts = np.bincount(self._picks, minlength=len(margins)).astype(np.float64)
        sums = margins + counts @ margins
        tied = np.flatnonzero((np.abs(sums) <= EXACT * (len(self._picks) + 1)).any(axis=0))
        if len(tied):
            in_order, those = np.zeros(len(tied)), margins[:, tied]
            for member in self._picks:
                in_order += those[member]
            sums[:, tied] = in_order + those
        violated: Rows = np.where(self._pairs.before(pairs), sums <= 0, sums < 0)
        violated[:, np.isin(pairs, self._pairs.true_pairs)] = False
        return violated


def rows_with_any(turned: Rows, rows: Positions) -> NDArray[np.float32]:
    """In how many samples any pair turned, by member. `rows` are the pairs' samples, ascending."""
    # One bit a member, so that the pairs of a sample are joined by few operations.
    bits = np.packbits(turned, axis=1)
    words = np.zeros((len(bits), -(-bits.shape[1] // 8) * 8), np.uint8)
    words[:, : bits.shape[1]] = bits
    starts = np.flatnonzero(np.concatenate([[True], rows[1:] != rows[:-1]]))
    joined = np.bitwise_or.reduceat(words.view(np.uint64), starts, axis=0)
    found = np.unpackbits(joined.view(np.uint8), axis=1, count=turned.shape[1])
    # A product in single precision counts exactly up to 16 million, and many times faster than a sum of bytes.
    counts: NDArray[np.float32] = np.ones(len(found), np.float32) @ found.astype(np.float32)
    return counts
