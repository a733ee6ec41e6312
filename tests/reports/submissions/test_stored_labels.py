"""`score` without --labels takes those that are stored with the runs, and never those of a sealed test set."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stored_runs import CLASS_NAMES, DATASET, config, predictions, store_run

import reports
from benchmark.records import Predictions
from benchmark.store.run_store import RunStore
from reports.cli import main
from reports.submissions.scoring import score_text
from zoo.errors import UserError


def file_of(path: Path, *parts: Predictions, hard: bool = False, ids: bool = True) -> Path:
    rows = [] if not ids else ["id,label" if hard else ",".join(["id", *CLASS_NAMES])]
    for part in parts:
        for name, row in zip(part.sample_ids.tolist(), part.probabilities, strict=True):
            cells = [CLASS_NAMES[row.argmax()]] if hard else [f"{value:.6f}" for value in row]
            rows.append(",".join([name, *cells] if ids else cells))
    path.write_text("\n".join(rows) + "\n")
    return path


def store(root: Path, *, sealed: bool = False, kind: str = "external") -> RunStore:
    """A store of one run, of 40 validation samples and 40 of test."""
    made = RunStore(root / "runs")
    store_run(made, config("a", kind=kind), [predictions("validation", 30), predictions("test", 20, sealed=sealed)])
    return made


OURS = {split: predictions(split, hits, seed=3) for split, hits in {"validation": 24, "test": 28}.items()}


@pytest.mark.parametrize("hard", [False, True])
def test_test_labels_where_they_are_open(tmp_path: Path, capsys: pytest.CaptureFixture[str], hard: bool) -> None:
    runs = store(tmp_path).root
    found = reports.score(file_of(tmp_path / "t.csv", OURS["test"], hard=hard), runs=runs)
    assert found.accuracy.value == 28 / 40
    assert (found.log_loss is None) == hard
    whole = file_of(tmp_path / "both.csv", OURS["validation"], OURS["test"], hard=hard)
    assert main(["score", str(whole), "--runs", str(runs)]) == 0
    said = capsys.readouterr().out
    assert "both.csv: 40 samples, matched by their ids" in said
    assert f"labels of test as stored with {DATASET}" in said
    assert "the 40 rows of test taken, 40 of other splits left out" in said
    assert "accuracy    70.00 %" in said


def test_validation_where_the_file_is_about_it(tmp_path: Path) -> None:
    runs = store(tmp_path, kind="model").root
    found = reports.score(file_of(tmp_path / "v.csv", OURS["validation"]), runs=runs)
    assert found.accuracy.value == 24 / 40
    assert score_text(found).startswith("40 images, matched by their ids\n")
    assert f"labels of validation as stored with {DATASET}" in found.notes


def test_the_same_as_with_the_labels_in_a_file(tmp_path: Path) -> None:
    runs = store(tmp_path).root
    labels = tmp_path / "labels.csv"
    truth = OURS["test"]
    assert truth.labels is not None
    pairs = zip(truth.sample_ids.tolist(), truth.labels.tolist(), strict=True)
    labels.write_text("\n".join(["id,label", *(f"{name},{CLASS_NAMES[label]}" for name, label in pairs)]) + "\n")
    file = file_of(tmp_path / "t.csv", OURS["test"])
    with_file, stored = reports.score(file, labels), reports.score(file, runs=runs)
    assert (with_file.accuracy, with_file.macro_f1, with_file.log_loss) == (
        stored.accuracy,
        stored.macro_f1,
        stored.log_loss,
    )


def test_a_sealed_test_set_stays_sealed(tmp_path: Path) -> None:
    runs = store(tmp_path, sealed=True).root
    with pytest.raises(UserError, match="test labels are not stored: give them with --labels FILE"):
        reports.score(file_of(tmp_path / "t.csv", OURS["test"]), runs=runs)
    both = reports.score(file_of(tmp_path / "both.csv", OURS["validation"], OURS["test"]), runs=runs)
    assert both.accuracy.value == 24 / 40
    assert "labels of validation" in both.notes[0]


def test_without_ids_the_split_must_be_plain(tmp_path: Path) -> None:
    # Sealed, too: a submission was scored as if it were about validation.
    for sealed in (False, True):
        runs = store(tmp_path / str(sealed), sealed=sealed).root
        with pytest.raises(UserError, match="has no ids, and validation and test are 40 samples each"):
            reports.score(file_of(tmp_path / "t.csv", OURS["test"], ids=False), runs=runs)
    np.savez(tmp_path / "told.npz", test=OURS["test"].probabilities)
    assert reports.score(tmp_path / "told.npz", runs=tmp_path / "False" / "runs").accuracy.value == 28 / 40
    more = predictions("test", 5, count=50)
    other = RunStore(tmp_path / "other")
    store_run(other, config("a"), [predictions("validation", 30), more])
    assert reports.score(file_of(tmp_path / "m.csv", more, ids=False), runs=other.root).accuracy.value == 5 / 50


def test_without_any_labels(tmp_path: Path) -> None:
    file = file_of(tmp_path / "t.csv", OURS["test"])
    with pytest.raises(UserError, match="no labels to score with: give --labels FILE, or name a store"):
        reports.score(file, runs=tmp_path / "nowhere")
    made = RunStore(tmp_path / "runs")
    store_run(made, config("a"), [replace(OURS["test"], labels=None)])
    with pytest.raises(UserError, match=f"no run of {DATASET} has labels to score with"):
        reports.score(file, runs=made.root)
    strange = replace(OURS["test"], sample_ids=np.array([f"x{row}" for row in range(40)]))
    with pytest.raises(UserError, match="no id of the test samples is 'x0'"):
        reports.score(file_of(tmp_path / "s.csv", strange), runs=store(tmp_path / "open").root)
