"""What greedy selection asks in every round: how would the bag score with each member added?"""

import math
import sys
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rows = NDArray[np.bool_]

BLOCK: Final = 32
"""Factors that are multiplied before a logarithm is taken: 10,000 and 1e-7 to the power of 32 are in range."""

AT_ONCE: Final = 8
"""Members that are scored at once."""

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

    def on_rows(self, rows: Rows) -> "Judge":
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

    def on_rows(self, rows: Rows) -> "LogLossJudge":
        """The same on some of the samples."""
        return LogLossJudge(self.likelihoods[:, rows])


class LogLossBag:
    """The sums of the true class' probabilities."""

    def __init__(self, judge: LogLossJudge, offered: Rows) -> None:
        self._judge = judge
        self._factors = np.where(offered, 1, -np.inf)
        self._sums, self._size = np.zeros(judge.likelihoods.shape[1]), 0
        # Used again and again: to get memory takes as long as to fill it, and these stay in a core's cache.
        self._totals = np.empty((AT_ONCE, judge.likelihoods.shape[1]))
        self._unknown = np.full(len(offered), -np.inf)
        self._last = self._unknown
        """The scores with each member added, as far as they are known."""

        self._score = -math.inf
        """Of the bag as it is, if it is known."""

        self._slack = sys.float_info.max
        """How far behind the first a member could be in the last round and still have the best score."""

    def add(self, member: int) -> None:
        """Put `member` in, once more."""
        self._sums += self._judge.likelihoods[member]
        self._size += 1
        self._score, self._last = float(self._last[member]), self._unknown

    def score(self, member: int) -> float:
        """The mean log-likelihood with `member` added."""
        return float(self._exact(np.array([member]))[0])

    def scores(self) -> Array:
        """The mean log-likelihood with each member added; -inf where a bound leaves no doubt.

        With the sums s of k members and t = s (k + 1) / k, the tangent of the logarithm at t shows that adding p makes
        the score higher by (k mean(p / s) - 1) / (k + 1) at most. That is one product for all members, and in the later
        rounds few of them come near the best.
        """
        judge, size = self._judge, self._size
        if not size:
            return judge.alone
        if self._score == -math.inf:
            self._score = float(_mean_logarithms(self._sums[None])[0]) - math.log(size)
        shares = (judge.single @ (1 / self._sums).astype(np.float32)) * self._factors
        # Most often those are all that matter; what they score says if any other may.
        near = (shares >= shares[shares.argmax()] - self._slack).nonzero()[0]
        scores = self._unknown.copy()
        scores[near] = self._exact(near)
        best = int(scores.argmax())
        # The rounding of a sum of single-precision products is below this share of it.
        count = len(self._sums)
        rounded = size * (1 + (count + 4) * SINGLE)
        least = count * (1 + (float(scores[best]) - CLEAR - self._score) * (size + 1)) / rounded
        self._slack = 1.1 * (float(shares[best]) - least)
        shares[near] = -np.inf
        others = (shares >= least).nonzero()[0]
        if len(others):
            scores[others] = self._exact(others)
        self._last = scores
        return scores

    def _exact(self, members: NDArray[np.intp]) -> Array:
        scores = np.empty(len(members))
        for start in range(0, len(members), len(self._totals)):
            some = members[start : start + len(self._totals)]
            totals = self._judge.likelihoods.take(some, axis=0, out=self._totals[: len(some)], mode="clip")
            totals += self._sums
            scores[start : start + len(some)] = _mean_logarithms(totals)
        scores -= math.log(self._size + 1)
        return scores


def _mean_logarithms(totals: Array) -> Array:
    """The mean logarithm of each row of positive numbers, shape (rows,)."""
    rows, count = totals.shape
    width = -(-count // BLOCK)
    height, rest = divmod(count, width)
    # A logarithm costs ten times a product, and the sum of logarithms is the logarithm of the product.
    products = np.multiply.reduce(totals[:, : count - rest].reshape(rows, height, width), axis=1)
    products[:, :rest] *= totals[:, count - rest :]
    mean: Array = np.add.reduce(np.log(products, out=products), axis=1)
    mean /= count
    return mean
