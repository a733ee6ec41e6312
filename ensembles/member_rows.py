"""Probabilities of many members that need not be in memory at once: read from the disk in blocks of samples."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from benchmark.files.npz_files import let_go

Array = NDArray[np.float64]

LOADED_BYTES: Final = 1 << 29
"""Members are loaded as a whole if they take no more than this, as float64."""

BLOCK_BYTES: Final = 1 << 25
"""Size of a block of samples of all members, as float64."""

SPREAD_BLOCKS: Final = 20
"""Blocks of samples from all over them, at least."""


def sample_blocks(shape: tuple[int, ...], numbers: int) -> list[slice]:
    """All samples of an array (members, n, classes), in blocks of so many numbers; a block has a sample at least."""
    members, count, classes = shape
    height = max(1, numbers // (members * classes))
    return [slice(start, min(count, start + height)) for start in range(0, count, height)]


def spread(count: int, samples: int, height: int) -> list[slice]:
    """Blocks of about so many samples in all, from all over the `count`, which may stand in the order of their classes.

    Args:
        count: at least `samples`.
        samples: at least 1.
        height: the most samples of one block.
    """
    height = min(height, max(1, samples // SPREAD_BLOCKS))
    starts = np.linspace(0, count - height, samples // height).astype(np.intp).tolist()
    return [slice(start, start + height) for start in starts]


@dataclass(frozen=True, eq=False)
class Source:
    """One run's probabilities.

    Attributes:
        stored: float32, shape (any, classes), maybe on the disk.
        rows: where each sample stands in it, shape (n,); None where it stands in its own place.
    """

    stored: NDArray[np.float32]
    rows: NDArray[np.intp] | None

    def part(self, rows: slice) -> Array:
        """The probabilities of these samples, float64."""
        chosen = self.stored[rows] if self.rows is None else self.stored[self.rows[rows]]
        return chosen.astype(np.float64)


@dataclass(frozen=True, eq=False)
class MemberRows:
    """The members' probabilities, as an array (members, n, classes) would have them, read as they are asked for.

    Attributes:
        members: the runs of each, whose probabilities are averaged.
        shape: members, n, classes.
    """

    members: tuple[tuple[Source, ...], ...]
    shape: tuple[int, int, int]

    def __len__(self) -> int:
        return len(self.members)

    def __iter__(self) -> Iterator[NDArray[np.floating]]:
        """Each member's probabilities, shape (n, classes)."""
        for position, sources in enumerate(self.members):
            yield self[position]
            for source in sources:
                let_go(source.stored)

    def __getitem__(self, position: int) -> NDArray[np.floating]:
        """One member's probabilities, shape (n, classes): on the disk as float32, or float64 in memory."""
        sources = self.members[position]
        if len(sources) == 1 and sources[0].rows is None:
            return sources[0].stored
        member: Array = self.of([position]).block(slice(0, self.shape[1]))[0]
        return member

    def of(self, positions: Sequence[int]) -> "MemberRows":
        """Some of the members."""
        return MemberRows(tuple(self.members[position] for position in positions), (len(positions), *self.shape[1:]))

    @property
    def single(self) -> bool:
        """Whether float32 holds every probability: no member is a mean over seeds."""
        return all(len(sources) == 1 for sources in self.members)

    def block(self, rows: slice) -> Array:
        """The probabilities of some samples, float64, shape (members, rows, classes)."""
        start, stop, _ = rows.indices(self.shape[1])
        result = np.empty((len(self), stop - start, self.shape[2]))
        for outputs, sources in zip(result, self.members, strict=True):
            outputs[...] = np.mean([source.part(rows) for source in sources], axis=0)
            for source in sources:
                let_go(source.stored)
        return result


Probabilities: TypeAlias = Array | MemberRows
"""Of all members, (members, n, classes): in memory, or to be read."""


def blocks(probabilities: Probabilities) -> Iterator[tuple[slice, Array]]:
    """All samples, in blocks that fit into memory: which they are, and (members, rows, classes)."""
    if isinstance(probabilities, np.ndarray):
        yield slice(0, probabilities.shape[1]), probabilities
        return
    for rows in sample_blocks(probabilities.shape, BLOCK_BYTES // 8):
        yield rows, probabilities.block(rows)


def combined_rows(
    probabilities: Probabilities | NDArray[np.floating], combine: Callable[[slice, Any], NDArray[np.floating]]
) -> NDArray[np.floating]:
    """What `combine` makes of samples (which they are) and what the members say of these (members, rows, classes).

    Returns:
        Shape (n, classes): float64, or float32 where the members are read in blocks.
    """
    if isinstance(probabilities, np.ndarray):
        return combine(slice(0, probabilities.shape[1]), probabilities)
    result = np.empty(probabilities.shape[1:], np.float32)
    for rows, outputs in blocks(probabilities):
        result[rows] = combine(rows, outputs)
    return result
