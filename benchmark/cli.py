"""`python -m benchmark`: its subcommands are in `benchmark.commands`."""

import argparse
from collections.abc import Sequence

from benchmark.commands.command_line import call, command_line
from benchmark.commands.data_commands import add_data
from benchmark.commands.model_commands import add_export, add_predict
from benchmark.commands.run_commands import add_run, add_tune
from benchmark.commands.store_commands import add_check, add_list, add_publish

EXAMPLES = """\
examples:
  python -m benchmark run vggnet
  python -m benchmark run --help
"""


def parser() -> argparse.ArgumentParser:
    """The parser of `python -m benchmark` with its subcommands."""
    description = "Train image classifiers under one protocol and store what they predict."
    adders = (add_run, add_tune, add_list, add_check, add_data, add_export, add_predict, add_publish)
    return command_line("benchmark", description, EXAMPLES, adders)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, 1 if a run failed, 2 if the user can correct something."""
    return call(parser(), argv)
