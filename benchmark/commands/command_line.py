"""What the three command lines share: how commands are declared, called and ended."""

import argparse
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, NoReturn

from zoo.errors import UserError

OK: Final = 0
FAILED: Final = 1
INTERRUPTED: Final = 130
TERMINATED: Final = 143

STORE: Final = Path("runs")
"""Where runs are stored, unless `--runs` names another directory."""

RUN_HELP: Final = "a model, model@hash, model-hash/seed-0, an ensemble, or best"
LABELS_HELP: Final = "true labels of the test samples, to score with"

LABEL_FILES: Final = """\
The file of labels has a header with an id column (id, sample_id, image_id,
image, filename, ...) and a label column (emotion, label, class, target,
category, ...), or one label per line. Ids may be file names, with or without
folders and suffix, or have lost leading zeros, if each still means one sample.
A label is a class name in any case, or an integer: the class of that name where
classes are called by numbers, else FER-2013's or the position from 0.
"""

Command = Callable[[argparse.Namespace], int | None]


class Parser(argparse.ArgumentParser):
    """Answers a mistake with one line, as every command does, in place of a page of usage."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse all that is given: what a subcommand does not know is its own mistake, told with its own help."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            option = next((word for word in unknown if word.startswith("-")), unknown[0]).partition("=")[0]
            known = [name for action in self._actions for name in action.option_strings]
            close = get_close_matches(option, known, n=1, cutoff=0.75)
            self.error(f"unrecognized arguments: {' '.join(unknown)}{f': did you mean {close[0]}?' if close else ''}")
        return found, unknown

    def error(self, message: str) -> NoReturn:
        """Print the line and end with exit code 2."""
        invalid = re.search(r"invalid choice: '(.*)' \(choose from (.*)\)", message)
        if invalid:
            close = get_close_matches(invalid[1], re.findall(r"[\w-]+", invalid[2]), n=1)
            message += f": did you mean {close[0]}?" if close else ""
        self.exit(2, f"error: {message}; `{self.prog} --help` shows what there is\n")


def command_line(
    package: str, description: str, examples: str, adders: Sequence[Callable[[Any], None]]
) -> argparse.ArgumentParser:
    """The parser of `python -m PACKAGE`; each of `adders` adds one subcommand."""
    parser = Parser(
        prog=f"python -m {package}",
        description=description,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for add in adders:
        add(commands)
    return parser


def add_command(
    commands: Any, name: str, command: Command, text: str, *, continues: bool = False
) -> argparse.ArgumentParser:
    """Add the subcommand `name`, which calls `command`.

    The parts of the text are separated by blank lines: one line for the list of subcommands, one paragraph above the
    arguments, and anything else below them. The command returns an exit code, None for 0. One that `continues` goes on
    where it was interrupted.
    """
    help, description, *epilog = text.split("\n\n", 2)
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=help,
        description=description,
        epilog="".join(epilog),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=command, continues=continues)
    return parser


def call(parser: argparse.ArgumentParser, argv: Sequence[str] | None = None) -> int:
    """Parse `argv`, call the chosen command and return the exit code.

    A `UserError` becomes one line on standard error and its exit code, usually 2; any other exception keeps its
    traceback.
    """
    arguments = parser.parse_args(argv)
    command: Command = arguments.command
    terminated = threading.Event()
    try:
        with _heeding(terminated):
            return command(arguments) or OK
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        continues = ", and the same command continues" if arguments.continues else ""
        print(f"interrupted; stored runs are kept{continues}", file=sys.stderr)
        return TERMINATED if terminated.is_set() else INTERRUPTED
    except BrokenPipeError:
        # The reader (`| head`) has gone; point stdout at nothing so that Python's exit does not complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


@contextmanager
def _heeding(terminated: threading.Event) -> Iterator[None]:
    """Within, SIGTERM, as of `kill`, a cluster's scheduler or a container, ends a command as Ctrl-C does.

    The event tells the two apart. A handler that is there already stays, and so does all outside of the main thread.
    """

    def interrupt(*_: object) -> NoReturn:
        terminated.set()
        raise KeyboardInterrupt

    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def spelled(arguments: argparse.Namespace, names: Sequence[str], by: str | None = None) -> list[str]:
    """The names of runs, with `best` replaced by the leaderboard's first row; a note on standard error says which.

    `by` is that of `benchmark.store.snapshot.Snapshot.spelled`.
    """
    from benchmark.store.best import BEST
    from benchmark.store.run_store import RunStore

    if not any(name.partition("/")[0] == BEST for name in names):
        return list(names)
    store = RunStore(arguments.runs)
    snapshot = store.snapshot(store.find_dataset(arguments.data))
    if snapshot.spelled(BEST) == BEST:
        print(f"note: {BEST} is the run of that name, not the leaderboard's first row", file=sys.stderr)
        return list(names)
    first, chosen = snapshot.first_row(), snapshot.first_row(by)
    also = f", since nothing is chosen on {first.split}" if first.split != chosen.split else ""
    print(f"{BEST} is {chosen.name}, first of {chosen.rows} rows by {chosen.split} accuracy{also}", file=sys.stderr)
    return [snapshot.spelled(name, by) for name in names]


def shown_command(command: str) -> str:
    """A command to copy, indented by four. If it is longer than 80 columns, each option has a line of its own."""
    whole = f"    {command}"
    return whole if len(whole) <= 80 else whole.replace(" --", " \\\n    --")


def add_store_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--runs` and `--data`, which every command on stored runs takes."""
    add_runs_argument(parser)
    parser.add_argument("--data", metavar="NAME", help="the dataset, if DIR holds runs on several")


def add_runs_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--runs`, which every command that reads or writes runs takes."""
    parser.add_argument(
        "--runs", type=Path, default=STORE, metavar="DIR", help=f"directory of stored runs (default: {STORE})"
    )
