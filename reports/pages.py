"""The leaderboard as a page: by what it is ranked, scores and costs, the classes, and how to make it again."""

import shlex
import textwrap
from pathlib import Path
from typing import Final

import pandas as pd

from benchmark.store import RunStore
from reports import tables
from reports.ranking import SCORE_COLUMNS, class_table, members, notes, rank, ranking_split
from reports.results import Results, read_results

LEADERBOARD: Final = "leaderboard.md"
LONGEST_STATUS: Final = 60


def write_leaderboard(runs: Path | str = "runs", data: str | None = None) -> Path:
    """Bring `leaderboard.md` beside the runs of a dataset up to date and return its path.

    Labels that are not stored with the runs never go into it.

    Raises:
        UserError: no such runs, or damaged ones.
    """
    results = read_results(runs, data)
    return RunStore(Path(runs)).write_page(results.dataset, LEADERBOARD, markdown_page(results, runs))


def text_page(results: Results, runs: Path | str, *, classes: bool = True) -> str:
    """The leaderboard for a terminal of 80 columns.

    Args:
        results: what is shown.
        runs: where they were read from, for the command that makes the page again.
        classes: whether the table of every class stands below.
    """
    title = f"Leaderboard of {results.dataset}"
    lines = [title, "=" * len(title), *_wrapped(_counts(results)), *_wrapped(heading(results))]
    lines += [line for note in notes(results) for line in _wrapped(f"NOTE: {note}")]
    board = rank(results)
    # The notes have the reasons in full.
    board["status"] = [status.partition(":")[0] for status in board["status"]]
    keys = ["rank", "model"]
    scores = [name for name in board.columns if name.removesuffix("_std") in SCORE_COLUMNS]
    lines += ["", tables.text_tables(tables.cells(board[keys + scores]), keys)]
    lines += ["", tables.text_tables(tables.cells(board.drop(columns=scores)), keys)]
    if combined := members(results):
        lines += ["", *[line for sentence in combined for line in _wrapped(sentence)]]
    by_class = class_table(results, board)
    if classes and len(by_class):
        lines += ["", f"Per class, on {ranking_split(results)}", "", _grouped(by_class)]
    lines += ["", "Made by:", "", *_command(results, runs)]
    return "\n".join(lines) + "\n"


def markdown_page(results: Results, runs: Path | str) -> str:
    """The leaderboard in GitHub's Markdown. Arguments are those of `text_page`."""
    lines = [f"# Leaderboard of {tables.markdown(results.dataset)}", "", _counts(results)]
    lines += ["", tables.markdown(heading(results))]
    found = notes(results)
    if found:
        lines += ["", *[f"- **Note:** {tables.markdown(note)}" for note in found]]
    board = rank(results)
    board["status"] = [tables.shortened(status, LONGEST_STATUS) for status in board["status"]]
    lines += ["", tables.markdown_table(tables.cells(board))]
    if combined := members(results):
        lines += ["", *[f"- {tables.markdown(sentence)}" for sentence in combined]]
    classes = class_table(results, board)
    if len(classes):
        lines += ["", f"## Per class, on {ranking_split(results)}", ""]
        lines += [tables.markdown_table(tables.cells(classes))]
    lines += ["", "Made by:", "", *_command(results, runs)]
    return "\n".join(lines) + "\n"


def heading(results: Results) -> str:
    """By what the rows are ranked, and why; and what the columns are about whose names leave it open."""
    split = ranking_split(results)
    if split == "test":
        reason = f" (labels: {results.labels.name})" if results.labels else ""
    elif "test" in results.images:
        reason = ": the test labels are sealed"
    else:
        reason = ": no run has test predictions"
    return (
        f"Ranked by {split} accuracy{reason}. Macro F1, log loss and MSE are those of {split}. "
        "A value after ± is the standard deviation over seeds."
    )


def _counts(results: Results) -> str:
    images = [f"{results.images.get(split, 0):,} {split} images" for split in ("validation", "test")]
    return f"{len(results.class_names)} classes, {' and '.join(images)}."


def _grouped(classes: pd.DataFrame) -> str:
    # A model's name stands at its first class only, which shows where the next model begins.
    shown = tables.cells(classes)
    shown["model"] = shown["model"].where(~shown["model"].duplicated(), "")
    return tables.text_tables(shown, ["model", "class"])


def _command(results: Results, runs: Path | str) -> list[str]:
    # Indented by four, which is code in Markdown as well; one option a line where it would not fit on one.
    options = [f"--data {shlex.quote(results.dataset)}"]
    if Path(runs) != Path("runs"):
        options.append(f"--runs {shlex.quote(str(runs))}")
    if results.labels:
        options.append(f"--labels {shlex.quote(str(results.labels))}")
    command = ["python -m reports leaderboard", *options]
    if sum(len(part) + 1 for part in command) + 3 <= tables.WIDTH:
        return [f"    {' '.join(command)}"]
    return [f"    {part} \\" for part in command[:-1]] + [f"    {command[-1]}"]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(tables.one_line(text), tables.WIDTH, break_on_hyphens=False)
