"""`python -m benchmark list`, `check` and `publish`: commands on the zoo and on the store."""

import argparse
import json
from pathlib import Path
from typing import Any, Final

from benchmark.commands.command_line import FAILED, OK, add_command, add_runs_argument, add_store_arguments, spelled
from benchmark.commands.training_arguments import add_models

LIST: Final = """\
list the models, or the disk space of stored runs

List the models of the zoo. Parameters are counted for 48x48 grey, 7 classes.
"""

CHECK: Final = """\
compare every stored file with its checksum

Read every stored run and compare its files with the checksums in its record.
Exit code 1 if a file is damaged, missing or edited.
"""

PUBLISH: Final = """\
copy runs into a store small enough for a repository

Copy finished runs into another store that is small enough to commit.
Exit code 1 if a run had to be left out.

examples:
  python -m benchmark publish --to results/fer2013
  python -m benchmark publish cnn4 bayes-tuned greedy-all --to results/fer2013
  python -m benchmark publish --runs fetched --data fer2013 --to results/fer2013

A published run has no model and no log. Its probabilities are stored in half
precision, which changes no predicted class and no accuracy. Every command reads
published runs. An ensemble brings its members and its explanation, a tuned
model its searches. Runs that DIR holds already are kept, so several stores can
be merged into one. A run whose names or settings hold a path of this machine is
left out; other texts are cut before a path or the host's name.
"""


def add_list(commands: Any) -> None:
    command = add_command(commands, "list", _list, LIST)
    command.add_argument(
        "--runs",
        nargs="?",
        type=Path,
        const=Path("runs"),
        metavar="DIR",
        help="show the disk space of the runs in DIR instead",
    )
    add_models(command)
    command.add_argument("--format", choices=("text", "json"), default="text", help="default: text")


def add_check(commands: Any) -> None:
    command = add_command(commands, "check", _check, CHECK)
    add_runs_argument(command)


def add_publish(commands: Any) -> None:
    command = add_command(commands, "publish", _publish, PUBLISH, continues=True)
    names_help = "models, model@hash, model-hash/seed-0 or ensembles (default: all runs and searches)"
    command.add_argument("names", nargs="*", metavar="NAME", help=names_help)
    command.add_argument("--to", type=Path, required=True, metavar="DIR", help="the store to copy into")
    command.add_argument(
        "--max-megabytes", type=float, default=8, metavar="N", help="largest size of that store (default: 8)"
    )
    command.add_argument("--replace", action="store_true", help="replace published runs whose content differs")
    add_store_arguments(command)


def _list(arguments: argparse.Namespace) -> None:
    if arguments.runs is not None:
        from benchmark.store.disk import sizes_text, stored_sizes

        sizes = stored_sizes(arguments.runs)
        print(json.dumps(sizes, indent=2) if arguments.format == "json" else sizes_text(sizes))
        return
    from benchmark.commands.catalogue import models, models_text

    listed = models(arguments.model_files)
    print(json.dumps(listed, indent=2) if arguments.format == "json" else models_text(listed))


def _check(arguments: argparse.Namespace) -> int:
    from benchmark.store.checking import check, checked_text

    checked = check(arguments.runs)
    print(checked_text(checked))
    return FAILED if any(store.damaged for store in checked) else OK


def _publish(arguments: argparse.Namespace) -> int:
    from benchmark.publishing.publishing import ALL, publish, published_text

    published = publish(
        arguments.to,
        spelled(arguments, arguments.names) or ALL,
        runs=arguments.runs,
        data=arguments.data,
        max_megabytes=arguments.max_megabytes,
        replace=arguments.replace,
    )
    print(published_text(published))
    return FAILED if published.left_out else OK
