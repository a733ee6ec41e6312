"""`python -m benchmark`: its subcommands, which `benchmark.commands` has."""

import argparse
from collections.abc import Sequence

from benchmark.commands.command_line import call
from benchmark.commands.data_commands import add_data
from benchmark.commands.model_commands import add_export, add_predict
from benchmark.commands.run_commands import add_run, add_tune
from benchmark.commands.store_commands import add_check, add_list, add_publish


def parser() -> argparse.ArgumentParser:
    """The parser of `python -m benchmark` with its subcommands."""
    top = argparse.ArgumentParser(
        prog="python -m benchmark",
        description="Train image classifiers under one protocol and store what they predict.",
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for add in (add_run, add_tune, add_list, add_check, add_data, add_export, add_predict, add_publish):
        add(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, 1 where a run failed, 2 where the user can mend something."""
    return call(parser(), argv)
