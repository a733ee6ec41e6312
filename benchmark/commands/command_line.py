"""What the three command lines share: how a command is called and how it ends."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from zoo.errors import UserError

OK: Final = 0
FAILED: Final = 1
INTERRUPTED: Final = 130

Command = Callable[[argparse.Namespace], int | None]


def call(parser: argparse.ArgumentParser, argv: Sequence[str] | None = None) -> int:
    """Parse `argv`, call the chosen command and return the exit code.

    Each subparser sets `command` to a function that takes the arguments and returns an exit code (None for 0).
    A `UserError` becomes one line on standard error and its exit code, usually 2; any other exception keeps its
    traceback.

    Args:
        parser: with its subcommands.
        argv: without the program's name; those of the process by default.
    """
    arguments = parser.parse_args(argv)
    command: Command = arguments.command
    try:
        return command(arguments) or OK
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted; what is stored stays, the same command goes on", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (`| head`) has gone; point stdout at nothing so that Python's exit does not complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def add_store_arguments(parser: argparse.ArgumentParser, data_help: str) -> None:
    """Add `--runs` and `--data`, which every command on stored runs takes."""
    add_runs_argument(parser)
    parser.add_argument("--data", metavar="NAME", help=data_help)


def add_runs_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--runs`, which every command that reads or writes runs takes."""
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR", help="where runs are (default: runs)")
