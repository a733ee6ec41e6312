"""Which images an epoch sees."""

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_sample_weight

from benchmark.training.images.sampling import epoch_order, positions_to_copy, sample_weights, subset

LABELS = np.repeat(np.arange(3), (60, 30, 10))


def test_every_image_comes_once_in_an_order_of_its_own() -> None:
    first, again = epoch_order(LABELS, "none", 0, 0), epoch_order(LABELS, "none", 0, 0)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(np.sort(first), np.arange(100))
    assert (first != epoch_order(LABELS, "none", 0, 1)).any()
    assert (first != epoch_order(LABELS, "none", 1, 0)).any()


def test_oversample_brings_every_class_to_the_largest() -> None:
    order = epoch_order(LABELS, "oversample", 0, 0)
    assert np.bincount(LABELS[order]).tolist() == [60, 60, 60]
    times = np.bincount(order, minlength=100)
    assert (times[:60] == 1).all()
    assert (times[60:90] == 2).all()
    assert (times[90:] == 6).all()


def test_copies_bring_every_class_to_the_size_of_the_largest() -> None:
    labels = np.array([0, 0, 0, 0, 0, 1, 1, 2, 2, 2, 2, 2])
    positions, rounds = positions_to_copy(labels, 0, "copies", seed=4)
    assert labels[positions].tolist() == [1, 1, 1], "3 for class 1, none for the two of 5"
    assert rounds.tolist() == [0, 0, 1], "both images once before one of them twice"
    assert set(positions[:2].tolist()) == {5, 6}


def test_copies_of_all_images_and_more_of_those_of_small_classes() -> None:
    labels = np.array([0, 0, 0, 1, 1])
    positions, rounds = positions_to_copy(labels, 2, "copies", seed=0)
    assert np.bincount(np.concatenate([labels, labels[positions]])).tolist() == [9, 9]
    made = np.bincount(positions)
    assert made[:3].tolist() == [2, 2, 2]
    assert sorted(made[3:].tolist()) == [3, 4]
    for position in range(5):
        assert rounds[positions == position].tolist() == list(range(made[position]))
    without = positions_to_copy(labels, 2, "none", seed=0)
    assert [part.tolist() for part in without] == [[0, 1, 2, 3, 4] * 2, [0] * 5 + [1] * 5]


def test_which_images_are_copied_is_up_to_the_seed() -> None:
    labels = np.repeat([0, 1], [40, 20])
    first, again, other = (positions_to_copy(labels[:50], 0, "copies", seed)[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert first.tolist() != other.tolist()


def test_class_weights_are_scikit_learns_balanced() -> None:
    weights = sample_weights(LABELS, "class_weight")
    np.testing.assert_allclose(weights, compute_sample_weight("balanced", LABELS), rtol=1e-6)
    assert weights.mean() == pytest.approx(1)
    assert sample_weights(LABELS, "none") is None


def test_subset_keeps_the_proportions() -> None:
    kept = subset(LABELS, 20, seed=3)
    assert np.bincount(LABELS[kept]).tolist() == [12, 6, 2]
    assert (np.diff(kept) > 0).all()
    assert (kept != subset(LABELS, 20, seed=4)).any()
    rare = np.repeat(np.arange(3), (2000, 800, 2))
    assert np.bincount(rare[subset(rare, 105, seed=0)]).tolist() == [74, 30, 1]
    assert np.bincount(rare[subset(rare, 3, seed=0)]).tolist() == [1, 1, 1]
    assert len(subset(rare, 2, seed=0)) == 2, "fewer than classes"
    np.testing.assert_array_equal(subset(LABELS, 0, 0), np.arange(100))
    np.testing.assert_array_equal(subset(LABELS, 500, 0), np.arange(100))
