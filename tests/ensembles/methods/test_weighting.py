"""Mixture weights, by hand, by brute force and against scipy."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from synthetic_members import synthetic

from benchmark.metrics import log_loss
from ensembles.methods.weighting import best_weights, excess, true_class


def objective(weights: NDArray[np.float64], likelihoods: NDArray[np.float64]) -> float:
    return float(-np.log(weights @ likelihoods).mean())


def test_true_class_by_hand() -> None:
    members = np.array([[[0.9, 0.1], [1.0, 0.0]], [[0.3, 0.7], [0.4, 0.6]]])
    np.testing.assert_array_equal(true_class(members, np.array([0, 1])), [[0.9, 1e-7], [0.3, 0.6]])


def test_two_members_by_hand() -> None:
    # -ln(0.8 w + 0.2 (1 - w)) once and -ln(0.2 w + 0.8 (1 - w)) twice: (0.2 + 0.6 w) = (0.8 - 0.6 w) / 2, w = 2 / 9.
    likelihoods = np.array([[0.8, 0.2, 0.2], [0.2, 0.8, 0.8]])
    np.testing.assert_allclose(best_weights(likelihoods), [2 / 9, 7 / 9], atol=1e-5)


def test_a_member_that_is_better_everywhere_gets_everything() -> None:
    likelihoods = np.array([[0.2, 0.3], [0.9, 0.8], [0.5, 0.4]])
    np.testing.assert_array_equal(best_weights(likelihoods), [0, 1, 0])


def test_one_member() -> None:
    np.testing.assert_array_equal(best_weights(np.array([[0.2, 0.3]])), [1])


def test_no_better_point_on_a_grid() -> None:
    probabilities, labels = synthetic(3, 60, classes=3, seed=5)
    likelihoods = true_class(probabilities, labels)
    found = objective(best_weights(likelihoods), likelihoods)
    steps = np.arange(101) / 100
    grid = [(a, b, 1 - a - b) for a in steps for b in steps if a + b <= 1]
    best = min(objective(np.array(point), likelihoods) for point in grid)
    assert best - 1e-3 < found <= best + 1e-12


@pytest.mark.parametrize(("members", "samples", "seed"), [(2, 50, 0), (5, 300, 1), (14, 700, 2), (30, 100, 3)])
def test_as_low_as_scipy(members: int, samples: int, seed: int) -> None:
    optimize: Any = pytest.importorskip("scipy.optimize")
    probabilities, labels = synthetic(members, samples, seed=seed)
    likelihoods = true_class(probabilities, labels)

    def slope(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return -(likelihoods / (weights @ likelihoods)).mean(axis=1)

    result = optimize.minimize(
        objective,
        np.full(members, 1 / members),
        args=(likelihoods,),
        jac=lambda weights, _: slope(weights),
        method="SLSQP",
        bounds=[(0, 1)] * members,
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1, "jac": lambda _: np.ones(members)},
        options={"ftol": 1e-12, "maxiter": 1000},
    )
    weights = best_weights(likelihoods)
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    assert abs(objective(weights, likelihoods) - result.fun) < 1e-6
    pooled = np.tensordot(weights, probabilities, axes=1)
    assert log_loss(pooled, labels) == pytest.approx(objective(weights, likelihoods), abs=1e-9)


def test_the_certificate_bounds_the_distance_from_the_minimum() -> None:
    probabilities, labels = synthetic(6, 200, seed=4)
    likelihoods = true_class(probabilities, labels)
    lowest = objective(best_weights(likelihoods), likelihoods)
    for seed in range(20):
        point = np.random.default_rng(seed).dirichlet(np.ones(6))
        assert objective(point, likelihoods) - lowest <= excess(likelihoods, point) + 1e-7


@pytest.mark.parametrize("case", ["twins", "all alike", "certain and wrong", "more members than samples", "hard"])
def test_what_makes_solvers_stumble(case: str) -> None:
    generator = np.random.default_rng(1)
    likelihoods = {
        "twins": np.repeat(generator.uniform(0.01, 1, (4, 80)), 2, axis=0),
        "all alike": np.full((6, 20), 0.25),
        "certain and wrong": np.where(generator.random((8, 200)) < 0.5, 1e-7, 1 - 1e-7),
        "more members than samples": generator.uniform(1e-7, 1, (60, 5)),
        "hard": np.eye(5)[:, generator.integers(0, 5, 40)] * (1 - 1e-7) + 1e-7,
    }[case]
    weights = best_weights(likelihoods)
    assert weights.sum() == pytest.approx(1)
    assert excess(likelihoods, weights) < 1e-6
