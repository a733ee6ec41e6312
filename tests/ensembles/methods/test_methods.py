"""The methods by name, and that whatever is fitted sees validation alone."""

import json
from typing import Any

import numpy as np
import pytest
from synthetic_members import as_members, synthetic

from benchmark.metrics import log_loss
from ensembles.methods.combination import predict
from ensembles.methods.methods import fit, plain, restored
from ensembles.methods.options import FITTED, METHODS, PLAIN, Options
from zoo.errors import UserError


@pytest.mark.parametrize("method", METHODS)
def test_every_method_returns_probabilities(method: str) -> None:
    probabilities, labels = synthetic(4, 60, classes=5)
    combination = fit(method, as_members(probabilities, labels))
    unseen, _ = synthetic(4, 30, classes=5, seed=9)
    result = combination(unseen)
    assert result.shape == (30, 5)
    assert result.min() >= 0
    np.testing.assert_allclose(result.sum(axis=1), 1, atol=1e-12)
    assert (combination.held_out is not None) == (method in FITTED)
    if method == "stacking":
        assert combination.weights is None
    else:
        assert combination.weights is not None
        assert combination.weights.sum() == pytest.approx(1)


@pytest.mark.parametrize("method", FITTED)
def test_what_is_fitted_is_judged_by_rows_that_it_has_not_seen(method: str) -> None:
    """Thirty members of pure chance on sixty rows: fitted there they look good, and are not."""
    generator = np.random.default_rng(5)

    def chance(rows: int) -> tuple[Any, Any]:
        scores = generator.gamma(0.5, size=(30, rows, 3)) + 1e-3
        return scores / scores.sum(axis=2, keepdims=True), generator.integers(0, 3, rows)

    losses = []
    for _ in range(10):
        probabilities, labels = chance(60)
        members, (fresh, truth) = as_members(probabilities, labels), chance(2000)
        combination = fit(method, members)
        shown = (combination(probabilities), predict(combination, members))
        losses.append([*(log_loss(one, labels) for one in shown), log_loss(combination(fresh), truth)])
    in_sample, cross_fitted, unseen = np.mean(losses, axis=0)
    assert in_sample < unseen - 0.1
    assert cross_fitted > unseen - 0.05


def test_a_row_that_is_alone_is_said_by_the_mean() -> None:
    probabilities, labels = synthetic(3, 1, classes=4)
    members = as_members(probabilities, labels)
    for method in ("weighted", "greedy"):
        np.testing.assert_allclose(predict(fit(method, members), members), probabilities.mean(axis=0))


@pytest.mark.parametrize("method", METHODS)
def test_test_is_refused(method: str) -> None:
    probabilities, labels = synthetic(3, 40)
    with pytest.raises(ValueError, match=f"{method} chooses on validation, got the split 'test'"):
        fit(method, as_members(probabilities, labels, split="test"))


@pytest.mark.parametrize("method", FITTED)
def test_what_is_fitted_needs_labels(method: str) -> None:
    probabilities, _ = synthetic(3, 40)
    with pytest.raises(UserError, match="has no labels here"):
        fit(method, as_members(probabilities, None))


@pytest.mark.parametrize("method", PLAIN)
def test_what_is_not_fitted_needs_none(method: str) -> None:
    probabilities, _ = synthetic(3, 40)
    combination = fit(method, as_members(probabilities, None))
    np.testing.assert_array_equal(combination(probabilities), plain(method, 3)(probabilities))
    np.testing.assert_array_equal(combination.weights, [1 / 3] * 3)


@pytest.mark.parametrize("method", METHODS)
def test_what_is_stored_combines_as_before(method: str) -> None:
    probabilities, labels = synthetic(4, 60, classes=3)
    combination = fit(method, as_members(probabilities, labels))
    again = restored(method, json.loads(json.dumps(combination.to_json())))
    np.testing.assert_array_equal(again(probabilities), combination(probabilities))


def test_options_reach_the_method() -> None:
    probabilities, labels = synthetic(6, 150, seed=1)
    members = as_members(probabilities, labels)
    one = fit("greedy", members, Options(rounds=1)).weights
    assert one is not None
    assert np.count_nonzero(one) == 1
    straight, other = fit("stacking", members), fit("stacking", members, Options(seed=1))
    assert straight.held_out is not None
    assert other.held_out is not None
    assert not np.allclose(straight.held_out, other.held_out)
    by_accuracy = fit("greedy", members, Options(metric="accuracy")).weights
    assert not np.array_equal(by_accuracy, fit("greedy", members).weights)


def test_unknown_method_suggests() -> None:
    probabilities, labels = synthetic(2, 10)
    with pytest.raises(UserError, match="did you mean average"):
        fit("avarage", as_members(probabilities, labels))
    with pytest.raises(UserError, match="unknown ensemble method"):
        plain("mean", 2)
    with pytest.raises(UserError, match="weighted is fitted on validation"):
        plain("weighted", 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric": "acuracy"}, "did you mean accuracy"),
        ({"rounds": 0}, "rounds must be 1 to 10000, got 0"),
        ({"rounds": 2.5}, "rounds must be a whole number, got 2.5"),
        ({"bags": "5"}, "bags must be a whole number, got '5'"),
        ({"seeds": 2.0}, "seeds must be a whole number, got 2.0"),
        ({"within": float("nan")}, "points of accuracy, 0 to 100, got nan"),
        ({"within": -1}, "points of accuracy, 0 to 100, got -1"),
        ({"bags": -1}, "bags must be 0 to 1000, got -1"),
        ({"seed": -1}, "seed must be 0 to"),
        ({"seeds": 1}, "needs at least 2, got 1"),
        ({"features": "share"}, "did you mean shared"),
    ],
)
def test_options_outside_their_range(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Options(**options)


def test_whole_and_decimal_margins_are_one() -> None:
    assert repr(Options(within=1).of("average")) == repr(Options(within=1.0).of("average"))


def test_only_what_concerns_a_method_is_in_its_configuration() -> None:
    options = Options(metric="accuracy", rounds=7, seed=3)
    assert options.of("average") == options.of("vote") == {}
    assert options.of("weighted") == {"seed": 3, "folds": 5}
    assert options.of("greedy") == {"metric": "accuracy", "rounds": 7, "seed": 3, "folds": 5}
    assert Options(bags=2).of("greedy") == {"metric": "log_loss", "rounds": 100, "bags": 2, "seed": 0, "folds": 5}
    assert Options(within=0.5).of("average") == {"within": 0.5}
    assert options.of("stacking") == {"seed": 3}
    assert Options(features="shared").of("stacking") == {"seed": 0, "features": "shared"}
