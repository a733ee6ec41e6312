"""Rows of the leaderboard before they are sorted: seeds averaged, failures, published figures."""

from collections import Counter
from collections.abc import Hashable
from typing import Final

import pandas as pd

from benchmark.records import Predictions
from reports.leaderboards.references import Ours, is_fer2013, reference_rows
from reports.leaderboards.results import Results
from reports.leaderboards.significance import Hits, hits
from reports.text.columns import SCORES

KEYS: Final = ["model", "hash"]
"""The columns that identify a row: the seeds of one configuration share it."""

ACCURACIES: Final = {"validation_accuracy": "validation", "test_accuracy": "test"}
"""The columns whose differences are tested, and their splits."""

SCORED: Final = ("ok", "external")
"""The status of rows that stand for whole runs."""


def ranking_split(results: Results) -> str:
    """The split that ranks: "test" where any run has a score on it, else "validation"."""
    on_test = results.scores[results.scores["split"] == "test"]
    return "test" if on_test["accuracy"].notna().any() else "validation"


def keys(frame: pd.DataFrame) -> list[tuple[str, str]]:
    """The (model, hash) of each row of a frame."""
    return list(zip(frame["model"], frame["hash"], strict=True))


def display_names(results: Results) -> dict[Hashable, str]:
    """What each (model, hash) is called: the model, or model@hash where it is stored in several configurations."""
    pairs = list(dict.fromkeys(keys(results.scores)))
    configurations = Counter(model for model, _ in pairs)
    return {(model, digest): f"{model}@{digest}" if configurations[model] > 1 else model for model, digest in pairs}


def named(frame: pd.DataFrame, results: Results) -> list[str]:
    """What each row of a frame with model and hash is called."""
    names = display_names(results)
    return [names[key] for key in keys(frame)]


def failed_rows(results: Results) -> pd.DataFrame:
    """One row for each configuration and reason: how many seeds failed so, and the seconds that it took in all."""
    failed = results.scores[results.scores["status"] == "failed"]
    failed = failed.assign(lost_seconds=failed["total_seconds"].fillna(failed["train_seconds"]))
    rows = (
        failed.groupby([*KEYS, "error"])
        .agg(
            seeds=("seed", "nunique"),
            train_seconds=("train_seconds", "mean"),
            lost_seconds=("lost_seconds", lambda seconds: seconds.sum(min_count=1)),
            weights=("weights", "first"),
            tta=("tta", "first"),
            kind=("kind", "first"),
            recipe=("recipe", "first"),
        )
        .reset_index()
    )
    rows["model"] = named(rows, results)
    return rows.assign(status="failed: " + rows["error"])


def whole_rows(results: Results) -> pd.DataFrame:
    """One row for each configuration with whole runs: means over the runs, `<score>_std`, and its name as `name`."""
    whole = results.whole
    # A run has a row for each of its splits, which are to count once in its costs.
    by_run = whole.drop_duplicates("run").groupby(KEYS)
    costs = ["parameters", "operations", "model_bytes", "train_seconds"]
    costs += ["milliseconds_per_image", "milliseconds_one_image"]
    rows = by_run[costs].mean().round({"parameters": 0, "operations": 0, "model_bytes": 0})
    rows["seeds"] = by_run.size()
    for fact in ("weights", "tta", "kind", "recipe"):
        rows[fact] = by_run[fact].first()
    for fact in ("device", "training_precision"):
        rows[fact] = by_run[fact].agg(lambda names: ", ".join(sorted(set(names.dropna())))).replace("", None)
    rows["status"] = ["external" if kind == "external" else "ok" for kind in rows["kind"]]
    values = _run_values(whole, ranking_split(results)).groupby(KEYS)[list(SCORES)]
    rows = rows.join(values.mean()).join(values.std().add_suffix("_std")).reset_index()
    return rows.assign(name=named(rows, results))


def _run_values(whole: pd.DataFrame, split: str) -> pd.DataFrame:
    """The scores of every whole run under the leaderboard's names, one row a run."""
    runs = whole.drop_duplicates("run").set_index("run")[KEYS]
    on = {name: part.set_index("run") for name, part in whole.groupby("split")}
    for column in SCORES:
        where, score = (ACCURACIES[column], "accuracy") if column in ACCURACIES else (split, column)
        if column != "drop":
            runs[column] = on[where][score] if where in on else float("nan")
    return runs.assign(drop=runs["validation_accuracy"] - runs["test_accuracy"])


def labelled(results: Results, split: str) -> dict[Hashable, list[Predictions]]:
    """The labelled predictions of each (model, hash) on a split, in the order of the runs."""
    predictions: dict[Hashable, list[Predictions]] = {}
    on = results.scores[(results.scores["split"] == split) & results.scores["accuracy"].notna()]
    for run, key in zip(on["run"], keys(on), strict=True):
        predictions.setdefault(key, []).append(results.predictions[run, split])
    return predictions


def tested(results: Results, split: str) -> dict[Hashable, Hits | None]:
    """The hits of each (model, hash) on the images of a split; None where images or labels are not those of most."""
    predictions = labelled(results, split)
    firsts = {_content(runs[0]): runs[0] for runs in predictions.values()}
    common = Counter(_content(runs[0]) for runs in predictions.values()).most_common(1)
    usual = firsts[common[0][0]] if common else None
    return {
        key: None if usual is None else hits(runs, usual.sample_ids, usual.labels) for key, runs in predictions.items()
    }


def _content(predicted: Predictions) -> tuple[bytes, bytes]:
    """What two runs have in common that were judged on the same images by the same labels."""
    return predicted.sample_ids.tobytes(), b"" if predicted.labels is None else predicted.labels.tobytes()


def published_rows(results: Results, whole: pd.DataFrame) -> pd.DataFrame:
    """One row for each published figure, compared with those of `whole_rows`."""
    ours = [
        Ours(row["name"], row["model"], {split: row[name] for name, split in ACCURACIES.items() if row[name] >= 0})
        for row in whole[whole["kind"] != "external"].to_dict("records")
    ]
    comparable = is_fer2013(results.class_names, results.images)
    return pd.DataFrame(reference_rows(ours, results.images, comparable=comparable))
