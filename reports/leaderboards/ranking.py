"""The leaderboard as a frame: seeds averaged, intervals, rows ranked in groups, nothing hidden."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypedDict, Unpack

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmark.arguments import check_keywords
from reports.leaderboards.excerpt import APART, excerpt
from reports.leaderboards.intervals import with_intervals
from reports.leaderboards.repeats import counted_once, repeats
from reports.leaderboards.results import Results, read_results
from reports.leaderboards.rows import (
    ACCURACIES,
    KEYS,
    SCORED,
    display_names,
    failed_rows,
    named,
    published_rows,
    ranking_split,
    tested,
    whole_rows,
)
from reports.leaderboards.significance import Hits, pair_p_values, rank_groups
from reports.text.columns import COLUMNS, PLAIN, SCORES, View, view
from reports.text.tables import typed, with_parts

FRAME: Final = {
    **{name: column.type for name, column in COLUMNS.items()},
    **dict.fromkeys([f"{name}_{part}" for part in ("low", "high", "std") for name in SCORES], "float64"),
}
"""Columns of the frame and their types."""


class More(TypedDict, total=False):
    """Further options of `leaderboard`."""

    models: str | Sequence[str]
    published: bool


CLASS_COLUMNS: Final = ("model", "class", "precision", "recall", "f1", "support")


def leaderboard(
    runs: Path | str = "runs",
    *,
    data: str | None = None,
    labels: Any = None,
    metric: str | None = None,
    columns: str | Sequence[str] | None = None,
    top: int | None = None,
    **more: Unpack[More],
) -> pd.DataFrame:
    """One row per model and configuration, best first, with the columns of `FRAME`.

    Seeds are averaged: a score is the mean of the seeds' scores, `<score>_std` their standard deviation (n - 1;
    missing for a single seed). `<score>_low` and `<score>_high` are the 95 % interval over other images of the kind:
    Wilson's for accuracies, Newcombe's for the drop, a percentile bootstrap for the others. Accuracies and F1 are 0-1.
    The drop and its interval are of the seeds that have both accuracies.
    macro_f1, log_loss, mse and ece are those of test, or of validation where no run has a score on test.

    Rows of one rank do not differ significantly from the first of them (1, 1, 3). Rows without the metric come after
    the ranked ones and failures last, both without a rank. `weights` is what a transfer model started from;
    `lost_seconds` what failures cost.

    Args:
        runs: where the runs are.
        data: the dataset, with or without fingerprint; needed where several are stored.
        labels: of test, a file, an array or a frame, see `benchmark.tables.given_labels.read_labels`; not stored.
        metric: the column that sorts; by default the accuracy on test, or on validation where no run has one on test.
            Under any but an accuracy the rank is the plain place, since only accuracies are tested.
        columns: some of them by name, "test_accuracy,log_loss" or a sequence; rank, model and status are added, and
            the intervals and deviations of those that have any. By default all.
        top: how many rows at most. Ranks stay those among all rows.
        more: `models`, patterns of the rows' names such as "*res*"; `published`, whether published figures stand
            between the rows, without a rank, and those of other data, other classes or an unknown split behind them.

    Raises:
        UserError: no such runs, damaged ones, labels that do not fit, or no such column or row.
    """
    check_keywords("leaderboard", more, ("data", "labels", "metric", "columns", "top", *More.__annotations__))
    asked = view(metric, columns, top=top, **more)
    board = excerpt(rank(read_results(runs, data, labels), asked), asked)
    return board if asked.columns is None else with_parts(board, asked.columns)


def per_class(runs: Path | str = "runs", *, data: str | None = None, labels: Any = None) -> pd.DataFrame:
    """Precision, recall, F1 (0-1, means over the seeds) and support (images) of every class on the split that ranks.

    One row per model and class with the columns of `CLASS_COLUMNS`, models in the order of the leaderboard. Arguments
    and errors are those of `leaderboard`.
    """
    results = read_results(runs, data, labels)
    return class_table(results, rank(results, View(columns=())))


def sorting_metric(results: Results, shown: View) -> str:
    """The column that sorts these results under this view."""
    return shown.metric or f"{ranking_split(results)}_accuracy"


def tested_split(results: Results, shown: View) -> str:
    """The split whose accuracy ranks under this view; of a view that other scores sort, that of the scores."""
    return ACCURACIES.get(sorting_metric(results, shown), ranking_split(results))


def rank(results: Results, shown: View = PLAIN) -> pd.DataFrame:
    """The leaderboard of these results, see `leaderboard`.

    The intervals of the columns `shown` are computed, all by default; every column has its values anyway.
    """
    whole = whole_rows(results)
    parts = [with_intervals(whole, results, shown.shown(tuple(COLUMNS))), failed_rows(results)]
    if shown.published:
        parts.append(published_rows(results, whole))
    filled = [part for part in parts if len(part)]
    # None of them has a row where every run is damaged.
    rows = pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()
    metric = sorting_metric(results, shown)
    frame = _sorted(typed(rows, FRAME), metric)
    frame["rank"], frame["p_value"] = _ranks(frame, results, metric)
    return frame.loc[_unranked_behind(frame)].reset_index(drop=True)


@dataclass(frozen=True, eq=False)
class Standing:
    """The ranked rows by accuracy on a split, and the test of every two of them.

    Attributes:
        split: "test" or "validation".
        rows: in order, with the columns model, rank, seeds, key (model and hash), and tested: rows that repeat each
            other have the same number there, since they are tested as one.
        p_values: Holm-corrected over all pairs, shape (rows, rows).
        pairs: how many pairs these are; imported copies have none of their own.
    """

    split: str
    rows: pd.DataFrame
    p_values: NDArray[np.float64]
    pairs: int


def standing(results: Results, split: str) -> Standing:
    """How the rows of these results stand to each other by accuracy on a split."""
    board = rank(results, View(metric=f"{split}_accuracy", columns=()))
    rows = board.loc[board["rank"].notna(), ["model", "rank", "seeds"]].reset_index(drop=True)
    keys = {name: key for key, name in display_names(results).items()}
    rows["key"] = pd.Series([keys[name] for name in rows["model"]], dtype="object")
    p_values, places = _p_values(rows["key"].tolist(), tested(results, split), counted_once(repeats(results), split))
    rows["tested"] = places
    count = len(set(places))
    return Standing(split, rows, p_values, count * (count - 1) // 2)


def class_table(results: Results, board: pd.DataFrame) -> pd.DataFrame:
    """The per-class table of these results, see `per_class`, of the rows of a leaderboard and in their order."""
    classes = results.classes[results.classes["split"] == ranking_split(results)]
    means = (
        classes.groupby([*KEYS, "position", "class"])
        .agg({"precision": "mean", "recall": "mean", "f1": "mean", "support": "first", "predicted": "max"})
        .reset_index()
    )
    means.loc[means["support"] == 0, "recall"] = np.nan
    means.loc[(means["support"] == 0) & (means["predicted"] == 0), "f1"] = np.nan
    means["model"] = named(means, results)
    # A failed seed's row bears the name of its model as well, and has no classes.
    place = {model: position for position, model in board.loc[board["status"].isin(SCORED), "model"].items()}
    means["place"] = means["model"].map(place)
    means = means.dropna(subset="place").sort_values(["place", "position"])
    return means[list(CLASS_COLUMNS)].reset_index(drop=True)


def _sorted(frame: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Best first by `metric`; what lacks it after the others, then failures, then published figures of other data."""
    score = frame[metric]
    if pd.api.types.is_numeric_dtype(score):
        # Means of equal counts may differ in the last bit, which must not separate equals.
        score = score.astype("float64").round(12)
    order = frame.assign(
        score=score,
        apart=frame["status"] == APART,
        failed=frame["status"].str.startswith("failed"),
        missing=score.isna(),
        other=frame["validation_accuracy"],
    ).sort_values(
        ["apart", "failed", "missing", "score", "other", "log_loss", "model", "status"],
        ascending=[True, True, True, COLUMNS[metric].better != "high", False, True, True, True],
    )
    return frame.loc[order.index].reset_index(drop=True)


def _unranked_behind(frame: pd.DataFrame) -> "pd.Index[Any]":
    """The rows of the sorted frame, those that were judged on other samples behind the ranked ones."""
    ranked = np.flatnonzero(frame["rank"].notna())
    last = ranked[-1] if len(ranked) else -1
    places = np.arange(len(frame), dtype=float)
    places[(frame["rank"].isna() & frame["status"].isin(SCORED)).to_numpy() & (places < last)] = last + 0.5
    return frame.index[np.argsort(places, kind="stable")]


def _ranks(frame: pd.DataFrame, results: Results, metric: str) -> tuple["pd.Series[Any]", "pd.Series[Any]"]:
    """Rank and deciding p-value of each row of the sorted frame."""
    rank = pd.Series(pd.NA, index=frame.index, dtype="Int64")
    p_value = pd.Series(float("nan"), index=frame.index)
    ours = frame["status"].isin(SCORED) & frame[metric].notna()
    if metric in ACCURACIES:
        keys = {name: key for key, name in display_names(results).items()}
        hits_by_row = tested(results, ACCURACIES[metric])
        places = [place for place in frame.index[ours] if hits_by_row[keys[frame["model"][place]]] is not None]
        rows = [keys[frame["model"][place]] for place in places]
        p_values, _ = _p_values(rows, hits_by_row, counted_once(repeats(results), ACCURACIES[metric]))
        groups, decided = rank_groups(p_values)
        rank[places], p_value[places] = groups, np.array(decided)
    elif pd.api.types.is_numeric_dtype(frame[metric]):
        values = frame.loc[ours, metric].astype("float64").round(12)
        rank[ours] = values.rank(method="min", ascending=COLUMNS[metric].better != "high").astype("Int64")
    return rank, p_value


def _p_values(
    rows: Sequence[Hashable], hits: Mapping[Hashable, Hits | None], copies: Mapping[Hashable, Hashable]
) -> tuple[NDArray[np.float64], list[int]]:
    """The corrected p-values of every two rows, and which of the tested rows each of them is."""
    # Imported copies have the p-values of what they repeat: a copy is no further chance to find a difference.
    known = set(rows)
    stand_ins = [copies[row] if copies.get(row) in known else row for row in rows]
    tested_rows = {row: place for place, row in enumerate(dict.fromkeys(stand_ins))}
    p_values = pair_p_values([row_hits for row in tested_rows if (row_hits := hits[row]) is not None])
    places = [tested_rows[row] for row in stand_ins]
    every: NDArray[np.float64] = p_values[np.ix_(places, places)]
    return every, places
