"""Out-of-fold predictions are the validation predictions of a run of that kind, beside other runs."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from predicted_files import IDS, NAMES, SAMPLES, label_frame, of, predicted, truth, wide_frame, write
from stored_runs import CLASS_NAMES, config, predictions, probabilities_for, store_run

import ensembles
import reports
from benchmark.records import Predictions
from benchmark.store.run_store import RunStore
from ensembles.importing.importing import import_predictions
from zoo.errors import UserError

# Some predictions here are of other classes than their labels, which an import doubts.
pytestmark = pytest.mark.filterwarnings("ignore:.* of validation are right:UserWarning")

VALUES = predicted()
FOLDS = np.arange(SAMPLES) % 5
HELD_OUT = [f"held {row}" for row in range(12)]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def two_splits(train: list[str] | None = None) -> pd.DataFrame:
    """Labels of 30 samples of train and 12 of validation."""
    held = pd.DataFrame({"id": HELD_OUT, "label": [NAMES[label] for label in truth(12)], "split": "validation"})
    return pd.concat([label_frame(split="train").assign(id=train or IDS), held])


def test_all_labels_in_folds(runs: Path) -> None:
    run = import_predictions("lgb", VALUES, labels=label_frame(fold=FOLDS), runs=runs)
    assert (run.config.title, run.config.folds, run.config.out_of_fold) == ("lgb", 5, True)
    assert run.config.remark == "imported out-of-fold predictions in 5 folds of all labelled samples"
    second = import_predictions("xgb", predicted(seed=1), runs=runs)
    assert second.config.out_of_fold
    third = import_predictions("nn", wide_frame(predicted(seed=2)).assign(fold=FOLDS % 3), runs=runs)
    assert third.config.folds == 3
    for method in ("weighted", "greedy", "stacking"):
        built = ensembles.build("lgb,xgb,nn", runs=runs, method=method)
        assert len(of(built).sample_ids) == SAMPLES
    board = reports.leaderboard(runs)
    assert {"lgb", "xgb", "nn"} < set(board["model"])
    assert board["rank"].notna().all()


def test_only_the_predictions_tell_the_folds(runs: Path) -> None:
    run = import_predictions("lgb", wide_frame(VALUES).assign(fold=FOLDS), labels=label_frame(), runs=runs)
    assert (run.config.folds, run.config.out_of_fold) == (5, True)
    assert not import_predictions(
        "xgb", predicted(seed=1), labels=label_frame(), runs=runs / "other"
    ).config.out_of_fold


def test_rows_of_train_alone(runs: Path) -> None:
    run = import_predictions("lgb", VALUES, labels=label_frame(split="train"), runs=runs)
    assert (run.config.folds, run.config.out_of_fold) == (0, True)
    assert "out-of-fold predictions of all labelled samples" in run.config.remark
    assert len(of(run).sample_ids) == SAMPLES
    frame = wide_frame(predicted(seed=1)).assign(split="train")
    assert import_predictions("xgb", frame, runs=runs).config.out_of_fold


def test_a_file_called_test_is_not_out_of_fold(tmp_path: Path, runs: Path) -> None:
    file = write(tmp_path / "preds_test.csv", wide_frame(VALUES))
    labels = pd.concat([two_splits(), label_frame(split="test")])
    with pytest.raises(UserError, match=r"preds_test.csv is called test, but its rows are those of train: give the"):
        import_predictions("mine", file, labels=labels, runs=runs)
    assert import_predictions("mine", test=file, labels=labels, runs=runs).predicted("test")
    # The ids of others say that they are of train, whatever the file is called.
    whole = write(tmp_path / "best_test.csv", wide_frame(predicted(SAMPLES + 12, 2), [*IDS, *HELD_OUT]))
    assert import_predictions("best", whole, labels=two_splits(), runs=runs / "other").config.out_of_fold
    # And so does a row for each of the labels.
    np.save(tmp_path / "test_run.npy", predicted(2 * SAMPLES + 12, 3))
    every = import_predictions("every", tmp_path / "test_run.npy", labels=labels, runs=runs)
    assert every.config.out_of_fold
    assert every.predicted("test")


@pytest.mark.parametrize("told", ["ids", "splits", "order"])
def test_beside_runs_that_were_validated(told: str, tmp_path: Path, runs: Path) -> None:
    labels = write(tmp_path / "labels.csv", two_splits())
    usual = import_predictions("usual", wide_frame(predicted(12, 1), HELD_OUT), labels=labels, runs=runs)
    assert (len(of(usual).sample_ids), usual.config.out_of_fold) == (12, False)
    whole = wide_frame(predicted(SAMPLES + 12, 2), [*IDS, *HELD_OUT])
    if told == "splits":
        whole["split"] = ["train"] * SAMPLES + ["validation"] * 12
    if told == "order":
        whole = whole[list(NAMES)]
    folded = import_predictions("folded", write(tmp_path / "oof.csv", whole), labels=labels, runs=runs)
    assert (len(of(folded).sample_ids), folded.config.out_of_fold) == (SAMPLES + 12, True)
    np.testing.assert_array_equal(of(folded).labels, [*truth(), *truth(12)])
    built = ensembles.build("usual,folded", runs=runs, method="weighted")
    assert sorted(of(built).sample_ids.tolist()) == sorted(HELD_OUT)
    assert {"usual", "folded", "usual+folded:weighted"} <= set(reports.leaderboard(runs)["model"])
    # What is stored tells the samples of train now.
    again = import_predictions("third", wide_frame(predicted(SAMPLES + 12, 3), [*IDS, *HELD_OUT]), runs=runs)
    assert again.config.out_of_fold
    with pytest.raises(UserError, match="lacks 12 validation samples, such as held 0"):
        import_predictions("train alone", wide_frame(VALUES), runs=runs)


def test_arrays_in_the_order_of_labels_of_three_splits(runs: Path) -> None:
    """As FER-2013's own file has them, with sizes that are alike."""
    splits = ["Training"] * 16 + ["PublicTest"] * 7 + ["PrivateTest"] * 7
    labels = label_frame().rename(columns={"label": "emotion"}).assign(Usage=splits)
    run = import_predictions("test-alone", test=VALUES[23:], labels=labels, runs=runs)
    assert of(run, "test").sample_ids.tolist() == IDS[23:]
    folded = import_predictions("folded", VALUES[:23], labels=labels, runs=runs)
    assert (folded.config.out_of_fold, len(of(folded).sample_ids)) == (True, 23)
    usual = import_predictions("usual", predicted(7, 3), labels=labels, runs=runs)
    assert (usual.config.out_of_fold, of(usual).sample_ids.tolist()) == (False, IDS[16:23])
    np.save(runs.parent / "all.npy", predicted(seed=4))
    all_rows = import_predictions("all-rows", runs.parent / "all.npy", labels=labels, runs=runs)
    assert all_rows.config.out_of_fold
    np.testing.assert_allclose(of(all_rows).probabilities, predicted(seed=4)[:23], atol=1e-7)
    np.testing.assert_allclose(of(all_rows, "test").probabilities, predicted(seed=4)[23:], atol=1e-7)


def test_ids_that_train_and_validation_share(tmp_path: Path, runs: Path) -> None:
    labels = two_splits([*HELD_OUT, *IDS[12:]])
    ids = labels["id"].tolist()
    whole = wide_frame(predicted(SAMPLES + 12, 2), ids).assign(split=labels["split"].tolist())
    folded = import_predictions("folded", write(tmp_path / "oof.csv", whole), labels=labels, runs=runs)
    assert of(folded).sample_ids[0] == "train/held 0"
    usual = import_predictions("usual", wide_frame(predicted(12, 1), HELD_OUT), labels=labels, runs=runs)
    assert of(ensembles.build("usual,folded", runs=runs)).sample_ids.tolist() == of(usual).sample_ids.tolist()


def test_beside_our_own_folds(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    usual = predictions("validation", 30)
    train = np.array([f"train-{row}" for row in range(50)])
    labels = np.concatenate([np.arange(50) % 3, usual.labels]).astype(np.int64)  # type: ignore[list-item]
    names = np.concatenate([train, usual.sample_ids])
    folded = Predictions("validation", names, CLASS_NAMES, probabilities_for(labels, 3, 70), labels)
    store_run(store, config("mlp"), [usual])
    store_run(store, config("mlp", folds=5), [folded])
    said = pd.DataFrame(probabilities_for(labels, 3, 65, seed=3), columns=list(CLASS_NAMES)).assign(id=names)
    run = import_predictions("theirs", said.sample(frac=1, random_state=0), runs=store.root)
    assert (run.config.title, run.config.out_of_fold) == ("theirs", True)
    np.testing.assert_array_equal(of(run).labels, labels)
    built = ensembles.build("theirs,mlp:5-folds", runs=store.root, method="greedy")
    assert len(of(built).sample_ids) == 90
    assert len(of(ensembles.build("theirs,mlp", runs=store.root)).sample_ids) == 40
    assert "theirs" in set(reports.leaderboard(store.root)["model"])
    one = import_predictions("one", said[said["id"].isin(usual.sample_ids)], runs=store.root)
    assert not one.config.out_of_fold
