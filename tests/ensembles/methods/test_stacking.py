"""Stacking against scikit-learn, scipy and by its promises."""

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from synthetic_members import synthetic

from benchmark.metrics import log_loss
from ensembles.methods.combination import stratified_folds
from ensembles.methods.methods import restored
from ensembles.methods.options import FOLDS
from ensembles.methods.stacking import Stack, fit_stack
from zoo.errors import UserError


def test_a_regression_by_hand() -> None:
    # Scores 2 * p(first class) + 0 and 0 + 1: for p = 0.5 both are 1; for p = 1 they are 2 and 1.
    stack = Stack(np.array([[2.0, 0.0], [0.0, 0.0]]), np.array([0.0, 1.0]), np.array([0, 1]))
    found = stack(np.array([[[0.5, 0.5], [1.0, 0.0]]]))
    np.testing.assert_allclose(found, [[0.5, 0.5], [np.e / (1 + np.e), 1 / (1 + np.e)]])


def test_agrees_with_scikit_learn_and_is_cross_fitted() -> None:
    linear: Any = pytest.importorskip("sklearn.linear_model")
    probabilities, labels = synthetic(3, 400, classes=4, seed=1)
    features = np.hstack(list(probabilities))
    stack = fit_stack(probabilities, labels, seed=7)
    model = linear.LogisticRegression(solver="lbfgs", tol=1e-8, max_iter=5000).fit(features, labels)
    np.testing.assert_allclose(stack(probabilities), model.predict_proba(features), atol=1e-4)

    folds = stratified_folds(labels, FOLDS, 7)
    assert stack.held_out is not None
    for fold in range(FOLDS):
        inside = folds == fold
        model = linear.LogisticRegression(solver="lbfgs", tol=1e-8, max_iter=5000).fit(
            features[~inside], labels[~inside]
        )
        np.testing.assert_allclose(stack.held_out[inside], model.predict_proba(features[inside]), atol=1e-4)
    assert log_loss(stack.held_out, labels) > log_loss(stack(probabilities), labels)


def test_no_lower_objective_for_scipy() -> None:
    optimize: Any = pytest.importorskip("scipy.optimize")
    probabilities, labels = synthetic(2, 80, classes=3, seed=2)
    features = np.hstack(list(probabilities))

    def objective(flat: NDArray[np.float64]) -> float:
        # scikit-learn's: the sum of losses, and half the squares of the coefficients, intercepts aside.
        table = flat.reshape(3, 7)
        scores = features @ table[:, :6].T + table[:, 6]
        scores = scores - scores.max(axis=1, keepdims=True)
        losses = np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(80), labels]
        return float(losses.sum() + (table[:, :6] ** 2).sum() / 2)

    stack = fit_stack(probabilities, labels, seed=0)
    ours = objective(np.hstack([stack.coefficients, stack.intercepts[:, None]]).ravel())
    result = optimize.minimize(objective, np.zeros(21), method="BFGS", options={"gtol": 1e-4})
    assert ours == pytest.approx(result.fun, abs=1e-5)


def test_two_classes() -> None:
    probabilities, labels = synthetic(2, 100, classes=2, seed=3)
    linear: Any = pytest.importorskip("sklearn.linear_model")
    features = np.hstack(list(probabilities))
    expected = linear.LogisticRegression(tol=1e-8).fit(features, labels).predict_proba(features)
    np.testing.assert_allclose(fit_stack(probabilities, labels, 0)(probabilities), expected, atol=1e-4)


def test_a_class_that_validation_lacks_keeps_the_members_mean() -> None:
    probabilities, labels = synthetic(2, 100, classes=4, seed=3)
    stack = fit_stack(probabilities[:, labels != 2], labels[labels != 2], seed=0)
    found = stack(probabilities)
    np.testing.assert_allclose(found[:, 2], probabilities.mean(axis=0)[:, 2], atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-12)
    assert stack.held_out is not None
    np.testing.assert_allclose(stack.held_out.sum(axis=1), 1, atol=1e-12)


def test_a_class_with_a_single_sample() -> None:
    probabilities, labels = synthetic(2, 60, classes=3, seed=4)
    labels = np.where(labels == 2, 0, labels)
    labels[5] = 2
    held_out = fit_stack(probabilities, labels, seed=0).held_out
    assert held_out is not None
    np.testing.assert_allclose(held_out.sum(axis=1), 1, atol=1e-12)
    assert np.isfinite(log_loss(held_out, labels))


def test_one_class_only() -> None:
    probabilities, _ = synthetic(2, 30, classes=3)
    with pytest.raises(UserError, match="at least two classes"):
        fit_stack(probabilities, np.zeros(30, np.int64), seed=0)


def test_a_class_of_one_sample_beside_one_other() -> None:
    # Where that sample is left out, the rest are of one class.
    probabilities, _ = synthetic(2, 12, classes=2)
    labels = np.array([0] * 11 + [1])
    held_out = fit_stack(probabilities, labels, seed=0).held_out
    assert held_out is not None
    alone = stratified_folds(labels, 5, seed=0) == stratified_folds(labels, 5, seed=0)[11]
    np.testing.assert_allclose(held_out[alone], probabilities.mean(axis=0)[alone])
    assert not np.isclose(held_out[~alone], probabilities.mean(axis=0)[~alone]).all()


def test_folds_are_even_by_class() -> None:
    labels = np.repeat([0, 1, 2], [50, 23, 4])
    folds = stratified_folds(labels, 5, seed=3)
    assert np.ptp(np.bincount(folds, minlength=5)) <= 1
    for position in range(3):
        assert np.ptp(np.bincount(folds[labels == position], minlength=5)) <= 1
    np.testing.assert_array_equal(folds, stratified_folds(labels, 5, seed=3))
    assert not np.array_equal(folds, stratified_folds(labels, 5, seed=4))


def test_there_and_back() -> None:
    probabilities, labels = synthetic(2, 60, classes=3, seed=5)
    stack = fit_stack(probabilities, labels, seed=0)
    again = restored("stacking", json.loads(json.dumps(stack.to_json())))
    np.testing.assert_array_equal(again(probabilities), stack(probabilities))
    assert again.held_out is None
    for data in ({}, {"coefficients": [1], "intercepts": [0], "present": [0]}):
        with pytest.raises(ValueError, match="coefficients"):
            restored("stacking", data)


def test_another_number_of_members() -> None:
    probabilities, labels = synthetic(3, 60, classes=3, seed=5)
    with pytest.raises(ValueError, match="expected members x classes = 9, got 2 x 3"):
        fit_stack(probabilities, labels, seed=0)(probabilities[:2])
