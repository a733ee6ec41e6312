"""The leaderboard as a page: by what it is ranked, scores and costs, the classes, and how to make it again."""

import shlex
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import quote

import pandas as pd

from benchmark.store.run_store import RunStore
from reports.leaderboards.notes import heading, notes, origins, published_note
from reports.leaderboards.ranking import class_table, rank, sorting_metric
from reports.leaderboards.results import Results, read_results
from reports.leaderboards.rows import ACCURACIES, ranking_split
from reports.text import tables
from reports.text.columns import ALWAYS, COLUMNS, DEFAULT, PLAIN, TEXT, TEXT_SCORES, View
from reports.text.text_blocks import shell_lines

LEADERBOARD: Final = "leaderboard.md"
LONGEST_STATUS: Final = 60
NARROW: Final = 21
"""Letters a line of the cells of published figures, of which four fit side by side."""


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


def text_page(results: Results, runs: Path | str, shown: View = PLAIN, *, classes: bool = True) -> str:
    """The leaderboard for a terminal of 80 columns.

    Args:
        results: what is shown.
        runs: where they were read from, for the command that makes the page again.
        shown: the view; by default the columns that people ask for first.
        classes: whether the table of every class stands below.
    """
    title = f"Leaderboard of {results.dataset}"
    lines = [title, "=" * len(title), *_wrapped(counts(results)), *_wrapped(heading(results, shown))]
    lines += [line for note in notes(results) for line in _wrapped(f"NOTE: {note}")]
    columns = shown.shown(TEXT)
    ranked = rank(results, replace(shown, columns=columns))
    # The notes have the reasons in full.
    board = ranked.assign(status=[status.partition(":")[0] for status in ranked["status"]])
    keys = ["rank", "model"]
    costs = [name for name in columns if name not in (*keys, *TEXT_SCORES)]
    for part in [TEXT_SCORES, costs] if shown.columns is None else [columns[2:]]:
        lines += ["", tables.text_tables(tables.cells(tables.with_parts(board, [*keys, *part])), keys)]
    if shown.columns is None:
        more = [column.short or name for name, column in COLUMNS.items() if name not in columns]
        lines += ["", *_wrapped(f"More columns with --columns: {', '.join(more)}, all.")]
    if shown.published:
        text = tables.text_tables(tables.cells(published_table(ranked)), ["model"], NARROW)
        lines += ["", "Published figures", "", *_wrapped(published_note(results)), "", text]
    if told := origins(results):
        lines += ["", *[line for sentence in told for line in _wrapped(sentence)]]
    by_class = class_table(results, board)
    if classes and len(by_class):
        lines += ["", f"Per class, on {ranking_split(results)}", "", _grouped(by_class)]
    lines += ["", "Made by:", "", *command(results, runs, shown)]
    return "\n".join(lines) + "\n"


def markdown_page(results: Results, runs: Path | str, shown: View = PLAIN, *, picture: str | None = None) -> str:
    """The leaderboard in GitHub's Markdown.

    Args:
        results, runs, shown: those of `text_page`.
        picture: name of the PNG that lies beside the page, if any, see `picture`.
    """
    lines = [f"# Leaderboard of {tables.markdown(results.dataset)}", "", counts(results)]
    lines += ["", tables.markdown(heading(results, shown))]
    found = notes(results)
    if found:
        lines += ["", *[f"- **Note:** {tables.markdown(note)}" for note in found]]
    columns = shown.shown(DEFAULT)
    ranked = rank(results, replace(shown, columns=columns))
    board = ranked.assign(status=statuses(ranked))
    if picture:
        lines += ["", f"![Accuracies with their intervals]({quote(picture)})"]
    lines += ["", tables.markdown_table(tables.cells(tables.with_parts(board, columns)))]
    if shown.published:
        lines += ["", "## Published figures", "", tables.markdown(published_note(results)), ""]
        lines += [tables.markdown_table(tables.cells(published_table(ranked)))]
    if told := origins(results):
        lines += ["", *[f"- {tables.markdown(sentence)}" for sentence in told]]
    classes = class_table(results, ranked)
    if len(classes):
        lines += ["", f"## Per class, on {ranking_split(results)}", ""]
        lines += [tables.markdown_table(tables.cells(classes))]
    lines += ["", "Made by:", "", *command(results, runs, shown)]
    return "\n".join(lines) + "\n"


def picture(results: Results, shown: View = PLAIN) -> bytes | None:
    """The accuracies of the leaderboard as a PNG; None where no row has any. Arguments are those of `text_page`."""
    from reports.leaderboards.board_figure import accuracies

    split = ACCURACIES.get(sorting_metric(results, shown), ranking_split(results))
    board = rank(results, replace(shown, columns=(), published=False))
    return accuracies(board, split, results.dataset) if board[f"{split}_accuracy_low"].notna().any() else None


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
    percent = [("test", rows["test_accuracy"]), ("validation", rows["validation_accuracy"])]
    figures = pd.DataFrame({split: [_figure(value, split) for value in values] for split, values in percent})
    figures["mse"] = [None if pd.isna(value) else f"MSE {value:.4f}" for value in rows["mse"]]
    published = [
        ", ".join(found) or tables.MISSING for found in figures.apply(lambda row: row.dropna().tolist(), axis=1)
    ]
    return rows[["model", "selected_on", "verdict"]].assign(published=published)[
        ["model", "published", "selected_on", "verdict"]
    ]


def _figure(accuracy: float, split: str) -> str | None:
    return None if pd.isna(accuracy) else f"{100 * accuracy:.2f} % {split}"


def counts(results: Results) -> str:
    """How many classes and images the scores are of."""
    images = [f"{results.images.get(split, 0):,} {split} images" for split in ("validation", "test")]
    return f"{len(results.class_names)} classes, {' and '.join(images)}."


def command(results: Results, runs: Path | str, shown: View) -> list[str]:
    """The command that makes the leaderboard again, see `reports.text.text_blocks.shell_lines`."""
    options = [f"--data {shlex.quote(results.dataset)}"]
    if Path(runs) != Path("runs"):
        options.append(f"--runs {shlex.quote(str(runs))}")
    if results.labels:
        options.append(f"--labels {shlex.quote(str(results.labels))}")
    if shown.metric:
        options.append(f"--metric {shown.metric}")
    if shown.columns:
        chosen = [COLUMNS[name].short or name for name in shown.columns if name not in ALWAYS]
        options.append(f"--columns {'all' if shown.columns == tuple(COLUMNS) else ','.join(chosen) or ALWAYS[0]}")
    if shown.published:
        options.append("--published")
    return shell_lines(["python -m reports leaderboard", *options])


def _grouped(classes: pd.DataFrame) -> str:
    # A model's name stands at its first class only, which shows where the next model begins.
    shown = tables.cells(classes)
    shown["model"] = shown["model"].where(~shown["model"].duplicated(), "")
    return tables.text_tables(shown, ["model", "class"])


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(tables.one_line(text), tables.WIDTH, break_on_hyphens=False)
