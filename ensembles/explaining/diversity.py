"""How different the members of an ensemble are: what makes combining them worth while."""

import numpy as np
from numpy.typing import NDArray

Right = NDArray[np.bool_]
"""Whether each member has each sample right, shape (members, n)."""


def right(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> Right:
    """Whether each member's likeliest class is the label.

    Args:
        probabilities: shape (members, n, classes). Ties go to the first class.
        labels: shape (n,).

    Returns:
        bool, shape (members, n).
    """
    found: Right = probabilities.argmax(axis=2) == labels
    return found


def disagreement(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of samples, 0-1, for which two members name different classes (Skalak 1996); needs no labels.

    Args:
        probabilities: shape (members, n, classes).

    Returns:
        shape (members, members), symmetric, 0 on the diagonal.
    """
    named = probabilities.argmax(axis=2)
    return np.array([[float((one != other).mean()) for other in named] for one in named])


def error_correlation(right: Right) -> NDArray[np.float64]:
    """Pearson correlation, -1 to 1, of two members' being wrong: 0 where their errors are independent.

    For two values it is the phi coefficient, Yule's and Kuncheva and Whitaker's (Machine Learning 51, 2003) measure of
    diversity.

    Args:
        right: shape (members, n).

    Returns:
        shape (members, members), symmetric; NaN where a member is always or never right.
    """
    centred = right - right.mean(axis=1, keepdims=True)
    spread = np.sqrt((centred**2).sum(axis=1))
    scale = np.outer(spread, spread)
    found: NDArray[np.float64] = np.divide(
        centred @ centred.T, scale, out=np.full(scale.shape, np.nan), where=scale > 0
    )
    return np.clip(found, -1, 1)


def oracle_accuracy(right: Right) -> float:
    """Share of samples, 0-1, that some member has right: what a perfect choice among the members would score."""
    return float(right.any(axis=0).mean())


def right_alone(right: Right) -> NDArray[np.int64]:
    """How many samples each member has right and no other has, shape (members,)."""
    alone: NDArray[np.int64] = (right & (right.sum(axis=0) == 1)).sum(axis=1)
    return alone
