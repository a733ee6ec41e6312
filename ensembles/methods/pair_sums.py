"""Sums over bags of members of what these give the true classes and their rivals."""

from collections.abc import Iterator

import numpy as np

from ensembles.methods.pairs import Array, Positions, RivalPairs, Rows


class PairSums:
    """Sums over members of what they give the true classes and their rivals."""

    def __init__(self, pairs: RivalPairs) -> None:
        self._pairs = pairs
        members, count = pairs.truth.given.shape
        self._truth, self._rivals = np.zeros(count), np.zeros(len(pairs.pairs.rows))
        self._pending = np.zeros(members, np.int64)

    def add(self, member: int, times: int = 1) -> None:
        """Add a member so many times; less than 0 takes it away."""
        self._pending[member] += times

    def turning(self, more: int, wrong: Rows) -> Positions:
        """See `Pairs.turning`; ascending."""
        pairs = self._pairs.pairs
        parts = [pairs.part(block).turning(ahead, more, wrong) + block.start for block, ahead in self._ahead()]
        listed = np.concatenate(parts) if parts else np.zeros(0, np.intp)
        # A sample may go on in the next block, and be wrong in any case by what stands there.
        return listed[~wrong.take(pairs.rows.take(listed))]

    def _ahead(self) -> Iterator[tuple[slice, Array]]:
        """By how much the true classes are ahead, in blocks: of which pairs, and shape (pairs,)."""
        pairs = self._pairs
        added = np.flatnonzero(self._pending).tolist()
        for member in added:
            self._truth += self._pending[member] * pairs.truth.given[member]
        for block, values in pairs.blocks():
            for member in added:
                times = int(self._pending[member])
                self._rivals[block] += values[member] if times == 1 else times * values[member].astype(np.float64)
            ahead = self._truth.take(pairs.pairs.rows[block])
            ahead -= self._rivals[block]
            yield block, ahead
        self._pending[:] = 0
