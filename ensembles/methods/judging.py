"""What greedy selection asks in every round: how would the bag score with each member added?"""

import math
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rows = NDArray[np.bool_]

BLOCK: Final = 32
"""Factors that are multiplied before a logarithm is taken: 10,000 to the power of 32 and 1e-7 to it are in range."""

SINGLE: Final = float(np.finfo(np.float32).eps)

CLEAR: Final = 1e-9
"""Nats by which a member must be behind to be left out of a round."""


class Bag(Protocol):
    """Members picked so far, with their multiplicity."""

    def add(self, member: int) -> None:
        """Put `member` in, once more."""

    def score(self, member: int) -> float:
        """The score with `member` added; higher is better."""

    def scores(self) -> Array:
        """The score with each member added, shape (members,); -inf for one that is clearly behind one offered."""


class Judge(Protocol):
    """Scores bags of members on validation."""

    @property
    def alone(self) -> Array:
        """The score of each member by itself, shape (members,)."""

    def bag(self, offered: Rows) -> Bag:
        """A bag without members. Scores are asked of the members offered, a mask of shape (members,)."""

    def prefixes(self, order: NDArray[np.intp]) -> Array:
        """The scores of the first member of `order`, of the first two and so on, shape (members of `order`,)."""

    def of_rows(self, rows: Rows) -> "Judge":
        """The same on some of the samples, given as a mask of shape (n,)."""


class LogLossJudge:
    """Minus the log loss; only the true class' probabilities matter."""

    def __init__(self, likelihoods: Array) -> None:
        """Args:
        likelihoods: what each member gives to the true class, shape (members, n), positive.
        """
        # A round reads whole rows.
        self.likelihoods = np.ascontiguousarray(likelihoods)
        self.single = self.likelihoods.astype(np.float32)

    @property
    def alone(self) -> Array:
        """The mean log-likelihood of each member, shape (members,)."""
        return _mean_logarithms(self.likelihoods)

    def bag(self, offered: Rows) -> "LogLossBag":
        """A bag without members."""
        return LogLossBag(self, offered)

    def prefixes(self, order: NDArray[np.intp]) -> Array:
        """The mean log-likelihood of the first member of `order`, of the first two and so on."""
        totals = np.add.accumulate(self.likelihoods[order], axis=0)
        scores: Array = _mean_logarithms(totals) - np.log(np.arange(1, len(order) + 1))
        return scores

    def of_rows(self, rows: Rows) -> "LogLossJudge":
        """The same on some of the samples."""
        return LogLossJudge(self.likelihoods[:, rows])


class LogLossBag:
    """The sums of the true class' probabilities."""

    def __init__(self, judge: LogLossJudge, offered: Rows) -> None:
        self._judge, self._offered, self._out = judge, offered, ~offered
        self._sums = np.zeros(judge.likelihoods.shape[1])
        # Used again and again: to get memory takes as long as to fill it.
        self._totals = np.empty_like(judge.likelihoods)
        self._size = 0
        self._level: float | None = None
        """The mean logarithm of the sums, where it is known."""

        self._last, self._last_size = np.zeros(0), -1
        """The scores last asked for, and the size of the bags that have them."""

        self._slack = np.inf
        """By how much bounds were above what they bound, among the members looked at in the last round."""

    def add(self, member: int) -> None:
        """Put `member` in, once more."""
        self._sums += self._judge.likelihoods[member]
        self._size += 1
        known = float(self._last[member]) if self._last_size == self._size else -np.inf
        self._level = known + math.log(self._size) if known > -np.inf else None

    def score(self, member: int) -> float:
        """The mean log-likelihood with `member` added."""
        return float(self._exact(np.array([member]))[0])

    def scores(self) -> Array:
        """The mean log-likelihood with each member added; -inf where the bound leaves no doubt.

        With the sums s of k members and t = s (k + 1) / k, the tangent of the logarithm at t shows that adding p makes
        the mean logarithm mean(log t) + k / (k + 1) mean(p / s) - 1 / (k + 1) at most. That is one product for all
        members, and in the later rounds few of them come near the best.
        """
        if not self._size:
            return self._judge.alone
        size = self._size
        single, count = self._judge.single, len(self._sums)
        # The rounding of a sum of `count` single-precision products is below this share of it.
        rounding = 1 + (count + 4) * SINGLE
        bounds = (single @ (1 / self._sums).astype(np.float32)).astype(np.float64)
        bounds *= rounding / count * size / (size + 1)
        bounds[self._out] = -np.inf
        if self._level is None:
            self._level = float(_mean_logarithms(self._sums[None])[0])
        level = self._level - math.log(size) - 1 / (size + 1)
        # Most often those are all that matter; what they score says if any other may.
        near = (bounds >= bounds[bounds.argmax()] - self._slack) & self._offered
        result = np.full(len(bounds), -np.inf)
        result[near] = self._exact(near.nonzero()[0])
        best = result.argmax()
        others = bounds >= result[best] - CLEAR - level
        others &= ~near & self._offered
        if others.any():
            result[others] = self._exact(others.nonzero()[0])
            best = result.argmax()
        self._slack = 1.1 * (level + float(bounds[best]) - float(result[best]))
        self._last, self._last_size = result, size + 1
        return result

    def _exact(self, members: NDArray[np.intp]) -> Array:
        totals = self._totals[: len(members)]
        self._judge.likelihoods.take(members, axis=0, out=totals, mode="clip")
        totals += self._sums
        means = _mean_logarithms(totals)
        means -= np.log(self._size + 1)
        return means


def _mean_logarithms(totals: Array) -> Array:
    """The mean logarithm of each row of positive numbers, shape (rows,)."""
    rows, count = totals.shape
    whole = count - count % BLOCK
    # A logarithm costs ten times a product, and the sum of logarithms is the logarithm of the product.
    products = np.multiply.reduce(totals[:, :whole].reshape(rows, BLOCK, whole // BLOCK), axis=1)
    logarithms = np.add.reduce(np.log(products), axis=1)
    mean: Array = (logarithms + np.add.reduce(np.log(totals[:, whole:]), axis=1)) / count
    return mean
