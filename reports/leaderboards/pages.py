"""The leaderboard as a page: by what it is ranked, scores and costs, notes, the classes, and how to make it again."""

from dataclasses import replace
from pathlib import Path
from typing import Final

import pandas as pd

from benchmark.store.run_store import RunStore
from reports.leaderboards.notes import heading, notes, origins, published_note, reading
from reports.leaderboards.ranking import class_table, rank
from reports.leaderboards.results import Results, read_results
from reports.leaderboards.rows import ranking_split
from reports.text import tables, text_blocks
from reports.text.columns import ALWAYS, COLUMNS, DEFAULT, PLAIN, TEXT, TEXT_SCORES, View
from reports.text.text_blocks import Block, Bullets, Lines, Picture, Sentence, Shell, Table, made_by

LEADERBOARD: Final = "leaderboard.md"
LONGEST_STATUS: Final = 60
NARROW: Final = 21
"""Letters a line of the cells of published figures, of which four fit side by side."""

KEYS: Final = ("rank", "model")


def write_leaderboard(runs: Path | str = "runs", data: str | None = None) -> Path:
    """Bring `leaderboard.md` beside the runs of a dataset up to date and return its path.

    Labels that are not stored with the runs never go into it.

    Raises:
        UserError: no such runs, or damaged ones.
    """
    return write_page(read_results(runs, data), runs)


def write_page(results: Results, runs: Path | str) -> Path:
    """Write `leaderboard.md` of these results beside their runs and return its path.

    Raises:
        UserError: nothing can be written there.
    """
    return RunStore(Path(runs)).write_page(results.dataset, LEADERBOARD, markdown_page(results, runs))


def title(results: Results) -> str:
    """What every page of a leaderboard is called."""
    return f"Leaderboard of {results.dataset}"


def text_page(results: Results, runs: Path | str, shown: View = PLAIN, *, classes: bool = True) -> str:
    """The leaderboard for a terminal of 80 columns.

    Args:
        results: what is shown.
        runs: where they were read from, for the command that makes the page again.
        shown: the view; by default the columns that people ask for first.
        classes: whether the table of every class stands below.
    """
    columns = shown.shown(TEXT)
    ranked = rank(results, replace(shown, columns=columns))
    # The notes have the reasons in full.
    board = ranked.assign(status=[status.partition(":")[0] for status in ranked["status"]])
    if shown.columns is None and (board["status"] == "ok").all():
        columns = tuple(name for name in columns if name != "status")
    costs = [name for name in columns if name not in (*KEYS, *TEXT_SCORES)]
    parts = [columns[2:]] if shown.columns is not None else [TEXT_SCORES, costs]
    blocks: list[Block] = [Lines(heading(results, shown))]
    blocks += [Table("", tables.cells(tables.with_parts(board, [*KEYS, *part])), KEYS) for part in parts]
    if shown.columns is None:
        more = [column.short or name for name, column in COLUMNS.items() if name not in TEXT]
        blocks.append(Sentence(f"More columns with --columns: {', '.join(more)}, all."))
    by_class = tables.cells(class_table(results, board))
    if len(by_class):
        # A model's name stands at its first class only, which shows where the next model begins.
        by_class["model"] = by_class["model"].where(~by_class["model"].duplicated(), "")
    blocks += _below(results, ranked, shown, by_class if classes else by_class.head(0))
    return text_blocks.text_page(title(results), [*blocks, command(results, runs, shown)])


def markdown_page(results: Results, runs: Path | str, shown: View = PLAIN, *, picture: str | None = None) -> str:
    """The leaderboard in GitHub's Markdown.

    Args:
        results, runs, shown: those of `text_page`.
        picture: name of the PNG that lies beside the page, if any, see `reports.leaderboards.board_figure`.
    """
    columns = shown.shown(DEFAULT)
    ranked = rank(results, replace(shown, columns=columns))
    board = ranked.assign(status=statuses(ranked))
    blocks: list[Block] = [Lines(heading(results, shown))]
    if picture:
        blocks.append(Picture(picture, "Accuracies with their intervals"))
    blocks.append(Table("", tables.cells(tables.with_parts(board, columns)), KEYS))
    blocks += _below(results, ranked, shown, tables.cells(class_table(results, ranked)))
    return text_blocks.markdown_page(title(results), [*blocks, command(results, runs, shown)])


def _below(results: Results, ranked: pd.DataFrame, shown: View, classes: pd.DataFrame) -> list[Block]:
    """What stands below the table: notes, how to read it, published figures, what rows are made from, the classes."""
    blocks: list[Block] = []
    if warnings := notes(results):
        blocks.append(Bullets("Notes", warnings))
    blocks.append(Bullets("How to read the table", reading(results, shown)))
    if shown.published:
        published = tables.cells(published_table(ranked))
        blocks += [Table("Published figures", published, ["model"], NARROW), Sentence(published_note(results))]
    if sources := origins(results):
        blocks.append(Bullets("How the rows were made", sources))
    if len(classes):
        blocks.append(Table(f"Per class, on {ranking_split(results)}", classes, ["model", "class"]))
    return blocks


def statuses(board: pd.DataFrame, longest: int = LONGEST_STATUS) -> list[str]:
    """The status of each row in at most `longest` letters, a failure's with the time lost."""
    return [
        tables.shortened(
            status if pd.isna(lost) else status.replace("failed:", f"failed after {lost:,.1f} s:", 1), longest
        )
        for status, lost in zip(board["status"], board["lost_seconds"], strict=True)
    ]


def published_table(board: pd.DataFrame) -> pd.DataFrame:
    """The published rows: figures, what their scores were chosen on, and whether ours can be told apart from them."""
    rows = board[board["status"] == "published"]
    units = (("test_accuracy", 100, "{:.2f} % test"), ("validation_accuracy", 100, "{:.2f} % validation"))
    figures = [
        ", ".join(
            form.format(unit * row[name]) for name, unit, form in (*units, ("mse", 1, "MSE {:.4f}")) if row[name] >= 0
        )
        for row in rows.to_dict("records")
    ]
    rows = rows.assign(published=[text or tables.MISSING for text in figures])
    return rows[["model", "published", "selected_on", "verdict"]]


def command(results: Results, runs: Path | str, shown: View) -> Shell:
    """The command that makes the leaderboard again."""
    options = []
    if shown.metric:
        options.append(f"--metric {shown.metric}")
    if shown.columns:
        chosen = [COLUMNS[name].short or name for name in shown.columns if name not in ALWAYS]
        options.append(f"--columns {'all' if shown.columns == tuple(COLUMNS) else ','.join(chosen) or ALWAYS[0]}")
    if shown.published:
        options.append("--published")
    return made_by("leaderboard", runs, results.dataset, results.labels, options)
