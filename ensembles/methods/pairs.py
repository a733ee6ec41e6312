"""What members give each class of each sample, as the accuracy of many bags needs it: all pairs, or the rivals only.

Pairs of sample and class stand one sample after the other; the true class of every sample is one of its pairs.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmark.files.npz_files import let_go
from ensembles.member_rows import MemberRows, blocks

Array = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]
Rows = NDArray[np.bool_]
Positions = NDArray[np.intp]
Counts = NDArray[np.int64]

BLOCK_BYTES: Final = 1 << 18
"""Of a block of samples: a few such arrays fit into a core's cache."""

AT_ONCE: Final = 1 << 16
"""Pairs that are looked up before the memory of a temporary file's pages is given back."""

SPOOLED_BYTES: Final = 3 << 28
"""More than that of rivals stays in a temporary file."""


@dataclass(frozen=True, eq=False)
class Truth:
    """What members give the true classes.

    Attributes:
        labels: shape (n,).
        given: float64, shape (members, n).
        right: whether each member alone is right, shape (members, n).
        floor: no member gives any class less, 0 at most: imported probabilities may be a little below 0.
    """

    labels: NDArray[np.int64]
    given: Array
    right: Rows
    floor: float


class Pairs(Protocol):
    """Pairs of sample and class, and what each member gives them."""

    truth: Truth
    true_pairs: Positions
    """Where the true class of each sample is, shape (n,)."""

    most: NDArray[np.float32]
    """By how much any member gives a pair more than the true class, shape (pairs,)."""

    def blocks(self) -> Iterator[tuple[slice, slice]]:
        """Samples and their pairs, in blocks that fit into a core's cache."""

    def rows(self, pairs: Positions) -> Positions:
        """The samples of pairs."""

    def before(self, pairs: Positions) -> Rows:
        """Whether the class of a pair stands before the true one, and wins where both are equal."""

    def of_rows(self, rows: Positions) -> tuple[Positions, Positions]:
        """All pairs of some samples, and where those of each start."""

    def tops(self, values: Floats, rows: slice) -> Floats:
        """The largest value of each sample in a block, of values of its pairs."""

    def spread(self, values: Floats, rows: slice) -> Floats:
        """A value of each sample in a block, at each of its pairs (or so that it broadcasts to them)."""

    def shaped(self, values: Floats, rows: slice) -> Floats:
        """Values of a block's pairs as `spread` wants them."""

    def add(self, sums: Floats, pairs: slice, times: Counts) -> None:
        """Add what members give a block's pairs, each so many times (members,), to their sums."""

    def additions(self, times: Counts) -> int:
        """How many roundings `add` takes."""

    def given(self, member: int, pairs: slice | Positions) -> Floats:
        """What a member gives these pairs."""

    def excess(self, pairs: Positions) -> NDArray[np.float32]:
        """What each member gives above the true class, shape (pairs, members)."""

    def margins(self, pairs: Positions) -> Array:
        """What each member gives the true class above each pair's, shape (members, pairs)."""


class EveryPair:
    """All classes of all samples, of probabilities in memory."""

    def __init__(self, probabilities: Floats, labels: NDArray[np.int64]) -> None:
        """Args:
        probabilities: shape (members, n, classes), float32 or float64.
        labels: shape (n,).
        """
        members, count, classes = probabilities.shape
        self._classes = classes
        self._values = np.ascontiguousarray(probabilities).reshape(members, count * classes)
        self._single = self._values.astype(np.float32, copy=False)
        given = probabilities[:, np.arange(count), labels].astype(np.float64)
        # Side by side, since rounds look at few pairs, but at all members.
        self._excess = np.empty((count * classes, members), np.float32)
        self.most = np.empty(count * classes, np.float32)
        self.true_pairs = np.arange(count) * classes + labels
        right, floor = np.empty((members, count), bool), 0.0
        for rows in _row_blocks(count, members * classes * 4):
            pairs, said = slice(rows.start * classes, rows.stop * classes), probabilities[:, rows]
            right[:, rows] = said.argmax(axis=2) == labels[rows]
            above = np.empty(said.shape, np.float32)
            np.subtract(said, given[:, rows, None].astype(said.dtype), out=above, casting="same_kind")
            above.max(axis=0, out=self.most[pairs].reshape(-1, classes))
            self._excess[pairs] = above.reshape(members, -1).T
            floor = min(floor, float(said.min()))
        self.truth = Truth(labels, given, right, floor)

    def blocks(self) -> Iterator[tuple[slice, slice]]:
        """Samples and their pairs."""
        for rows in _row_blocks(len(self.truth.labels), self._classes * 4):
            yield rows, slice(rows.start * self._classes, rows.stop * self._classes)

    def rows(self, pairs: Positions) -> Positions:
        """The samples of pairs."""
        samples: Positions = pairs // self._classes
        return samples

    def before(self, pairs: Positions) -> Rows:
        """Whether the class stands before the true one."""
        rows, classes = np.divmod(pairs, self._classes)
        earlier: Rows = classes < self.truth.labels[rows]
        return earlier

    def of_rows(self, rows: Positions) -> tuple[Positions, Positions]:
        """All pairs of some samples, and where each starts."""
        pairs = rows[:, None] * self._classes + np.arange(self._classes)
        return pairs.reshape(-1), np.arange(len(rows)) * self._classes

    def tops(self, values: Floats, rows: slice) -> Floats:  # noqa: ARG002 - all samples have as many pairs
        """The largest value of each sample."""
        largest: Floats = values.reshape(-1, self._classes).max(axis=1)
        return largest

    def spread(self, values: Floats, rows: slice) -> Floats:  # noqa: ARG002
        """A value of each sample, as a column."""
        return values[:, None]

    def shaped(self, values: Floats, rows: slice) -> Floats:  # noqa: ARG002
        """One row a sample."""
        return values.reshape(-1, self._classes)

    def add(self, sums: Floats, pairs: slice, times: Counts) -> None:
        """Add what members give a block's pairs."""
        values = self._values if sums.dtype == np.float64 else self._single
        for member in np.flatnonzero(times):
            said = values[member, pairs]
            sums += said if times[member] == 1 else said * sums.dtype.type(times[member])

    def additions(self, times: Counts) -> int:
        """One a member, and one where it is multiplied first."""
        return int(np.count_nonzero(times) + np.count_nonzero(times > 1))

    def given(self, member: int, pairs: slice | Positions) -> Floats:
        """What a member gives these pairs."""
        return self._values[member, pairs] if isinstance(pairs, slice) else self._values[member].take(pairs)

    def excess(self, pairs: Positions) -> NDArray[np.float32]:
        """What each member gives above the true class."""
        return self._excess.take(pairs, axis=0)

    def margins(self, pairs: Positions) -> Array:
        """What each member gives the true class above each pair's."""
        margins: Array = self.truth.given.take(pairs // self._classes, axis=1)
        margins -= self._values.take(pairs, axis=1)
        return margins


class RivalPairs:
    """Of members that are read in blocks, those classes that any member prefers to the true one.

    No bag of members can prefer any other. Where all members prefer one class, it is the sample's only rival. What they
    give these pairs is in memory, or in a temporary file that lasts as long as this object.
    """

    def __init__(self, probabilities: MemberRows, labels: NDArray[np.int64]) -> None:
        """Args:
        probabilities: of the members.
        labels: shape (n,).
        """
        kind = np.float32 if probabilities.single else np.float64
        given, right, most, pairs = [], [], [], []
        with tempfile.TemporaryFile() as file:
            for rows, said in blocks(probabilities):
                own = np.arange(said.shape[1]), labels[rows]
                truth = said[:, own[0], own[1]]
                right.append(said.argmax(axis=2) == labels[rows])
                said_before = said.min(initial=0.0)
                above = np.subtract(said, truth[:, :, None])
                highest = above.max(axis=0)
                chosen = self._rivals(above, highest, labels[rows])
                most.append(highest[chosen].astype(np.float32))
                where, classes = np.nonzero(chosen)
                pairs.append((where + rows.start, classes))
                given.append((truth, said_before))
                said[:, chosen].T.astype(kind).tofile(file)
            self._rows = np.concatenate([where for where, _ in pairs])
            self._columns = np.concatenate([classes for _, classes in pairs])
            file.flush()
            self._values = self._spooled(file, kind, len(probabilities))
        self.most = np.concatenate(most)
        floor = min(lowest for _, lowest in given)
        all_given = np.concatenate([truth for truth, _ in given], axis=1)
        self.truth = Truth(labels, all_given, np.concatenate(right, axis=1), float(floor))
        self._given_by_row = np.ascontiguousarray(all_given.T)
        self.true_pairs = np.flatnonzero(self._columns == labels[self._rows])
        self._starts = np.searchsorted(self._rows, np.arange(len(labels) + 1))

    @staticmethod
    def _rivals(above: Array, highest: Array, labels: NDArray[np.int64]) -> Rows:
        """Which pairs of a block are kept, shape (rows, classes).

        Args:
            above: what each member gives a class more than the true one, shape (members, rows, classes).
            highest: the most of it.
            labels: shape (rows,).
        """
        rows, earlier = np.arange(len(labels)), np.arange(above.shape[2]) < labels[:, None]
        chosen: Rows = np.where(earlier, highest >= 0, highest > 0)
        lowest = above.min(axis=0)
        lost = np.where(earlier, lowest >= 0, lowest > 0)
        lost[rows, labels] = False
        hopeless = np.flatnonzero(lost.any(axis=1))
        chosen[hopeless] = False
        chosen[hopeless, np.where(lost[hopeless], lowest[hopeless], -np.inf).argmax(axis=1)] = True
        chosen[rows, labels] = True
        return chosen

    @staticmethod
    def _spooled(file: Any, kind: type, members: int) -> Floats:
        size = file.tell() // np.dtype(kind).itemsize
        if file.tell() > SPOOLED_BYTES:
            return np.memmap(file, kind, "r", 0, (size // members, members)).view(np.ndarray)
        file.seek(0)
        return np.frombuffer(file.read(), kind).reshape(-1, members)

    def blocks(self) -> Iterator[tuple[slice, slice]]:
        """Samples and their pairs."""
        count, width = len(self.truth.labels), self._values.shape[1] * self._values.itemsize
        for rows in _row_blocks(count, max(1, len(self._rows) // max(1, count)) * max(4, width // 8)):
            yield rows, slice(int(self._starts[rows.start]), int(self._starts[rows.stop]))
            let_go(self._values)

    def rows(self, pairs: Positions) -> Positions:
        """The samples of pairs."""
        return self._rows.take(pairs)

    def before(self, pairs: Positions) -> Rows:
        """Whether the class stands before the true one."""
        earlier: Rows = self._columns.take(pairs) < self.truth.labels[self._rows.take(pairs)]
        return earlier

    def of_rows(self, rows: Positions) -> tuple[Positions, Positions]:
        """All pairs of some samples, and where each starts."""
        starts, lengths = self._starts[rows], self._starts[rows + 1] - self._starts[rows]
        ends = np.cumsum(lengths)
        pairs = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - lengths), lengths)
        return pairs, ends - lengths

    def tops(self, values: Floats, rows: slice) -> Floats:
        """The largest value of each sample."""
        starts = self._starts[rows.start : rows.stop] - self._starts[rows.start]
        largest: Floats = np.maximum.reduceat(values, starts)
        return largest

    def spread(self, values: Floats, rows: slice) -> Floats:
        """A value of each sample at each of its pairs."""
        return np.repeat(values, np.diff(self._starts[rows.start : rows.stop + 1]))

    def shaped(self, values: Floats, rows: slice) -> Floats:  # noqa: ARG002 - one behind the other already
        """As they are."""
        return values

    def add(self, sums: Floats, pairs: slice, times: Counts) -> None:
        """Add what members give a block's pairs."""
        if times.any():
            sums += self._values[pairs].astype(sums.dtype, copy=False) @ times.astype(sums.dtype)

    def additions(self, times: Counts) -> int:
        """One for each member of the product."""
        return len(times) + 1 if times.any() else 0

    def given(self, member: int, pairs: slice | Positions) -> Floats:
        """What a member gives these pairs."""
        if isinstance(pairs, slice):
            return self._values[pairs, member]
        given = np.empty(len(pairs), self._values.dtype)
        for start in range(0, len(pairs), AT_ONCE):
            given[start : start + AT_ONCE] = self._values[pairs[start : start + AT_ONCE], member]
            let_go(self._values)
        return given

    def values(self, pairs: slice) -> Array:
        """What each member gives these pairs, float64, shape (pairs, members)."""
        return self._values[pairs].astype(np.float64)

    def excess(self, pairs: Positions) -> NDArray[np.float32]:
        """What each member gives above the true class."""
        above = self._taken(pairs)
        above -= self._given_by_row.take(self._rows.take(pairs), axis=0).astype(above.dtype)
        return above.astype(np.float32, copy=False)

    def margins(self, pairs: Positions) -> Array:
        """What each member gives the true class above each pair's."""
        margins: Array = self.truth.given.take(self._rows.take(pairs), axis=1)
        margins -= self._taken(pairs).T
        return margins

    def _taken(self, pairs: Positions) -> Floats:
        """What each member gives these pairs, shape (pairs, members)."""
        taken = np.empty((len(pairs), self._values.shape[1]), self._values.dtype)
        for start in range(0, len(pairs), AT_ONCE):
            self._values.take(pairs[start : start + AT_ONCE], axis=0, out=taken[start : start + AT_ONCE], mode="clip")
            let_go(self._values)
        return taken


def _row_blocks(count: int, row_bytes: int) -> Iterator[slice]:
    """Slices of so many rows in blocks of about `BLOCK_BYTES`."""
    height = max(1, BLOCK_BYTES // max(1, row_bytes))
    return (slice(start, min(count, start + height)) for start in range(0, count, height))
