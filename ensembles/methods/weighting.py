"""Weights on the simplex that minimise log loss on validation: mixture weights, a convex problem."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmark.metrics import SMALLEST_PROBABILITY
from ensembles.member_rows import MemberRows, Probabilities, blocks

Array = NDArray[np.float64]

# Not scipy.optimize: L-BFGS-B finds the same minimum in half the time (9 of 17 ms for 50 members and 3,589 samples),
# but importing it takes 0.4 s, longer than all these fits together.
GAP: Final = 1e-9
"""The result is at most so many nats above the minimum of the objective."""

NEGLIGIBLE: Final = 1e-6
"""A weight below this becomes 0 where that keeps the objective within `ACCEPTED` of the minimum."""

ACCEPTED: Final = 1e-7
MOST_STEPS: Final = 200


def true_class(probabilities: Probabilities | NDArray[np.floating], labels: NDArray[np.int64]) -> Array:
    """What each member gives to the true class, clipped from below as in the log loss.

    Args:
        probabilities: shape (members, n, classes).
        labels: shape (n,).

    Returns:
        Shape (members, n).
    """
    if isinstance(probabilities, MemberRows):
        parts = [true_class(outputs, labels[rows]) for rows, outputs in blocks(probabilities)]
        return np.concatenate(parts, axis=1)
    members, count, classes = probabilities.shape
    places, chosen = np.arange(count) * classes + labels, np.empty((members, count))
    for given, member in zip(chosen, probabilities, strict=True):
        # One member after the other: to index all at once takes several times as long.
        given[:] = member.reshape(-1).take(places)
    return np.maximum(chosen, SMALLEST_PROBABILITY, out=chosen)


def best_weights(likelihoods: Array) -> Array:
    """The weights w on the simplex that minimise f(w) = -mean_i log(sum_m w_m p_mi), to within 1e-7 nats.

    With g = -grad f, scaling w shows that g'w = 1, so that the minimum of f(w) + sum(w) over w >= 0 has sum(w) = 1 by
    itself and the sum needs no constraint (Kim, Carbonetto, Stephens and Anitescu 2020, "A fast algorithm for maximum
    likelihood estimation of mixture proportions using sequential quadratic programming"). That problem is solved by
    a primal-dual interior-point method (Nocedal and Wright 2006, chapter 19). By convexity f(w) - min f is at most
    max(g) - 1, which is what ends the iteration: the result is certified, whatever the steps were.

    Args:
        likelihoods: p, shape (members, n), positive: what each member gives to the true class.

    Returns:
        Shape (members,), not negative, sum 1; most members that do not help weigh exactly 0.

    Raises:
        ArithmeticError: no certificate after 200 steps.
    """
    members = len(likelihoods)
    weights, slack = np.full(members, 1 / members), np.ones(members)
    for _ in range(MOST_STEPS):
        # Divided by the sum: on the way it is 1 only nearly, and the bound wants a point of the simplex.
        point = weights / weights.sum()
        if excess(likelihoods, point) <= GAP:
            return _without_negligible(likelihoods, point)
        weights, slack = _step(likelihoods, weights, slack)
    raise ArithmeticError(f"the weights of {members} members did not converge in {MOST_STEPS} steps")


def excess(likelihoods: Array, weights: Array) -> float:
    """By how much f(weights) may be above its minimum, in nats: max(g) - 1, see `best_weights`."""
    gradient = (likelihoods / (weights @ likelihoods)).mean(axis=1)
    return float(gradient.max() - 1)


def _step(likelihoods: Array, weights: Array, slack: Array) -> tuple[Array, Array]:
    # One Newton step on: 1 - g(w) = slack, w * slack = target for every member.
    members, count = likelihoods.shape
    ratios = likelihoods / (weights @ likelihoods)
    gradient = 1 - ratios.mean(axis=1)
    hessian = ratios @ ratios.T / count
    target = 0.1 * (weights @ slack) / members
    pull = slack / weights
    change = np.linalg.solve(hessian + np.diag(pull), target / weights - gradient)
    slack_change = target / weights - slack - pull * change
    return (
        weights + _room(weights, change) * change,
        slack + _room(slack, slack_change) * slack_change,
    )


def _room(values: Array, changes: Array) -> float:
    # The longest step, 1 at most, after which every value is still positive.
    shrinking = changes < 0
    return float(min(1.0, 0.99 * np.min(-values[shrinking] / changes[shrinking], initial=np.inf)))


def _without_negligible(likelihoods: Array, weights: Array) -> Array:
    kept = np.where(weights < NEGLIGIBLE, 0, weights)
    kept /= kept.sum()
    return kept if excess(likelihoods, kept) <= ACCEPTED else weights
