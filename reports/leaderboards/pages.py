"""The leaderboard as a page: by what it is ranked, scores and costs, notes, the classes, and how to make it again."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Final

import pandas as pd

from benchmark.store.run_store import RunStore
from reports.leaderboards.excerpt import APART, PUBLISHED, excerpt, left_out
from reports.leaderboards.notes import heading, notes, origins, published_note, reading
from reports.leaderboards.ranking import class_table, rank, sorting_metric
from reports.leaderboards.results import Results, read_results
from reports.leaderboards.rows import ranking_split
from reports.text import tables, text_blocks
from reports.text.columns import ALWAYS, COLUMNS, DEFAULT, PLAIN, TEXT, TEXT_SCORES, View
from reports.text.text_blocks import Block, Bullets, Lines, Picture, Sentence, Shell, Table, made_by

LEADERBOARD: Final = "leaderboard.md"
LONGEST_STATUS: Final = 60
NARROW: Final = 21
"""Width of a cell of published figures, in letters: four fit side by side."""

KEYS: Final = ("rank", "model")

WHOLE: Final = View(per_class=True)
"""The view of the page that is written after each run."""


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
    return RunStore(Path(runs)).write_page(results.dataset, LEADERBOARD, markdown_page(results, runs, WHOLE))


def title(results: Results) -> str:
    """What every page of a leaderboard is called."""
    return f"Leaderboard of {results.dataset}"


def first_rows(results: Results, count: int) -> str:
    """The best rows in one line: rank, name and score of each."""
    metric = sorting_metric(results, PLAIN)
    ranked = rank(results, View(columns=KEYS))
    ranked = ranked[ranked["rank"].notna()]
    scores = ", ".join(
        f"{row['rank']} {row['model']} {100 * row[metric]:.1f} %" for _, row in ranked.head(count).iterrows()
    )
    return f"{scores} and {len(ranked) - count} more" if len(ranked) > count else scores


def text_page(results: Results, runs: Path | str, shown: View = PLAIN, *, width: int = tables.WIDTH) -> str:
    """The leaderboard for a terminal.

    Args:
        runs: where they were read from, for the command that shows the numbers again.
        shown: the view; by default the columns that people ask for first.
    """
    columns = shown.shown(TEXT)
    ranked = rank(results, replace(shown, columns=columns))
    rows = excerpt(ranked, shown)
    # The notes have the reasons in full.
    board = _main(rows).assign(status=lambda frame: [status.partition(":")[0] for status in frame["status"]])
    if shown.columns is None:
        # What no row has would only take the width of the terminal: test, where its labels are sealed.
        empty = {name for name in columns if ranked[name].isna().all() and name != sorting_metric(results, shown)}
        empty |= {"status"} if (board["status"] == "ok").all() else set()
        columns = tuple(name for name in columns if name not in empty)
    scores = [name for name in columns if name in TEXT_SCORES]
    costs = [name for name in columns if name not in (*KEYS, *scores)]
    # Of one table each screen would begin anywhere, so that scores and costs are two where they do not fit in one.
    parts = [columns[2:]] if shown.columns is not None or width > tables.WIDTH else [scores, costs]
    blocks: list[Block] = [Lines([*heading(results, shown), *left_out(ranked, rows)])]
    blocks += [Table("", tables.cells(tables.with_parts(board, [*KEYS, *part])), KEYS) for part in parts]
    if shown.columns is None:
        more = ", ".join(name for name in COLUMNS if name not in TEXT)
        blocks.append(Sentence(f"More columns with --columns: {more}, all. Scores of each class with --per-class."))
    blocks += _below(results, rows, shown, NARROW * width // tables.WIDTH)
    if shown.per_class:
        by_class = tables.cells(class_table(results, board))
        # A model's name stands at its first class only, which shows where the next model begins.
        by_class["model"] = by_class["model"].where(~by_class["model"].duplicated(), "")
        blocks += _classes(results, by_class)
    return text_blocks.text_page(title(results), [*blocks, *command(results, runs, shown)], width)


def markdown_page(results: Results, runs: Path | str, shown: View = PLAIN, *, picture: str | None = None) -> str:
    """The leaderboard in GitHub's Markdown, with the PNG of `board_figure` if one lies beside it."""
    columns = shown.shown(DEFAULT)
    ranked = rank(results, replace(shown, columns=columns))
    rows = excerpt(ranked, shown)
    board = _main(rows).assign(status=statuses)
    blocks: list[Block] = [Lines([*heading(results, shown), *left_out(ranked, rows)])]
    if picture:
        blocks.append(Picture(picture, "Accuracies with their intervals"))
    blocks.append(Table("", tables.cells(tables.with_parts(board, columns)), KEYS))
    blocks += _below(results, rows, shown)
    if shown.per_class:
        blocks += _classes(results, tables.cells(class_table(results, rows)))
    return text_blocks.markdown_page(title(results), [*blocks, *command(results, runs, shown)])


def _main(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of the table that ranks: published figures of other data are not among them."""
    return rows[rows["status"] != APART]


def _below(results: Results, rows: pd.DataFrame, shown: View, widest: int = NARROW) -> list[Block]:
    """What stands below the table: notes, how to read it, published figures, and what rows are made from."""
    blocks: list[Block] = []
    names = set(rows["model"])
    if warnings := notes(results, names, shown):
        blocks.append(Bullets("Notes", warnings))
    if sentences := reading(results, shown):
        blocks.append(Bullets("How to read the table", sentences))
    if shown.published:
        for heading, published in published_tables(rows).items():
            blocks.append(Table(heading, tables.cells(published), ["model"], widest))
        blocks.append(Sentence(published_note(results)))
    if sources := origins(results, names):
        blocks.append(Bullets("How the rows were made", sources))
    return blocks


def _classes(results: Results, classes: pd.DataFrame) -> list[Block]:
    heading = f"Per class, on {ranking_split(results)}"
    return [Table(heading, classes, ["model", "class"])] if len(classes) else []


def statuses(board: pd.DataFrame, longest: int = LONGEST_STATUS) -> list[str]:
    """The status of each row in at most `longest` letters, a failure's with the time lost."""
    return [
        tables.shortened(
            status if pd.isna(lost) else status.replace("failed:", f"failed after {lost:,.1f} s:", 1), longest
        )
        for status, lost in zip(board["status"], board["lost_seconds"], strict=True)
    ]


def published_tables(board: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The published rows by heading, those that stand between ours first: `_figures` of each kind that there is."""
    headings = {
        PUBLISHED: "Published figures",
        APART: "Published figures of other data, other classes or an unknown split",
    }
    kinds = {heading: board[board["status"] == status] for status, heading in headings.items()}
    return {heading: _figures(rows) for heading, rows in kinds.items() if len(rows)}


def _figures(rows: pd.DataFrame) -> pd.DataFrame:
    """Figures, what their scores were chosen on, and whether ours differ significantly from them."""
    units = (("test_accuracy", 100, "{:.2f} % test"), ("validation_accuracy", 100, "{:.2f} % validation"))
    figures = [
        ", ".join(
            form.format(unit * row[name]) for name, unit, form in (*units, ("mse", 1, "MSE {:.4f}")) if row[name] >= 0
        )
        for row in rows.to_dict("records")
    ]
    rows = rows.assign(published=[text or tables.MISSING for text in figures])
    return rows[["model", "published", "selected_on", "verdict"]]


def command(results: Results, runs: Path | str, shown: View) -> list[Shell]:
    """The command that makes the leaderboard again; none where its labels are in no file."""
    options = []
    if shown.metric:
        options.append(f"--metric {shown.metric}")
    if shown.columns:
        chosen = [name for name in shown.columns if name not in ALWAYS]
        options.append(f"--columns {'all' if shown.columns == tuple(COLUMNS) else ','.join(chosen) or ALWAYS[0]}")
    if shown.published:
        options.append("--published")
    if shown.top is not None:
        options.append(f"--top {shown.top}")
    if shown.per_class:
        options.append("--per-class")
    return made_by(shlex.join(["leaderboard", *shown.models]), runs, results.dataset, results.labels, options)
