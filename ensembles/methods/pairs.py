"""Rivals: the pairs of sample and class that a bag of members may prefer to the true class, and what members give them.

Most pairs are no rivals: where no member prefers a class, no bag does. Where all members prefer one class to the true
one, every bag is wrong, and the sample needs no pairs at all.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.files.npz_files import let_go
from ensembles.member_rows import MemberRows, blocks

Array = NDArray[np.float64]
Single = NDArray[np.float32]
Floats = NDArray[np.floating[Any]]
Rows = NDArray[np.bool_]
Positions = NDArray[np.intp]

BLOCK_BYTES: Final = 1 << 20
"""Of a block of samples in memory, all members: a few such arrays fit into a core's cache."""

KEPT_BYTES: Final = 1 << 25
"""Of all margins in double precision, which are kept if they take no more."""

SPOOLED_BYTES: Final = 3 << 28
"""More than that of rivals of members that are read in blocks stays in a temporary file."""

AT_ONCE: Final = 1 << 15
"""Pairs whose sums are looked at at once."""

NOISE: Final = 1e-7
"""Sums in double precision, of up to 10,000 picks, are nearer to the true sums than this."""


@dataclass(frozen=True, eq=False)
class Truth:
    """What members give the true classes.

    Attributes:
        given: float64, shape (members, n).
        right: whether each member alone is right, shape (members, n).
        lost: the samples that every bag has wrong, shape (n,).
    """

    given: Array
    right: Rows
    lost: Rows


@dataclass(frozen=True, eq=False)
class Found:
    """The rivals in a block of samples.

    Attributes:
        rows: of each pair, one sample after the other.
        before: whether its class stands before the true one.
        said: what each member gives it, shape (members, pairs).
        low, high: by how much members give it more than the true class, at least and at most.
        truth: of the block's samples.
    """

    rows: Positions
    before: Rows
    said: Floats
    low: Single
    high: Single
    truth: Truth


class RivalPairs:
    """The rivals of all samples.

    Attributes:
        truth: of all samples.
        rows: the sample of each pair, ascending, shape (pairs,).
        before: whether its class stands before the true one, and wins where both are equal.
        low, high: by how much members give it more than the true class, at least and at most, to single precision.
    """

    def __init__(self, probabilities: Floats | MemberRows, labels: NDArray[np.int64]) -> None:
        """Args:
        probabilities: shape (members, n, classes), float32 or float64, or to be read in blocks. What those give is
            kept in memory, or in a temporary file that lasts as long as this object.
        labels: shape (n,).
        """
        if isinstance(probabilities, MemberRows):
            kind = np.float32 if probabilities.single else np.float64
            with tempfile.TemporaryFile() as file:
                found = [_spooled(_rivals(rows, said, labels), kind, file) for rows, said in blocks(probabilities)]
                self._values = _read_back(file, kind, [one.said.shape for one in found])
        else:
            found, together = _in_memory(probabilities, labels)
            self._values = [together]
        self.truth = Truth(
            np.concatenate([one.truth.given for one in found], axis=1),
            np.concatenate([one.truth.right for one in found], axis=1),
            np.concatenate([one.truth.lost for one in found]),
        )
        self.rows = np.concatenate([one.rows for one in found])
        self.before = np.concatenate([one.before for one in found])
        self.low = np.concatenate([one.low for one in found])
        self.high = np.concatenate([one.high for one in found])
        self._starts = np.cumsum([0, *(values.shape[1] for values in self._values)])
        self._kept: Array | None = None
        if self.truth.given.shape[0] * len(self.rows) * 8 <= KEPT_BYTES:
            self._kept = self.margins(np.arange(len(self.rows)))

    def blocks(self) -> Iterator[tuple[slice, Floats]]:
        """All pairs in blocks: which they are, and what each member gives them, shape (members, pairs)."""
        for start, values in zip(self._starts.tolist(), self._values, strict=False):
            for first in range(0, values.shape[1], AT_ONCE):
                part = values[:, first : first + AT_ONCE]
                yield slice(start + first, start + first + part.shape[1]), part
            let_go(values)

    def margins(self, pairs: Positions) -> Array:
        """By how much each member gives the true class more than these pairs', shape (members, pairs)."""
        if self._kept is not None:
            return self._kept.take(pairs, axis=1)
        order = np.argsort(pairs, kind="stable")
        ascending = pairs.take(order)
        result: Array = self.truth.given.take(self.rows.take(ascending), axis=1)
        cuts = np.searchsorted(ascending, self._starts).tolist()
        for start, first, last, values in zip(self._starts.tolist(), cuts, cuts[1:], self._values, strict=False):
            inside = ascending[first:last] - start
            # One row after the other: `take` would copy an array first that is not contiguous.
            for member, said in enumerate(values if last > first else ()):
                result[member, first:last] -= said.take(inside)
            let_go(values)
        # Member by member, so that memory holds them once.
        for member in range(len(result)):
            result[member, order] = result[member].copy()
        return result


def _rivals(rows: slice, said: Floats, labels: NDArray[np.int64], out: Floats | None = None) -> Found:
    """The rivals in a block of samples.

    Args:
        rows: which samples.
        said: what members give their classes, shape (members, rows, classes).
        labels: of all samples.
        out: where what is said of the pairs goes, shape (members, at least as many).
    """
    members, height, classes = said.shape
    own, true = np.arange(height), labels[rows]
    truth = said[:, own, true]
    # Rounded, but with the right sign.
    above = said - truth[:, :, None]
    high, low = above.max(axis=0), above.min(axis=0)
    earlier = np.arange(classes) < true[:, None]
    chosen = np.where(earlier, high >= 0, high > 0)
    beaten = np.where(earlier, low >= 0, low > 0)
    beaten[own, true] = chosen[own, true] = False
    lost = beaten.any(axis=1)
    chosen[lost] = False
    pairs = np.flatnonzero(chosen)
    where = pairs // classes
    flat = said.reshape(members, -1)
    kept = flat.take(pairs, axis=1) if out is None else flat.take(pairs, axis=1, out=out[:, : len(pairs)], mode="clip")
    right = said.argmax(axis=2) == true
    return Found(
        where + rows.start,
        earlier.reshape(-1).take(pairs),
        kept,
        _single(low.reshape(-1).take(pairs), -np.inf),
        _single(high.reshape(-1).take(pairs), np.inf),
        Truth(truth.astype(np.float64), right, lost),
    )


def _single(values: Floats, towards: float) -> Single:
    """In single precision, rounded in this direction."""
    rounded: Single = np.nextafter(values.astype(np.float32), np.float32(towards))
    return rounded


def _in_memory(probabilities: Floats, labels: NDArray[np.int64]) -> tuple[list[Found], Floats]:
    members, count, classes = probabilities.shape
    # As large as it may have to be; memory is taken as it is written to.
    together = np.empty((members, count * classes), probabilities.dtype)
    found: list[Found] = []
    height = max(1, BLOCK_BYTES // (members * classes * probabilities.itemsize))
    end = 0
    for start in range(0, count, height):
        rows = slice(start, min(count, start + height))
        said = np.ascontiguousarray(probabilities[:, rows])
        found.append(_rivals(rows, said, labels, together[:, end:]))
        end += len(found[-1].rows)
    return found, together[:, :end]


def _spooled(found: Found, kind: type, file: IO[bytes]) -> Found:
    """The same with what members say written to `file`, one block after the other."""
    np.ascontiguousarray(found.said, kind).tofile(file)
    shape: Floats = np.broadcast_to(np.zeros(1, kind), found.said.shape)
    return Found(found.rows, found.before, shape, found.low, found.high, found.truth)


def _read_back(file: IO[bytes], kind: type, shapes: list[tuple[int, ...]]) -> list[Floats]:
    """The blocks of `file`, in memory or mapped."""
    file.flush()
    if file.tell() > SPOOLED_BYTES:
        everything = np.memmap(file, kind, "r").view(np.ndarray)
    else:
        file.seek(0)
        everything = np.frombuffer(file.read(), kind)
    ends = np.cumsum([rows * pairs for rows, pairs in shapes])
    return [part.reshape(shape) for part, shape in zip(np.split(everything, ends[:-1]), shapes, strict=True)]


class PairSums:
    """Sums over members of what they give the true classes and their rivals."""

    def __init__(self, pairs: RivalPairs) -> None:
        self._pairs = pairs
        members, count = pairs.truth.given.shape
        self._truth, self._rivals = np.zeros(count), np.zeros(len(pairs.rows))
        self._pending = np.zeros(members, np.int64)

    def add(self, member: int, times: int = 1) -> None:
        """Add a member so many times; less than 0 takes it away."""
        self._pending[member] += times

    def turning(self, more: int, wrong: Rows) -> Positions:
        """The pairs that so many members more may turn, or one less (-1), in samples that are not wrong in any case.

        Args:
            more: -1 or above.
            wrong: shape (n,): samples that are not looked at; those are added that stay wrong whatever is added.
        """
        pairs, found = self._pairs, []
        added = np.flatnonzero(self._pending).tolist()
        for member in added:
            self._truth += self._pending[member] * pairs.truth.given[member]
        slack = NOISE * max(1, abs(more))
        for block, values in pairs.blocks():
            for member in added:
                times = int(self._pending[member])
                self._rivals[block] += values[member] if times == 1 else times * values[member].astype(np.float64)
            ahead = self._truth.take(pairs.rows[block])
            ahead -= self._rivals[block]
            low, high = pairs.low[block], pairs.high[block]
            most, least = (high, low) if more >= 0 else (low, high)
            near = np.flatnonzero(ahead <= most * np.float32(more * (1 + 1e-6)) + np.float32(slack))
            ahead = ahead.take(near)
            gone = near[ahead < least.take(near) * np.float64(more) - slack]
            where = pairs.rows[block].take(near)
            wrong[pairs.rows[block].take(gone)] = True
            found.append(near[~wrong.take(where)] + block.start)
        self._pending[:] = 0
        return np.concatenate(found) if found else np.zeros(0, np.intp)
