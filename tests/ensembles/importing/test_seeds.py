"""Several seeds of a model that was trained elsewhere are one row, and test samples that nobody names are told."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from predicted_files import IDS, NAMES, SAMPLES, TESTED, label_frame, of, predicted, truth

import ensembles
import reports
from ensembles.cli import main
from zoo.errors import UserError


def test_seeds_are_one_row_and_one_member(tmp_path: Path) -> None:
    runs = [
        ensembles.import_predictions("net", predicted(SAMPLES, seed), labels=label_frame(), runs=tmp_path, seed=seed)
        for seed in (0, 1, 3)
    ]
    assert len({run.config.hash for run in runs}) == 1
    assert [run.record.seed for run in runs] == [0, 1, 3]
    (row,) = reports.leaderboard(tmp_path).to_dict("records")
    assert row["seeds"] == 3
    ensembles.import_predictions("other", predicted(SAMPLES, 7), runs=tmp_path)
    mean = of(ensembles.build("net,other", runs=tmp_path)).probabilities
    expected = (np.mean([of(run).probabilities for run in runs], axis=0) + predicted(SAMPLES, 7)) / 2
    np.testing.assert_allclose(mean, expected, atol=1e-6)


def test_a_seed_that_is_stored_is_not_replaced(tmp_path: Path) -> None:
    first = ensembles.import_predictions("net", predicted(), labels=label_frame(), runs=tmp_path, seed=2)
    again = ensembles.import_predictions("net", predicted(), runs=tmp_path, seed=2)
    assert again.name == first.name
    with pytest.raises(UserError, match=r"net-.*/seed-2 is stored already with other predictions: give these another"):
        ensembles.import_predictions("net", predicted(SAMPLES, 5), runs=tmp_path, seed=2)
    # The same predictions without their seed, too.
    for seed in (5, 0):
        with pytest.raises(
            UserError, match="net is stored already, by seed: give these their --seed or another --name"
        ):
            ensembles.import_predictions("net", predicted(SAMPLES, seed), runs=tmp_path)
    with pytest.raises(UserError, match="seed must be 0 to 4294967295, got -1"):
        ensembles.import_predictions("net", predicted(), runs=tmp_path, seed=-1)


def test_a_run_without_seed_is_none_of_several(tmp_path: Path) -> None:
    ensembles.import_predictions("net", predicted(), labels=label_frame(), runs=tmp_path)
    with pytest.raises(UserError, match="net is stored already, without a seed: give these another --name, or remove"):
        ensembles.import_predictions("net", predicted(), runs=tmp_path, seed=0)
    with pytest.raises(UserError, match=r"with other predictions: .* import each of several seeds with its --seed"):
        ensembles.import_predictions("net", predicted(SAMPLES, 5), runs=tmp_path)


def test_labels_are_no_probabilities_of_the_same_run(tmp_path: Path) -> None:
    ensembles.import_predictions("net", predicted(), labels=label_frame(), runs=tmp_path, seed=0)
    likeliest = pd.DataFrame({"id": IDS, "label": [NAMES[place] for place in predicted().argmax(axis=1)]})
    with pytest.raises(UserError, match="stored already, as probabilities, these are labels: give these another"):
        ensembles.import_predictions("net", likeliest, runs=tmp_path, seed=1)


def test_labels_of_test_that_come_later_are_not_kept_in_silence(tmp_path: Path) -> None:
    ids = [*IDS, *(f"t{row}" for row in range(TESTED))]
    labels = pd.DataFrame({"id": ids, "label": [NAMES[label] for label in (*truth(), *truth(TESTED))]})
    labels["split"] = ["validation"] * SAMPLES + ["test"] * TESTED
    test = {"test": predicted(TESTED, 5), "ids": {"test": ids[SAMPLES:]}, "runs": tmp_path}
    sealed = labels.assign(label=[*labels["label"][:SAMPLES], *[""] * TESTED])
    run = ensembles.import_predictions("net", predicted(), labels=sealed, **test)
    with pytest.warns(UserWarning, match=f"it keeps no labels of test: remove {run.path} and import it again"):
        again = ensembles.import_predictions("net", predicted(), labels=labels, **test)
    assert again.path == run.path


def test_labels_of_test_that_nothing_keeps_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ids = [*IDS, *(f"t{row}" for row in range(TESTED))]
    labels = pd.DataFrame({"id": ids, "label": [NAMES[label] for label in (*truth(), *truth(TESTED))]})
    labels["split"] = ["validation"] * SAMPLES + ["test"] * TESTED
    labels.to_csv(tmp_path / "labels.csv", index=False)
    np.save(tmp_path / "val.npy", predicted())
    np.save(tmp_path / "test.npy", predicted(TESTED, 5))
    where = ["--runs", str(tmp_path / "runs")]
    given = ["--labels", str(tmp_path / "labels.csv")]
    assert main(["import", str(tmp_path / "val.npy"), "--name", "alone", *given, *where]) == 0
    assert "note: the labels of test are not kept" in capsys.readouterr().out
    assert main(["import", str(tmp_path / "val.npy"), "--test", str(tmp_path / "test.npy"), "--name", "v", *where]) == 0
    assert "note: the samples of test are numbered from 0" in capsys.readouterr().out
    # With the labels test has its ids, and nothing is to be told.
    both = ["import", str(tmp_path / "val.npy"), "--test", str(tmp_path / "test.npy"), "--name", "w", *given]
    assert main([*both, "--runs", str(tmp_path / "others")]) == 0
    said = capsys.readouterr().out
    assert "not kept" not in said
    assert "numbered" not in said
