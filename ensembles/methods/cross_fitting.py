"""What a fitted method says of validation without having seen it: each fold by what is fitted on the others."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Fitted = Callable[[Array], Array]

FOLDS: Final = 5
"""So many folds, stratified by class."""


def cross_fitted(
    fit: Callable[[Array, NDArray[np.int64]], Fitted], probabilities: Array, labels: NDArray[np.int64], seed: int
) -> Array:
    """Each row's probabilities from what `fit` makes of the other folds.

    Args:
        fit: takes members' probabilities and labels of some rows, and gives what is called with those of others.
        probabilities: of validation, shape (members, n, classes), 0-1.
        labels: shape (n,), n at least 1.
        seed: of the folds.

    Returns:
        Shape (n, classes); the members' mean where there is no other row to fit on.
    """
    folds = stratified_folds(labels, FOLDS, seed)
    said: Array = probabilities.mean(axis=0)
    for fold in np.unique(folds):
        inside = folds == fold
        if not inside.all():
            said[inside] = fit(probabilities[:, ~inside], labels[~inside])(probabilities[:, inside])
    return said


def stratified_folds(labels: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    """The fold of each row, 0 to folds - 1, shape (n,): every fold gets its share of every class."""
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    order = shuffled[np.argsort(labels[shuffled], kind="stable")]
    found = np.empty(len(labels), np.int64)
    # Dealt out class after class without a new start, so that the folds are of one size as well.
    found[order] = np.arange(len(labels)) % folds
    return found
