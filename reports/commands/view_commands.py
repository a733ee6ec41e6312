"""`python -m reports model`, `compare` and `ensemble`."""

import argparse
import sys
from pathlib import Path
from typing import Any, Final

from benchmark.arguments import names_in
from benchmark.commands.command_line import LABELS_HELP, RUN_HELP, add_command, add_store_arguments, spelled

FOLDER_HELP: Final = "folder to write (default: reports/NAME beside the runs)"

MODEL: Final = """\
write a page on one model, with figures

Show the scores of one model, of each class and the confusion matrix, and write
them as a Markdown page with figures.

examples:
  python -m reports model cnn4
  python -m reports model cnn4 --images fer2013.csv -o report

The page describes test if its labels are there, else validation. With --images,
the data that the runs were trained on, it also shows images of each class that
were classified right and wrong. The built-in faces need no --images.
"""

COMPARE: Final = """\
test whether one model is better than another

Test whether model A is better than model B: the difference on the same samples
with its 95 % interval, a paired test, the samples that only one gets right,
and what these samples had to do with either.

examples:
  python -m reports compare cnn7 cnn4
  python -m reports compare cnn7 cnn4 mlp --metric log_loss
  python -m reports compare submission.csv cnn4
  python -m reports compare mine.npy theirs.csv --labels test_labels.csv
  python -m reports compare cnn7 cnn4 --format json -o comparison.json

A file has predictions for the same samples, in any format that
`python -m ensembles import` reads.

Single seeds are compared by the exact McNemar test. Several seeds are compared
by a sign-flip permutation test of each sample's correctness, averaged over the
seeds. Log loss and MSE get a paired t test, macro F1 and ECE a paired
bootstrap. json includes the ids of the samples that only one gets right.
"""


ENSEMBLE: Final = """\
write a page on an ensemble, with figures

Draw the results of `python -m ensembles explain`: what each member gives, how
members differ, and accuracy against cost.

examples:
  python -m ensembles explain average-all
  python -m reports ensemble average-all
"""


def add_model(commands: Any) -> None:
    command = add_command(commands, "model", _model, MODEL)
    command.add_argument("name", metavar="NAME", help=RUN_HELP)
    command.add_argument("--labels", type=Path, metavar="FILE", help=LABELS_HELP)
    command.add_argument(
        "--images",
        metavar="PATH",
        action="append",
        help="the data of the runs, to show its images; repeatable",
    )
    command.add_argument("--size", type=int, metavar="PIXELS", help="of the images, if the runs used --size")
    command.add_argument("--channels", type=int, choices=(1, 3), help="of the images, if the runs used --channels")
    command.add_argument("--class-names", metavar="A,B,C", help="of the images, if the runs used --class-names")
    command.add_argument("--labels-from", metavar="FILE", help="of the images, if the runs used --labels-from")
    command.add_argument("-o", "--output", type=Path, metavar="FOLDER", help=FOLDER_HELP)
    add_store_arguments(command)


def add_compare(commands: Any) -> None:
    command = add_command(commands, "compare", _compare, COMPARE)
    command.add_argument("a", metavar="A", help=f"{RUN_HELP}; or a file")
    command.add_argument("others", nargs="+", metavar="B", help="the other one; of several every two are compared")
    command.add_argument("--metric", metavar="NAME", help="accuracy (default), macro_f1, log_loss, mse or ece")
    command.add_argument("--format", choices=("text", "md", "json"), default="text", help="default: text")
    command.add_argument("--labels", type=Path, metavar="FILE", help=LABELS_HELP)
    command.add_argument("-o", "--output", type=Path, metavar="FILE", help="write to FILE instead of printing")
    add_store_arguments(command)


def add_ensemble(commands: Any) -> None:
    command = add_command(commands, "ensemble", _ensemble, ENSEMBLE)
    command.add_argument("name", metavar="NAME", help="an ensemble that was explained")
    command.add_argument("-o", "--output", type=Path, metavar="FOLDER", help=FOLDER_HELP)
    add_store_arguments(command)


def _model(arguments: argparse.Namespace) -> None:
    import reports
    from benchmark.data.read_options import ReadOptions
    from reports.pages.image_sheets import ImageSource
    from zoo.errors import UserError

    reading = {name: getattr(arguments, name) for name in ("size", "channels", "labels_from")}
    reading["class_names"] = tuple(names_in(arguments.class_names or ""))
    images = ImageSource(arguments.images, ReadOptions(**reading)) if arguments.images else None
    if images is None and any(reading.values()):
        raise UserError("--size, --channels, --class-names and --labels-from are options of --images, which is missing")
    (name,) = spelled(arguments, [arguments.name])
    report = reports.model(
        name, runs=arguments.runs, data=arguments.data, labels=arguments.labels, images=images, output=arguments.output
    )
    print(repr(report))


def _compare(arguments: argparse.Namespace) -> None:
    import reports
    from reports.text.writing import write_file

    comparison = reports.compare(
        *spelled(arguments, [arguments.a, *arguments.others]),
        runs=arguments.runs,
        data=arguments.data,
        labels=arguments.labels,
        metric=arguments.metric,
    )
    text = {"text": comparison.text, "md": comparison.markdown, "json": comparison.json}[arguments.format]
    if arguments.output is None:
        sys.stdout.write(text)
    else:
        print(f"{comparison.sentence}\nwritten to {write_file(arguments.output, text)}")


def _ensemble(arguments: argparse.Namespace) -> None:
    import reports

    (name,) = spelled(arguments, [arguments.name])
    print(repr(reports.ensemble(name, runs=arguments.runs, data=arguments.data, output=arguments.output)))
