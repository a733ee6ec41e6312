"""Which images an epoch sees."""

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_sample_weight

from benchmark.sampling import epoch_order, sample_weights, subset

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
    np.testing.assert_array_equal(subset(LABELS, 0, 0), np.arange(100))
    np.testing.assert_array_equal(subset(LABELS, 500, 0), np.arange(100))
