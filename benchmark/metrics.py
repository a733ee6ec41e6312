"""Scores of predicted probabilities, in NumPy. None of them is ever stored: they are recomputed from predictions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

SMALLEST_PROBABILITY: Final = 1e-7
"""Probabilities are clipped here before the logarithm; about float32's resolution next to 1."""

ROUNDING: Final = 1e-7
"""More than float32 moves a probability."""

BLOCK: Final = 1 << 20
"""Probabilities that are in memory as float64 at once."""

BINS: Final = 15
"""Of confidence, in calibration errors and diagrams (Guo et al. 2017)."""

Probabilities = NDArray[np.floating]
Labels = NDArray[np.integer]
Score = Callable[[Probabilities, Labels], float]


@dataclass(frozen=True, eq=False)
class ClassScores:
    """Precision, recall and F1 (0-1, 0 where undefined) by class, each of shape (classes,).

    `support` has the samples of each class, `predicted` how often each is the likeliest.
    """

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]
    support: NDArray[np.int64]
    predicted: NDArray[np.int64]


def softmax(scores: NDArray[np.floating]) -> NDArray[np.floating]:
    """Powers of e over the last axis, which sum to 1."""
    powers: NDArray[np.floating] = scores - scores.max(axis=-1, keepdims=True)
    np.exp(powers, out=powers)
    powers /= powers.sum(axis=-1, keepdims=True)
    return powers


def accuracy(probabilities: Probabilities, labels: Labels) -> float:
    """Share of samples whose likeliest class is the label, 0-1.

    Args:
        probabilities: shape (n, classes). Ties go to the first class.
        labels: shape (n,).
    """
    return float(sample_correct(probabilities, labels).mean())


def sample_correct(probabilities: Probabilities, labels: Labels) -> NDArray[np.bool_]:
    """Whether the likeliest class is the label, of shape (n,): what `accuracy` is the mean of."""
    correct: NDArray[np.bool_] = probabilities.argmax(axis=1) == labels
    return correct


def log_loss(probabilities: Probabilities, labels: Labels) -> float:
    """Mean negative logarithm (nats) of the label's probability: cross-entropy. 0 is perfect, log(classes) uniform."""
    return float(sample_log_losses(probabilities, labels).mean())


def sample_log_losses(probabilities: Probabilities, labels: Labels) -> NDArray[np.float64]:
    """Negative logarithm (nats) of the label's probability, of shape (n,): what `log_loss` is the mean of."""
    chosen = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    losses: NDArray[np.float64] = -np.log(np.clip(chosen, SMALLEST_PROBABILITY, 1))
    return losses


def mse(probabilities: Probabilities, labels: Labels) -> float:
    """Mean over samples and classes of (p - one-hot)^2: the Brier score (Brier 1950) divided by the classes."""
    return float(sample_squared_errors(probabilities, labels).mean())


def sample_squared_errors(probabilities: Probabilities, labels: Labels) -> NDArray[np.float64]:
    """Mean over classes of (p - one-hot)^2, of shape (n,): what `mse` is the mean of."""
    errors = np.empty(len(labels))
    height = max(1, BLOCK // max(1, probabilities.shape[1]))
    for start in range(0, len(labels), height):
        difference = probabilities[start : start + height].astype(np.float64)
        difference[np.arange(len(difference)), labels[start : start + height]] -= 1
        errors[start : start + height] = (difference**2).mean(axis=1)
    return errors


def expected_calibration_error(probabilities: Probabilities, labels: Labels, bins: int = BINS) -> float:
    """Mean distance, 0-1, of confidence from accuracy over equal-width bins of confidence (Guo et al. 2017)."""
    position, gaps = calibration_gaps(probabilities, labels, bins)
    return float(np.abs(np.bincount(position, weights=gaps)).sum() / len(labels))


def calibration_gaps(
    probabilities: Probabilities, labels: Labels, bins: int = BINS
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Each sample's bin of confidence (0 to bins - 1), and its confidence less 1 if it is right, both of shape (n,)."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    # Bins are open below and closed above, as in the paper. In float32 an edge such as 0.2 lies a little above itself.
    position = np.clip(np.ceil((confidence - ROUNDING) * bins).astype(np.intp) - 1, 0, bins - 1)
    return position, confidence - sample_correct(probabilities, labels)


def confusion_matrix(probabilities: Probabilities, labels: Labels) -> NDArray[np.int64]:
    """Counts of shape (classes, classes): rows are true classes, columns predicted ones."""
    classes = probabilities.shape[1]
    cells = np.asarray(labels, np.int64) * classes + probabilities.argmax(axis=1)
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def class_scores(probabilities: Probabilities, labels: Labels) -> ClassScores:
    """Precision, recall, F1 and support of every class; a class never predicted has precision 0."""
    # Counted one by one: a confusion matrix of thousands of classes has millions of cells.
    classes, likeliest = probabilities.shape[1], probabilities.argmax(axis=1)
    predicted, support = np.bincount(likeliest, minlength=classes), np.bincount(labels, minlength=classes)
    hits = np.bincount(likeliest[likeliest == labels], minlength=classes).astype(np.float64)
    precision = np.divide(hits, predicted, out=np.zeros_like(hits), where=predicted > 0)
    recall = np.divide(hits, support, out=np.zeros_like(hits), where=support > 0)
    f1 = np.divide(2 * hits, predicted + support, out=np.zeros_like(hits), where=predicted + support > 0)
    return ClassScores(precision, recall, f1, support, predicted)


def macro_f1(probabilities: Probabilities, labels: Labels) -> float:
    """Unweighted mean of the classes' F1, 0-1, over the classes that are among the labels or are predicted.

    A class that is neither has no F1, as in scikit-learn's `f1_score`. One that is predicted and has no labels has an
    F1 of 0, so that a single such answer lowers the mean.
    """
    scores = class_scores(probabilities, labels)
    return float(scores.f1[scores.support + scores.predicted > 0].mean())


SCORES: Final[Mapping[str, Score]] = {
    "accuracy": accuracy,
    "macro_f1": macro_f1,
    "log_loss": log_loss,
    "mse": mse,
    "ece": expected_calibration_error,
}
"""What every report scores, by the names of its columns."""
