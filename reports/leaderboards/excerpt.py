"""Which rows of a leaderboard are shown: those of a name, or the first of them. Those left out are counted."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final

import pandas as pd

from reports.text.columns import View
from zoo.errors import unknown_name

PUBLISHED: Final = "published"
APART: Final = "published apart"
"""The status of published figures that stand in a section of their own: of other data, or of an unknown split."""


def excerpt(board: pd.DataFrame, shown: View) -> pd.DataFrame:
    """The rows that the view asks for, in their order and with the ranks that they have among all.

    A pattern is a name or has `*`, `?` and `[...]`; case and the hash behind a name do not matter. Published figures
    have other names and stay, between the rows that are shown.

    Raises:
        UserError: no row has such a name.
    """
    if not len(board) or (not shown.models and shown.top is None):
        return board
    foreign = board["status"].isin([PUBLISHED, APART])
    own = board["model"][~foreign]
    for pattern in shown.models:
        if not any(_matches(name, [pattern]) for name in own):
            raise unknown_name("row", pattern, set(own))
    kept = own[[not shown.models or _matches(name, shown.models) for name in own]].index[: shown.top]
    last = kept[-1] if shown.top is not None and len(kept) == shown.top else board.index[-1]
    between = foreign & (board.index <= last) | (board["status"] == APART)
    rows: pd.DataFrame = board[board.index.isin(kept) | between].reset_index(drop=True)
    return rows


def left_out(board: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    """A sentence that says how many of a board's rows are shown; empty where all are."""
    shown, every = (int((~frame["status"].isin([PUBLISHED, APART])).sum()) for frame in (rows, board))
    if shown == every:
        return []
    return [f"{shown:,} of {every:,} rows shown. Ranks, tests and corrections are those of all {every:,}."]


def _matches(name: str, patterns: Sequence[str]) -> bool:
    lower = name.lower()
    return any(fnmatchcase(text, pattern.lower()) for pattern in patterns for text in (lower, lower.partition("@")[0]))
