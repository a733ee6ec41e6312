"""The leaderboard as a figure: every row's accuracy with its interval, rank groups told apart."""

from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd

from reports.leaderboards.excerpt import excerpt
from reports.leaderboards.ranking import rank, tested_split
from reports.leaderboards.results import Results
from reports.text.columns import PLAIN, View
from reports.text.drawing import COLOURS, middle_cut, png, title

ROW: Final = 26
"""Pixels a row."""

AROUND: Final = 150
"""Pixels above and below the rows."""

NAME: Final = 28
"""Letters of a name."""

MOST: Final = 60
"""Rows that fit a page; the table has them all."""

GROUPS: Final = ((COLOURS[0], "o"), (COLOURS[3], "s"))
"""Colour and marker of a rank group and of the next, in turn."""


def picture(results: Results, shown: View = PLAIN) -> bytes | None:
    """The accuracies of the leaderboard as a PNG; None where no row has any. The view says what sorts."""
    split = tested_split(results, shown)
    board = excerpt(rank(results, replace(shown, columns=(), published=False)), shown)
    return accuracies(board, split, results.dataset) if board[f"{split}_accuracy_low"].notna().any() else None


def accuracies(board: pd.DataFrame, split: str, dataset: str) -> bytes:
    """The accuracy on a split of each row that has one, with its 95 % interval, in the order of the table, as a PNG.

    Raises:
        ValueError: no row has an accuracy on that split.
    """
    column = f"{split}_accuracy"
    scored = board[board[f"{column}_low"].notna()]
    rows = scored.head(MOST)
    if not len(rows):
        raise ValueError(f"no row has an accuracy on {split}")
    # Rows of one rank are a group. Those without a rank stand behind them, a group of their own.
    groups = (rows["rank"].astype("Float64").fillna(-1).diff().fillna(0) != 0).cumsum().to_numpy() % len(GROUPS)
    places = np.arange(len(rows))[::-1]
    value, low, high = (100 * rows[f"{column}{end}"].to_numpy(float) for end in ("", "_low", "_high"))

    def draw(figure: Any) -> None:
        axes = figure.add_subplot()
        for group, (colour, marker) in enumerate(GROUPS):
            inside = groups == group
            ends = [(value - low)[inside], (high - value)[inside]]
            axes.errorbar(value[inside], places[inside], xerr=ends, fmt=marker, color=colour, capsize=3, markersize=6)
        axes.set_yticks(places, [middle_cut(name, NAME) for name in rows["model"]])
        axes.set_ylim(-0.7, len(rows) - 0.3)
        axes.grid(axis="x", alpha=0.3)
        left_out = f"the first {len(rows)} of {len(scored)} rows; " if len(rows) < len(scored) else ""
        axes.set_xlabel(
            f"{split} accuracy, %, with its 95 % interval\n({left_out}colour and marker change with the rank)"
        )
        axes.set_title(title(f"Leaderboard of {dataset}"))

    return png(draw, height=AROUND + ROW * len(rows))
