"""`python -m reports model`, `compare` and `ensemble`."""

import argparse
import sys
from pathlib import Path
from typing import Any, Final

from benchmark.commands.command_line import add_store_arguments

NAME_HELP: Final = "model, model@hash, model-hash/seed-0 or ensemble"
DATA_HELP: Final = "dataset, where runs on several are stored"

MODEL_HELP: Final = """\
Look at one model closely: scores, every class, what is taken for what; and
write that as a Markdown page with figures beside it.
"""

MODEL_EXAMPLES: Final = """\
examples:
  python -m reports model cnn4
  python -m reports model cnn4 --images fer2013.csv -o report

It is about test where there are labels for it, else about validation. With
--images, which must be the data of the runs, a sheet of right and wrong images
of each class is drawn into the folder; the built-in faces need no --images.
"""

COMPARE_HELP: Final = """\
Is one model better than another? The difference on the same images with its
95 % interval and a paired test, and what each alone gets right.
"""

COMPARE_EXAMPLES: Final = """\
examples:
  python -m reports compare cnn7 cnn4
  python -m reports compare cnn7 cnn4 --format json -o comparison.json

Single seeds get the exact McNemar test, several a sign-flip permutation test
of each image's correctness averaged over the seeds. json has the ids of the
images that one alone gets right.
"""


ENSEMBLE_HELP: Final = """\
Draw what `python -m ensembles explain` found out about an ensemble: what each
member gives, how members differ, accuracy against cost.
"""

ENSEMBLE_EXAMPLES: Final = """\
examples:
  python -m ensembles explain average-all
  python -m reports ensemble average-all
"""


def add_view_commands(commands: Any) -> None:
    """Add the subcommands `model`, `compare` and `ensemble`."""
    _add_model(commands)
    _add_compare(commands)
    _add_ensemble(commands)


def _add_model(commands: Any) -> None:
    command = commands.add_parser(
        "model",
        help="one model closely, with figures",
        description=MODEL_HELP,
        epilog=MODEL_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("name", metavar="NAME", help=NAME_HELP)
    command.add_argument("--labels", type=Path, metavar="FILE", help="test labels to score with")
    command.add_argument("--images", metavar="PATH", help="the data of the runs, to show images of each class")
    command.add_argument("--size", type=int, metavar="PIXELS", help="of the images, where the runs had --size")
    command.add_argument("--channels", type=int, choices=(1, 3), help="of the images, where the runs had --channels")
    command.add_argument(
        "-o", "--output", type=Path, metavar="FOLDER", help="default: reports/<NAME> beside the runs of the dataset"
    )
    add_store_arguments(command, DATA_HELP)
    command.set_defaults(command=_model)


def _add_compare(commands: Any) -> None:
    command = commands.add_parser(
        "compare",
        help="two models on the same images",
        description=COMPARE_HELP,
        epilog=COMPARE_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("a", metavar="A", help=NAME_HELP)
    command.add_argument("b", metavar="B", help="the other")
    command.add_argument("--format", choices=("text", "md", "json"), default="text", help="default: text")
    command.add_argument("--labels", type=Path, metavar="FILE", help="test labels to score with")
    command.add_argument("-o", "--output", type=Path, metavar="FILE", help="write there instead of printing")
    add_store_arguments(command, DATA_HELP)
    command.set_defaults(command=_compare)


def _add_ensemble(commands: Any) -> None:
    command = commands.add_parser(
        "ensemble",
        help="what an ensemble's members give, with figures",
        description=ENSEMBLE_HELP,
        epilog=ENSEMBLE_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("name", metavar="NAME", help="an ensemble")
    command.add_argument(
        "-o", "--output", type=Path, metavar="FOLDER", help="default: reports/<NAME> beside the runs of the dataset"
    )
    add_store_arguments(command, DATA_HELP)
    command.set_defaults(command=_ensemble)


def _model(arguments: argparse.Namespace) -> None:
    import reports
    from reports.pages.image_sheets import ImageSource
    from zoo.errors import UserError

    images = arguments.images
    if images is not None:
        images = ImageSource(images, arguments.size, arguments.channels)
    elif (arguments.size, arguments.channels) != (None, None):
        raise UserError("--size and --channels say how to read --images PATH, which is missing")
    report = reports.model(
        arguments.name,
        runs=arguments.runs,
        data=arguments.data,
        labels=arguments.labels,
        images=images,
        output=arguments.output,
    )
    print(report.text)
    print(f"With figures: {report.page}")


def _compare(arguments: argparse.Namespace) -> None:
    import reports
    from reports.text.writing import write_file

    found = reports.compare(arguments.a, arguments.b, runs=arguments.runs, data=arguments.data, labels=arguments.labels)
    text = {"text": found.text, "md": found.markdown, "json": found.json}[arguments.format]
    if arguments.output is None:
        sys.stdout.write(text)
    else:
        print(f"{found.sentence}\nwritten to {write_file(arguments.output, text)}")


def _ensemble(arguments: argparse.Namespace) -> None:
    import reports

    report = reports.ensemble(arguments.name, runs=arguments.runs, data=arguments.data, output=arguments.output)
    print(report.text)
    print(f"With figures: {report.page}")
