"""`python -m reports`: parse, call, print. The work is in the calls of `reports`, which a notebook makes as well."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmark.command_line import add_store_arguments, call
from reports.submission_commands import add_submission_commands
from reports.view_commands import add_view_commands

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
"""

LEADERBOARD_EXAMPLES: Final = """\
examples:
  python -m reports leaderboard
  python -m reports leaderboard --data faces --format md -o leaderboard.md
  python -m reports leaderboard --labels test_labels.csv

FILE has a header with an id column (id or sample_id) and a label column
(emotion, label or class), or is one label a line in the order of the test
images. A label is an integer or a class name. Nothing of it is stored.
"""


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
    leaderboard.add_argument("--format", choices=("text", "md", "csv", "json"), default="text", help="default: text")
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
    from reports import pages, ranking, tables
    from reports.results import read_results
    from reports.writing import write_file

    results = read_results(arguments.runs, arguments.data, arguments.labels)
    if arguments.format == "text":
        text = pages.text_page(results, arguments.runs)
    elif arguments.format == "md":
        text = pages.markdown_page(results, arguments.runs)
    else:
        write = tables.csv_table if arguments.format == "csv" else tables.json_table
        text = write(ranking.rank(results))
        # There is no place for them in the data, and whoever reads it must not miss them.
        print("\n".join([pages.heading(results), *ranking.notes(results)]), file=sys.stderr)
    if arguments.output is None:
        print(text, end="")
    else:
        print(f"leaderboard of {results.dataset} written to {write_file(arguments.output, text)}")
