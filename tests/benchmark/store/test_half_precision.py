"""Predictions in half precision name the same classes and score the same."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, log_loss as independent_log_loss

from benchmark.records import Predictions
from benchmark.store.stored_predictions import compact_predictions, halved, is_halved, read_predictions


def made(rows: NDArray[np.floating], labels: NDArray[np.int64] | None = None) -> Predictions:
    """Predictions of samples with these probabilities."""
    names = tuple(f"class {position}" for position in range(rows.shape[1]))
    sample_ids = np.array([f"sample {row}" for row in range(len(rows))])
    return Predictions("validation", sample_ids, names, rows.astype(np.float32), labels)


def test_a_tie_that_rounding_makes_goes_to_the_one_that_was_likelier() -> None:
    # Below 0.5 float16 counts in steps of 2^-12, from there on in steps of 2^-11: both of these become 0.5.
    found = halved(made(np.array([[0.49999, 0.50001, 0], [0.50001, 0.49999, 0]])))
    assert found.probabilities.tolist() == [[0.5, 0.5 + 2**-11, 0], [0.5, 0.5, 0]]
    assert found.probabilities.argmax(axis=1).tolist() == [1, 0]


def test_three_that_become_equal() -> None:
    third = np.float32(1 / 3)
    found = halved(made(np.array([[third, np.nextafter(third, np.float32(1)), third]])))
    assert found.probabilities.argmax(axis=1).tolist() == [1]


def test_a_tie_stays_one() -> None:
    found = halved(made(np.array([[0.25, 0.375, 0.375]])))
    assert found.probabilities.tolist() == [[0.25, 0.375, 0.375]]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 12), st.sampled_from([1e-6, 1e-3, 1.0, 30.0]))
def test_any_predictions(seed: int, classes: int, spread: float) -> None:
    """Nearly equal classes, which rounding mixes up, and nearly certain ones, of which the others round to zero."""
    chance = np.random.default_rng(seed)
    scores = np.exp(chance.normal(0, spread, (300, classes)))
    rows = scores / scores.sum(axis=1, keepdims=True)
    labels = np.where(chance.random(300) < 0.8, rows.argmax(axis=1), chance.integers(0, classes, 300))
    asked = made(rows, labels.astype(np.int64))
    found = halved(asked)
    assert np.array_equal(found.probabilities.argmax(axis=1), asked.probabilities.argmax(axis=1))
    assert accuracy_score(labels, found.probabilities.argmax(axis=1)) == accuracy_score(
        labels, asked.probabilities.argmax(axis=1)
    )
    clipped = [np.clip(one.probabilities.astype(np.float64), 1e-7, 1) for one in (asked, found)]
    losses = [
        independent_log_loss(labels, one / one.sum(axis=1, keepdims=True), labels=range(classes)) for one in clipped
    ]
    assert losses[0] == pytest.approx(losses[1], abs=1e-3)
    assert is_halved(found) or spread == 30, "only what is nearly certain and wrong may stay exact"
    assert np.array_equal(halved(found).probabilities, found.probabilities), "the second time nothing changes"


def test_rows_that_would_no_longer_sum_to_one_stay_exact() -> None:
    # 1.00099 in all, which is just allowed; both would be rounded up.
    asked = made(np.array([[0.500245, 0.500745]]))
    assert halved(asked) is asked
    assert not is_halved(asked)


def test_a_log_loss_that_would_change_keeps_them_exact() -> None:
    # float16's smallest step is 5.96e-8: 1.49e-7 are two and a half, which would become two.
    asked = made(np.array([[1 - 1.49e-7, 1.49e-7]] * 3), np.array([1, 1, 1]))
    assert halved(asked) is asked
    sealed = halved(replace(asked, labels=None))
    assert sealed.probabilities[0, 1] == pytest.approx(2 * 2**-24)
    assert is_halved(sealed)


@pytest.mark.parametrize("exact", [True, False])
def test_either_way_they_are_read_as_they_were_written(exact: bool, tmp_path: Path) -> None:
    rows = np.random.default_rng(0).dirichlet([1, 1, 1], 50)
    asked = made(rows) if exact else halved(made(rows))
    (tmp_path / "validation.npz").write_bytes(compact_predictions(asked))
    found = read_predictions(tmp_path / "validation.npz")
    assert np.array_equal(found.probabilities, asked.probabilities)
    assert found.probabilities.flags.c_contiguous
    with np.load(tmp_path / "validation.npz", allow_pickle=False) as archive:
        assert archive["probabilities"].dtype == (np.float32 if exact else np.float16)
