"""How probabilities are pooled, by hand and against scikit-learn and scipy."""

from typing import Any

import numpy as np
import pytest

from ensembles.methods.methods import restored
from ensembles.methods.pooling import POOLS, Pool, equal

# Three members, two samples, three classes.
MEMBERS = np.array(
    [
        [[0.6, 0.3, 0.1], [0.5, 0.4, 0.1]],
        [[0.1, 0.8, 0.1], [0.1, 0.2, 0.7]],
        [[0.5, 0.4, 0.1], [0.3, 0.6, 0.1]],
    ]
)


def test_linear_by_hand() -> None:
    np.testing.assert_allclose(equal("linear", 3)(MEMBERS), [[0.4, 0.5, 0.1], [0.3, 0.4, 0.3]])
    weighted = Pool("linear", np.array([0.5, 0.0, 0.5]))
    np.testing.assert_allclose(weighted(MEMBERS), [[0.55, 0.35, 0.1], [0.4, 0.5, 0.1]])


def test_geometric_by_hand() -> None:
    two = np.array([[[0.8, 0.2]], [[0.2, 0.8]]])
    np.testing.assert_allclose(equal("geometric", 2)(two), [[0.5, 0.5]])
    two = np.array([[[0.9, 0.1]], [[0.6, 0.4]]])
    # sqrt(0.54) and sqrt(0.04), divided by their sum
    np.testing.assert_allclose(equal("geometric", 2)(two), [[0.786061, 0.213939]], atol=1e-6)


def test_geometric_agrees_with_scipy() -> None:
    stats: Any = pytest.importorskip("scipy.stats")
    members = np.random.default_rng(0).dirichlet(np.ones(5), (4, 30))
    mean = stats.gmean(members, axis=0)
    np.testing.assert_allclose(equal("geometric", 4)(members), mean / mean.sum(axis=1, keepdims=True), atol=1e-12)


def test_a_single_zero_does_not_decide_alone() -> None:
    members = np.array([[[0.0, 1.0]], [[0.999, 0.001]], [[0.999, 0.001]], [[0.999, 0.001]], [[0.999, 0.001]]])
    assert equal("geometric", 5)(members).argmax() == 0


def test_vote_by_hand() -> None:
    # Ballots 2, 1, 0 and 1, 1, 1; the mean probabilities are those of the linear pool.
    expected = [[2.4 / 4, 1.5 / 4, 0.1 / 4], [1.3 / 4, 1.4 / 4, 1.3 / 4]]
    np.testing.assert_allclose(equal("vote", 3)(MEMBERS), expected)


def test_the_mean_cannot_turn_a_majority() -> None:
    members = np.array([[[0.0, 1.0, 0.0]], [[0.34, 0.33, 0.33]], [[0.34, 0.33, 0.33]]])
    pooled = equal("vote", 3)(members)
    assert pooled.argmax() == 0, "two ballots against one, although the mean says 1"
    assert equal("linear", 3)(members).argmax() == 1


def test_vote_and_average_agree_with_scikit_learn() -> None:
    ensemble: Any = pytest.importorskip("sklearn.ensemble")
    linear: Any = pytest.importorskip("sklearn.linear_model")
    trees: Any = pytest.importorskip("sklearn.tree")
    generator = np.random.default_rng(3)
    features = generator.normal(size=(120, 4))
    labels = (features[:, 0] + generator.normal(size=120) > 0).astype(int) + (features[:, 1] > 0.5)
    estimators = [("linear", linear.LogisticRegression())]
    estimators += [(f"tree{depth}", trees.DecisionTreeClassifier(max_depth=depth)) for depth in (1, 2, 9)]
    soft = ensemble.VotingClassifier(estimators, voting="soft").fit(features, labels)
    hard = ensemble.VotingClassifier(estimators, voting="hard").fit(features, labels)
    members = np.stack([fitted.predict_proba(features) for fitted in soft.estimators_])
    np.testing.assert_allclose(equal("linear", 4)(members), soft.predict_proba(features), atol=1e-12)
    ballots = np.stack([np.bincount(row, minlength=3) for row in members.argmax(axis=2).T])
    # Of equal counts scikit-learn takes the first class, we the likelier one.
    decided = np.sort(ballots, axis=1)[:, -1] > np.sort(ballots, axis=1)[:, -2]
    assert 60 < decided.sum() < 120
    voted = equal("vote", 4)(members).argmax(axis=1)
    np.testing.assert_array_equal(voted[decided], hard.predict(features)[decided])
    tied = ballots == ballots.max(axis=1, keepdims=True)
    best = np.where(tied, members.mean(axis=0), -1).argmax(axis=1)
    np.testing.assert_array_equal(voted, best)


@pytest.mark.parametrize("kind", sorted(POOLS))
def test_every_pool_returns_probabilities(kind: str) -> None:
    # float32 rows sum to 1 only nearly; what comes out does to the last digits.
    members = np.random.default_rng(0).dirichlet(np.ones(5), (4, 30)).astype(np.float32).astype(np.float64)
    result = equal(kind, 4)(members)
    assert result.shape == (30, 5)
    assert result.min() >= 0
    np.testing.assert_allclose(result.sum(axis=1), 1, atol=1e-15)


@pytest.mark.parametrize(
    ("kind", "weights", "message"),
    [
        ("mean", [1.0], "kind must be one of"),
        ("linear", [], r"must be of shape \(members,\)"),
        ("linear", [0.5, 0.6], "must sum to 1"),
        ("linear", [1.5, -0.5], "must not be negative"),
        ("linear", [np.nan, 1], "must not be negative"),
    ],
)
def test_what_is_no_pool(kind: str, weights: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Pool(kind, np.array(weights))


def test_another_number_of_members() -> None:
    with pytest.raises(ValueError, match="expected probabilities of 2 members, got 3"):
        equal("linear", 2)(MEMBERS)


def test_there_and_back() -> None:
    pool = Pool("geometric", np.array([1 / 3, 2 / 3]))
    again = restored(pool.kind, pool.to_json())
    assert isinstance(again, Pool)
    assert again.kind == "geometric"
    np.testing.assert_array_equal(again.weights, pool.weights)
    for data in ({}, {"kind": "linear"}, {"kind": "linear", "weights": None}):
        with pytest.raises(ValueError, match=r"weights"):
            restored("geometric", data)
