"""The leaderboard as a frame: seeds averaged, rows ranked, nothing hidden."""

from collections.abc import Hashable
from pathlib import Path
from typing import Final

import pandas as pd

from reports.results import Results, read_results

SCORE_COLUMNS: Final = ("validation_accuracy", "test_accuracy", "macro_f1", "log_loss", "mse")

COLUMNS: Final = {
    "rank": "Int64",
    "model": "str",
    **dict.fromkeys(SCORE_COLUMNS, "float64"),
    "weights": "str",
    "parameters": "Int64",
    "train_seconds": "float64",
    "milliseconds_per_image": "float64",
    "seeds": "int64",
    "status": "str",
    **dict.fromkeys([f"{name}_std" for name in SCORE_COLUMNS], "float64"),
}

KEYS: Final = ["model", "hash"]
"""What makes a row: seeds of one configuration share it."""

CLASS_COLUMNS: Final = ("model", "class", "precision", "recall", "f1", "support")


def leaderboard(
    runs: Path | str = "runs", *, data: str | None = None, labels: Path | str | None = None
) -> pd.DataFrame:
    """One row per model and configuration, best first, with the columns of `COLUMNS`.

    Seeds are averaged: a score is the mean of the seeds' scores, `<score>_std` their standard deviation (n - 1;
    missing for a single seed). Accuracies and F1 are 0-1. Rows are ranked by test accuracy, or by validation accuracy
    where no run has one on test; macro_f1, log_loss and mse are those of the split that ranks. Equals share a rank
    (1, 1, 3). Rows without a score on that split come after the ranked ones and failures last, both without a rank.
    `weights` is what a transfer model started from: imagenet, random or a file; missing for the others.

    Args:
        runs: where the runs are.
        data: the dataset, with or without fingerprint; needed where several are stored.
        labels: a file of test labels, see `reports.labels.read_labels`; they are not stored.

    Raises:
        UserError: no such runs, damaged ones, or labels that do not fit.
    """
    return rank(read_results(runs, data, labels))


def per_class(runs: Path | str = "runs", *, data: str | None = None, labels: Path | str | None = None) -> pd.DataFrame:
    """Precision, recall, F1 (0-1, means over the seeds) and support (images) of every class on the split that ranks.

    One row per model and class with the columns of `CLASS_COLUMNS`, models in the order of the leaderboard. Arguments
    and errors are those of `leaderboard`.
    """
    results = read_results(runs, data, labels)
    return class_table(results, rank(results))


def ranking_split(results: Results) -> str:
    """The split that ranks: "test" where any run has a score on it, else "validation"."""
    on_test = results.scores[results.scores["split"] == "test"]
    return "test" if on_test["accuracy"].notna().any() else "validation"


def rank(results: Results) -> pd.DataFrame:
    """The leaderboard of these results, see `leaderboard`."""
    split = ranking_split(results)
    rows = pd.concat([_whole_rows(results, split), _failed_rows(results)], ignore_index=True)
    frame = rows.reindex(columns=list(COLUMNS)).astype(COLUMNS)
    # Means of equal counts may differ in the last bit, which must not separate equals.
    score = frame[f"{split}_accuracy"].round(12)
    frame["rank"] = score.rank(method="min", ascending=False).astype("Int64")
    order = frame.assign(
        score=score, failed=frame["status"] != "ok", unranked=score.isna(), other=frame["validation_accuracy"]
    ).sort_values(
        ["failed", "unranked", "score", "other", "log_loss", "model", "status"],
        ascending=[True, True, False, False, True, True, True],
    )
    return frame.loc[order.index].reset_index(drop=True)


def class_table(results: Results, board: pd.DataFrame) -> pd.DataFrame:
    """The per-class table of these results, see `per_class`, in the order of their leaderboard."""
    classes = results.classes[results.classes["split"] == ranking_split(results)]
    means = (
        classes.groupby([*KEYS, "position", "class"])
        .agg({"precision": "mean", "recall": "mean", "f1": "mean", "support": "first"})
        .reset_index()
    )
    means["model"] = _named(means, results)
    # A failed seed's row bears the name of its model as well, and has no classes.
    place = {model: position for position, model in board.loc[board["status"] == "ok", "model"].items()}
    means["place"] = means["model"].map(place)
    return means.sort_values(["place", "position"])[list(CLASS_COLUMNS)].reset_index(drop=True)


def display_names(results: Results) -> dict[Hashable, str]:
    """What each (model, hash) is called: the model, or model@hash where it is stored in several configurations."""
    pairs = results.scores[["model", "hash"]].drop_duplicates()
    several = pairs["model"].duplicated(keep=False)
    return {
        (model, digest): f"{model}@{digest}" if ambiguous else model
        for model, digest, ambiguous in zip(pairs["model"], pairs["hash"], several, strict=True)
    }


def notes(results: Results) -> list[str]:
    """What a reader must know before believing the ranking, one sentence each: rows that lack what the others have."""
    split, names = ranking_split(results), display_names(results)
    whole = results.scores[results.scores["status"] == "ok"]
    predicted = whole[whole["split"] == split]
    seeds = whole.groupby(KEYS)["run"].nunique()
    with_predictions = set(predicted.groupby(KEYS).groups)
    scored = predicted.dropna(subset="accuracy").groupby(KEYS)["run"].nunique().to_dict()
    found = [f"left out: {sentence}" for sentence in results.damaged]
    for key, count in seeds.items():
        if key not in with_predictions:
            found.append(f"{names[key]} is not ranked: it has no {split} predictions")
        elif key not in scored:
            found.append(f"{names[key]} is not ranked: there are no {split} labels for it")
        elif scored[key] < count:
            found.append(f"{names[key]}: the {split} scores are those of {scored[key]} of its {count} seeds")
    for remark, rows in whole[whole["remark"] != ""].groupby("remark"):
        keys = rows[KEYS].drop_duplicates().itertuples(index=False, name=None)
        found.append(f"{', '.join(names[key] for key in keys)}: {remark}")
    for row in _failed_rows(results).to_dict("records"):
        several = f" ({row['seeds']} seeds)" if row["seeds"] > 1 else ""
        found.append(f"{row['model']} failed{several}: {row['error']}")
    return found


def members(results: Results) -> list[str]:
    """What each row combines, one sentence for each that combines others; their runs by name."""
    combined = results.scores[results.scores["members"] != ""].drop_duplicates(KEYS)
    names = display_names(results)
    return [
        f"{names[row['model'], row['hash']]} combines {', '.join(row['members'].split(' '))}"
        for row in combined.to_dict("records")
    ]


def _whole_rows(results: Results, split: str) -> pd.DataFrame:
    whole = results.scores[results.scores["status"] == "ok"]
    # A run has a row for each of its splits, which are to count once in its costs.
    by_run = whole.drop_duplicates("run").groupby(KEYS)
    rows = by_run[["parameters", "train_seconds", "milliseconds_per_image"]].mean()
    rows["parameters"] = rows["parameters"].round()
    rows["weights"] = by_run["weights"].first()
    rows["seeds"], rows["status"] = by_run.size(), "ok"
    for column in SCORE_COLUMNS:
        on, score = (column.removesuffix("_accuracy"), "accuracy") if column.endswith("_accuracy") else (split, column)
        values = whole[whole["split"] == on].groupby(KEYS)[score]
        rows[column], rows[f"{column}_std"] = values.mean(), values.std()
    rows = rows.reset_index()
    rows["model"] = _named(rows, results)
    return rows


def _failed_rows(results: Results) -> pd.DataFrame:
    failed = results.scores[results.scores["status"] == "failed"]
    rows = (
        failed.groupby([*KEYS, "error"])
        .agg(seeds=("seed", "nunique"), train_seconds=("train_seconds", "mean"), weights=("weights", "first"))
        .reset_index()
    )
    rows["model"] = _named(rows, results)
    rows["status"] = "failed: " + rows["error"]
    return rows


def _named(frame: pd.DataFrame, results: Results) -> list[str]:
    names = display_names(results)
    return [names[key] for key in zip(frame["model"], frame["hash"], strict=True)]
