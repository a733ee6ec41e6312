"""The leaderboard ranks by what it says, averages seeds and hides nothing."""

import importlib
import pkgutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from stored_runs import DATASET, IMAGES, config, predictions, store_failure, store_model, store_run, true_labels

import reports
from benchmark.store import RunStore
from reports.ranking import COLUMNS, notes, ranking_split
from reports.results import read_results
from reports.tables import cells

NAMED = [
    "rank",
    "model",
    "validation_accuracy",
    "test_accuracy",
    "macro_f1",
    "log_loss",
    "mse",
    "weights",
    "parameters",
    "train_seconds",
    "milliseconds_per_image",
    "seeds",
    "status",
]


def board(store: RunStore) -> pd.DataFrame:
    return reports.leaderboard(store.root)


def test_columns(store: RunStore) -> None:
    found = board(store)
    assert list(found.columns[: len(NAMED)]) == NAMED
    assert {name: str(dtype) for name, dtype in found.dtypes.items()} == COLUMNS


def test_order_and_shared_ranks(store: RunStore) -> None:
    found = board(store)
    # Of the two equals the one better on validation stands first.
    assert found["model"].tolist() == ["vgg", "cnn7", "cnn4", "mlp", "resnet"]
    assert found["rank"].tolist()[:4] == [1, 1, 3, 4]
    assert found["rank"].isna().tolist() == [False] * 4 + [True]


def test_seeds_are_averaged(store: RunStore) -> None:
    row = board(store).set_index("model").loc["cnn4"]
    assert row["seeds"] == 3
    assert row["test_accuracy"] == pytest.approx(26 / IMAGES)
    assert row["test_accuracy_std"] == pytest.approx(np.std([27, 26, 25], ddof=1) / IMAGES)
    assert row["validation_accuracy"] == pytest.approx(29 / IMAGES)
    scores = reports.run_scores(store.root)
    seeds = scores[(scores["model"] == "cnn4") & (scores["split"] == "test")]
    for name in ("macro_f1", "log_loss", "mse"):
        assert row[name] == pytest.approx(seeds[name].mean())
        assert row[f"{name}_std"] == pytest.approx(seeds[name].std(ddof=1))


def test_a_single_seed_has_no_deviation(store: RunStore) -> None:
    row = board(store).set_index("model").loc["mlp"]
    assert row[[name for name in COLUMNS if name.endswith("_std")]].isna().all()
    assert (row["parameters"], row["train_seconds"], row["milliseconds_per_image"]) == (1000, 12.5, 0.25)


def test_what_each_row_started_from(store: RunStore) -> None:
    for weights in ("imagenet", "random", "mine-0a1b2c3d"):
        store_run(store, config("resnet", weights=weights), [predictions("test", 20)])
    found = board(store)
    weights = found.loc[found["model"].str.startswith("resnet") & (found["status"] == "ok"), "weights"]
    assert sorted(weights) == ["imagenet", "mine-0a1b2c3d", "random"]
    assert found.loc[found["model"] == "cnn4", "weights"].isna().all()
    assert cells(found)["weights"].tolist().count("-") == 5


def test_equal_means_of_different_seeds_share_a_rank(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    for seed, hits in enumerate((7, 8, 12)):
        store_model(store, "up", 20, hits, seed=seed)
        store_model(store, "down", 20, 12 - 5 * (seed == 2) - 4 * (seed == 1), seed=seed)
        store_model(store, "level", 20, 9, seed=seed)
    ranks = dict(zip(board(store)["model"], board(store)["rank"], strict=True))
    assert ranks == {"up": 1, "down": 1, "level": 1}


def test_failures_are_rows_with_their_reason(store: RunStore) -> None:
    store_failure(store, "cnn4", "Oops: once", seed=7)
    store_failure(store, "cnn4", "Oops: once", seed=8)
    store_failure(store, "cnn4", "Boom: other", seed=9)
    found = board(store)
    failed = found[found["status"] != "ok"]
    assert failed[["model", "status", "seeds"]].to_numpy().tolist() == [
        ["cnn4", "failed: Boom: other", 1],
        ["cnn4", "failed: Oops: once", 2],
        ["resnet", "failed: MemoryError: no more", 1],
    ]
    assert failed.index.tolist() == [4, 5, 6]
    assert failed["train_seconds"].tolist() == [3, 3, 3]
    assert set(reports.per_class(store.root)["model"]) == {"vgg", "cnn7", "cnn4", "mlp"}


def test_failures_alone(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store_failure(store, "resnet", "MemoryError: no more")
    assert board(store)["status"].tolist() == ["failed: MemoryError: no more"]
    assert reports.per_class(tmp_path).empty


def test_several_configurations_bear_their_hash(store: RunStore) -> None:
    other = config("mlp", hyperparameters={"widths": [8]})
    store_run(store, other, [predictions("validation", 20), predictions("test", 21)])
    models = board(store)["model"].tolist()
    assert f"mlp@{other.hash}" in models
    assert f"mlp@{config('mlp').hash}" in models
    assert "mlp" not in models
    assert "cnn4" in models


def test_ranked_by_validation_where_test_is_sealed(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    for model, hits in (("a", 20), ("b", 30)):
        found = [predictions("validation", hits), predictions("test", 40 - hits, sealed=True)]
        store_run(store, config(model), found)
    results = read_results(tmp_path)
    assert ranking_split(results) == "validation"
    ranked = board(store)
    assert ranked["model"].tolist() == ["b", "a"]
    assert ranked["test_accuracy"].isna().all()
    assert ranked["log_loss"].notna().all()
    assert notes(results) == []


def test_ranked_by_validation_where_there_is_no_test(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store_model(store, "a", 20, None)
    assert board(store)["rank"].tolist() == [1]


def test_rows_without_the_ranking_score_come_after_loudly(store: RunStore) -> None:
    store_model(store, "blind", 40, None)
    store_run(store, config("sealed"), [predictions("validation", 39), predictions("test", 39, sealed=True)])
    found = board(store)
    assert found["model"].tolist() == ["vgg", "cnn7", "cnn4", "mlp", "blind", "sealed", "resnet"]
    after = found[found["model"].isin(["blind", "sealed"])]
    assert after[["rank", "test_accuracy", "macro_f1", "log_loss", "mse"]].isna().all(axis=None)
    assert after["validation_accuracy"].tolist() == [1, 39 / 40]
    said = notes(read_results(store.root))
    assert "blind is not ranked: it has no test predictions" in said
    assert "sealed is not ranked: there are no test labels for it" in said


def test_seeds_without_the_ranking_score_are_said(store: RunStore) -> None:
    store_model(store, "cnn4", 30, None, seed=3)
    assert "cnn4: the test scores are those of 3 of its 4 seeds" in notes(read_results(store.root))
    row = board(store).set_index("model").loc["cnn4"]
    assert (row["seeds"], row["test_accuracy"]) == (4, pytest.approx(26 / IMAGES))


def test_per_class_by_hand(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    run = store_run(store, config("all"), [predictions("validation", IMAGES)])
    found = reports.per_class(tmp_path)
    assert list(found.columns) == ["model", "class", "precision", "recall", "f1", "support"]
    assert found["class"].tolist() == ["apple", "banana", "cherry"]
    assert found[["precision", "recall", "f1"]].to_numpy().tolist() == [[1, 1, 1]] * 3
    assert found["support"].tolist() == np.bincount(true_labels("validation")).tolist()
    assert run.config.model == found["model"][0]


def test_per_class_is_in_the_order_of_the_leaderboard_and_averages_seeds(store: RunStore) -> None:
    found = reports.per_class(store.root)
    assert found["model"].drop_duplicates().tolist() == ["vgg", "cnn7", "cnn4", "mlp"]
    classes = read_results(store.root).classes
    chosen = classes[(classes["model"] == "cnn4") & (classes["split"] == "test") & (classes["class"] == "cherry")]
    row = found[(found["model"] == "cnn4") & (found["class"] == "cherry")].iloc[0]
    assert row["recall"] == pytest.approx(chosen["recall"].mean())
    assert row["support"] == chosen["support"].iloc[0]


def test_calls_survive_the_import_of_every_module(store: RunStore) -> None:
    for module in pkgutil.iter_modules(reports.__path__):
        if module.name != "__main__":
            importlib.import_module(f"reports.{module.name}")
    for name in reports.__all__:
        assert callable(getattr(reports, name))
    assert len(reports.leaderboard(store.root)) == 5
    with pytest.raises(AttributeError, match="no attribute 'leaderbord'"):
        _ = reports.leaderbord


def test_the_default_is_runs_here(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(store.root.parent)
    pd.testing.assert_frame_equal(reports.leaderboard(), reports.leaderboard(store.root, data=DATASET))
