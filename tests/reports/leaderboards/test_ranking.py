"""The leaderboard ranks by what it says, averages seeds and hides nothing."""

import importlib
import json
import pkgutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from stored_runs import (
    CLASS_NAMES,
    DATASET,
    IMAGES,
    config,
    ids,
    predictions,
    probabilities_for,
    store_failure,
    store_model,
    store_run,
    true_labels,
)

import reports
from benchmark.records import Predictions
from benchmark.statistics import wilson_interval
from benchmark.store.run_store import RunStore
from reports.cli import main
from reports.leaderboards.intervals import drop_interval
from reports.leaderboards.notes import heading, notes
from reports.leaderboards.pages import first_rows
from reports.leaderboards.ranking import CLASS_COLUMNS, FRAME, rank
from reports.leaderboards.results import read_results
from reports.leaderboards.rows import ranking_split
from reports.text.columns import COLUMNS, SCORES, View, view
from reports.text.tables import cells
from zoo.errors import UserError

NAMED = "rank model validation_accuracy test_accuracy drop macro_f1 log_loss mse ece parameters operations model_bytes"
NAMED += " train_seconds milliseconds_per_image milliseconds_one_image weights tta seeds device training_precision"
NAMED += " status"


def kind(dtype: object) -> str:
    """Its name; pandas before 3.0 has objects where later ones have text."""
    return str(dtype).replace("object", "str")


def board(store: RunStore) -> pd.DataFrame:
    return reports.leaderboard(store.root)


def test_columns(store: RunStore) -> None:
    found = board(store)
    assert " ".join(found.columns).startswith(NAMED)
    assert {name: kind(dtype) for name, dtype in found.dtypes.items()} == FRAME


def test_order_and_shared_ranks(store: RunStore) -> None:
    found = board(store)
    # Of the two equals the one better on validation stands first.
    assert found["model"].tolist() == ["vgg", "cnn7", "cnn4", "mlp", "resnet"]
    # cnn4 misses at most five of vgg's 30 of 40 images and is not separated from it; mlp misses twelve and is.
    assert found["rank"].tolist()[:4] == [1, 1, 1, 4]
    assert found["rank"].isna().tolist() == [False] * 4 + [True]
    # Exact McNemar of 12 against 0, smallest of six pairs but for its equal with cnn7: times 6.
    assert found["p_value"][3] == pytest.approx(6 * 2 / 2**12)
    assert found["p_value"].isna().tolist() == [True, False, False, False, True]


def test_every_score_has_an_interval(store: RunStore) -> None:
    found = board(store).set_index("model")
    low, high = wilson_interval(18, IMAGES)
    assert found.loc["mlp", ["test_accuracy_low", "test_accuracy_high"]].tolist() == [low, high]
    for name in SCORES:
        whole = found[found["status"] == "ok"]
        # The calibration error of a resample is larger on average, so its interval may lie above it.
        assert (whole[f"{name}_low"] <= whole[name]).all() or name == "ece"
        assert (whole[name] <= whole[f"{name}_high"]).all()
        assert (whole[f"{name}_low"] < whole[f"{name}_high"]).all()
    assert found.loc["resnet", [f"{name}_low" for name in SCORES]].isna().all()


def test_drop_is_validation_less_test(store: RunStore) -> None:
    found = board(store).set_index("model")
    assert found.loc["mlp", "drop"] == pytest.approx((20 - 18) / IMAGES)
    # Seeds 28-27, 29-26, 30-25.
    assert found.loc["cnn4", "drop"] == pytest.approx(3 / IMAGES)
    assert found.loc["cnn4", "drop_std"] == pytest.approx(2 / IMAGES)


def test_drop_and_its_interval_are_of_the_seeds_with_both_scores(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    for seed in range(2):
        store_model(store, "cnn4", 38, 36 + 2 * seed, seed=seed)
    store_model(store, "cnn4", 4, None, seed=2)
    store_run(store, config("cnn4"), [predictions("validation", 4), predictions("test", 4, sealed=True)], seed=3)
    row = board(store).set_index("model").loc["cnn4"]
    # Newcombe's of 38 and 37 of 40; the seeds without test labels, far below on validation, have no part in it.
    shares = [(hits / IMAGES, wilson_interval(hits, IMAGES)) for hits in (38, 37)]
    assert row["drop"] == pytest.approx(1 / IMAGES)
    assert row[["drop_low", "drop_high"]].tolist() == pytest.approx(list(drop_interval(*shares)))
    assert row["validation_accuracy"] == pytest.approx((38 + 38 + 4 + 4) / 4 / IMAGES)


def test_without_a_seed_of_both_scores_there_is_no_drop(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store_run(store, config("cnn4"), [predictions("test", 20)], seed=0)
    store_run(store, config("cnn4"), [predictions("validation", 20)], seed=1)
    assert board(store)[["drop", "drop_low", "drop_high"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("validation", ["vgg", "cnn7", "cnn4", "mlp", "resnet"]),
        ("drop", ["cnn7", "vgg", "mlp", "cnn4", "resnet"]),
        ("model", ["cnn4", "cnn7", "mlp", "vgg", "resnet"]),
        ("weights", ["vgg", "cnn7", "cnn4", "mlp", "resnet"]),
        ("rank", ["vgg", "cnn7", "cnn4", "mlp", "resnet"]),
    ],
)
def test_any_column_sorts(store: RunStore, metric: str, expected: list[str]) -> None:
    assert reports.leaderboard(store.root, metric=metric)["model"].tolist() == expected


def test_every_column_sorts_without_losing_a_row(store: RunStore) -> None:
    store_model(store, "blind", 40, None)
    results = read_results(store.root)
    expected = sorted(rank(results, View(columns=()))["model"])
    assert len(expected) == 6
    for column in COLUMNS:
        found = rank(results, View(metric=column, columns=()))
        assert sorted(found["model"]) == expected
        assert found["status"].str.startswith("failed").tolist() == [False] * 5 + [True]


def test_lower_is_better_where_it_is(store: RunStore) -> None:
    found = reports.leaderboard(store.root, metric="log-loss")
    assert found["log_loss"].dropna().is_monotonic_increasing
    # The two equals share a place, and nothing else is tested.
    assert found["rank"].tolist()[:4] == [1, 1, 3, 4]
    assert found["p_value"].isna().all()
    assert reports.leaderboard(store.root, metric="macro-f1")["macro_f1"].dropna().is_monotonic_decreasing


def test_an_unknown_column_is_refused(store: RunStore) -> None:
    with pytest.raises(UserError, match="unknown column 'log-los': did you mean log_loss"):
        reports.leaderboard(store.root, metric="log-los")


def test_intervals_of_columns_that_are_not_shown_are_not_computed(store: RunStore) -> None:
    found = rank(read_results(store.root), view(columns="mse"))
    assert found["mse_low"].notna().sum() == 4
    assert found["log_loss_low"].isna().all()
    assert found["log_loss"].notna().sum() == 4


def test_rows_of_other_images_are_not_ranked(store: RunStore) -> None:
    found = [predictions("validation", 30), predictions("test", 30, count=38)]
    store_run(store, config("other"), found)
    row = board(store).set_index("model").loc["other"]
    assert pd.isna(row["rank"])
    store_run(store, config("apart"), [predictions("test", 38, count=38)])
    whole = board(store)
    ranked = whole["rank"].notna()
    assert whole["model"][whole["status"] == "ok"].tolist()[-2:] == ["apart", "other"], "behind those with a rank"
    assert ranked.tolist() == sorted(ranked.tolist(), reverse=True)
    assert "<NA>" not in first_rows(read_results(store.root), 9)
    assert "apart" not in first_rows(read_results(store.root), 9)
    unranked = "other is not ranked: its test images or labels are not those of the others"
    assert unranked in notes(read_results(store.root))


def test_ties_are_said_where_another_choice_would_score_otherwise(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    labels = np.arange(IMAGES) % 3
    tied = np.tile(np.float32([0.4, 0.4, 0.2]), (IMAGES, 1))
    for model, probabilities in ("plain", probabilities_for(labels, 3, IMAGES)), ("tied", tied):
        store_run(store, config(model), [Predictions("test", ids("test"), CLASS_NAMES, probabilities, labels)])
    said = "100.0% of the images have several likeliest classes, of which the first counts: with others accuracy is"
    assert notes(read_results(store.root)) == [f"tied: {said} 0.00% to 67.50%"]
    assert f"tied: {said} 0.00% to 67.50%" in reports.compare("plain", "tied", runs=store.root).caveats
    assert said in " ".join(reports.model("tied", runs=store.root).text.split())


def test_a_class_without_labels_is_named_where_it_is_predicted(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    names = ("apple", "banana", "cherry", "date")
    labels = np.arange(IMAGES) % 3
    once = probabilities_for(labels, 4, IMAGES - 1)
    once[-1] = [0, 0, 0, 1]
    for model, probabilities in ("never", probabilities_for(labels, 4, IMAGES)), ("once", once):
        predicted = Predictions("test", ids("test"), names, probabilities, labels)
        store_run(store, config(model), [predicted])
    found = board(store).set_index("model")["macro_f1"]
    # The one image in 40 has label 0, which 14 have: F1 of 2 * 13 / 27, 1, 1 and 0.
    assert found["never"] == 1
    assert found["once"] == pytest.approx((26 / 27 + 2) / 4)
    absent = reports.per_class(store.root).set_index(["model", "class"]).loc[[("never", "date"), ("once", "date")]]
    assert absent["recall"].isna().all(), "there is nothing to recognise"
    assert absent["f1"].isna().tolist() == [True, False], "macro F1 is over the class where it is predicted"
    said = reports.compare("never", "once", runs=store.root, metric="macro_f1").caveats
    assert any(sentence.startswith("no test label is date; a row that predicts such") for sentence in said)
    for model, words in ("never", ": no score says anything of such"), ("once", "; a row that predicts such a class"):
        page = reports.model(model, runs=store.root).text
        assert f"No test label is date{words}" in " ".join(page.split())
    (note,) = notes(read_results(store.root))
    assert note == (
        "no test label is date; a row that predicts such a class has an F1 of 0 for it in its macro F1, as in "
        "scikit-learn: once"
    )


def test_external_runs_are_marked(store: RunStore) -> None:
    store_run(store, config("theirs", kind="external"), [predictions("validation", 30), predictions("test", 39)])
    found = board(store)
    assert found["model"][0] == "theirs"
    assert found["status"][0] == "external"
    assert found["rank"][0] == 1
    assert "theirs" in set(reports.per_class(store.root)["model"])
    assert any(note.startswith("theirs is external") for note in notes(read_results(store.root)))
    store_run(store, config("others", kind="external"), [predictions("test", 30)])
    assert any(note.startswith("others, theirs are external: they") for note in notes(read_results(store.root)))


def test_device_is_where_it_was_made(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    for seed, (device, precision) in enumerate((("NVIDIA H100", "bfloat16"), ("CPU", "float32"), ("CPU", "float32"))):
        made = {"device": device, "precision": precision}
        store_run(store, config("a"), [predictions("test", 20)], seed=seed, provenance=made)
    store_model(store, "b", 20, 20)
    found = board(store).set_index("model")
    assert found["device"].fillna("?").to_dict() == {"a": "CPU, NVIDIA H100", "b": "?"}
    assert found["training_precision"].fillna("?").to_dict() == {"a": "bfloat16, float32", "b": "?"}


def test_latency_of_one_image_is_missing_where_it_was_not_measured(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    for seed, alone in enumerate((2.0, 4.0)):
        store_run(store, config("new"), [predictions("test", 20)], seed=seed, milliseconds_one_image=alone)
    store_model(store, "old", 20, 20)
    found = board(store).set_index("model")["milliseconds_one_image"]
    assert found["new"] == 3
    assert np.isnan(found["old"])


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
    assert row[[name for name in FRAME if name.endswith("_std")]].isna().all()
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
    assert failed["lost_seconds"].tolist() == [3, 6, 3]
    assert set(reports.per_class(store.root)["model"]) == {"vgg", "cnn7", "cnn4", "mlp"}


def test_failures_alone(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store_failure(store, "resnet", "MemoryError: no more")
    assert board(store)["status"].tolist() == ["failed: MemoryError: no more"]
    assert reports.per_class(tmp_path).empty


@pytest.mark.parametrize("output", ["text", "md", "html", "csv", "json"])
@pytest.mark.parametrize("file", ["test.npz", "record.json"])
def test_where_every_run_is_damaged_the_table_is_empty_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str, output: str
) -> None:
    run = store_model(RunStore(tmp_path), "cnn4", 20, 18)
    (run.path / file).write_bytes(b"{")
    assert main(["leaderboard", "--runs", str(tmp_path), "--format", output]) == 0
    printed, said = capsys.readouterr()
    assert "left out:" in printed + said
    if output == "json":
        assert json.loads(printed) == []
    elif output == "csv":
        assert printed == ",".join(FRAME) + "\n"
    # A long path is broken anywhere, also in the middle of the name.
    assert "cnn4" in "".join((printed + said).split())


@pytest.mark.parametrize("published", [False, True])
def test_calls_where_every_run_is_damaged(tmp_path: Path, published: bool) -> None:
    run = store_model(RunStore(tmp_path), "cnn4", 20, 18)
    (run.path / "test.npz").write_bytes(b"{")
    found = reports.leaderboard(tmp_path, published=published)
    assert {name: kind(dtype) for name, dtype in found.dtypes.items()} == FRAME
    assert set(found["status"]) == ({"published apart"} if published else set())
    classes = reports.per_class(tmp_path)
    assert (list(classes.columns), len(classes)) == (list(CLASS_COLUMNS), 0)


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
    mend = "`reports leaderboard --labels FILE` gives them to all"
    assert f"sealed is not ranked: there are no test labels for it, {mend}" in said


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


def test_costs_and_test_time_augmentation_are_columns(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store_run(store, config("cnn4"), [predictions("test", 20)], flops=2_500_000, model_bytes=4_000_000)
    store_run(store, config("cnn4", tta="flip"), [predictions("test", 21)], flops=5_000_000)
    found = board(store).set_index("model")
    assert found["tta"].to_dict() == {"cnn4:flip": "flip", "cnn4": "none"}
    assert found["operations"].to_dict() == {"cnn4:flip": 5_000_000, "cnn4": 2_500_000}
    shown = cells(found.reset_index()).set_index("model")
    assert shown.loc["cnn4", ["M operations", "size MB"]].tolist() == ["2.5", "4.00"]
    assert shown.loc["cnn4:flip", "size MB"] == "-"


def test_notes_are_about_the_split_that_ranks(tmp_path: Path) -> None:
    """A row without test predictions is ranked by validation; one of fewer validation samples is not."""
    store = RunStore(tmp_path)
    for name, count in {"all": 80, "too": 80, "few": 40}.items():
        found = [predictions("validation", 20, count=count, seed=count)]
        store_run(store, config(name), [*found, predictions("test", 25, seed=len(name))] if name == "all" else found)
    results, shown = read_results(tmp_path), View(metric="validation_accuracy")
    said = {note.partition(" is not ranked")[0] for note in notes(results) if "is not ranked" in note}
    assert said == {"too", "few"}
    assert [note for note in notes(results, shown=shown) if "is not ranked" in note] == [
        "few is not ranked: its validation images or labels are not those of the others"
    ]
    assert heading(results, shown)[0] == "3 classes, 80 validation images and 40 test images."
