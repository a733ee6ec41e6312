"""The methods by name: those that fit nothing, and those fitted on validation.

`fit("greedy", members)` takes what the members say about validation, and raises for any other split. It gives a
`Combination`, which has weights and is called with probabilities of any split.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ensembles.members import Members
from ensembles.methods.calibration import TEMPERATURE, Tempered, calibrate, cross_scaled
from ensembles.methods.cross_fitting import cross_fitted
from ensembles.methods.greedy import greedy_weights
from ensembles.methods.options import Options
from ensembles.methods.pooling import Pool, equal
from ensembles.methods.stacking import Stack, fit_stack
from ensembles.methods.weighting import best_weights, true_class
from zoo.errors import UserError, unknown_name

PLAIN: Final[Mapping[str, str]] = {"average": "linear", "geometric": "geometric", "vote": "vote"}
"""The methods that fit nothing, and the pool that each of them is."""

FITTED: Final = ("weighted", "greedy", "stacking")
METHODS: Final = (*PLAIN, *FITTED)
INSTEAD: Final = "use average, geometric or vote"

Array = NDArray[np.float64]


class Combination(Protocol):
    """How the members' probabilities become one distribution: a `Pool` or a `Stack`, or one of them `Tempered`."""

    @property
    def weights(self) -> NDArray[np.float64] | None:
        """Of each member, shape (members,), sum 1; None where members have no weights of their own."""

    @property
    def held_out(self) -> NDArray[np.float64] | None:
        """What to show for the rows it was fitted on, shape (n, classes); None where a call on them will do."""

    def __call__(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """From probabilities (members, n, classes) to (n, classes), rows summing to 1."""

    def to_json(self) -> dict[str, Any]:
        """As a JSON object, see `restored`."""


def check_method(method: str) -> None:
    """Raises:
    UserError: there is no such method.
    """
    if method not in METHODS:
        raise unknown_name("ensemble method", method, METHODS)


def plain(method: str, members: int) -> Combination:
    """A method that fits nothing, over so many members.

    Raises:
        UserError: there is no such method, or it is one that is fitted.
    """
    check_method(method)
    if method not in PLAIN:
        raise UserError(f"{method} is fitted on validation, and a member has no validation predictions")
    return equal(PLAIN[method], members)


def fit(method: str, members: Members, options: Options | None = None) -> Combination:
    """What `method` makes of the members; the fitted ones look at validation and nothing else.

    Args:
        method: a name in `METHODS`.
        members: what they say about validation, or out of fold.
        options: those of greedy and stacking, and whether to calibrate; the defaults where left out.

    Raises:
        UserError: there is no such method, or validation has no labels.
        ValueError: the members' split is not validation.
    """
    check_method(method)
    if members.split != "validation":
        raise ValueError(f"{method} chooses on validation, got the split {members.split!r}")
    chosen = options or Options()
    if method in PLAIN and not chosen.calibrate:
        return plain(method, len(members.names))
    labels = members.labels
    if labels is None or not labels.size:
        what, instead = ("a temperature", "leave --calibrate out") if method in PLAIN else (method, INSTEAD)
        raise UserError(f"{what} is fitted on validation, which has no labels here: {instead}")
    # The products are small: on a busy machine several threads wait for each other, for many times as long.
    with threadpool_limits(1):
        combination = _fitted(method, members.probabilities, labels, chosen)
        return _tempered(combination, members.probabilities, labels) if chosen.calibrate else combination


def said(combination: Combination, members: Members) -> Array:
    """What a fitted method makes of the members, shape (n, classes).

    On validation it is what it says of samples it was not fitted on, where the method has that (`held_out`).
    """
    held_out = combination.held_out if members.split == "validation" else None
    return combination(members.probabilities) if held_out is None else held_out


def _fitted(method: str, probabilities: Array, labels: NDArray[np.int64], options: Options) -> Combination:
    if method in PLAIN:
        return plain(method, len(probabilities))
    if method == "stacking":
        return fit_stack(probabilities, labels, options.seed)

    def weighed(some: Array, their_labels: NDArray[np.int64]) -> Pool:
        if method == "weighted":
            return Pool("linear", best_weights(true_class(some, their_labels)))
        return Pool("linear", greedy_weights(some, their_labels, options))

    whole = weighed(probabilities, labels)
    return replace(whole, held_out=cross_fitted(weighed, probabilities, labels, options.seed))


def _tempered(combination: Combination, probabilities: Array, labels: NDArray[np.int64]) -> Tempered:
    held_out = combination.held_out
    pooled = combination(probabilities) if held_out is None else held_out
    calibration = calibrate(pooled, labels)
    return Tempered(combination, calibration.applied, cross_scaled(pooled, labels) if calibration.kept else pooled)


def restored(method: str, data: Mapping[str, Any]) -> Combination:
    """The combination whose `to_json` gave `data`; without its `held_out`.

    Raises:
        ValueError: it is no such object.
    """
    found: Combination = Stack.from_json(data) if method == "stacking" else Pool.from_json(data)
    return Tempered(found, float(data[TEMPERATURE])) if TEMPERATURE in data else found
