"""Pools without each member, from sums over all of them, against pools of the others."""

import numpy as np
import pytest
from numpy.typing import NDArray
from synthetic_members import synthetic

from ensembles.explaining.leaving_out import without_each
from ensembles.methods.pooling import POOLS, Pool
from ensembles.methods.shared_stacking import SharedStack


@pytest.mark.parametrize("kind", POOLS)
@pytest.mark.parametrize("weights", [np.full(4, 0.25), np.array([0.5, 0.3, 0.2, 0.0]), np.array([0.0, 1.0, 0.0, 0.0])])
def test_sums_give_what_pools_of_the_others_give(kind: str, weights: NDArray[np.float64]) -> None:
    if kind == "vote" and np.ptp(weights):
        pytest.skip("votes are equal")
    said, _ = synthetic(4, 60, classes=5, seed=2)
    said[3, :10] = np.eye(5)[2]
    found = list(without_each(Pool(kind, weights), said))
    assert len(found) == 4
    for position, rest in enumerate(found):
        left = np.delete(weights, position)
        shared = left / left.sum() if left.sum() else np.full(3, 1 / 3)
        np.testing.assert_allclose(rest, Pool(kind, shared)(np.delete(said, position, axis=0)), rtol=1e-9, atol=1e-15)


def test_exponents_stay_where_a_member_is_left_out() -> None:
    said, _ = synthetic(3, 60, classes=5, seed=2)
    exponents = np.array([0.7, 0.0, 0.9])
    for position, rest in enumerate(without_each(SharedStack(exponents), said)):
        others = SharedStack(np.delete(exponents, position))
        np.testing.assert_allclose(rest, others(np.delete(said, position, axis=0)), rtol=1e-9)


def test_equal_votes_tie_as_they_would_among_the_others() -> None:
    votes = np.eye(3)[np.random.default_rng(0).integers(0, 3, (7, 500))]
    for position, rest in enumerate(without_each(Pool("linear", np.full(7, 1 / 7)), votes)):
        expected = np.delete(votes, position, axis=0).mean(axis=0)
        np.testing.assert_array_equal(rest.argmax(axis=1), expected.argmax(axis=1))
