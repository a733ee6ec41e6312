"""`python -m reports leaderboard`."""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmark.commands.command_line import LABEL_FILES, LABELS_HELP, add_command, add_store_arguments
from zoo.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from reports.leaderboards.results import Results
    from reports.text.columns import View

LEADERBOARD: Final = f"""\
rank every stored run

Rank every stored run by test accuracy, or by validation accuracy if the test
labels are missing. Scores are recomputed from the stored predictions and have
95 % intervals. Rows of one rank do not differ significantly from the first of
them by a paired test. Ranks and tests are those of all rows, also where only
some are shown, and the rows left out are counted.

examples:
  python -m reports leaderboard
  python -m reports leaderboard '*res*' --top 5
  python -m reports leaderboard --data faces --format md -o leaderboard.md
  python -m reports leaderboard --labels test_labels.csv
  python -m reports leaderboard --metric log_loss --columns test_accuracy,ece
  python -m reports leaderboard --published --format html -o leaderboard.html

A PATTERN is a row's name, or has * and ?: quote it, or the shell puts names of
files in its place.

{LABEL_FILES}Labels without ids are in the order of the test samples. Labels are not stored.

Columns, named as in CSV, JSON and Python: validation_accuracy, test_accuracy,
drop, macro_f1, log_loss, mse, ece, parameters, operations, model_bytes,
train_seconds, milliseconds_per_image, milliseconds_one_image, weights, tta,
seeds, device, training_precision, status; and on request kind, recipe, p_value,
selected_on, verdict, lost_seconds. Short for some of them: validation, test,
f1, flops, size, train, latency, alone, precision, p, chosen_on, lost.
"""

FORMATS: Final = ("text", "md", "html", "csv", "json")


def add_leaderboard(commands: Any) -> None:
    command = add_command(commands, "leaderboard", _leaderboard, LEADERBOARD)
    command.add_argument("models", nargs="*", metavar="PATTERN", help="show only the rows with such names")
    command.add_argument("--top", type=int, metavar="N", help="show only the first N of them")
    command.add_argument("--per-class", action="store_true", help="show the scores of every class, too")
    command.add_argument("--format", choices=FORMATS, help="default: the ending of the output file, else text")
    command.add_argument("--metric", metavar="COLUMN", help="sort by this column (default: accuracy)")
    command.add_argument(
        "--columns", metavar="A,B,C", help="columns to show besides rank, model and status; all for every one"
    )
    command.add_argument("--published", action="store_true", help="show published figures, too")
    command.add_argument("--labels", type=Path, metavar="FILE", help=LABELS_HELP)
    command.add_argument("-o", "--output", type=Path, metavar="FILE", help="write to FILE instead of printing")
    add_store_arguments(command)


def _leaderboard(arguments: argparse.Namespace) -> None:
    from reports.leaderboards import pages
    from reports.leaderboards.html import html_page
    from reports.leaderboards.results import read_results
    from reports.text import tables
    from reports.text.columns import view
    from reports.text.writing import write_file

    ending = arguments.output.suffix.removeprefix(".").lower() if arguments.output else ""
    arguments.format = arguments.format or (ending if ending in FORMATS else "text")
    shown = view(
        arguments.metric,
        arguments.columns,
        published=arguments.published,
        models=arguments.models,
        top=arguments.top,
        per_class=arguments.per_class,
    )
    results = read_results(arguments.runs, arguments.data, arguments.labels)
    width = tables.WIDTH if arguments.output else tables.terminal_width()
    pages_by_format: dict[str, Callable[[Results, Path, View], str]] = {
        "text": partial(pages.text_page, width=width),
        "md": pages.markdown_page,
        "html": html_page,
        "csv": partial(_data, tables.csv_table),
        "json": partial(_data, tables.json_table),
    }
    if arguments.format == "md" and arguments.output is not None:
        _markdown_with_picture(results, arguments, shown)
        return
    text = pages_by_format[arguments.format](results, arguments.runs, shown)
    if arguments.output is None:
        print(text, end="")
    else:
        print(f"leaderboard of {results.dataset} written to {write_file(arguments.output, text)}")


def _data(write: "Callable[[pd.DataFrame], str]", results: "Results", _: Path, shown: "View") -> str:
    """The rows, or those of their classes, as CSV or JSON.

    These have no place for the notes, which go to standard error, not to be missed.
    """
    from reports.leaderboards import notes
    from reports.leaderboards.excerpt import excerpt, left_out
    from reports.leaderboards.ranking import class_table, rank
    from reports.text.tables import with_parts

    every = rank(results, shown)
    board = excerpt(every, shown)
    lines = [*notes.heading(results, shown), *left_out(every, board), *notes.notes(results, set(board["model"]), shown)]
    lines += [*notes.reading(results, shown), *([notes.published_note(results)] if shown.published else [])]
    print("\n".join(lines), file=sys.stderr)
    if shown.per_class:
        return write(class_table(results, board))
    return write(board if shown.columns is None else with_parts(board, shown.columns))


def _markdown_with_picture(results: "Results", arguments: argparse.Namespace, shown: "View") -> None:
    from reports.leaderboards.board_figure import picture
    from reports.leaderboards.pages import markdown_page
    from reports.text.writing import write_file

    beside = arguments.output.with_suffix(".png")
    if beside == arguments.output:
        raise UserError(f"cannot write {beside}: the page's picture has that name, call the page .md")
    drawn = picture(results, shown)
    page = markdown_page(results, arguments.runs, shown, picture=beside.name if drawn else None)
    written = f"leaderboard of {results.dataset} written to {write_file(arguments.output, page)}"
    print(f"{written}, its picture to {write_file(beside, drawn)}" if drawn else written)
