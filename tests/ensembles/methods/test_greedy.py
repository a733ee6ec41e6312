"""Greedy selection, by hand, by brute force and against a plain reading of the paper."""

from collections.abc import Callable
from itertools import combinations_with_replacement

import numpy as np
import pytest
from greedy_selection import greedy_weights
from numpy.typing import NDArray
from synthetic_members import synthetic

from benchmark.metrics import accuracy, log_loss
from ensembles import member_rows
from ensembles.member_rows import MemberRows, Source
from ensembles.methods import pairs
from ensembles.methods.accuracy_judging import AccuracyJudge
from ensembles.methods.greedy import selected_weights
from ensembles.methods.judging import LogLossJudge
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
    bag = AccuracyJudge(members, labels).bag(np.array([True]))
    assert bag.scores() == bag.score(0) == accuracy(members[0], labels) == 2 / 3
    bag.add(0)
    assert bag.scores() == bag.score(0) == 2 / 3


@pytest.mark.parametrize("metric", ["log_loss", "accuracy"])
def test_judges_give_what_the_metrics_give(metric: str) -> None:
    probabilities, labels = synthetic(5, 203, classes=4, seed=2)
    # Some that are certain and wrong, and hard votes that tie.
    probabilities[4] = np.eye(4)[probabilities[0].argmin(axis=1)]
    likely = LogLossJudge(true_class(probabilities, labels))
    judge = AccuracyJudge(probabilities, labels) if metric == "accuracy" else likely
    bag, total = judge.bag(np.ones(5, bool)), np.zeros((203, 4))
    for size, member in enumerate([4, 1, 1, 3, 0, 2, 4, 0, 0, 0, 0]):
        expected = [score(metric, (total + said) / (size + 1), labels) for said in probabilities]
        found = bag.scores()
        # The judge clips each member, the metric their mean, which tells in the fifth digit where one is sure of a 0.
        looked_at = found > -np.inf
        np.testing.assert_allclose(found[looked_at], np.array(expected)[looked_at], atol=1e-4)
        assert max(np.array(expected)[~looked_at], default=-np.inf) < found.max()
        assert bag.score(member) == pytest.approx(expected[member], abs=1e-4)
        bag.add(member)
        total = total + probabilities[member]


@pytest.mark.parametrize("metric", ["log_loss", "accuracy"])
def test_scores_of_the_first_members_of_some_samples(metric: str) -> None:
    probabilities, labels = synthetic(6, 150, classes=5, seed=4)
    probabilities = rounded(probabilities)
    likelihoods = true_class(probabilities, labels)
    for rows in (np.ones(150, bool), np.arange(150) % 3 > 0):
        some = likelihoods[:, rows], probabilities[:, rows], labels[rows]
        expected = EveryLogarithm(some[0]) if metric == "log_loss" else EveryPair(some[1], some[2])
        judge = AccuracyJudge(probabilities, labels) if metric == "accuracy" else LogLossJudge(likelihoods)
        bag = judge.on_rows(rows).bag(np.ones(6, bool))
        for member in (3, 1, 5, 0, 3):
            assert bag.score(member) == pytest.approx(expected.score(member), abs=1e-12)
            bag.add(member)
            expected.add(member)


class EveryPair:
    """A judge and its bags that look at every class of every sample in double precision, in the order of the picks."""

    def __init__(self, probabilities: Array, labels: NDArray[np.int64]) -> None:
        self.probabilities, self.labels = probabilities, labels
        classes, rows = np.arange(probabilities.shape[2]), np.arange(len(labels))
        truth = probabilities[:, rows, labels]
        self.margins = truth[:, :, None] - probabilities
        self.lost_ties = classes < labels[:, None]
        self.sums = np.zeros(self.margins.shape[1:])

    @property
    def alone(self) -> Array:
        return self.scores()

    def bag(self, offered: NDArray[np.bool_]) -> "EveryPair":
        return EveryPair(self.probabilities, self.labels)

    def on_rows(self, rows: NDArray[np.bool_]) -> "EveryPair":
        return EveryPair(self.probabilities[:, rows], self.labels[rows])

    def add(self, member: int) -> None:
        self.sums = self.sums + self.margins[member]

    def score(self, member: int) -> float:
        return float(self.scores()[member])

    def scores(self) -> Array:
        totals = self.sums + self.margins
        right = np.where(self.lost_ties, totals > 0, totals >= 0).all(axis=2)
        share: Array = np.count_nonzero(right, axis=1) / len(self.labels)
        return share


def hard(probabilities: Array) -> Array:
    """Votes in place of probabilities, which tie again and again."""
    votes: Array = np.eye(probabilities.shape[2])[probabilities.argmax(axis=2)]
    return votes


def rounded(probabilities: Array) -> Array:
    eighths = np.round(probabilities * 8) / 8
    eighths[..., 0] += 1 - eighths.sum(axis=2)
    return eighths


def averaged(probabilities: Array) -> Array:
    """Thirds, whose sums depend on their order in the last digit, where they should tie."""
    return np.mean([hard(np.roll(probabilities, shift, axis=0)) for shift in range(3)], axis=0)


def in_blocks(changed: Callable[[Array], Array], probabilities: Array) -> MemberRows:
    """The same, to be read in blocks; what is averaged as seeds of one member."""
    stored = hard(probabilities) if changed is averaged else changed(probabilities)
    sources = [Source(said.astype(np.float32), None) for said in stored]
    seeds = [
        tuple(sources[(member - shift) % len(sources)] for shift in range(3)) if changed is averaged else (source,)
        for member, source in enumerate(sources)
    ]
    return MemberRows(tuple(seeds), (len(stored), *stored[0].shape))


@pytest.mark.parametrize("changed", [np.asarray, hard, rounded, averaged, lambda said: np.concatenate([said, said])])
@pytest.mark.parametrize("at_once", [7, pairs.AT_ONCE])
@pytest.mark.parametrize("seed", range(4))
def test_accuracy_without_looking_at_everything(
    monkeypatch: pytest.MonkeyPatch, changed: Callable[[Array], Array], at_once: int, seed: int
) -> None:
    """The very weights that come of looking at everything, in single precision too (which takes many samples)."""
    # Samples whose pairs stand in two blocks, too.
    monkeypatch.setattr(pairs, "AT_ONCE", at_once)
    monkeypatch.setattr(pairs, "KEPT_BYTES", 0 if at_once == 7 else pairs.KEPT_BYTES)
    monkeypatch.setattr(pairs, "BLOCK_BYTES", 1000)
    samples, classes = [(40, 3), (1, 2), (150, 30), (300, 5)][seed]
    probabilities, labels = synthetic(2 + 3 * seed, samples, classes, seed)
    said = changed(probabilities)
    in_memory = selected_weights(EveryPair(said, labels), Options("accuracy", rounds=90))
    for options in (Options("accuracy", rounds=90), Options("accuracy", rounds=15, bags=2)):
        expected = selected_weights(EveryPair(said, labels), options)
        np.testing.assert_array_equal(greedy_weights(said, labels, options), expected)
        if np.array_equal(said.astype(np.float32), said):
            np.testing.assert_array_equal(greedy_weights(said.astype(np.float32), labels, options), expected)
    read = in_blocks(changed, probabilities)
    monkeypatch.setattr(member_rows, "BLOCK_BYTES", said.nbytes // 5)
    monkeypatch.setattr(pairs, "SPOOLED_BYTES", 0 if seed % 2 else 1 << 30)
    judge = AccuracyJudge(read, labels)
    np.testing.assert_array_equal(selected_weights(judge, Options("accuracy", rounds=90)), in_memory)
    rows = np.arange(samples) % 4 > 0
    if rows.any():
        judge = AccuracyJudge(said, labels).on_rows(rows)
        expected = selected_weights(EveryPair(said[:, rows], labels[rows]), Options("accuracy"))
        np.testing.assert_array_equal(selected_weights(judge, Options("accuracy")), expected)


class EveryLogarithm:
    """A judge and its bags that take the logarithm of every sample for every member in every round."""

    def __init__(self, likelihoods: Array) -> None:
        self.likelihoods, self.sums, self.size = likelihoods, np.zeros(likelihoods.shape[1]), 0

    @property
    def alone(self) -> Array:
        return self.scores()

    def bag(self, offered: NDArray[np.bool_]) -> "EveryLogarithm":
        return EveryLogarithm(self.likelihoods)

    def add(self, member: int) -> None:
        self.sums, self.size = self.sums + self.likelihoods[member], self.size + 1

    def score(self, member: int) -> float:
        return float(self.scores()[member])

    def scores(self) -> Array:
        means: Array = np.log((self.sums + self.likelihoods) / (self.size + 1)).mean(axis=1)
        return means


def half(probabilities: Array) -> Array:
    return probabilities.astype(np.float16).astype(np.float64)


def with_copies(probabilities: Array) -> Array:
    return np.concatenate([probabilities, probabilities[::-1], half(probabilities)])


@pytest.mark.parametrize("changed", [np.asarray, hard, rounded, averaged, half, with_copies])
@pytest.mark.parametrize("samples", [1, 31, 33, 64, 250])
@pytest.mark.parametrize("seed", range(3))
def test_log_loss_without_looking_at_everything(changed: Callable[[Array], Array], samples: int, seed: int) -> None:
    """The very weights that come of every logarithm: with ties, copies, and members that are certain and wrong."""
    probabilities, labels = synthetic(4 + 5 * seed, samples, 4, seed)
    likelihoods = true_class(changed(probabilities), labels)
    for options in (Options(rounds=80), Options(rounds=20, bags=2)):
        expected = selected_weights(EveryLogarithm(likelihoods), options)
        np.testing.assert_array_equal(selected_weights(LogLossJudge(likelihoods), options), expected)


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
