"""`python -m ensembles`: parse, call, print. The work is in `ensembles.build`, which a notebook calls as well."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmark.command_line import add_store_arguments, call

if TYPE_CHECKING:
    from benchmark.store import StoredRun
    from ensembles.members import Member

EXAMPLES = """\
examples:
  python -m ensembles build mlp,cnn4,cnn7
  python -m ensembles build cnn4@1a2b3c4d,cnn7 --name pair --data faces

A member is a model (its seeds are averaged first, then members weigh equally),
a model in one of several configurations (model@hash), a single run
(model-hash/seed-0) or another ensemble. The ensemble is stored as a run.
"""

EXPLAIN_EXAMPLES = """\
examples:
  python -m ensembles explain mlp+cnn4+cnn7
  python -m ensembles explain pair --data faces --within 0.5 --format json
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
    build = commands.add_parser(
        "build",
        help="average the predictions of several runs and store them as a run",
        description="Average the predictions of several runs and store them as a run.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    build.add_argument("members", metavar="A,B,C", help="at least two members")
    build.add_argument("--name", metavar="N", help="name of the ensemble (default: A+B+C)")
    add_store_arguments(build, "dataset, where runs on several are stored")
    build.set_defaults(command=_build)
    _add_explain(commands)
    return top


def _add_explain(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
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


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    return call(parser(), argv)


def _build(arguments: argparse.Namespace) -> None:
    import ensembles
    import reports
    from benchmark.store import RunStore
    from ensembles.building import stored
    from ensembles.members import find_members, lacking

    options = {"runs": arguments.runs, "data": arguments.data, "name": arguments.name}
    known = stored(arguments.members, **options) is not None
    run = ensembles.build(arguments.members, **options)

    store = RunStore(arguments.runs)
    dataset = store.find_dataset(arguments.data)
    members = find_members(store, dataset, arguments.members)
    sizes = [f"{member.name} ({len(member.runs)} seeds)" if len(member.runs) > 1 else member.name for member in members]
    print(f"{run.config.model}: {run.config.hyperparameters['method']} of {', '.join(sizes)}")
    print(_comparison(run, members))
    without_test = lacking(members, "test")
    if without_test:
        print(f"  no test predictions, because {', '.join(without_test)} has none")
    print(f"  {'is stored already' if known else 'stored'} in {run.path}")
    print(f"  {reports.write_leaderboard(arguments.runs, dataset)} is up to date")


def _explain(arguments: argparse.Namespace) -> None:
    import json

    from ensembles.explaining import explain
    from ensembles.explanation_text import explanation_text

    found = explain(arguments.name, runs=arguments.runs, data=arguments.data, within=arguments.within)
    if arguments.format == "json":
        print(json.dumps(found.to_json(), indent=2, ensure_ascii=False))
    else:
        print(f"{explanation_text(found)}\n\nstored as explanation.json beside the ensemble")


def _comparison(run: "StoredRun", members: "Sequence[Member]") -> str:
    from benchmark.metrics import accuracy, log_loss
    from ensembles.building import validation_scores

    scores = validation_scores(members)
    predicted = run.predictions("validation")
    if not scores or predicted is None or predicted.labels is None:
        return "  validation has no labels: no scores"
    best = scores[0]
    ours = accuracy(predicted.probabilities, predicted.labels), log_loss(predicted.probabilities, predicted.labels)
    return (
        f"  validation accuracy {ours[0]:.2%}, log loss {ours[1]:.4f}\n"
        f"  best member {best.name}: {best.accuracy:.2%}, log loss {best.log_loss:.4f}"
    )
