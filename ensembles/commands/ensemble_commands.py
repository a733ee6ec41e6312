"""`python -m ensembles explain` and `export`."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from benchmark.commands.command_line import add_command, add_store_arguments, shown_command, spelled
from benchmark.commands.training_arguments import add_models

EXPLAIN: Final = """\
show what each member gives, and what it costs

Show whether an ensemble helps, what each member gives and what it costs.
The result is stored as explanation.json beside the ensemble.

examples:
  python -m ensembles explain mlp+cnn4+cnn7
  python -m ensembles explain pair --data faces --within 0.5 --format json
"""

EXPORT: Final = """\
write a stored ensemble as one network

Write a stored ensemble for other programs, as one network.

examples:
  python -m ensembles export mlp+cnn4+cnn7 --format keras
  python -m ensembles export pair --format litert -o pair.tflite

The network takes raw pixels, 0-255, as float32 of shape (n, height, width,
channels), and returns probabilities. On 100 pictures it must predict what the
ensemble's method makes of its members' predictions, to 0.0001; otherwise
nothing is written. The formats are those of `python -m benchmark export`.
"""


def add_explain(commands: Any) -> None:
    command = add_command(commands, "explain", _explain, EXPLAIN)
    command.add_argument("name", metavar="NAME", help="a stored ensemble")
    within_help = "find the smallest ensemble within POINTS of the best on validation (default: 0.3)"
    command.add_argument("--within", type=float, default=0.3, metavar="POINTS", help=within_help)
    command.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    add_store_arguments(command)


def add_export(commands: Any) -> None:
    command = add_command(commands, "export", _export, EXPORT)
    command.add_argument("name", metavar="NAME", help="a stored ensemble whose members kept their models")
    command.add_argument("--format", required=True, metavar="FORMAT", help="keras, litert, ...")
    command.add_argument(
        "-o", "--output", type=Path, metavar="PATH", help="file to write (default: named after the ensemble)"
    )
    add_models(command)
    add_store_arguments(command)


def _explain(arguments: argparse.Namespace) -> None:
    import json
    from textwrap import fill

    from benchmark.store.run_store import RunStore
    from ensembles.explaining.advising import advice
    from ensembles.explaining.anatomy import take_apart
    from ensembles.explaining.explaining import explained, store_explanation
    from ensembles.explaining.explanation_text import explanation_text

    (name,) = spelled(arguments, [arguments.name])
    store = RunStore(arguments.runs)
    dataset = store.find_dataset(arguments.data)
    anatomy = take_apart(store, dataset, name)
    explanation = explained(anatomy, arguments.within, _watched)
    unstored = store_explanation(explanation, anatomy, store)
    if arguments.format == "json":
        print(json.dumps(explanation.to_json(), indent=2, ensure_ascii=False))
    else:
        print(explanation_text(explanation, anatomy.noun))
        if not unstored:
            print("\nstored as explanation.json beside the ensemble")
        for sentence, command in advice(anatomy, explanation, store):
            print("", fill(f"{sentence}{':' if command else '.'}", 80, break_on_hyphens=False), sep="\n")
            if command:
                print(shown_command(command))
    if unstored:
        print(f"note: {unstored}", file=sys.stderr)


def _export(arguments: argparse.Namespace) -> None:
    from ensembles.networks.ensemble_exports import export, export_text

    (name,) = spelled(arguments, [arguments.name])
    where = {"runs": arguments.runs, "data": arguments.data, "model_files": arguments.model_files}
    exported = export(name, arguments.format, arguments.output, **where)
    print(export_text(name, exported))


def _watched(members: Sequence[int]) -> Iterable[int]:
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(members, "without each member", console=console, transient=True, disable=not console.is_terminal)
