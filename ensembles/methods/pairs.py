"""Rivals: the pairs of sample and class that a bag of members may prefer to the true class, and what members give them.

Most pairs are not rivals: where no member prefers a class, no bag does. Where all members prefer one class to the true
one, every bag is wrong, and the sample needs no pairs at all.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import IO, Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from benchmark.files.npz_files import let_go
from ensembles.member_rows import MemberRows, blocks, sample_blocks

Array = NDArray[np.float64]
Single = NDArray[np.float32]
Floats = NDArray[np.floating[Any]]
Rows = NDArray[np.bool_]
Positions = NDArray[np.intp]

Part = TypeVar("Part", "Truth", "Pairs")

BLOCK_BYTES: Final = 1 << 20
"""Size of a block of samples of all members in memory: a few such arrays fit into a core's cache."""

KEPT_BYTES: Final = 1 << 25
"""All margins are kept in double precision if they take no more than this."""

SPOOLED_BYTES: Final = 3 << 28
"""Rivals of members that are read in blocks stay in a temporary file if they take more than this."""

AT_ONCE: Final = 1 << 15
"""Pairs whose sums are computed at once."""

FEW_CLASSES: Final = 64

NOISE: Final = 2e-7
"""Bound on the rounding of sums in double precision, of up to 10,000 picks, and of bounds in single precision."""


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
class Pairs:
    """Pairs of a sample and a rival of its true class, one sample after the other.

    Attributes:
        rows: the sample of each pair, ascending, shape (pairs,).
        before: whether its class stands before the true one, and wins where both are equal.
        low, high: by how much members give it more than the true class, at least and at most, to single precision.
    """

    rows: Positions
    before: Rows
    low: Single
    high: Single

    def part(self, which: slice | Positions) -> "Pairs":
        """Some of them."""
        return Pairs(self.rows[which], self.before[which], self.low[which], self.high[which])

    def turning(self, ahead: Array, more: int, wrong: Rows) -> Positions:
        """Those that so many members more may turn, or one less (-1), in samples that are not wrong in any case.

        Args:
            ahead: by how much the bag gives the true classes more, shape (pairs,).
            more: -1 or above.
            wrong: shape (n,): samples that are not looked at; those are added that stay wrong whatever is added.
        """
        slack = NOISE * max(1, abs(more))
        most, least = (self.high, self.low) if more >= 0 else (self.low, self.high)
        # What bounds were rounded by is far less than a millionth of them.
        near = (ahead <= most * np.float32(more * (1 + 1e-6)) + np.float32(slack)).nonzero()[0]
        gone = near[ahead.take(near) < least.take(near) * np.float64(more) - slack]
        where = self.rows.take(near)
        wrong[self.rows.take(gone)] = True
        return near[~wrong.take(where)]


@dataclass(frozen=True, eq=False)
class BlockRivals:
    """The rivals in a block of samples.

    Attributes:
        pairs: of the block.
        given: what each member gives their classes, shape (members, pairs).
        truth: of the block's samples.
    """

    pairs: Pairs
    given: Floats
    truth: Truth


class RivalPairs:
    """The rivals of all samples.

    Attributes:
        truth: of all samples.
        pairs: of all samples.
        kept: None, or where members, samples and classes are few, so that `pairs` are all pairs: by how much each
            member gives the true class more, float64, shape (members, pairs).
    """

    def __init__(self, probabilities: Floats | MemberRows, labels: NDArray[np.int64]) -> None:
        """Args:
        probabilities: shape (members, n, classes), float32 or float64, or to be read in blocks. What those give is
            kept in memory, or in a temporary file that lasts as long as this object.
        labels: shape (n,).
        """
        self.kept: Array | None = None
        self._values: list[Floats] = []
        if isinstance(probabilities, MemberRows):
            kind = np.float32 if probabilities.single else np.float64
            with tempfile.TemporaryFile() as file:
                parts = [_spooled(_rivals(rows, given, labels), kind, file) for rows, given in blocks(probabilities)]
                self._values = _read_back(file, kind, [part.given.shape for part in parts])
        elif probabilities.size * 8 <= KEPT_BYTES:
            margins = np.empty(probabilities.shape)
            parts = [
                _rivals(rows, probabilities[:, rows], labels, margins[:, rows], every=True)
                for rows in sample_blocks(probabilities.shape, BLOCK_BYTES // 4)
            ]
            self.kept = margins.reshape(len(margins), -1)
        else:
            parts, together = _in_memory(probabilities, labels)
            self._values = [together]
        self.truth = _joined(Truth, [part.truth for part in parts])
        self.pairs = _joined(Pairs, [part.pairs for part in parts])
        self._starts = np.cumsum([0, *(values.shape[1] for values in self._values)])

    def blocks(self) -> Iterator[tuple[slice, Floats]]:
        """All pairs in blocks: which they are, and what each member gives them, shape (members, pairs)."""
        for start, values in zip(self._starts.tolist(), self._values, strict=False):
            for first in range(0, values.shape[1], AT_ONCE):
                part = values[:, first : first + AT_ONCE]
                yield slice(start + first, start + first + part.shape[1]), part
            let_go(values)

    def margins(self, which: Positions) -> Array:
        """By how much each member gives the true class more, of these pairs (ascending), shape (members, pairs)."""
        result: Array = self.truth.given.take(self.pairs.rows.take(which), axis=1)
        cuts = np.searchsorted(which, self._starts).tolist()
        for start, first, last, values in zip(self._starts.tolist(), cuts, cuts[1:], self._values, strict=False):
            inside = which[first:last] - start
            # One row after the other: `take` would copy an array first that is not contiguous.
            for member, given in enumerate(values if last > first else ()):
                result[member, first:last] -= given.take(inside)
            let_go(values)
        return result


def _rivals(
    rows: slice, given: Floats, labels: NDArray[np.int64], out: Floats | None = None, *, every: bool = False
) -> BlockRivals:
    """The rivals in a block of samples, from what members give their classes, shape (members, rows, classes).

    What the rivals are given goes to `out`. With `every`, all pairs are rivals, and their margins go there instead.
    """
    classes, true = given.shape[2], labels[rows]
    places = np.arange(len(true)) * classes + true
    truth = _taken(given, places)
    if every:
        truth, given = truth.astype(np.float64), given.astype(np.float64)
    # Rounded, but with the right sign.
    margins = np.subtract(truth[:, :, None], given, out=out if every else None)
    least = _least(true, classes, margins.dtype)
    most, fewest = margins.max(axis=0), margins.min(axis=0)
    lost = (most < least).any(axis=1)
    # No true class turns against itself.
    fewest.reshape(-1)[places] = np.inf
    chosen = np.arange(least.size) if every else np.flatnonzero((fewest < least) & ~lost[:, None])
    pairs = Pairs(
        chosen // classes + rows.start,
        least.reshape(-1).take(chosen) > 0,
        -most.reshape(-1).take(chosen).astype(np.float32, copy=False),
        -fewest.reshape(-1).take(chosen).astype(np.float32, copy=False),
    )
    right = given.argmax(axis=2) == true if classes > FEW_CLASSES else _right(margins, least)
    values = margins if every else _taken(given, chosen, out)
    return BlockRivals(pairs, values, Truth(truth.astype(np.float64, copy=False), right, lost))


def _joined(kind: type[Part], parts: Sequence[Part]) -> Part:
    """Those of all blocks as one: samples and pairs are the last axis."""
    return kind(*(np.concatenate([getattr(part, one.name) for part in parts], axis=-1) for one in fields(kind)))


def _least(true: NDArray[np.int64], classes: int, kind: np.dtype[Any]) -> Floats:
    """The margins below which classes win, shape (rows, classes)."""
    # More than nothing is needed against a class that stands before the true one. That never wins against itself.
    least: Floats = np.where(np.arange(classes) < true[:, None], np.finfo(kind).smallest_subnormal, kind.type(0))
    least[np.arange(len(true)), true] = -np.inf
    return least


def _right(margins: Floats, least: Floats) -> Rows:
    """Which member is right in which row, shape (members, rows)."""
    members, height, classes = margins.shape
    # Class by class, as a search in short rows takes ten times as long.
    beaten = np.ascontiguousarray((margins < least).reshape(-1, classes).T).any(axis=0)
    return ~beaten.reshape(members, height)


def _taken(given: Floats, places: Positions, out: Floats | None = None) -> Floats:
    """What each member gives at these places of its own, shape (members, places)."""
    result = np.empty((len(given), len(places)), given.dtype) if out is None else out[:, : len(places)]
    for one, row in zip(given, result, strict=True):
        one.reshape(-1).take(places, out=row, mode="clip")
    return result


def _in_memory(probabilities: Floats, labels: NDArray[np.int64]) -> tuple[list[BlockRivals], Floats]:
    """The rivals in blocks, and what all their pairs are given, shape (members, pairs)."""
    members, count, classes = probabilities.shape
    # As large as it may have to be; memory is taken as it is written to.
    together = np.empty((members, count * classes), probabilities.dtype)
    parts: list[BlockRivals] = []
    end = 0
    for rows in sample_blocks(probabilities.shape, BLOCK_BYTES // 4):
        parts.append(_rivals(rows, probabilities[:, rows], labels, together[:, end:]))
        end += parts[-1].given.shape[1]
    return parts, together[:, :end]


def _spooled(part: BlockRivals, kind: type, file: IO[bytes]) -> BlockRivals:
    """The same with what members give written to `file`, one block after the other."""
    np.ascontiguousarray(part.given, kind).tofile(file)
    return replace(part, given=np.broadcast_to(np.zeros(1, kind), part.given.shape))


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
