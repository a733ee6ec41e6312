"""`python -m ensembles build`."""

import argparse
import sys
from typing import TYPE_CHECKING, Any, Final

from benchmark.arguments import names_in
from benchmark.commands.command_line import add_command, add_store_arguments, spelled
from benchmark.commands.composition import write_leaderboard
from zoo.errors import ReadOnlyError, UserError

if TYPE_CHECKING:
    from ensembles.methods.options import Options

BUILD: Final = """\
combine the predictions of several runs

Combine the predictions of several runs and store the result as a run.

examples:
  python -m ensembles build mlp,cnn4,cnn7
  python -m ensembles build cnn4@1a2b3c4d,cnn7 --name pair --data faces
  python -m ensembles build --from all --method greedy
  python -m ensembles build mlp,cnn4,cnn7 --method all
  python -m ensembles build cnn7 --seeds 10

A member is a model, one configuration of a model (model@hash), a single run
(model-hash/seed-0), another ensemble, or best: the leaderboard's first row by
validation accuracy. The seeds of a model are averaged first, so that every
member has the same weight. The ensemble is stored as a run.

methods:
  average    mean of the members' probabilities (default)
  geometric  geometric mean of the members' probabilities
  vote       one vote per member; the mean probability decides ties
  weighted   mean with the weights of lowest validation log loss
  greedy     members are picked one at a time, with replacement
  stacking   logistic regression on the members' probabilities; with --features
             shared one coefficient a member, which scales to many classes
  all        each of these methods, stored as a run each, in one table

Weighted, greedy and stacking are fitted on validation. Their validation score
is cross-fitted: each fifth of the samples is predicted by what was fitted on
the other four fifths. The plain average is shown for comparison.
"""


def add_build(commands: Any) -> None:
    command = add_command(commands, "build", _build, BUILD)
    command.add_argument("members", nargs="*", metavar="A,B,C", help="at least two members, or one with --seeds")
    command.add_argument("--from", dest="pool", choices=["all"], help="add every stored model as a member")
    command.add_argument("--method", metavar="METHOD", default="average", help="see below (default: average)")
    command.add_argument("--name", metavar="N", help="name of the ensemble (default: A+B+C, then the method)")
    command.add_argument("--seeds", type=int, metavar="N", help="build of the first N seeds of a single model")
    command.add_argument("--metric", metavar="log_loss|accuracy", help="score that greedy improves (default: log_loss)")
    command.add_argument("--rounds", type=int, metavar="N", help="largest number of picks of greedy (default: 100)")
    command.add_argument(
        "--bags", type=int, metavar="N", help="average greedy over N random halves of the members (default: 0, off)"
    )
    command.add_argument(
        "--seed", type=int, metavar="K", help="random seed of these halves and of cross-fitting (default: 0)"
    )
    command.add_argument(
        "--features",
        metavar="all|shared",
        help="stacking: a coefficient for each member and two classes, or one for each member (default: all)",
    )
    command.add_argument(
        "--calibrate", action="store_true", help="scale by a temperature if that lowers the cross-fitted log loss"
    )
    command.add_argument(
        "--within", type=float, metavar="POINTS", help="use the fewest members within POINTS of the best subset"
    )
    add_store_arguments(command)


def _build(arguments: argparse.Namespace) -> None:
    from ensembles.building.building import make
    from ensembles.building.ensemble_request import request
    from ensembles.building.outcome import advice_text, outcome_text, table_text
    from ensembles.methods.options import METHODS, check_method

    check_method(arguments.method, (*METHODS, "all"))
    names = spelled(arguments, names_in(arguments.members), "validation")
    names += [arguments.pool] if arguments.pool else []
    if not names:
        raise UserError("name the members as A,B,C, or take every stored model with --from all")
    members = ",".join(names)
    if arguments.within is not None:
        members = _smallest(arguments, members)
    every, options = arguments.method == "all", _options(arguments)
    where = {"runs": arguments.runs, "data": arguments.data}
    asked = request(members, **where, name=arguments.name, options=options, several=every)
    methods = asked.methods() if every else (arguments.method,)
    known = [asked.find(method) for method in methods]  # before they are made
    built = make(asked, methods)
    print(table_text(asked, built) if every else outcome_text(asked, built[arguments.method]))
    if not every:
        print(f"  {'is stored already' if all(known) else 'stored'} in {built[arguments.method].path}")
    try:
        page, _ = write_leaderboard(arguments.runs, asked.dataset)
        print(f"  {page} is up to date")
    except ReadOnlyError as error:
        # Stored ensembles can also be shown from a store that is read-only.
        if not all(known):
            raise
        print(f"note: the leaderboard was not updated: {error}", file=sys.stderr)
    if every:
        print(advice_text(asked, built))


def _smallest(arguments: argparse.Namespace, members: str) -> str:
    from ensembles.explaining.tradeoffs import smallest

    if arguments.seeds is not None:
        raise UserError("--within chooses among several members, but --seeds takes one: leave one of the two out")
    method = "average" if arguments.method == "all" else arguments.method
    chosen = smallest(members, within=arguments.within, runs=arguments.runs, data=arguments.data, method=method)
    return ",".join(chosen)


def _options(arguments: argparse.Namespace) -> "Options":
    from ensembles.methods.options import CONCERNED, Options, concerns

    given = {name: value for name in CONCERNED if (value := getattr(arguments, name)) is not None}
    for name in given:
        if arguments.method != "all" and not concerns(name, arguments.method, arguments.calibrate):
            methods = ", ".join(CONCERNED[name])
            raise UserError(f"--{name} is an option of {methods}, not of {arguments.method}: leave it out")
    return Options(**given, seeds=arguments.seeds, within=arguments.within, calibrate=arguments.calibrate)
