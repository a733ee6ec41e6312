"""`python -m reports`: parse, call, print. The work is in the calls of `reports`, which a notebook makes as well."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmark.commands.command_line import add_store_arguments, call
from reports.commands.submission_commands import add_submission_commands
from reports.commands.view_commands import add_view_commands
from zoo.errors import UserError

if TYPE_CHECKING:
    from reports.leaderboards.results import Results
    from reports.text.columns import View

EXAMPLES: Final = """\
examples:
  python -m reports leaderboard
  python -m reports model cnn4
  python -m reports compare cnn7 cnn4
  python -m reports submission cnn4 -o submission.csv
"""

LEADERBOARD_HELP: Final = """\
Rank every stored run by test accuracy, or by validation accuracy where the
test labels are absent. Scores are recomputed from the stored predictions.
Each has its 95 % interval; rows that share a rank are not separated from the
first of them by a paired test. No option hides a row.
"""

LEADERBOARD_EXAMPLES: Final = """\
examples:
  python -m reports leaderboard
  python -m reports leaderboard --data faces --format md -o leaderboard.md
  python -m reports leaderboard --labels test_labels.csv
  python -m reports leaderboard --metric log-loss --columns test,log-loss,ece
  python -m reports leaderboard --published --format html -o leaderboard.html

FILE has a header with an id column (id or sample_id) and a label column
(emotion, label or class), or is one label a line in the order of the test
images. A label is an integer or a class name. Nothing of it is stored.

Columns: validation, test, drop, f1, log-loss, mse, ece, parameters, flops,
size, train, latency, alone, weights, tta, seeds, device, precision, status, and
on request kind, recipe, p, chosen-on, verdict, lost.
"""


FORMATS: Final = ("text", "md", "html", "csv", "json")


def parser() -> argparse.ArgumentParser:
    """The command line with its subcommands."""
    top = argparse.ArgumentParser(
        prog="python -m reports",
        description="Views of stored runs: a leaderboard, one model or two, a submission.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")

    leaderboard = commands.add_parser(
        "leaderboard",
        help="rank every stored run",
        description=LEADERBOARD_HELP,
        epilog=LEADERBOARD_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    leaderboard.add_argument("--format", choices=FORMATS, help="default: what FILE ends with, else text")
    leaderboard.add_argument("--metric", metavar="COLUMN", help="sort by any column (default: accuracy)")
    leaderboard.add_argument("--columns", metavar="A,B,C", help="show these, or all; rank, model, status always")
    leaderboard.add_argument("--published", action="store_true", help="with published figures between the rows")
    leaderboard.add_argument("--labels", type=Path, metavar="FILE", help="test labels to score with")
    leaderboard.add_argument("-o", "--output", type=Path, metavar="FILE", help="write there instead of printing")
    add_store_arguments(leaderboard, "dataset, where runs on several are stored")
    leaderboard.set_defaults(command=_leaderboard)

    add_view_commands(commands)
    add_submission_commands(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    return call(parser(), argv)


def _leaderboard(arguments: argparse.Namespace) -> None:
    from reports.leaderboards import notes, pages
    from reports.leaderboards.html import html_page
    from reports.leaderboards.ranking import rank
    from reports.leaderboards.results import read_results
    from reports.text import tables
    from reports.text.columns import view
    from reports.text.writing import write_file

    ending = arguments.output.suffix.removeprefix(".").lower() if arguments.output else ""
    arguments.format = arguments.format or (ending if ending in FORMATS else "text")
    shown = view(arguments.metric, arguments.columns, published=arguments.published)
    results = read_results(arguments.runs, arguments.data, arguments.labels)
    pages_by_format: dict[str, Callable[[Results, Path, View], str]] = {
        "text": pages.text_page,
        "md": pages.markdown_page,
        "html": html_page,
    }
    if arguments.format == "md" and arguments.output is not None:
        _markdown_with_picture(results, arguments, shown)
        return
    if arguments.format in pages_by_format:
        text = pages_by_format[arguments.format](results, arguments.runs, shown)
    else:
        write = tables.csv_table if arguments.format == "csv" else tables.json_table
        board = rank(results, shown)
        text = write(board if shown.columns is None else tables.with_parts(board, shown.columns))
        # There is no place for them in the data, and whoever reads it must not miss them.
        published = [notes.published_note(results)] if shown.published else []
        print("\n".join([notes.heading(results, shown), *notes.notes(results), *published]), file=sys.stderr)
    if arguments.output is None:
        print(text, end="")
    else:
        print(f"leaderboard of {results.dataset} written to {write_file(arguments.output, text)}")


def _markdown_with_picture(results: "Results", arguments: argparse.Namespace, shown: "View") -> None:
    from reports.leaderboards import pages
    from reports.text.writing import write_file

    beside = arguments.output.with_suffix(".png")
    if beside == arguments.output:
        raise UserError(f"cannot write {beside}: it is the name of the picture beside the page, call the page .md")
    drawn = pages.picture(results, shown)
    page = pages.markdown_page(results, arguments.runs, shown, picture=beside.name if drawn else None)
    written = f"leaderboard of {results.dataset} written to {write_file(arguments.output, page)}"
    print(f"{written}, its picture to {write_file(beside, drawn)}" if drawn else written)
