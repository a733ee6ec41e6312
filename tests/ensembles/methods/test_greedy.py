"""Greedy selection, by hand, by brute force and against a plain reading of the paper."""

from itertools import combinations_with_replacement

import numpy as np
import pytest
from numpy.typing import NDArray
from synthetic_members import synthetic

from benchmark.metrics import accuracy, log_loss
from ensembles.methods.greedy import AccuracyJudge, LogLossJudge, greedy_weights
from ensembles.methods.options import Options
from ensembles.methods.weighting import best_weights, true_class

Array = NDArray[np.float64]


def score(metric: str, pooled: Array, labels: NDArray[np.int64]) -> float:
    """Higher is better."""
    return accuracy(pooled, labels) if metric == "accuracy" else -log_loss(pooled, labels)


def pool(weights: Array, probabilities: Array) -> Array:
    pooled: Array = np.tensordot(weights, probabilities, axes=1)
    return pooled


def reference(probabilities: Array, labels: NDArray[np.int64], metric: str, rounds: int) -> float:
    """The score of the best prefix of Caruana's selection from an empty bag, everything recomputed in every round."""
    total, best = np.zeros(probabilities.shape[1:]), -np.inf
    for size in range(1, rounds + 1):
        scores = [score(metric, (total + said) / size, labels) for said in probabilities]
        total = total + probabilities[int(np.argmax(scores))]
        best = max(best, *scores)
    return best


def test_log_loss_by_hand() -> None:
    # True-class probabilities. The best alone is the first (0.6 * 0.6 = 0.36 > 0.9 * 0.3); adding the second gives
    # 0.75 * 0.45 = 0.3375, worse; the third 0.45 * 0.75, worse. Adding both gives 0.6 * 0.6 again: no gain.
    members = np.array([[[0.6, 0.4], [0.4, 0.6]], [[0.9, 0.1], [0.7, 0.3]], [[0.3, 0.7], [0.1, 0.9]]])
    np.testing.assert_array_equal(greedy_weights(members, np.array([0, 1]), Options()), [1, 0, 0])


def test_a_member_can_be_picked_twice() -> None:
    # The minimum of -2 ln(0.2 + 0.6 w) - ln(0.8 - 0.6 w) is at w = 7 / 9; of three picks' shares 2 / 3 is best.
    members = np.array([[[0.8, 0.2], [0.8, 0.2], [0.8, 0.2]], [[0.2, 0.8], [0.2, 0.8], [0.2, 0.8]]])
    weights = greedy_weights(members, np.array([0, 0, 1]), Options(rounds=3))
    np.testing.assert_allclose(weights, [2 / 3, 1 / 3])


def test_accuracy_by_hand() -> None:
    # Each member alone is right for two of four; the first two together for all.
    members = np.array(
        [
            [[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]],
            [[0.4, 0.6], [0.4, 0.6], [0.1, 0.9], [0.1, 0.9]],
            [[0.8, 0.2], [0.2, 0.8], [0.8, 0.2], [0.2, 0.8]],
        ]
    )
    weights = greedy_weights(members, np.array([0, 0, 1, 1]), Options(metric="accuracy"))
    np.testing.assert_array_equal(weights, [0.5, 0.5, 0])


def test_ties_prefer_members_already_in() -> None:
    # After the best member nothing changes the accuracy, and the shortest of the best prefixes is kept.
    labels = np.array([0, 1, 0])
    best = np.array([[0.9, 0.1], [0.1, 0.9], [0.9, 0.1]])
    twins = np.stack([best, best, best[:, ::-1]])
    np.testing.assert_array_equal(greedy_weights(twins, labels, Options(metric="accuracy")), [1, 0, 0])
    np.testing.assert_array_equal(greedy_weights(twins, labels, Options()), [1, 0, 0])


def test_among_equals_the_first_class_is_predicted() -> None:
    labels = np.array([0, 1, 1])
    members = np.array([[[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.2, 0.4, 0.4]]])
    judge = AccuracyJudge.of(members, labels)
    assert judge.scores(judge.empty(), 0) == accuracy(members[0], labels) == 2 / 3


@pytest.mark.parametrize("metric", ["log_loss", "accuracy"])
def test_judges_give_what_the_metrics_give(metric: str) -> None:
    probabilities, labels = synthetic(5, 203, classes=4, seed=2)
    # Some that are certain and wrong, and hard votes that tie.
    probabilities[4] = np.eye(4)[probabilities[0].argmin(axis=1)]
    judge = AccuracyJudge.of(probabilities, labels) if metric == "accuracy" else None
    likely = LogLossJudge(true_class(probabilities, labels))
    sums, total = (judge or likely).empty(), np.zeros((203, 4))
    for size, member in enumerate([4, 1, 1, 3, 0, 2, 4, 0, 0, 0, 0]):
        expected = [score(metric, (total + said) / (size + 1), labels) for said in probabilities]
        # The judge clips each member, the metric their mean, which tells in the fifth digit where one is sure of a 0.
        np.testing.assert_allclose((judge or likely).scores(sums, size), expected, atol=1e-4)
        sums, total = (judge or likely).add(sums, member), total + probabilities[member]


@pytest.mark.parametrize("metric", ["log_loss", "accuracy"])
@pytest.mark.parametrize("seed", range(6))
def test_at_least_as_good_as_the_plain_selection(metric: str, seed: int) -> None:
    probabilities, labels = synthetic(8, 250, classes=5, seed=seed)
    weights = greedy_weights(probabilities, labels, Options(metric=metric, rounds=25))
    assert weights.sum() == pytest.approx(1)
    found = score(metric, pool(weights, probabilities), labels)
    if metric == "log_loss":
        assert found >= reference(probabilities, labels, metric, 25) - 1e-9
    else:
        # Ties are broken otherwise, after which the paths part: better on most, never worse by more than two samples.
        assert found >= reference(probabilities, labels, metric, 25) - 2 / 250
    alone = max(score(metric, said, labels) for said in probabilities)
    assert found >= alone - 1e-9


@pytest.mark.parametrize("metric", ["log_loss", "accuracy"])
@pytest.mark.parametrize("seed", range(4))
def test_never_above_the_best_of_all_bags(metric: str, seed: int) -> None:
    probabilities, labels = synthetic(3, 12, classes=3, seed=seed)
    bags = [bag for size in range(1, 6) for bag in combinations_with_replacement(range(3), size)]
    every = [score(metric, probabilities[list(bag)].mean(axis=0), labels) for bag in bags]
    weights = greedy_weights(probabilities, labels, Options(metric=metric, rounds=5))
    found = score(metric, pool(weights, probabilities), labels)
    assert max(every) + 1e-9 >= found
    pairs = [value for bag, value in zip(bags, every, strict=True) if len(bag) == 1]
    assert found >= max(pairs) - 1e-9


def test_many_rounds_come_near_the_best_weights() -> None:
    probabilities, labels = synthetic(6, 300, seed=1)
    greedy = log_loss(pool(greedy_weights(probabilities, labels, Options(rounds=400)), probabilities), labels)
    best = log_loss(pool(best_weights(true_class(probabilities, labels)), probabilities), labels)
    assert best - 1e-7 <= greedy < best + 1e-4


def test_rounds_bound_the_picks() -> None:
    probabilities, labels = synthetic(10, 200, seed=3)
    for rounds in (1, 2, 7):
        shares = greedy_weights(probabilities, labels, Options(rounds=rounds))
        assert np.count_nonzero(shares) <= rounds
        picks = shares / shares[shares > 0].min()
        assert round(picks.sum()) <= rounds


def test_bags_are_reproducible_and_spread_the_weights() -> None:
    probabilities, labels = synthetic(12, 200, seed=6)
    once = greedy_weights(probabilities, labels, Options())
    bagged = greedy_weights(probabilities, labels, Options(bags=20, seed=1))
    np.testing.assert_array_equal(bagged, greedy_weights(probabilities, labels, Options(bags=20, seed=1)))
    assert not np.array_equal(bagged, greedy_weights(probabilities, labels, Options(bags=20, seed=2)))
    assert bagged.sum() == pytest.approx(1)
    assert np.count_nonzero(bagged) > np.count_nonzero(once)
    half = greedy_weights(probabilities, labels, Options(bags=1))
    assert np.count_nonzero(half) <= 6


def test_a_bag_offers_a_choice() -> None:
    """Half of two is one, whose pick would be chance: the better of two stays the choice."""
    probabilities, labels = synthetic(2, 300, seed=6)
    good = np.stack([0.9 * np.eye(probabilities.shape[2])[labels] + 0.1 * probabilities[0], probabilities[1]])
    np.testing.assert_array_equal(
        greedy_weights(good, labels, Options(bags=20)), greedy_weights(good, labels, Options())
    )
