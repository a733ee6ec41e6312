"""`python -m reports`: its subcommands are in `reports.commands`."""

import argparse
from collections.abc import Sequence

from benchmark.commands.command_line import call, command_line
from reports.commands.leaderboard_command import add_leaderboard
from reports.commands.submission_commands import add_score, add_submission
from reports.commands.view_commands import add_compare, add_ensemble, add_model

EXAMPLES = """\
examples:
  python -m reports leaderboard
  python -m reports model cnn4
  python -m reports compare cnn7 cnn4
  python -m reports submission cnn4 -o submission.csv
"""


def parser() -> argparse.ArgumentParser:
    """The parser of `python -m reports` with its subcommands."""
    description = "Reports on stored runs: leaderboard, pages on models, submissions."
    adders = (add_leaderboard, add_model, add_compare, add_ensemble, add_submission, add_score)
    return command_line("reports", description, EXAMPLES, adders)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    return call(parser(), argv)
