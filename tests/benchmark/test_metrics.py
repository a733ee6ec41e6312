"""Each score against a number worked by hand and against scikit-learn."""

import math
from typing import Any

import numpy as np
import pytest

from benchmark import metrics

# Three samples of two classes, the last one wrong.
PROBABILITIES = np.array([[0.8, 0.2], [0.4, 0.6], [0.9, 0.1]], np.float32)
LABELS = np.array([0, 1, 1])


@pytest.fixture
def sklearn_metrics() -> Any:
    return pytest.importorskip("sklearn.metrics")


@pytest.fixture
def random_case() -> tuple[Any, Any]:
    generator = np.random.default_rng(7)
    probabilities = generator.dirichlet(np.full(7, 0.4), 500).astype(np.float32)
    return probabilities, generator.integers(0, 7, 500)


def test_accuracy_by_hand() -> None:
    assert metrics.accuracy(PROBABILITIES, LABELS) == pytest.approx(2 / 3)


def test_accuracy_gives_ties_to_the_first_class() -> None:
    even = np.array([[0.5, 0.5]], np.float32)
    assert metrics.accuracy(even, np.array([0])) == 1
    assert metrics.accuracy(even, np.array([1])) == 0


def test_log_loss_by_hand() -> None:
    expected = -(math.log(0.8) + math.log(0.6) + math.log(0.1)) / 3
    assert metrics.log_loss(PROBABILITIES, LABELS) == pytest.approx(expected, rel=1e-6)


def test_log_loss_of_a_certain_mistake_is_finite() -> None:
    certain = np.array([[1, 0]], np.float32)
    assert metrics.log_loss(certain, np.array([1])) == pytest.approx(-math.log(1e-7))
    assert metrics.log_loss(certain, np.array([0])) == 0


def test_mse_by_hand() -> None:
    # Two cells a sample: 2 x 0.2^2, 2 x 0.4^2 and 2 x 0.9^2.
    assert metrics.mse(PROBABILITIES, LABELS) == pytest.approx((0.08 + 0.32 + 1.62) / 6, rel=1e-6)


def test_mse_leaves_the_probabilities_alone() -> None:
    probabilities = PROBABILITIES.astype(np.float64)
    metrics.mse(probabilities, LABELS)
    np.testing.assert_array_equal(probabilities, PROBABILITIES)


def test_calibration_error_by_hand() -> None:
    # Bins (0.5, 0.75] and (0.75, 1]: one sample right at 0.6; two at 0.8 and 0.9, one of them right.
    expected = (abs(0.6 - 1) + abs(0.8 + 0.9 - 1)) / 3
    assert metrics.expected_calibration_error(PROBABILITIES, LABELS, bins=4) == pytest.approx(expected, rel=1e-6)


def test_calibration_error_bins_are_closed_above() -> None:
    # 0.5 belongs to (0, 0.5], so its gap and that of the 0.9 do not cancel out.
    probabilities = np.array([[0.5, 0.5], [0.9, 0.1]])
    error = metrics.expected_calibration_error(probabilities, np.array([0, 1]), bins=2)
    assert error == pytest.approx((0.5 + 0.9) / 2)


@pytest.mark.parametrize("votes", range(1, 31))
def test_calibration_error_bins_are_the_same_in_float32(votes: int) -> None:
    share = votes / 30
    probabilities = np.array([[share, *np.full(30, (1 - share) / 30)]])
    assert probabilities.max() == share
    positions = [metrics.calibration_gaps(given, np.array([0]))[0].item() for given in _precisions(probabilities)]
    assert positions == [(votes + 1) // 2 - 1] * 2


def _precisions(probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return probabilities, probabilities.astype(np.float32)


def test_confusion_matrix_by_hand() -> None:
    np.testing.assert_array_equal(metrics.confusion_matrix(PROBABILITIES, LABELS), [[1, 0], [1, 1]])


def test_class_scores_by_hand() -> None:
    scores = metrics.class_scores(PROBABILITIES, LABELS)
    np.testing.assert_allclose(scores.precision, [1 / 2, 1])
    np.testing.assert_allclose(scores.recall, [1, 1 / 2])
    np.testing.assert_allclose(scores.f1, [2 / 3, 2 / 3])
    np.testing.assert_array_equal(scores.support, [1, 2])


def test_a_class_that_neither_occurs_nor_is_predicted_has_no_f1(sklearn_metrics: Any) -> None:
    probabilities = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]])
    scores = metrics.class_scores(probabilities, np.array([0, 1]))
    assert (scores.precision[2], scores.recall[2], scores.f1[2], scores.support[2]) == (0, 0, 0, 0)
    assert metrics.macro_f1(probabilities, np.array([0, 1])) == 1
    # One that is predicted in vain, or missed, has one of 0.
    for labels in (np.array([0, 0]), np.array([0, 2])):
        expected = sklearn_metrics.f1_score(labels, [0, 1], average="macro", zero_division=0)
        assert metrics.macro_f1(probabilities, labels) == pytest.approx(expected)
        assert expected < 0.8


def test_scores_agree_with_scikit_learn(sklearn_metrics: Any, random_case: tuple[Any, Any]) -> None:
    probabilities, labels = random_case
    predicted, classes = probabilities.argmax(axis=1), list(range(7))
    one_hot = np.eye(7)[labels]
    clipped = np.clip(probabilities.astype(np.float64), metrics.SMALLEST_PROBABILITY, 1)
    chosen = clipped[np.arange(len(labels)), labels]
    # scikit-learn normalises rows before the logarithm, so it gets the label's share and the rest.
    reference = sklearn_metrics.log_loss(np.ones(len(labels)), np.column_stack([1 - chosen, chosen]), labels=[0, 1])
    assert metrics.log_loss(probabilities, labels) == pytest.approx(reference, rel=1e-9)
    assert metrics.accuracy(probabilities, labels) == sklearn_metrics.accuracy_score(labels, predicted)
    assert metrics.mse(probabilities, labels) == pytest.approx(
        sklearn_metrics.mean_squared_error(one_hot, probabilities), rel=1e-6
    )
    assert metrics.macro_f1(probabilities, labels) == pytest.approx(
        sklearn_metrics.f1_score(labels, predicted, average="macro", labels=classes, zero_division=0)
    )
    np.testing.assert_array_equal(
        metrics.confusion_matrix(probabilities, labels),
        sklearn_metrics.confusion_matrix(labels, predicted, labels=classes),
    )
    scores = metrics.class_scores(probabilities, labels)
    expected = sklearn_metrics.precision_recall_fscore_support(labels, predicted, labels=classes, zero_division=0)
    for ours, theirs in zip((scores.precision, scores.recall, scores.f1, scores.support), expected, strict=True):
        np.testing.assert_allclose(ours, theirs)


def test_binary_mse_is_half_the_brier_score_of_both_classes(sklearn_metrics: Any) -> None:
    brier = sklearn_metrics.brier_score_loss(LABELS, PROBABILITIES[:, 1])
    assert metrics.mse(PROBABILITIES, LABELS) == pytest.approx(brier, rel=1e-6)


@pytest.mark.parametrize("score", [metrics.accuracy, metrics.log_loss, metrics.mse, metrics.macro_f1])
def test_scores_do_not_depend_on_the_order_of_samples(score: Any, random_case: tuple[Any, Any]) -> None:
    probabilities, labels = random_case
    order = np.random.default_rng(1).permutation(len(labels))
    assert score(probabilities[order], labels[order]) == pytest.approx(score(probabilities, labels), rel=1e-12)
