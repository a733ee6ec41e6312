"""Pools: the members' probabilities combined with a fixed weight for each member."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.metrics import SMALLEST_PROBABILITY

Array = NDArray[np.float64]


def linear(probabilities: Array, weights: Array) -> Array:
    """The weighted mean over members; with equal weights the `Average` layer of a Keras ensemble.

    Args:
        probabilities: shape (members, n, classes), 0-1.
        weights: shape (members,), not negative, sum 1.

    Returns:
        Scores, not negative, of shape (n, classes); here and below rows need not sum to 1.
    """
    if np.all(weights == weights[0]):
        mean: Array = probabilities.mean(axis=0)
        return mean
    # Only the members with a say: greedy selection leaves most of a large pool without one.
    chosen = np.flatnonzero(weights)
    pooled: Array = np.einsum("m,mnc->nc", weights[chosen], probabilities[chosen])
    return pooled


def geometric(probabilities: Array, weights: Array) -> Array:
    """The weighted geometric mean over members: a class that any member rules out is nearly out.

    Probabilities are clipped from below as in the log loss, so that a single 0 does not decide alone. Arguments and
    result are those of `linear`.
    """
    logarithms = np.log(np.maximum(probabilities, SMALLEST_PROBABILITY))
    mean: Array = np.exp(np.einsum("m,mnc->nc", weights, logarithms))
    return mean


def vote(probabilities: Array, weights: Array) -> Array:
    """One ballot a member for its likeliest class (the first of equals), and the mean probability as one ballot more.

    That last ballot is split over the classes. It decides ties and cannot turn a majority: a class with more votes has
    been given some probability too, so that the mean can make up for less than one ballot. It also keeps a class that
    nobody votes for from having probability 0. Arguments and result are those of `linear`; weights must be equal.
    """
    members, _, classes = probabilities.shape
    ballots = np.eye(classes)[probabilities.argmax(axis=2)].sum(axis=0)
    scores: Array = (ballots + linear(probabilities, weights)) / (members + 1)
    return scores


POOLS: Final[Mapping[str, Callable[[Array, Array], Array]]] = {"linear": linear, "geometric": geometric, "vote": vote}


@dataclass(frozen=True, eq=False)
class Pool:
    """Members combined by fixed weights.

    Attributes:
        kind: a name in `POOLS`.
        weights: float64, shape (members,), not negative, sum 1.
        held_out: cross-fitted probabilities of the validation rows, shape (n, classes); None where nothing was fitted,
            or the pool was read back from a store.

    Raises:
        ValueError: an unknown kind, or weights that are no such weights.
    """

    kind: str
    weights: Array
    held_out: NDArray[np.floating] | None = None

    def __post_init__(self) -> None:
        if self.kind not in POOLS:
            raise ValueError(f"kind must be one of {', '.join(POOLS)}, got {self.kind!r}")
        if self.weights.ndim != 1 or not self.weights.size:
            raise ValueError(f"weights must be of shape (members,), got {self.weights.shape}")
        if not (self.weights >= 0).all() or abs(self.weights.sum() - 1) > 1e-9:
            raise ValueError(f"weights must not be negative and must sum to 1, got {self.weights.tolist()}")

    def __call__(self, probabilities: Array) -> Array:
        """The pooled distribution, float64, shape (n, classes); rows sum to 1.

        Every row is divided by its sum, so that float32's rounding in the stored members does not add up.

        Args:
            probabilities: float64, shape (members, n, classes), 0-1, members in the order of the weights.

        Raises:
            ValueError: another number of members.
        """
        if len(probabilities) != len(self.weights):
            raise ValueError(f"expected probabilities of {len(self.weights)} members, got {len(probabilities)}")
        scores = POOLS[self.kind](probabilities, self.weights)
        total: Array = scores.sum(axis=1, keepdims=True)
        return scores / total

    def to_json(self) -> dict[str, Any]:
        """As a JSON object; `methods.restored` is the way back, `held_out` aside."""
        return {"kind": self.kind, "weights": self.weights.tolist()}


def equal(kind: str, members: int) -> Pool:
    """The pool in which `members` weigh alike."""
    return Pool(kind, np.full(members, 1 / members))
