"""Stacking: a multinomial logistic regression on the members' probabilities (Wolpert 1992)."""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.metrics import softmax
from ensembles.member_rows import Probabilities
from ensembles.methods.combination import Predict, check_classes, cross_fitted
from zoo.errors import UserError

Array = NDArray[np.float64]

INVERSE_PENALTY: Final = 1.0
"""scikit-learn's `C`: coefficients are pulled towards 0 by their squares divided by twice this."""

MOST_WORK: Final = 1e11
"""Most samples times coefficients that are fitted, which takes about half an hour."""

SECONDS_OF_WORK: Final = 1.5e-8
"""Of all fits together, for one sample and coefficient, as 20 members x 10,000 samples x 200 classes took on one core
of an AMD EPYC."""

TOLERANCE: Final = 1e-6
MOST_ITERATIONS: Final = 1_000


@dataclass(frozen=True, eq=False)
class Stack:
    """The fitted regression.

    A class that validation has no sample of cannot be learnt: it keeps the members' mean probability, and the
    regression divides what is left.

    Attributes:
        coefficients: float64, shape (present classes, members * classes): one row for each class that validation has.
        intercepts: shape (present classes,).
        present: positions of those classes.
        held_out: cross-fitted probabilities of the validation rows, shape (n, classes); None where it was read back.
        weights: None: no member has a weight of its own.

    Raises:
        ValueError: shapes that do not belong together.
    """

    coefficients: Array
    intercepts: Array
    present: NDArray[np.int64]
    held_out: NDArray[np.floating] | None = None
    weights: None = None

    def __post_init__(self) -> None:
        shape, classes = self.coefficients.shape, len(self.present)
        if len(shape) != 2 or not shape[0] == len(self.intercepts) == classes:
            raise ValueError(f"coefficients of shape {shape} for {classes} classes")

    def __call__(self, probabilities: Array) -> Array:
        """The distribution for probabilities (members, n, classes): shape (n, classes), rows sum to 1.

        Raises:
            ValueError: another number of members or classes.
        """
        features = _features(probabilities)
        if features.shape[1] != self.coefficients.shape[1]:
            raise ValueError(
                f"expected members x classes = {self.coefficients.shape[1]}, got {probabilities.shape[0]} x "
                f"{probabilities.shape[2]}"
            )
        shares = softmax(features @ self.coefficients.T + self.intercepts)
        result: Array = probabilities.mean(axis=0)
        result /= result.sum(axis=1, keepdims=True)
        left = result[:, self.present].sum(axis=1, keepdims=True)
        result[:, self.present] = shares * left
        return result

    def to_json(self) -> dict[str, Any]:
        """As a JSON object; `methods.restored` is the way back, `held_out` aside."""
        return {
            "coefficients": self.coefficients.tolist(),
            "intercepts": self.intercepts.tolist(),
            "present": self.present.tolist(),
        }


def check_size(shape: tuple[int, ...]) -> None:
    """Args:
        shape: members, n, classes.

    Raises:
        UserError: stacking would run for hours, or not fit into memory.
    """
    members, count, classes = shape
    coefficients = members * classes * classes
    work = count * coefficients
    if work > MOST_WORK:
        raise UserError(
            f"stacking {members} members x {classes:,} classes fits {coefficients:,} coefficients on {count:,} "
            f"samples, which takes about {3 * 8 * count * members * classes / 1e9:,.0f} GB and "
            f"{work * SECONDS_OF_WORK / 3600:,.0f} hours: use --features shared, which fits one coefficient a member, "
            "or stack fewer members"
        )


def fit_stack(probabilities: Probabilities, labels: NDArray[np.int64], seed: int) -> Stack:
    """Fit the regression on all rows; predict each row by one fitted on the other folds.

    Args:
        probabilities: of validation, or out of fold, shape (members, n, classes), 0-1.
        labels: shape (n,).
        seed: of the folds, which are stratified by class.

    Raises:
        UserError: of `check_classes` or `check_size`.
    """
    check_classes(labels)
    check_size(probabilities.shape)
    loaded = probabilities if isinstance(probabilities, np.ndarray) else probabilities.block(slice(None))

    def fit(rows: NDArray[np.bool_]) -> Predict:
        # A rare class may be in one fold alone, and then the others may have a single class: nothing to fit.
        several = len(np.unique(labels[rows])) > 1
        return _regression(loaded[:, rows], labels[rows]) if several else lambda inside: inside.mean(axis=0)

    return replace(_regression(loaded, labels), held_out=cross_fitted(fit, loaded, labels, seed))


def _regression(probabilities: Array, labels: NDArray[np.int64]) -> Stack:
    # Imported here: it costs a second, and nothing else in the package needs it.
    from sklearn.linear_model import LogisticRegression

    present = np.unique(labels)
    model = LogisticRegression(C=INVERSE_PENALTY, solver="newton-cg", tol=TOLERANCE, max_iter=MOST_ITERATIONS)
    model.fit(_features(probabilities), labels)
    coefficients, intercepts = model.coef_, model.intercept_
    if len(present) == 2:
        # scikit-learn gives the second of two classes alone; the first has the score 0.
        coefficients, intercepts = np.vstack([0 * coefficients, coefficients]), np.array([0, *intercepts])
    return Stack(coefficients, intercepts, present)


def _features(probabilities: Array) -> Array:
    # One row a sample: the first member's classes, then the second's.
    members, count, classes = probabilities.shape
    return probabilities.transpose(1, 0, 2).reshape(count, members * classes)
