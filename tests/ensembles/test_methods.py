"""How probabilities are combined, by hand and against scikit-learn."""

from typing import Any

import numpy as np
import pytest

from ensembles.methods import METHODS, combine
from zoo.errors import UserError


def test_average_by_hand() -> None:
    members = np.array([[[0.9, 0.1], [0.2, 0.8]], [[0.3, 0.7], [0.4, 0.6]]])
    np.testing.assert_allclose(combine("average", members), [[0.6, 0.4], [0.3, 0.7]])


def test_average_agrees_with_soft_voting() -> None:
    ensemble: Any = pytest.importorskip("sklearn.ensemble")
    linear: Any = pytest.importorskip("sklearn.linear_model")
    trees: Any = pytest.importorskip("sklearn.tree")
    generator = np.random.default_rng(3)
    features, labels = generator.normal(size=(120, 4)), generator.integers(0, 3, 120)
    estimators = [("linear", linear.LogisticRegression()), ("tree", trees.DecisionTreeClassifier(max_depth=3))]
    voting = ensemble.VotingClassifier(estimators, voting="soft").fit(features, labels)
    members = np.stack([fitted.predict_proba(features) for fitted in voting.estimators_])
    np.testing.assert_allclose(combine("average", members), voting.predict_proba(features), atol=1e-12)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_method_returns_probabilities(method: str) -> None:
    members = np.random.default_rng(0).dirichlet(np.ones(5), (4, 30))
    # float32 rows sum to 1 only nearly; what comes out does to the last digits.
    result = combine(method, members.astype(np.float32).astype(np.float64))
    assert result.shape == (30, 5)
    assert result.min() >= 0
    np.testing.assert_allclose(result.sum(axis=1), 1, atol=1e-15)


def test_unknown_method_suggests() -> None:
    with pytest.raises(UserError, match="did you mean average"):
        combine("avarage", np.ones((2, 1, 2)) / 2)
