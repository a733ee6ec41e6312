"""What probabilities score on each sample: one class for members, ensembles and what is left of them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.metrics import sample_correct, sample_log_losses


@dataclass(frozen=True, eq=False)
class SampleScores:
    """Scores of one classifier.

    Attributes:
        correct: whether each sample is classified correctly, shape (n,).
        losses: log losses in nats, shape (n,).
    """

    correct: NDArray[np.bool_]
    losses: NDArray[np.float64]

    @classmethod
    def of(cls, probabilities: NDArray[np.floating], labels: NDArray[np.int64]) -> "SampleScores":
        """From probabilities (n, classes) and labels (n,)."""
        return cls(sample_correct(probabilities, labels), sample_log_losses(probabilities, labels))

    @property
    def accuracy(self) -> float:
        """0-1."""
        return float(self.correct.mean())

    @property
    def log_loss(self) -> float:
        """The mean, in nats."""
        return float(self.losses.mean())

    @property
    def merit(self) -> tuple[float, float]:
        """The larger is the better: accuracy, and of equals the lower log loss."""
        return self.accuracy, -self.log_loss

    def __str__(self) -> str:
        return f"{self.accuracy:.2%}, log loss {self.log_loss:.4f}"


def best_of(members: Iterable[NDArray[np.floating]], labels: NDArray[np.int64]) -> tuple[int, SampleScores]:
    """Position and scores of the most accurate member; of equals the one of lower log loss.

    Args:
        members: probabilities of each, shape (n, classes).
        labels: shape (n,).
    """
    scores = (SampleScores.of(probabilities, labels) for probabilities in members)
    return max(enumerate(scores), key=lambda pair: pair[1].merit)
