"""Imports that are no better than chance say what may be wrong with them."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmark.metrics import accuracy
from benchmark.records import Predictions
from benchmark.store.run_store import RunStore
from ensembles.importing.doubts import doubts
from ensembles.importing.importing import import_predictions

NAMES = ("ant", "bee", "cat", "dog")


def predicted(order: list[int], rows: int = 0, share: float = 0.8) -> Predictions:
    """Right for a share of 200 samples, with the columns in this order and the rows moved on."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 4, 200)
    likeliest = np.where(generator.random(200) < share, labels, generator.integers(0, 4, 200))
    probabilities = (0.1 + 0.6 * np.eye(4)[likeliest]).astype(np.float32)
    ids = np.array([f"{row}" for row in range(200)])
    return Predictions("validation", ids, NAMES, np.roll(probabilities[:, order], rows, axis=0), labels)


def test_right_predictions_and_poor_ones_raise_no_doubt() -> None:
    assert doubts(predicted([0, 1, 2, 3]), columns=True, rows=True) == []
    assert doubts(predicted([0, 1, 2, 3], share=0.1), columns=True, rows=True) == []


def test_another_order_of_the_columns_is_named() -> None:
    (note,) = doubts(predicted([3, 0, 1, 2]), columns=True, rows=True)
    assert "with the columns in the order dog,ant,bee,cat 79.00% would be" in note


def test_two_columns_that_were_exchanged_are_found_though_most_are_right() -> None:
    (note,) = doubts(predicted([0, 1, 3, 2], share=0.9), columns=True, rows=False)
    assert "with the columns in the order ant,bee,dog,cat" in note


def test_what_names_its_columns_and_rows_raises_no_doubt() -> None:
    assert doubts(predicted([3, 0, 1, 2]), columns=False, rows=False) == []


def test_labels_in_place_of_predictions_are_suspected() -> None:
    right = predicted([0, 1, 2, 3], share=1)
    assert doubts(right, columns=False, rows=False, labels_given=True) == [
        "every predicted label is the true one: are these the labels themselves?"
    ]
    assert doubts(right, columns=False, rows=False) == []
    assert doubts(predicted([0, 1, 2, 3], share=0.99), columns=False, rows=False, labels_given=True) == []


def test_rows_in_another_order_are_suspected() -> None:
    one_class = Predictions(
        "validation",
        np.array([f"{row}" for row in range(200)]),
        NAMES,
        (0.1 + 0.6 * np.eye(4)[np.repeat([0, 1], 100)]).astype(np.float32),
        np.repeat([2, 3, 2, 2], 50),
    )
    (note,) = doubts(one_class, columns=True, rows=True)
    assert note.startswith("0.00% of validation are right")


def test_a_lone_column_that_names_its_class_raises_no_doubt_of_columns(tmp_path: Path) -> None:
    labels = ["cat" if row % 4 else "dog" for row in range(100)]
    wrong = np.array([0.2 if label == "cat" else 0.9 for label in labels])
    asked = {"labels": labels, "data": "pets", "runs": tmp_path}
    with pytest.warns(UserWarning, match="are the rows in the order of the labels"):
        import_predictions("named", pd.DataFrame({"prob_cat": wrong}), **asked)
    with pytest.warns(UserWarning, match="with the columns in the order dog,cat 100.00% would be"):
        import_predictions("unnamed", 1 - wrong, **(asked | {"runs": tmp_path / "other"}))


def test_rows_of_test_in_another_order_than_those_of_another_run_are_suspected(tmp_path: Path) -> None:
    one, other, third = (predicted([0, 1, 2, 3], share=share) for share in (0.8, 0.9, 0.85))
    assert one.labels is not None
    labels = [NAMES[label] for label in one.labels]
    moved = np.roll(other.probabilities, 1, axis=0)
    asked = {"data": "pets", "runs": tmp_path}
    import_predictions("first", one.probabilities, one.probabilities, labels=labels, **asked)
    with pytest.warns(UserWarning, match=r"on test it names the class that first names for \d+%, which chance would"):
        import_predictions("moved", other.probabilities, moved, **asked)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        import_predictions("right", third.probabilities, third.probabilities, **asked)


def test_the_order_that_is_named_mends_the_import(tmp_path: Path) -> None:
    found = predicted([3, 0, 1, 2])
    assert found.labels is not None
    labels = [NAMES[label] for label in found.labels]
    with pytest.warns(UserWarning, match="in the order dog,ant,bee,cat"):
        import_predictions("wrong", found.probabilities, labels=labels, data="pets", runs=tmp_path)
    order = ("dog", "ant", "bee", "cat")
    import_predictions("right", found.probabilities, labels=labels, class_names=order, data="pets", runs=tmp_path)
    store = RunStore(tmp_path)
    (run,) = store.resolve(store.find_dataset(), "right")
    stored = run.predictions("validation")
    assert stored is not None
    assert stored.class_names == NAMES
    assert accuracy(stored.probabilities, found.labels) == pytest.approx(0.79)
