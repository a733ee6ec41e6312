"""Runs become rows of scores; none is lost."""

import pandas as pd
import pytest
from stored_runs import DATASET, FINGERPRINT, IMAGES, config, predictions, store_run

import reports
from benchmark.metrics import class_scores, log_loss
from benchmark.store.run_store import RunStore
from reports.leaderboards.notes import notes
from reports.leaderboards.results import CLASS_COLUMNS, COLUMNS, read_results
from zoo.errors import UserError


def kind(dtype: object) -> str:
    """Its name; pandas before 3.0 has objects where later ones have text."""
    return str(dtype).replace("object", "str")


def test_one_row_a_run_and_split(store: RunStore) -> None:
    scores = reports.run_scores(store.root)
    assert list(scores.columns) == list(COLUMNS)
    assert {name: kind(dtype) for name, dtype in scores.dtypes.items()} == COLUMNS
    whole = scores[scores["status"] == "ok"]
    assert len(whole) == 6 * 2
    assert not whole.duplicated(["run", "split"]).any()
    failed = scores[scores["status"] == "failed"]
    assert failed["error"].tolist() == ["MemoryError: no more"]
    assert failed["split"].isna().all()


def test_scores_are_those_of_the_predictions(store: RunStore) -> None:
    (run,) = store.resolve(DATASET, "mlp")
    predicted = run.predictions("test")
    assert predicted is not None
    assert predicted.labels is not None
    results = read_results(store.root)
    row = results.scores[(results.scores["run"] == run.name) & (results.scores["split"] == "test")].iloc[0]
    assert row["accuracy"] == 18 / IMAGES
    assert row["log_loss"] == log_loss(predicted.probabilities, predicted.labels)
    classes = results.classes[(results.classes["run"] == run.name) & (results.classes["split"] == "test")]
    assert list(classes.columns) == list(CLASS_COLUMNS)
    expected = class_scores(predicted.probabilities, predicted.labels)
    assert classes["recall"].tolist() == expected.recall.tolist()
    assert classes["support"].tolist() == expected.support.tolist()


def test_what_the_dataset_holds(store: RunStore) -> None:
    results = read_results(store.root, "faces")
    assert results.dataset == DATASET
    assert results.class_names == ("apple", "banana", "cherry")
    assert results.images == {"validation": IMAGES, "test": IMAGES}


def test_sealed_labels_leave_scores_missing(store: RunStore) -> None:
    run = store_run(store, config("sealed"), [predictions("test", 25, sealed=True)])
    scores = reports.run_scores(store.root)
    (row,) = scores[scores["run"] == run.name].to_dict("records")
    assert row["images"] == IMAGES
    assert pd.isna(row["accuracy"])


def test_a_damaged_run_is_left_out_loudly(store: RunStore) -> None:
    runs = store.runs(DATASET)
    (runs[0].path / "test.npz").write_bytes(b"rubbish")
    (runs[-1].path / "record.json").write_text("{")
    results = read_results(store.root)
    assert not {runs[0].name, runs[-1].name} & set(results.scores["run"])
    assert sum("left out" in note and "damaged" in note for note in notes(results)) == 2


def test_no_runs_is_an_error(store: RunStore) -> None:
    (store.root / f"other-{FINGERPRINT}").mkdir()
    with pytest.raises(UserError, match="unknown dataset 'other'"):
        reports.run_scores(store.root, data="other")
    with pytest.raises(UserError, match="no runs in"):
        reports.run_scores(store.root / "nowhere")
