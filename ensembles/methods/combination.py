"""A combination of members, and its predictions for validation rows that it was not fitted on."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ensembles.member_rows import Probabilities, combined_rows
from ensembles.members import Members
from ensembles.methods.options import FOLDS
from zoo.errors import UserError

Array = NDArray[np.float64]
Floats = NDArray[np.floating]
Predict = Callable[[Any], Floats]
"""From probabilities (members, n, classes) to (n, classes), rows summing to 1."""


class Combination(Protocol):
    """Turns the members' probabilities into one distribution: a `Pool`, `Stack` or `SharedStack`, maybe `Tempered`."""

    @property
    def weights(self) -> Array | None:
        """Of each member, shape (members,), sum 1; None where members have no weights of their own."""

    @property
    def held_out(self) -> Floats | None:
        """Cross-fitted predictions for the rows it was fitted on, shape (n, classes); None if a call is unbiased."""

    def __call__(self, probabilities: Array) -> Array:
        """From probabilities (members, n, classes) to (n, classes), rows summing to 1."""

    def to_json(self) -> dict[str, Any]:
        """As a JSON object, see `methods.restored`."""


def predict(combination: Combination, members: Members) -> Floats:
    """The combined probabilities, shape (n, classes); on validation the held-out ones if there are any.

    They are float64, or float32 where the members are too large for memory and combined in blocks.
    """
    held_out = combination.held_out if members.split == "validation" else None
    return combined(combination, members.probabilities) if held_out is None else held_out


def combined(combination: Combination, probabilities: Probabilities) -> Floats:
    """The combined probabilities, also of samples that the combination was fitted on."""
    return combined_rows(probabilities, lambda _, outputs: combination(outputs))


def check_classes(labels: NDArray[np.int64]) -> None:
    """Args:
        labels: shape (n,).

    Raises:
        UserError: they are of one class, of which no regression tells anything.
    """
    if len(np.unique(labels)) < 2:
        raise UserError("stacking needs validation samples of at least two classes: use another method")


def cross_fitted(
    fit: Callable[[NDArray[np.bool_]], Predict],
    probabilities: Probabilities | Floats,
    labels: NDArray[np.int64],
    seed: int,
) -> Floats:
    """Each fold's probabilities from a fit on the other folds.

    Args:
        fit: takes the samples to fit on, a mask of shape (n,); its result is called with the probabilities of others.
        probabilities: of validation, shape (members, n, classes), 0-1.
        labels: shape (n,), n at least 1.
        seed: of the folds.

    Returns:
        Shape (n, classes); the members' mean where there is no other row to fit on.
    """
    folds = stratified_folds(labels, FOLDS, seed)
    insides = {fold: folds == fold for fold in np.unique(folds).tolist()}
    fits = {fold: fit(~inside) for fold, inside in insides.items() if not inside.all()}
    return held_out_of(fits, folds, probabilities)


def held_out_of(fits: Mapping[int, Predict], folds: NDArray[np.int64], probabilities: Probabilities | Floats) -> Floats:
    """Each row by the fit that did not see its fold, shape (n, classes); the members' mean where there is none.

    Args:
        fits: by fold.
        folds: of each row, shape (n,).
        probabilities: shape (members, n, classes).
    """

    def combine(rows: slice, outputs: Array) -> Array:
        result: Array = outputs.mean(axis=0)
        for fold, combination in fits.items():
            inside = folds[rows] == fold
            result[inside] = combination(outputs[:, inside])
        return result

    return combined_rows(probabilities, combine)


def stratified_folds(labels: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    """The fold of each row, 0 to folds - 1, shape (n,); every fold gets its share of every class."""
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    order = shuffled[np.argsort(labels[shuffled], kind="stable")]
    result = np.empty(len(labels), np.int64)
    # Dealt out class after class without a new start, so that the folds are of one size as well.
    result[order] = np.arange(len(labels)) % folds
    return result
