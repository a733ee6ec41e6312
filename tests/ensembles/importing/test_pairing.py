"""Folders of predictions are many runs, whose files are paired by name."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from predicted_files import IDS, TEST_IDS, TESTED, label_frame, predicted, wide_frame, write

from benchmark.store.run_store import RunStore
from ensembles.cli import main
from ensembles.importing import importing
from ensembles.importing.pairing import paired_members, run_name
from zoo.errors import UserError


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`oof/` and `test/` with three members in several formats, and labels."""
    monkeypatch.chdir(tmp_path)
    for folder in ("oof", "test"):
        Path(folder).mkdir()
    write(Path("train.csv"), label_frame(fold=np.arange(30) % 5))
    write(Path("oof/lgb.csv"), wide_frame(predicted(seed=1)))
    np.save("oof/nn.npy", predicted(seed=2))
    np.save("oof/oof_xgb-2.npy", predicted(seed=3))
    write(Path("test/lgb.csv.gz"), wide_frame(predicted(TESTED, 4), TEST_IDS))
    np.save("test/nn_test.npy", predicted(TESTED, 5))
    np.save("test/test_xgb-2.npy", predicted(TESTED, 6))
    Path("oof/notes.txt").write_text("no predictions")
    Path("oof/.hidden.csv").write_text("no predictions")
    return tmp_path


def titles(runs: str = "runs") -> list[str]:
    store = RunStore(Path(runs))
    return [run.config.title for run in store.runs(store.find_dataset())]


def test_a_run_for_each_name(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", "oof/", "--test", "test/", "--labels", "train.csv"]) == 0
    said = capsys.readouterr().out
    assert titles() == ["lgb", "nn", "xgb-2"]
    for run in RunStore(Path("runs")).runs(RunStore(Path("runs")).find_dataset()):
        assert run.predictions("test") is not None
        assert run.config.folds == 5
    assert said.count("30 out-of-fold samples") == 3
    assert said.count("leaderboard.md is up to date\n") == 1
    assert main(["import", "oof/", "--test", "test/", "--labels", "train.csv"]) == 0
    assert capsys.readouterr().out.count("it is stored already") == 3
    assert main(["import", "oof/", "--name", "fold", "--runs", "others", "--labels", "train.csv"]) == 0
    assert titles("others") == ["fold-lgb", "fold-nn", "fold-xgb-2"]


def test_names_and_files_given_twice_are_told_what_to_do(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("lgb.csv"), wide_frame(predicted(seed=7)))
    assert main(["import", "oof/lgb.csv", "lgb.csv", "--labels", "train.csv"]) == 2
    assert "would all be lgb: rename them, or import them one by one with --name" in capsys.readouterr().err
    assert main(["import", "lgb.csv", "--test", "oof/../lgb.csv", "--labels", "train.csv"]) == 2
    assert "lgb.csv is given twice: leave --test out where a file has both splits" in capsys.readouterr().err


def test_test_samples_are_those_of_the_file_with_ids_whichever_comes_first(
    folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("oof/lgb.csv").rename("oof/z.csv")
    Path("test/lgb.csv.gz").rename("test/z.csv.gz")
    assert main(["import", "oof/", "--test", "test/", "--labels", "train.csv"]) == 0
    assert "the rows are in the order of test/z.csv.gz" in " ".join(capsys.readouterr().out.split())
    store = RunStore(Path("runs"))
    assert titles() == ["nn", "xgb-2", "z"]
    for run in store.runs(store.find_dataset()):
        found = run.predictions("test")
        assert found is not None
        assert found.sample_ids.tolist() == list(TEST_IDS)


def test_one_folder_for_both_and_files_without_a_name(folders: Path) -> None:
    for path in Path("test").iterdir():
        path.rename(Path("oof") / f"test_{path.name}")
    assert main(["import", "oof", "--labels", "train.csv", "--runs", "new test samples"]) == 0
    assert titles("new test samples") == ["lgb", "nn", "xgb-2"]
    labels = pd.concat([label_frame(split="validation"), pd.DataFrame({"id": TEST_IDS, "split": "test"})])
    write(Path("labels.csv"), labels)
    assert main(["import", "oof", "--labels", "labels.csv"]) == 0
    assert titles() == ["lgb", "nn", "xgb-2"]
    assert main(["import", "oof/lgb.csv", "oof/nn.npy", "--labels", "labels.csv", "--runs", "r"]) == 0
    assert titles("r") == ["lgb", "nn"]


def test_nothing_is_stored_unless_all_are_right(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("oof/lgb.csv"), wide_frame(predicted(seed=1) * 3))
    np.save("oof/nn.npy", predicted(29, 2))
    assert main(["import", "oof/", "--test", "test/", "--labels", "train.csv"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "oof/lgb.csv: sample '0000.jpg' has probabilities that sum to 3" in said
    assert "oof/nn.npy: has 29 rows and no ids, expected 30 (validation)" in said
    assert not Path("runs").exists()


def test_members_that_do_not_stay_in_memory(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "KEPT_BYTES", 1000)
    assert main(["import", "oof/", "--test", "test/", "--labels", "train.csv"]) == 0
    assert titles() == ["lgb", "nn", "xgb-2"]


def test_copies_among_the_members(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save("oof/nn.npy", predicted(seed=1))
    assert main(["import", "oof/", "--labels", "train.csv"]) == 0
    assert "note: the validation predictions of nn are those of lgb" in capsys.readouterr().out


def test_partners_that_are_missing(folders: Path) -> None:
    Path("test/nn_test.npy").rename("test/mlp.npy")
    with pytest.raises(UserError, match=r"test/mlp.npy has no partner of that name: expected one of lgb, nn, xgb-2"):
        paired_members([Path("oof")], Path("test"), None)
    Path("test/mlp.npy").unlink()
    names = {member.name: len(member.test) for member in paired_members([Path("oof")], Path("test"), None)}
    assert names == {"lgb": 1, "nn": 0, "xgb-2": 1}
    Path("empty").mkdir()
    with pytest.raises(UserError, match=r"empty has no files that end in .csv"):
        paired_members([Path("empty")], None, None)
    write(Path("oof/lgb.csv.gz"), wide_frame(predicted(), IDS))
    with pytest.raises(UserError, match="would all be lgb: rename them"):
        paired_members([Path("oof")], None, None)


def test_the_file_of_labels_may_lie_beside_predictions(folders: Path) -> None:
    Path("train.csv").rename("oof/train.csv")
    names = {member.name for member in paired_members([Path("oof")], None, None, [Path("oof/train.csv")])}
    assert names == {"lgb", "nn", "xgb-2"}
    assert main(["import", "oof", "--labels", "oof/train.csv"]) == 0


def test_a_single_pair_has_the_name_that_is_given(folders: Path) -> None:
    for path in list(Path("test").iterdir())[1:]:
        path.unlink()
    (member,) = paired_members([Path("oof/lgb.csv")], Path("test"), "mine")
    assert (member.name, len(member.files), len(member.test)) == ("mine", 1, 1)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("lgb.csv", "lgb"),
        ("oof_lgb.npy", "lgb"),
        ("LGB-test.csv.gz", "LGB"),
        ("resnet50_val_preds.npz", "resnet50"),
        ("a b (1).parquet", "a-b-1"),
        ("v1.2-oof.csv", "v1.2"),
        ("v1.2.csv", "v1.2"),
        ("models/resnet/oof.npy", "resnet"),
        ("testing_ground.csv", "testing_ground"),
    ],
)
def test_names(file: str, name: str) -> None:
    assert run_name(Path(file)) == name
