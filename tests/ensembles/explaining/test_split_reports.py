"""How members differ, against numbers worked by hand and NumPy's and scikit-learn's."""

import numpy as np
import pytest

from ensembles.explaining.split_reports import disagreement, error_correlation, oracle_accuracy, right_alone

# Three members, five samples: what each has right.
RIGHT = np.array([[1, 1, 1, 0, 0], [1, 1, 0, 1, 0], [1, 0, 0, 0, 0]], bool)


def test_disagreement_by_hand() -> None:
    # Named classes: 0 1 2 2 and 0 2 2 1 and 0 1 2 2.
    named = np.array([[0, 1, 2, 2], [0, 2, 2, 1], [0, 1, 2, 2]])
    found = disagreement(named)
    np.testing.assert_array_equal(found, [[0, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0]])


def test_two_that_are_wrong_in_different_ways_disagree() -> None:
    # The labels are 0: one alone has the first sample right, both have the second wrong alike, the third in two ways.
    named = np.array([[0, 1, 1], [1, 1, 2]])
    assert disagreement(named)[0, 1] == pytest.approx(2 / 3)
    exactly_one_right = (named == 0).sum(axis=0) == 1
    assert exactly_one_right.mean() == pytest.approx(1 / 3)


def test_oracle_and_right_alone_by_hand() -> None:
    assert oracle_accuracy(RIGHT) == 4 / 5
    np.testing.assert_array_equal(right_alone(RIGHT), [1, 1, 0])


def test_error_correlation_by_hand() -> None:
    # Members 0 and 1 are wrong in 2 of 5 each and together in 1: (1/5 - 4/25) / (6/25) = 1/6.
    found = error_correlation(RIGHT)
    assert found[0, 1] == pytest.approx(1 / 6)
    np.testing.assert_allclose(np.diag(found), 1)


def test_error_correlation_agrees_with_numpy_and_scikit_learn() -> None:
    found = np.random.default_rng(3).random((4, 200)) < 0.7
    metrics = pytest.importorskip("sklearn.metrics")
    np.testing.assert_allclose(error_correlation(found), np.corrcoef(~found), atol=1e-12)
    assert error_correlation(found)[0, 1] == pytest.approx(metrics.matthews_corrcoef(found[0], found[1]))


def test_a_member_that_is_never_wrong_correlates_with_none() -> None:
    found = error_correlation(np.array([[True, True, True], [True, False, True]]))
    assert np.isnan(found[0]).all()
    assert found[1, 1] == pytest.approx(1)
