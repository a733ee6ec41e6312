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

from ensembles.methods.judging import Array, Rows

Positions = NDArray[np.intp]

FEW_PAIRS: Final = 1 << 18
"""So many pairs are summed in double precision."""

BLOCK_BYTES: Final = 1 << 18
"""Of a block of samples: a few such arrays fit into a core's cache."""

HORIZON: Final = 1 / 3
"""Rounds for which a list of pairs holds, as a share of the bag's size: as bags grow, one pick changes less."""

EXACT: Final = 1e-12
"""Sums in double precision that are nearer to a tie than this, for each pick, are taken in the order of the picks."""

ROUNDING: Final = 2.0**-24
"""Of a number in single precision, as a share of it."""


class AccuracyJudge:
    """Accuracy, with the first of equal classes as the prediction."""

    def __init__(self, probabilities: NDArray[np.floating], labels: NDArray[np.int64]) -> None:
        """Args:
        probabilities: shape (members, n, classes), float32 or float64.
        labels: shape (n,).
        """
        members, count, classes = probabilities.shape
        self.members, self.count, self.classes, self.labels = members, count, classes, labels
        self.values = np.ascontiguousarray(probabilities).reshape(members, count * classes)
        self.single = self.values.astype(np.float32, copy=False)
        self.truth = probabilities[:, np.arange(count), labels].astype(np.float64)
        self.most_truth = self.truth.max(axis=0)
        self.right = np.empty((members, count), bool)
        # What each member gives a class above the true one, side by side, since rounds look at few pairs; and the most.
        self.excess = np.empty((count * classes, members), np.float32)
        self.most = np.empty((count, classes), np.float32)
        self.floor = min([self._read(block) for block in blocks(count, members * classes * 4)], default=0.0)
        self.rows: Rows = np.ones(count, bool)

    def _read(self, block: slice) -> float:
        """Fill in what is known of a block of samples, and return the smallest probability, 0 at most."""
        said = self.values.reshape(self.members, self.count, self.classes)[:, block]
        self.right[:, block] = said.argmax(axis=2) == self.labels[block]
        above = np.empty(said.shape, np.float32)
        np.subtract(said, self.truth[:, block, None].astype(said.dtype), out=above, casting="same_kind")
        above.max(axis=0, out=self.most[block])
        pairs = above.reshape(self.members, -1)
        start = block.start * self.classes
        self.excess[start : start + pairs.shape[1]] = pairs.T
        # Imported probabilities may be a little below 0.
        return min(0.0, float(said.min()))

    @property
    def alone(self) -> Array:
        """The accuracy of each member, shape (members,)."""
        share: Array = np.count_nonzero(self.right & self.rows, axis=1) / np.count_nonzero(self.rows)
        return share

    def bag(self, offered: Rows) -> "AccuracyBag":  # noqa: ARG002 - a member more costs next to nothing
        """A bag without members."""
        return AccuracyBag(self)

    def of_rows(self, rows: Rows) -> "AccuracyJudge":
        """The same on some of the samples; the arrays are shared."""
        judge = object.__new__(AccuracyJudge)
        judge.__dict__ |= self.__dict__ | {"rows": self.rows & rows}
        return judge

    def margins(self, pairs: Positions) -> Array:
        """What each member gives the true class above each pair's, shape (members, pairs)."""
        margins: Array = self.truth.take(pairs // self.classes, axis=1)
        margins -= self.values.take(pairs, axis=1)
        return margins


class AccuracyBag:
    """Sums of the members picked, and the list of pairs that may turn."""

    def __init__(self, judge: AccuracyJudge) -> None:
        shape = judge.count, judge.classes
        self._judge = judge
        self._picks: list[int] = []
        self._pending = np.zeros(judge.members, np.int64)
        self._additions = 0
        self._true_sums = np.zeros(judge.count)
        self._sums = np.zeros(shape, np.float64 if judge.count * judge.classes <= FEW_PAIRS else np.float32)
        said = judge.values if self._sums.dtype == np.float64 else judge.single
        self._said = said.reshape(judge.members, *shape)
        # The true class is no rival of its own.
        self._sums[np.arange(judge.count), judge.labels] = -np.inf
        self._blocks = list(blocks(judge.count, judge.classes * self._sums.itemsize))
        self._valid_until = 0

    def add(self, member: int) -> None:
        """Put `member` in, once more."""
        self._picks.append(member)
        self._pending[member] += 1
        self._true_sums = self._true_sums + self._judge.truth[member]
        if len(self._picks) <= self._valid_until:
            self._leads += self._judge.truth[member].take(self._list_rows)
            self._leads -= self._judge.values[member].take(self._list)

    def score(self, member: int) -> float:
        """The accuracy with `member` added."""
        judge = self._judge
        said = self._said[member]
        tops, pending = np.empty(judge.count), self._take_pending()
        for block in self._blocks:
            sums = self._summed(block, pending)
            tops[block] = (sums + said[block]).max(axis=1)
        gaps = self._true_sums + judge.truth[member] - tops
        slack = self._rounding(tops + 1)
        wrong = gaps < -slack
        near = np.flatnonzero((np.abs(gaps) <= slack) & judge.rows)
        if len(near):
            pairs = (near[:, None] * judge.classes + np.arange(judge.classes)).reshape(-1)
            wrong[near] = self._violated(pairs)[member].reshape(len(near), -1).any(axis=1)
        total = np.count_nonzero(judge.rows)
        return (total - np.count_nonzero(wrong & judge.rows)) / total

    def scores(self) -> Array:
        """The accuracy with each member added, shape (members,)."""
        judge, size = self._judge, len(self._picks)
        if not size:
            return judge.alone
        if size > self._valid_until:
            self._make_list(max(1, int(HORIZON * size)))
        wrong, critical = self._settle(np.flatnonzero(self._leads <= self._reach))
        wrong_by_member = np.full(judge.members, float(wrong))
        if len(critical):
            wrong_by_member += _rows_with_any(self._turned(critical), self._list_rows.take(critical))
        total = np.count_nonzero(judge.rows)
        accuracies: Array = (total - wrong_by_member) / total
        return accuracies

    def _make_list(self, rounds: int) -> None:
        """List the pairs that may turn in the next `rounds` additions; samples that stay wrong in all are counted."""
        judge, pending, found = self._judge, self._take_pending(), []
        self._valid_until = len(self._picks) + rounds - 1
        hopeless = np.zeros(judge.count, bool)
        for block in self._blocks:
            sums, truth = self._summed(block, pending), self._true_sums[block]
            tops = sums.max(axis=1)
            slack = self._rounding(tops + rounds)
            hopeless[block] = truth - tops + rounds * (judge.most_truth[block] - judge.floor) < -slack
            safe_below = np.where(hopeless[block] | ~judge.rows[block], np.inf, truth - slack).astype(sums.dtype)
            reach = judge.most[block] * sums.dtype.type(rounds)
            reach += sums
            found.append(np.flatnonzero(reach >= safe_below[:, None]) + block.start * judge.classes)
        self._hopeless = int(np.count_nonzero(hopeless & judge.rows))
        self._list = np.concatenate(found)
        self._list_rows = self._list // judge.classes
        sums = self._sums.reshape(-1).take(self._list)
        self._leads = self._true_sums[self._list_rows] - sums
        self._slack = self._rounding(sums)
        self._reach = judge.most.reshape(-1).take(self._list) + self._slack
        self._drop = judge.floor - judge.most_truth[self._list_rows] - self._slack

    def _take_pending(self) -> list[tuple[NDArray[np.floating], int]]:
        """What the members say that are not in the sums yet, with how often."""
        pending = [(self._said[member], int(self._pending[member])) for member in np.flatnonzero(self._pending)]
        self._additions += sum(2 if times > 1 else 1 for _, times in pending)
        self._pending[:] = 0
        return pending

    def _summed(self, block: slice, pending: list[tuple[NDArray[np.floating], int]]) -> NDArray[np.floating]:
        sums = self._sums[block]
        for said, times in pending:
            sums += said[block] if times == 1 else said[block] * sums.dtype.type(times)
        return sums

    def _rounding(self, sums: NDArray[np.floating]) -> Array:
        """By how much these sums may be off; what is added or subtracted once more is of single precision."""
        kind = ROUNDING if self._sums.dtype == np.float32 else float(np.finfo(np.float64).eps)
        off: Array = kind * (self._additions + 4) * np.abs(sums.astype(np.float64)) + 8 * ROUNDING
        return off

    def _settle(self, critical: Positions) -> tuple[int, Positions]:
        """How many samples are wrong with any member added, and the positions of critical pairs of the others."""
        gone = critical[self._leads.take(critical) < self._drop.take(critical)]
        if not len(gone):
            return self._hopeless, critical
        marked = np.zeros(self._judge.count, bool)
        marked[self._list_rows.take(gone)] = True
        kept: Positions = critical[~marked.take(self._list_rows.take(critical))]
        return self._hopeless + int(np.count_nonzero(marked)), kept

    def _turned(self, critical: Positions) -> Rows:
        """Whether each member's addition lets the class of each pair win, shape (pairs, members)."""
        excess = self._judge.excess.take(self._list.take(critical), axis=0)
        leads, slack = self._leads.take(critical), self._slack.take(critical)
        turned: Rows = excess > (leads - slack).astype(np.float32)[:, None]
        surely = excess > (leads + slack).astype(np.float32)[:, None]
        if not np.array_equal(turned, surely):
            unsure = np.flatnonzero((turned != surely).any(axis=1))
            turned[unsure] = self._violated(self._list.take(critical[unsure])).T
        return turned

    def _violated(self, pairs: Positions) -> Rows:
        """The same, decided as by sums in double precision in the order of the picks, shape (members, pairs)."""
        margins = self._judge.margins(pairs)
        counts = np.bincount(self._picks, minlength=len(margins)).astype(np.float64)
        sums = margins + counts @ margins
        tied = np.flatnonzero((np.abs(sums) <= EXACT * (len(self._picks) + 1)).any(axis=0))
        if len(tied):
            in_order, those = np.zeros(len(tied)), margins[:, tied]
            for member in self._picks:
                in_order += those[member]
            sums[:, tied] = in_order + those
        rows, classes = np.divmod(pairs, self._judge.classes)
        labels = self._judge.labels[rows]
        violated: Rows = np.where(classes < labels, sums <= 0, sums < 0) & (classes != labels)
        return violated


def blocks(count: int, row_bytes: int) -> Iterator[slice]:
    """Slices of so many rows in blocks of about `BLOCK_BYTES`."""
    height = max(1, BLOCK_BYTES // max(1, row_bytes))
    return (slice(start, min(count, start + height)) for start in range(0, count, height))


def _rows_with_any(turned: Rows, rows: Positions) -> NDArray[np.float32]:
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
