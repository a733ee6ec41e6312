"""`python -m benchmark list`, `check` and `publish`: what is done with the zoo and with whole stored runs."""

import argparse
import json
from pathlib import Path
from typing import Any, Final

from benchmark.commands.command_line import FAILED, OK, add_runs_argument, add_store_arguments

PUBLISH_EXAMPLES: Final = """\
examples:
  python -m benchmark publish --to results/fer2013
  python -m benchmark publish cnn4 bayes-tuned greedy-all --to results/fer2013
  python -m benchmark publish --runs fetched --data fer2013 --to results/fer2013

A published run is a stored run without model and log, its probabilities in half
precision: the same classes, the same accuracy. Whatever reads runs reads it.
With an ensemble come its members and its explanation, with a tuned model its
searches. What is there already is kept, so that several stores, published ones
too, can be merged into one. Nothing that names a path or host goes along.
"""


def add_publish(commands: Any) -> None:
    """Add `publish` to the subcommands."""
    command = commands.add_parser(
        "publish",
        help="copy runs, small enough for a repository",
        description="Copy whole runs into another store, small enough to be committed.\n"
        "Exit code 1 where a run had to be left out.",
        epilog=PUBLISH_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="models, model@hash, model-hash/seed-0 or ensembles (default: all runs and searches)",
    )
    command.add_argument("--to", type=Path, required=True, metavar="DIR", help="the store that takes them")
    command.add_argument("--max-megabytes", type=float, default=8, metavar="N", help="of that store (default: 8)")
    command.add_argument("--replace", action="store_true", help="replace what was published with another content")
    add_store_arguments(command, "dataset, where runs on several are stored")
    command.set_defaults(command=_publish)


def _publish(arguments: argparse.Namespace) -> int:
    from benchmark.publishing.publishing import ALL, publish, published_text

    published = publish(
        arguments.to,
        arguments.names or ALL,
        runs=arguments.runs,
        data=arguments.data,
        max_megabytes=arguments.max_megabytes,
        replace=arguments.replace,
    )
    print(published_text(published))
    return FAILED if published.left_out else OK


def add_list(commands: Any) -> None:
    """Add `list` to the subcommands."""
    command = commands.add_parser(
        "list",
        help="show the models, or what stored runs take on disk",
        description="Show the models of the zoo; parameters are those at 48x48 grey, 7 classes.",
    )
    command.add_argument(
        "--runs", nargs="?", type=Path, const=Path("runs"), metavar="DIR", help="show what the runs in DIR take on disk"
    )
    command.add_argument("--format", choices=("text", "json"), default="text")
    command.set_defaults(command=_list)


def add_check(commands: Any) -> None:
    """Add `check` to the subcommands."""
    command = commands.add_parser(
        "check",
        help="compare every file of every run with its checksum",
        description="Read every run in the store and compare its files with the checksums in its\n"
        "record. Exit code 1 where something is damaged, missing or edited.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_runs_argument(command)
    command.set_defaults(command=_check)


def _list(arguments: argparse.Namespace) -> None:
    if arguments.runs is not None:
        from benchmark.store.disk import sizes_text, stored_sizes

        sizes = stored_sizes(arguments.runs)
        print(json.dumps(sizes, indent=2) if arguments.format == "json" else sizes_text(sizes))
        return
    from benchmark.commands.catalogue import models, models_text

    print(json.dumps(models(), indent=2) if arguments.format == "json" else models_text())


def _check(arguments: argparse.Namespace) -> int:
    from benchmark.store.checking import check, checked_text

    found = check(arguments.runs)
    print(checked_text(found))
    return FAILED if any(one.damaged for one in found) else OK
