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

FEW_AT_ONCE: Final = 1 << 10
"""Pairs of which all members' margins fit into a core's cache."""

FEW_CLASSES: Final = 64

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
        kept: by how much each member gives it less than the true class, shape (members, pairs), where those are few.
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
        self.kept: Array | None = None
        if self.truth.given.shape[0] * len(self.rows) * 8 <= KEPT_BYTES:
            self.kept = np.empty((len(self.truth.given), len(self.rows)))
            for block, values in self.blocks(FEW_AT_ONCE):
                np.subtract(self.truth.given.take(self.rows[block], axis=1), values, out=self.kept[:, block])

    def blocks(self, at_once: int = AT_ONCE) -> Iterator[tuple[slice, Floats]]:
        """All pairs in blocks: which they are, and what each member gives them, shape (members, pairs)."""
        for start, values in zip(self._starts.tolist(), self._values, strict=False):
            for first in range(0, values.shape[1], at_once):
                part = values[:, first : first + at_once]
                yield slice(start + first, start + first + part.shape[1]), part
            let_go(values)

    def margins(self, pairs: Positions) -> Array:
        """By how much each member gives the true class more than these pairs', shape (members, pairs)."""
        if self.kept is not None:
            return self.kept.take(pairs, axis=1)
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
    truth = said.reshape(members, -1).take(own * classes + true, axis=1)
    # Rounded, but with the right sign.
    above = said - truth[:, :, None]
    high, low = above.max(axis=0), above.min(axis=0)
    earlier = np.arange(classes) < true[:, None]
    # What is less than nothing wins.
    enough = -least_margins(earlier, said.dtype)
    enough[own, true] = np.inf
    chosen, lost = high > enough, (low > enough).any(axis=1)
    chosen[lost] = False
    pairs = np.flatnonzero(chosen)
    where = pairs // classes
    flat = said.reshape(members, -1)
    kept = flat.take(pairs, axis=1) if out is None else flat.take(pairs, axis=1, out=out[:, : len(pairs)], mode="clip")
    if classes > FEW_CLASSES:
        right = said.argmax(axis=2) == true
    else:
        # A product is several times faster than a search in short rows.
        beating = (above > enough).reshape(-1, classes).astype(np.float32)
        right = (beating @ np.ones(classes, np.float32) == 0).reshape(members, height)
    return Found(
        where + rows.start,
        earlier.reshape(-1).take(pairs),
        kept,
        _single(low.reshape(-1).take(pairs), -np.inf),
        _single(high.reshape(-1).take(pairs), np.inf),
        Truth(truth.astype(np.float64), right, lost),
    )


def least_margins(before: Rows, kind: Any) -> Floats:
    """By how much the true class must be ahead at least: by more than 0 of a class that stands before it.

    Args:
        before: whether a class stands before the true one.
        kind: the type of the numbers.
    """
    nothing = np.zeros((), kind)
    return np.where(before, np.nextafter(nothing, np.ones((), kind)), nothing)


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
    """Sums over members of what they give the true classes and their rivals.

    Attributes:
        leads: of the margins in the order in which members were added, shape (pairs,), where the margins are kept.
    """

    def __init__(self, pairs: RivalPairs) -> None:
        self._pairs = pairs
        members, count = pairs.truth.given.shape
        self.leads = None if pairs.kept is None else np.zeros(len(pairs.rows))
        self._truth, self._rivals = np.zeros(count), np.zeros(len(pairs.rows) if pairs.kept is None else 0)
        self._pending = np.zeros(members, np.int64)

    def add(self, member: int, times: int = 1) -> None:
        """Add a member so many times; less than 0 takes it away."""
        if self._pairs.kept is not None and self.leads is not None:
            self.leads += self._pairs.kept[member] if times == 1 else times * self._pairs.kept[member]
        else:
            self._pending[member] += times

    def turning(self, more: int, wrong: Rows) -> Positions:
        """The pairs that so many members more may turn, or one less (-1), in samples that are not wrong in any case.

        Args:
            more: -1 or above.
            wrong: shape (n,): samples that are not looked at; those are added that stay wrong whatever is added.
        """
        pairs, found, slack = self._pairs, [], NOISE * max(1, abs(more))
        for block, ahead in self._ahead():
            rows, low, high = pairs.rows[block], pairs.low[block], pairs.high[block]
            most, least = (high, low) if more >= 0 else (low, high)
            near = (ahead <= most * np.float32(more * (1 + 1e-6)) + np.float32(slack)).nonzero()[0]
            gone = near[ahead.take(near) < least.take(near) * np.float64(more) - slack]
            where = rows.take(near)
            wrong[rows.take(gone)] = True
            found.append(near[~wrong.take(where)] + block.start)
        return np.concatenate(found) if found else np.zeros(0, np.intp)

    def _ahead(self) -> Iterator[tuple[slice, Array]]:
        """By how much the true classes are ahead, in blocks: of which pairs, and shape (pairs,)."""
        if self.leads is not None:
            yield slice(0, len(self.leads)), self.leads
            return
        pairs = self._pairs
        added = np.flatnonzero(self._pending).tolist()
        for member in added:
            self._truth += self._pending[member] * pairs.truth.given[member]
        for block, values in pairs.blocks():
            for member in added:
                times = int(self._pending[member])
                self._rivals[block] += values[member] if times == 1 else times * values[member].astype(np.float64)
            ahead = self._truth.take(pairs.rows[block])
            ahead -= self._rivals[block]
            yield block, ahead
        self._pending[:] = 0
