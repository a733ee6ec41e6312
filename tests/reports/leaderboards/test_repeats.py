"""Copies of a row and hard labels are said in the notes; an imported copy adds no pairs to the correction."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from stored_runs import config, predictions, store_model, store_run

import ensembles
import reports
from benchmark.records import Predictions
from benchmark.store.run_store import RunStore
from reports.leaderboards.notes import notes
from reports.leaderboards.repeats import counted_once, repeats
from reports.leaderboards.results import read_results


def rounded(found: Predictions, decimals: int) -> Predictions:
    values = found.probabilities.astype(np.float64).round(decimals)
    return replace(found, probabilities=(values / values.sum(axis=1, keepdims=True)).astype(np.float32))


def hard(found: Predictions) -> Predictions:
    likeliest = found.probabilities.argmax(axis=1)
    return replace(found, probabilities=np.eye(found.probabilities.shape[1], dtype=np.float32)[likeliest])


def imported(store: RunStore, name: str, found: list[Predictions]) -> None:
    store_run(store, config(name, kind="external"), found)


@pytest.fixture
def copied(tmp_path: Path) -> RunStore:
    """`vggnet` and `dinh`, and imports of `vggnet`: rounded, and as hard votes."""
    store = RunStore(tmp_path / "runs")
    own = [predictions(split, 30, seed=1) for split in ("validation", "test")]
    store_run(store, config("vggnet"), own)
    store_model(store, "dinh", 12, 12)
    imported(store, "rounded", [rounded(found, 3) for found in own])
    imported(store, "argmax", [hard(found) for found in own])
    return store


def test_a_copy_is_said_with_what_it_repeats(copied: RunStore) -> None:
    said = notes(read_results(copied.root))
    assert "rounded: the test predictions are those of vggnet, rounding aside; tested as one with it" in said
    assert "argmax: the likeliest classes on test are all those of vggnet; tested as one with it" in said
    assert not [note for note in said if note.startswith(("vggnet: the", "dinh: the"))]
    # Of the rows that are shown only.
    assert not [note for note in notes(read_results(copied.root), {"dinh"}) if "those of" in note]


def test_an_ensemble_that_is_its_member(copied: RunStore) -> None:
    ensembles.build("vggnet,rounded,argmax,dinh", runs=copied.root, method="vote", name="four")
    assert "four: the likeliest classes on test are all those of vggnet" in notes(read_results(copied.root))


def test_imported_copies_add_no_pairs(copied: RunStore, tmp_path: Path) -> None:
    alone = RunStore(tmp_path / "alone")
    store_run(alone, config("vggnet"), [predictions(split, 30, seed=1) for split in ("validation", "test")])
    store_model(alone, "dinh", 12, 12)
    expected = reports.leaderboard(alone.root).set_index("model")
    board = reports.leaderboard(copied.root).set_index("model")
    assert board.loc["dinh", "p_value"] == expected.loc["dinh", "p_value"]
    assert board["rank"].to_dict() == {"vggnet": 1, "rounded": 1, "argmax": 1, "dinh": 4}
    # A run of one's own that happens to repeat another is tested.
    assert set(counted_once(repeats(read_results(copied.root)), "test")) == {
        row.row for row in repeats(read_results(copied.root))
    }
    assert counted_once(repeats(read_results(copied.root)), "validation") == {}


def test_models_that_repeat_each_other_are_tested(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    own = [predictions("test", 30, seed=1)]
    for name in ("a", "b"):
        store_run(store, config(name), own)
    store_run(store, config("c"), [predictions("test", 12)])
    assert "b: the test predictions are those of a, rounding aside" in notes(read_results(tmp_path))
    board = reports.leaderboard(tmp_path)
    # Exact McNemar of 18 against 0, of three pairs.
    assert board["p_value"].iloc[-1] == pytest.approx(3 * 2 / 2**18)


def test_a_row_with_other_test_labels_is_not_tested_and_the_others_are(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    odd = predictions("test", 30, seed=1)
    assert odd.labels is not None
    store_run(store, config("a"), [replace(odd, labels=np.roll(odd.labels, 1))])
    for name, hits in (("b", 28), ("c", 12)):
        store_run(store, config(name), [predictions("test", hits, seed=len(name))])
    board = reports.leaderboard(tmp_path).set_index("model")
    assert board.loc["b", "rank"] < board.loc["c", "rank"]
    assert not board.loc[["b", "c"], "p_value"].isna().all()


def test_a_copy_on_the_other_split(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store_run(store, config("a"), [predictions("validation", 20, seed=1), predictions("test", 30, seed=1)])
    store_run(store, config("b"), [predictions("validation", 20, seed=1), predictions("test", 25, seed=2)])
    assert "b: the validation predictions are those of a, rounding aside" in notes(read_results(tmp_path))


def test_hard_labels_are_said(copied: RunStore) -> None:
    (said,) = [note for note in notes(read_results(copied.root)) if "hard labels" in note]
    assert said == "argmax: all probabilities are 0 or 1, as of hard labels, of which log loss, MSE and ECE say nothing"
    assert isinstance(reports.leaderboard(copied.root), pd.DataFrame)
