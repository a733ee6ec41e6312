"""`python -m ensembles`: parse, call, print. The work is in `ensembles.build`, which a notebook calls as well."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.commands.command_line import add_store_arguments, call
from benchmark.files.name_lists import names_in
from ensembles.commands.training_commands import add_distill, add_train
from zoo.errors import ReadOnlyError, UserError

if TYPE_CHECKING:
    from ensembles.methods.options import Options

BUILD_EXAMPLES = """\
examples:
  python -m ensembles build mlp,cnn4,cnn7
  python -m ensembles build cnn4@1a2b3c4d,cnn7 --name pair --data faces
  python -m ensembles build --from all --method greedy
  python -m ensembles build mlp,cnn4,cnn7 --method all
  python -m ensembles build cnn7 --seeds 10

A member is a model (its seeds are averaged first, then members weigh equally),
a model in one of several configurations (model@hash), a single run
(model-hash/seed-0) or another ensemble. The ensemble is stored as a run.

methods:
  average    the mean of the members' probabilities (default)
  geometric  their geometric mean
  vote       one ballot a member; ties by the mean probability
  weighted   the mean with the weights of lowest validation log loss
  greedy     members picked one at a time, with replacement, by validation
  stacking   logistic regression on the members' validation probabilities
  all        each of these as a run of its own, and one table

Weighted, greedy and stacking are fitted on validation. Their validation score
is cross-fitted: each fifth is predicted by what the other four give. The plain
average stands beside them.
"""

IMPORT_EXAMPLES = """\
examples:
  python -m ensembles import theirs.csv --name theirs --data faces
  python -m ensembles import validation.npz test.npz --name theirs

A CSV has the columns sample_id (or id) and one for each class, by name, in any
order, with probabilities. An .npz has the arrays sample_ids, class_names and
probabilities (n, classes). Rows belong to validation or test as their ids say;
where an id is in both, a column or array `split` says which. All samples of a
split are needed; labels are those of the stored runs.
"""

EXPLAIN_EXAMPLES = """\
examples:
  python -m ensembles explain mlp+cnn4+cnn7
  python -m ensembles explain pair --data faces --within 0.5 --format json
"""

EXPORT_EXAMPLES = """\
examples:
  python -m ensembles export mlp+cnn4+cnn7 --format keras
  python -m ensembles export pair --format litert -o pair.tflite

The one network takes raw pixels, 0-255, as float32 of shape (n, height, width,
channels), and gives probabilities. It must predict 100 pictures as the members
do, combined by the ensemble's method, to 0.0001, or nothing is written. The
formats are those of `python -m benchmark export`.
"""


def parser() -> argparse.ArgumentParser:
    """The command line with its subcommands."""
    top = argparse.ArgumentParser(
        prog="python -m ensembles",
        description="Combine the stored predictions of several runs.",
        epilog="example:\n  python -m ensembles build mlp,cnn4,cnn7",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_build(commands)
    _add_import(commands)
    _add_explain(commands)
    _add_export(commands)
    add_train(commands)
    add_distill(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    return call(parser(), argv)


def _add_build(commands: Any) -> None:
    build = commands.add_parser(
        "build",
        help="combine the predictions of several runs and store them as a run",
        description="Combine the predictions of several runs and store them as a run.",
        epilog=BUILD_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    build.add_argument("members", nargs="*", metavar="A,B,C", help="at least two members, or one with --seeds")
    build.add_argument("--from", dest="offered", choices=["all"], help="every stored model, after those named")
    build.add_argument("--method", metavar="METHOD", default="average", help="see below (default: average)")
    build.add_argument("--name", metavar="N", help="name of the ensemble (default: A+B+C, then the method)")
    build.add_argument("--seeds", type=int, metavar="N", help="the first N seeds of one model, each a member")
    build.add_argument("--metric", metavar="log_loss|accuracy", help="greedy: what is improved (default: log_loss)")
    build.add_argument("--rounds", type=int, metavar="N", help="greedy: picks at most (default: 100)")
    build.add_argument("--bags", type=int, metavar="N", help="greedy: average over N random halves of the members")
    build.add_argument("--seed", type=int, metavar="K", help="of greedy's halves and of the folds (default: 0)")
    build.add_argument("--calibrate", action="store_true", help="scale by a temperature, where that helps held out")
    build.add_argument(
        "--within", type=float, metavar="POINTS", help="of the fewest members within so many points of the best subset"
    )
    add_store_arguments(build, "dataset, where runs on several are stored")
    build.set_defaults(command=_build)


def _add_import(commands: Any) -> None:
    command = commands.add_parser(
        "import",
        help="store another program's predictions as a run",
        description="Store another program's predictions as a run, marked external.",
        epilog=IMPORT_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("files", nargs="+", type=Path, metavar="FILE", help=".csv or .npz, for each split or for both")
    command.add_argument("--name", required=True, metavar="N", help="what to call it")
    add_store_arguments(command, "dataset, where runs on several are stored")
    command.set_defaults(command=_import)


def _add_explain(commands: Any) -> None:
    explain = commands.add_parser(
        "explain",
        help="why a stored ensemble helps, or does not, and what it costs",
        description="Tell why a stored ensemble helps, or does not, and what it costs. What is\n"
        "found out is stored as explanation.json beside the ensemble.",
        epilog=EXPLAIN_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    explain.add_argument("name", metavar="NAME", help="a stored ensemble")
    explain.add_argument(
        "--within",
        type=float,
        default=0.3,
        metavar="POINTS",
        help="find the smallest ensemble within so many points of the best on validation (default: 0.3)",
    )
    explain.add_argument("--format", choices=("text", "json"), default="text", help="what is printed (default: text)")
    add_store_arguments(explain, "dataset, where runs on several are stored")
    explain.set_defaults(command=_explain)


def _add_export(commands: Any) -> None:
    command = commands.add_parser(
        "export",
        help="write a stored ensemble as one network for other programs",
        description="Write a stored ensemble as one network: its members and what combines them.",
        epilog=EXPORT_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("name", metavar="NAME", help="a stored ensemble whose members kept their models")
    command.add_argument("--format", required=True, metavar="FORMAT", help="keras, litert, ...")
    command.add_argument(
        "-o", "--output", type=Path, metavar="PATH", help="what to write (default: its name, in this directory)"
    )
    add_store_arguments(command, "dataset, where runs on several are stored")
    command.set_defaults(command=_export)


def _build(arguments: argparse.Namespace) -> None:
    from benchmark.commands.composition import write_leaderboard
    from ensembles.building.building import make, request
    from ensembles.building.outcome import outcome_text, table_text

    names = [*names_in(arguments.members), *([arguments.offered] if arguments.offered else [])]
    if not names:
        raise UserError("name the members as A,B,C, or offer every stored model with --from all")
    members = ",".join(names)
    if arguments.within is not None:
        members = _smallest(arguments, members)
    asked = request(
        members,
        runs=arguments.runs,
        data=arguments.data,
        name=arguments.name,
        options=_options(arguments),
    )
    every = arguments.method == "all"
    methods = asked.methods() if every else (arguments.method,)
    known = [asked.find(method, several=every) for method in methods]
    built = make(asked, methods, several=every)
    print(table_text(asked, built) if every else outcome_text(asked, built[arguments.method]))
    if not every:
        print(f"  {'is stored already' if all(known) else 'stored'} in {built[arguments.method].path}")
    try:
        print(f"  {write_leaderboard(arguments.runs, asked.dataset)} is up to date")
    except ReadOnlyError as error:
        # What is stored already can be looked at where nothing can be written.
        if not all(known):
            raise
        print(f"note: the leaderboard beside the runs stays as it is: {error}", file=sys.stderr)


def _smallest(arguments: argparse.Namespace, members: str) -> str:
    from ensembles.explaining.tradeoffs import smallest

    if arguments.seeds is not None:
        raise UserError("--within chooses among several members, --seeds names one: leave one of the two out")
    method = "average" if arguments.method == "all" else arguments.method
    chosen = smallest(members, within=arguments.within, runs=arguments.runs, data=arguments.data, method=method)
    return ",".join(chosen)


def _options(arguments: argparse.Namespace) -> "Options":
    from ensembles.methods.options import CONCERNED, Options

    given = {name: value for name in CONCERNED if (value := getattr(arguments, name)) is not None}
    for name in given:
        if arguments.method not in (*CONCERNED[name], "all"):
            raise UserError(f"--{name} is of {' and '.join(CONCERNED[name])}, not of {arguments.method}: leave it out")
    return Options(**given, seeds=arguments.seeds, within=arguments.within, calibrate=arguments.calibrate)


def _import(arguments: argparse.Namespace) -> None:
    from benchmark.commands.composition import write_leaderboard
    from ensembles.importing.importing import import_predictions, imported_text

    run = import_predictions(arguments.files, name=arguments.name, runs=arguments.runs, data=arguments.data)
    print(imported_text(run))
    dataset = f"{run.config.dataset}-{run.config.fingerprint}"
    print(f"  {write_leaderboard(arguments.runs, dataset)} is up to date")


def _explain(arguments: argparse.Namespace) -> None:
    import json
    import warnings

    from ensembles.explaining.explaining import explain
    from ensembles.explaining.explanation_text import explanation_text

    asked = {"runs": arguments.runs, "data": arguments.data, "within": arguments.within}
    with warnings.catch_warnings(record=True) as unstored:
        warnings.simplefilter("always")
        found = explain(arguments.name, **asked, watch=_watched)
    if arguments.format == "json":
        print(json.dumps(found.to_json(), indent=2, ensure_ascii=False))
    else:
        print(explanation_text(found))
        if not unstored:
            print("\nstored as explanation.json beside the ensemble")
    for warning in unstored:
        print(f"note: {warning.message}", file=sys.stderr)


def _export(arguments: argparse.Namespace) -> None:
    from ensembles.networks.exporting import export, export_text

    done = export(arguments.name, arguments.format, arguments.output, runs=arguments.runs, data=arguments.data)
    print(export_text(arguments.name, done))


def _watched(members: Sequence[int]) -> Iterable[int]:
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(members, "without each member", console=console, transient=True, disable=not console.is_terminal)
