"""Fit a method by name: `fit("greedy", members)` takes members' predictions of validation and gives a `Combination`."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ensembles.member_rows import Probabilities
from ensembles.members import Members
from ensembles.methods.calibration import TEMPERATURE, Tempered, calibrate, cross_scaled
from ensembles.methods.combination import Array, Combination, cross_fitted, predict
from ensembles.methods.greedy import judge_of, selected_weights
from ensembles.methods.options import PLAIN, SHARED, Options, check_method
from ensembles.methods.pooling import Pool, equal
from ensembles.methods.shared_stacking import SharedStack, fit_shared_stack
from ensembles.methods.stacking import Stack, fit_stack
from ensembles.methods.weighting import best_weights, true_class
from zoo.errors import UserError

INSTEAD: Final = "use average, geometric or vote"


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
    """Fit `method` on validation, and on nothing else.

    Args:
        members: their predictions of validation, or out of fold.

    Raises:
        UserError: there is no such method, or validation has no labels.
        ValueError: the members' split is not validation.
    """
    check_method(method)
    if members.split != "validation":
        raise ValueError(f"{method} chooses on validation, got the split {members.split!r}")
    options = options or Options()
    if method in PLAIN and not options.calibrate:
        return plain(method, len(members.names))
    labels = members.labels
    if labels is None:
        what, instead = ("a temperature", "leave --calibrate out") if method in PLAIN else (method, INSTEAD)
        raise UserError(f"{what} is fitted on validation, which has no labels here: {instead}")
    # The products are small: on a busy machine several threads wait for each other, for many times as long.
    with threadpool_limits(1):
        combination = _fitted(method, members.probabilities, labels, options)
        return _tempered(combination, members, labels, options.seed) if options.calibrate else combination


def _fitted(method: str, probabilities: Probabilities, labels: NDArray[np.int64], options: Options) -> Combination:
    if method in PLAIN:
        return plain(method, len(probabilities))
    if method == "stacking":
        stack = fit_shared_stack if options.features == SHARED else fit_stack
        return stack(probabilities, labels, options.seed)
    weights = _weights(method, probabilities, labels, options)

    def pool(rows: NDArray[np.bool_]) -> Pool:
        return Pool("linear", weights(rows))

    whole = pool(np.ones(len(labels), bool))
    return replace(whole, held_out=cross_fitted(pool, probabilities, labels, options.seed))


def _weights(
    method: str, probabilities: Probabilities, labels: NDArray[np.int64], options: Options
) -> Callable[[NDArray[np.bool_]], Array]:
    """From a mask of samples to the weights fitted on these; the members are read once for all fits."""
    if method == "weighted":
        likelihoods = true_class(probabilities, labels)
        return lambda rows: best_weights(likelihoods[:, rows])
    judge = judge_of(probabilities, labels, options.metric)
    return lambda rows: selected_weights(judge.on_rows(rows), options)


def _tempered(combination: Combination, members: Members, labels: NDArray[np.int64], seed: int) -> Tempered:
    pooled = predict(combination, members)
    held_out = cross_scaled(pooled, labels, seed)
    calibration = calibrate(pooled, labels, held_out)
    return Tempered(combination, calibration.applied, held_out if calibration.kept else pooled)


def restored(method: str, data: Mapping[str, Any]) -> Combination:
    """The combination whose `to_json` gave `data`; without its `held_out`.

    Raises:
        ValueError: it is no such object.
    """
    combination: Combination
    try:
        if method != "stacking":
            combination = Pool(data["kind"], np.array(data["weights"], np.float64))
        elif "exponents" in data:
            combination = SharedStack(np.array(data["exponents"], np.float64))
        else:
            coefficients, intercepts = np.array(data["coefficients"], float), np.array(data["intercepts"], float)
            combination = Stack(coefficients, intercepts, np.array(data["present"], np.int64))
        return Tempered(combination, float(data[TEMPERATURE])) if TEMPERATURE in data else combination
    except (KeyError, TypeError) as error:
        raise ValueError(f"not the weights of an ensemble: {error}") from error
