"""`python -m ensembles`: its subcommands are in `ensembles.commands`."""

import argparse
from collections.abc import Sequence

from benchmark.commands.command_line import call, command_line
from ensembles.commands.build_command import add_build
from ensembles.commands.ensemble_commands import add_explain, add_export
from ensembles.commands.import_command import add_import
from ensembles.commands.training_commands import add_distill, add_soft_targets, add_train

EXAMPLES = """\
examples:
  python -m ensembles build mlp,cnn4,cnn7
  python -m ensembles build --help
"""


def parser() -> argparse.ArgumentParser:
    """The parser of `python -m ensembles` with its subcommands."""
    description = "Combine the stored predictions of several runs."
    adders = (add_build, add_import, add_explain, add_export, add_train, add_distill, add_soft_targets)
    return command_line("ensembles", description, EXAMPLES, adders)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    return call(parser(), argv)
