"""`python -m ensembles train` and `distill`: the commands of this package that train."""

import argparse
from typing import Any

from benchmark.files.name_lists import names_in

TRAIN_EXAMPLES = """\
examples:
  python -m ensembles train cnn4,cnn7
  python -m ensembles train resnet,bayes,vgg --data fer2013.csv --epochs 30

The network is the average of its members, all of which learn. A member that is
stored for this data starts from its trained network of the same seed, a model
that is not starts anew. The run is stored as A+B+C:joint. Training settings for
--set are those of `python -m benchmark run`; quick is a short training with
their own learning rate of 0.0001.
"""

DISTILL_EXAMPLES = """\
examples:
  python -m ensembles distill greedy-all cnn4
  python -m ensembles distill cnn7x3 cnn4,bayes --data fer2013.csv --seeds 3

Each network is trained as `python -m benchmark run` trains it, but that frozen
backbones see every image anew, and learns from what the teacher says of the
images it is shown as well as from their labels. It is stored as cnn4:taught.
--set distillation=0.9 (0 to 1, default 0.5) is the teacher's share of the loss,
--set distillation_temperature=4 (default 2) how soft both are compared. All
--set takes is listed by `python -m benchmark run --help`.
"""


def add_train(commands: Any) -> None:
    """Add `train`."""
    from benchmark.commands.training_arguments import add_training

    command = commands.add_parser(
        "train",
        help="train several networks as one",
        description="Train several networks as one, their average, and store it as a run.",
        epilog=TRAIN_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("members", nargs="+", metavar="A,B,C", help="models, model@hash, or model-hash/seed-0")
    command.add_argument("--name", metavar="N", help="name of the run (default: A+B+C:joint)")
    add_training(command)
    command.set_defaults(command=_train, all=False)


def add_distill(commands: Any) -> None:
    """Add `distill`."""
    from benchmark.commands.training_arguments import add_engine, add_training, add_views

    command = commands.add_parser(
        "distill",
        help="teach one network what an ensemble knows",
        description="Train networks with a stored ensemble, or another stored run, as their teacher.",
        epilog=DISTILL_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("teacher", metavar="TEACHER", help="a stored ensemble, or a run, whose networks were kept")
    command.add_argument("models", nargs="+", metavar="NAME", help="networks that learn from it")
    add_training(command)
    add_views(command)
    add_engine(command)
    command.set_defaults(command=_distill, all=False)


def _train(arguments: argparse.Namespace) -> int:
    from benchmark.commands.composition import finish
    from benchmark.commands.training_arguments import call_of, options_of
    from benchmark.running.run_options import RunOptions
    from ensembles.networks.joint import JointOptions, train

    running = RunOptions(**options_of(arguments))
    done = train(names_in(arguments.members), options=JointOptions(arguments.name, running), **call_of(arguments))
    return finish(done, arguments.runs)


def _distill(arguments: argparse.Namespace) -> int:
    from benchmark.commands.composition import finish
    from benchmark.commands.training_arguments import call_of, options_of, several_of
    from benchmark.running.run_options import RunOptions
    from ensembles.networks.distilling import DistillOptions, distill

    call = call_of(arguments)
    running = RunOptions(**options_of(arguments), **several_of(arguments))
    options = DistillOptions(call.pop("seeds"), running)
    return finish(distill(arguments.teacher, names_in(arguments.models), options=options, **call), arguments.runs)
