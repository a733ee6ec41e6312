"""A part of the leaderboard keeps the ranks of the whole, and says that it is a part."""

from pathlib import Path

import pandas as pd
import pytest
from stored_runs import config, predictions, store_run

import reports
from benchmark.store.run_store import RunStore
from reports.leaderboards.excerpt import APART, excerpt, left_out
from reports.text.columns import view
from zoo.errors import UserError


def test_ranks_are_those_of_all_rows(store: RunStore) -> None:
    whole = reports.leaderboard(store.root)
    for shown in ({"models": "M*p"}, {"models": ["cnn?", "resnet"]}, {"top": 2}, {"models": "cnn*", "top": 1}):
        part = reports.leaderboard(store.root, **shown)
        assert 0 < len(part) < len(whole)
        expected = whole[whole["model"].isin(part["model"])].reset_index(drop=True)
        pd.testing.assert_frame_equal(part, expected)
    assert reports.leaderboard(store.root, models="mlp")["rank"].tolist() == [4]
    assert reports.leaderboard(store.root, top=2)["model"].tolist() == ["vgg", "cnn7"]
    assert reports.leaderboard(store.root, top=99)["model"].tolist() == whole["model"].tolist()


def test_a_name_means_each_of_its_configurations(store: RunStore) -> None:
    store_run(store, config("mlp", hyperparameters={"width": 3}), [predictions("test", 18)])
    found = reports.leaderboard(store.root, models="mlp")
    assert len(found) == 2
    assert found["model"].str.startswith("mlp@").all()
    assert reports.leaderboard(store.root, models=found["model"][0])["model"].tolist() == [found["model"][0]]


def test_of_no_row_the_first_are_none(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    run = store_run(store, config("mlp"), [predictions("test", 18)])
    (run.path / "test.npz").write_bytes(b"damaged")
    assert len(reports.leaderboard(store.root, top=3)) == len(reports.leaderboard(store.root)) == 0


def test_a_name_that_no_row_has_is_refused(store: RunStore) -> None:
    with pytest.raises(UserError, match="unknown row 'cn4': did you mean cnn4"):
        reports.leaderboard(store.root, models="mlp,cn4")
    with pytest.raises(UserError, match="--top must be at least 1, got 0"):
        reports.leaderboard(store.root, top=0)


def test_columns_by_name(store: RunStore) -> None:
    found = reports.leaderboard(store.root, columns=["test", "log_loss"], top=1)
    assert list(found.columns) == [
        "rank", "model", "test_accuracy", "log_loss", "status", "test_accuracy_low", "log_loss_low",
        "test_accuracy_high", "log_loss_high", "test_accuracy_std", "log_loss_std",
    ]  # fmt: skip
    pd.testing.assert_frame_equal(found, reports.leaderboard(store.root, columns="test,log-loss", top=1))


def test_published_figures_stay_as_far_as_the_rows_go() -> None:
    rows = [("theirs", "published"), ("a", "ok"), ("more", "published"), ("b", "ok"), ("last", "published")]
    board = pd.DataFrame([*rows, ("elsewhere", APART)], columns=["model", "status"])
    assert excerpt(board, view(top=1))["model"].tolist() == ["theirs", "a", "elsewhere"]
    assert excerpt(board, view(models="b"))["model"].tolist() == ["theirs", "more", "b", "last", "elsewhere"]
    assert left_out(board, excerpt(board, view(top=1)))[0].startswith("1 of 2 rows shown.")
    assert left_out(board, board) == []


def test_the_command_takes_names_and_a_number(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    from reports.cli import main

    assert main(["leaderboard", "cnn*", "mlp", "--top", "2", "--runs", str(store.root), "--format", "csv"]) == 0
    said = capsys.readouterr()
    assert [line.split(",")[1] for line in said.out.splitlines()[1:]] == ["cnn7", "cnn4"]
    assert "2 of 5 rows shown." in said.err
    assert "resnet failed" not in said.err
    assert Path(store.root, "faces-0a1b2c3d", "leaderboard.md").exists() is False
