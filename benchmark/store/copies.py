"""Finds runs whose predictions are those of another run: the same, rounded, in half precision, or as hard votes.

Such a copy would count as another member in a vote, and as another row on a leaderboard.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmark.files.npz_files import let_go
from benchmark.records import Predictions

TOLERANCE: Final = 2e-3
"""Largest difference between two probabilities that count as equal; half precision changes less than 5e-4."""

SHARE: Final = 0.1
"""Where probabilities hardly differ between samples, as of a rare class, those that count as equal differ by less than
this share of their standard deviation over samples."""

DECIMALS: Final = (2, 3)
"""Roundings that move probabilities, once the rows sum to 1 again, by more than `TOLERANCE`."""

NOISE: Final = 1e-6
"""More than the last digits of two float32 probabilities differ by."""

FEW_ROWS: Final = 0.05
"""Share of rows in which a rounded copy may differ in its last digit: programs round halves up or down."""

SAMPLED_ROWS: Final = 32
FEWEST_SHARED: Final = 0.5
"""Share of the sampled rows in which a copy must have the same likeliest class; rounding may make two classes equal."""

BLOCK_ROWS: Final = 2048

FIRST_ROWS: Final = 8
"""Number of the sampled rows by which all pairs of runs are compared first; runs that differ there are no copies."""

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Copy:
    """A run that repeats another on a split.

    Attributes:
        run: name of the later run.
        of: name of the earlier run.
        split: on which they were compared.
        same_predictions: whether the probabilities are the same, rounding aside; otherwise only the likeliest classes.
    """

    run: str
    of: str
    split: str
    same_predictions: bool

    @property
    def sentence(self) -> str:
        """What they share, in one sentence without a full stop."""
        if self.same_predictions:
            return f"the {self.split} predictions are those of {self.of}"
        return f"the likeliest classes on {self.split} are all those of {self.of}"


def copy_sentences(copies: Iterable[Copy]) -> list[str]:
    """One sentence without a full stop for each run and each way in which it repeats others."""
    splits: dict[tuple[str, bool, str], list[str]] = {}
    for copy in copies:
        splits.setdefault((copy.run, copy.same_predictions, copy.of), []).append(copy.split)
    others: dict[tuple[str, bool, str], list[str]] = {}
    for (run, same, of), names in splits.items():
        others.setdefault((run, same, " and ".join(names)), []).append(of)
    return [
        f"the {names} predictions of {run} are those of {_first(of)}"
        if same
        else f"the likeliest classes of {run} on {names} are all those of {_first(of)}"
        for (run, same, names), of in others.items()
    ]


def _first(names: Sequence[str]) -> str:
    """All of up to three; else the first, and how many others there are."""
    return " and ".join(names) if len(names) <= 3 else f"{names[0]} and {len(names) - 1} others"


@dataclass(frozen=True, eq=False)
class Sketch:
    """A small part of a run's predictions, enough to find its copies without all runs in memory.

    Attributes:
        split: validation or test.
        samples: hash of the sample ids in their order, and of the class names.
        classes: hash of the likeliest class of every sample.
        rows: float32, shape (rows, classes): probabilities of evenly spaced samples.
        likeliest: shape (rows,): the likeliest class of each of them.
        load: gives the predictions; called only where two sketches are alike.
    """

    split: str
    samples: bytes
    classes: bytes
    rows: Array
    likeliest: NDArray[np.intp]
    load: Callable[[], Predictions]


def sketched(predictions: Predictions, load: Callable[[], Predictions]) -> Sketch:
    """The sketch of a run's predictions of one split; `load` gives the predictions again."""
    probabilities = predictions.probabilities
    count = len(probabilities)
    places = np.linspace(0, max(0, count - 1), min(count, SAMPLED_ROWS)).astype(np.int64)
    likeliest = [
        probabilities[start : start + BLOCK_ROWS].argmax(axis=1).astype("<i8") for start in range(0, count, BLOCK_ROWS)
    ]
    samples = hashlib.sha256(repr(predictions.class_names).encode())
    samples.update(predictions.sample_ids.tobytes())
    classes = hashlib.sha256(b"".join(block.tobytes() for block in likeliest))
    rows = probabilities[places].copy()
    let_go(probabilities)
    return Sketch(predictions.split, samples.digest(), classes.digest(), rows, rows.argmax(axis=1), load)


def find_copies(predictions: Mapping[str, Predictions]) -> list[Copy]:
    """Every two runs of which the later repeats the earlier, from the predictions of one split by the run's name.

    Runs whose samples differ, or stand in another order, are not compared.
    """
    return copies_among(
        {name: sketched(predicted, partial(predictions.__getitem__, name)) for name, predicted in predictions.items()}
    )


def copies_among(sketches: Mapping[str, Sketch]) -> list[Copy]:
    """Every two runs of which the later repeats the earlier, from the sketches of one split by the run's name."""
    names, known = list(sketches), list(sketches.values())
    places = sorted((place for place in range(len(known)) if len(known[place].rows)), key=lambda at: known[at].samples)
    pairs: list[tuple[int, int]] = []
    for _, same in groupby(places, key=lambda at: known[at].samples):
        group = sorted(same)
        pairs += [(group[a], group[b]) for a, b in _maybe_copies([known[at] for at in group])]
    return [copy for a, b in sorted(pairs) if (copy := compared((names[b], known[b]), (names[a], known[a])))]


def _maybe_copies(sketches: list[Sketch]) -> list[tuple[int, int]]:
    """The pairs of places, smaller first, that may be copies; all sketches are of the same samples.

    Each run is compared with all others at once, by `FIRST_ROWS` of the sampled rows.
    """
    rows = np.stack([sketch.rows[:FIRST_ROWS] for sketch in sketches])
    classes = np.array([sketch.classes for sketch in sketches])
    pairs: set[tuple[int, int]] = set()
    for place, sketch in enumerate(sketches):
        own = rows[place]
        maybe = classes == sketch.classes
        for values, tolerance in [(own, TOLERANCE), *((_rounded(own, at), _last_digit(at)) for at in DECIMALS)]:
            maybe |= np.abs(rows - values).max(axis=(1, 2)) <= tolerance
        pairs.update((min(place, int(other)), max(place, int(other))) for other in np.flatnonzero(maybe))
    return [(a, b) for a, b in pairs if a != b]


def compared(later: tuple[str, Sketch], earlier: tuple[str, Sketch]) -> Copy | None:
    """The copy, if a run repeats an earlier one on the split of both, else None; each is a name and a sketch."""
    (run, first), (of, second) = later, earlier
    if first.samples != second.samples or not len(first.rows):
        return None
    # Most pairs end here, many times faster than by trying all roundings.
    if np.count_nonzero(first.likeliest == second.likeliest) < FEWEST_SHARED * len(first.rows):
        return None
    if _alike(first.rows, second.rows):
        whole = first.load().probabilities, second.load().probabilities
        if _alike(*whole, min(TOLERANCE, SHARE * min(map(_spread, whole)) + NOISE)):
            return Copy(run, of, first.split, same_predictions=True)
    if first.classes == second.classes:
        return Copy(run, of, first.split, same_predictions=False)
    return None


def _alike(first: Array, second: Array, tolerance: float = TOLERANCE) -> bool:
    """Whether the probabilities are the same, or those of one are the other's after rounding."""
    if _within(first, second, tolerance):
        return True
    if tolerance < TOLERANCE:
        return False
    pairs = ((first, second), (second, first))
    return any(_rounded_is(exact, other, decimals) for decimals in DECIMALS for exact, other in pairs)


def _spread(probabilities: Array) -> float:
    """The largest standard deviation over samples of a class' probability."""
    sums, squares = np.zeros(probabilities.shape[1]), np.zeros(probabilities.shape[1])
    for start in range(0, len(probabilities), BLOCK_ROWS):
        block = probabilities[start : start + BLOCK_ROWS]
        sums += block.sum(axis=0, dtype=np.float64)
        squares += np.einsum("ij,ij->j", block, block, dtype=np.float64, casting="safe")
    count = max(1, len(probabilities))
    return float(np.sqrt(np.maximum(squares / count - (sums / count) ** 2, 0)).max(initial=0))


def _within(first: Array, second: Array, tolerance: float) -> bool:
    blocks = range(0, len(first), BLOCK_ROWS)
    return all(
        np.abs(first[start : start + BLOCK_ROWS] - second[start : start + BLOCK_ROWS]).max() <= tolerance
        for start in blocks
    )


def _rounded_is(exact: Array, other: Array, decimals: int) -> bool:
    """Whether `other` is `exact` rounded to so many decimals, apart from last digits in few rows."""
    allowed = int(np.ceil(FEW_ROWS * len(exact)))
    for start in range(0, len(exact), BLOCK_ROWS):
        block = _rounded(exact[start : start + BLOCK_ROWS], decimals)
        differences = np.abs(block - other[start : start + BLOCK_ROWS]).max(axis=1)
        allowed -= int((differences > TOLERANCE).sum())
        if allowed < 0 or differences.max() > _last_digit(decimals):
            return False
    return True


def _rounded(rows: Array, decimals: int) -> Array:
    """Rows rounded to so many decimals and then scaled to sum 1 again; a row of zeros stays zero."""
    rounded = np.round(rows, decimals)
    sums = rounded.sum(axis=1, keepdims=True)
    return np.asarray(rounded / np.where(sums > 0, sums, 1))


def _last_digit(decimals: int) -> float:
    return 2 * 10.0**-decimals
