"""`python -m ensembles train`, `distill` and `soft-targets`."""

import argparse
from pathlib import Path
from typing import Any, Final

from benchmark.arguments import names_in
from benchmark.commands import training_arguments
from benchmark.commands.command_line import add_command
from benchmark.commands.composition import finish

TRAIN: Final = """\
train several networks as one

Train the average of several networks as one network, and store it as a run.

examples:
  python -m ensembles train cnn4,cnn7
  python -m ensembles train resnet,bayes,vgg --data fer2013.csv --epochs 30
  python -m ensembles train mine,cnn4 --models mine.py

The network averages its members, and all of them are trained. A member that is
stored for this data starts from its trained network of the same seed; any other
model starts from its initial weights. The run is stored as A+B+C:joint.
`python -m benchmark run --help` lists the training settings for --set. The
quick preset trains for a few epochs with a learning rate of 0.0001.
"""

DISTILL: Final = """\
train a network with an ensemble as its teacher

Train networks with a stored ensemble, or another stored run, as their teacher.

examples:
  python -m ensembles distill greedy-all cnn4
  python -m ensembles distill cnn7x3 cnn4,bayes --data fer2013.csv --seeds 3
  python -m ensembles distill theirs.csv cnn4 --data fer2013.csv

Each network is trained as by `python -m benchmark run`, but learns from the
teacher's predictions as well as from the labels. It is stored as cnn4:taught.
--set distillation=0.9 sets the teacher's share of the loss (0 to 1, default
0.5), --set distillation_temperature=4 the temperature of both (default 2).
With --set distillation_images=plain the teacher predicts each training image
once, not in every step, which makes a large ensemble affordable. A file teaches
in this way, too: the probabilities of all training images, in a format that
`ensembles import` reads or as `ensembles soft-targets` wrote them.
`python -m benchmark run --help` lists all settings.
"""

SOFT_TARGETS: Final = """\
write what a teacher says of the training images

Write a teacher's predictions of the training images, its soft targets, to a
file. `ensembles distill` takes the file as the teacher on any machine, without
the teacher's networks.

examples:
  python -m ensembles soft-targets cnn4+cnn7 -o pair.npz
  python -m ensembles soft-targets best -o best.npz --data fer2013.csv
"""


def add_train(commands: Any) -> None:
    command = add_command(commands, "train", _train, TRAIN, continues=True)
    command.add_argument("members", nargs="+", metavar="A,B,C", help="models, model@hash, or model-hash/seed-0")
    command.add_argument("--name", metavar="N", help="name of the run (default: A+B+C:joint)")
    training_arguments.add_models(command)
    training_arguments.add_training(command)


def add_distill(commands: Any) -> None:
    command = add_command(commands, "distill", _distill, DISTILL, continues=True)
    teacher_help = "a stored ensemble or run that kept its models, or a file of soft targets"
    command.add_argument("teacher", metavar="TEACHER", help=teacher_help)
    command.add_argument("models", nargs="+", metavar="NAME", help="models to train, separated by spaces or commas")
    training_arguments.add_models(command)
    training_arguments.add_training(command)
    training_arguments.add_cycles(command)
    training_arguments.add_views(command)
    training_arguments.add_engine(command)


def add_soft_targets(commands: Any) -> None:
    command = add_command(commands, "soft-targets", _soft_targets, SOFT_TARGETS)
    command.add_argument("teacher", metavar="TEACHER", help="a stored ensemble or run that kept its models")
    command.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.npz", help="file to write")
    training_arguments.add_data(command)
    training_arguments.add_models(command)


def _train(arguments: argparse.Namespace) -> int:
    from ensembles.networks.joint import JointOptions, train

    options = JointOptions(arguments.name, training_arguments.run_options(arguments))
    trained = train(names_in(arguments.members), options=options, **training_arguments.call_of(arguments))
    return finish(trained, arguments.runs)


def _distill(arguments: argparse.Namespace) -> int:
    from ensembles.networks.distilling import DistillOptions, distill

    call = training_arguments.call_of(arguments)
    options = DistillOptions(call.pop("seeds"), training_arguments.run_options(arguments))
    return finish(distill(arguments.teacher, names_in(arguments.models), options=options, **call), arguments.runs)


def _soft_targets(arguments: argparse.Namespace) -> None:
    from benchmark.data.loading import FACES
    from ensembles.networks.soft_targets import soft_targets, targets_text

    written = soft_targets(
        arguments.teacher,
        arguments.output,
        arguments.data or FACES,
        runs=arguments.runs,
        options=training_arguments.run_options(arguments),
    )
    print(targets_text(written))
