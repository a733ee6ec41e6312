"""`python -m benchmark data`, and the arguments of every command that reads data."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

from benchmark.arguments import names_in
from benchmark.commands.command_line import add_command
from benchmark.data import ReadOptions

DATA: Final = """\
inspect a dataset before using it

Show a dataset's layout, classes and splits, and its duplicate and blank images.

examples:
  python -m benchmark data fer2013.csv
  python -m benchmark data fer2013.csv ckplus/ jaffe/
  python -m benchmark data rafdb/basic/
  python -m benchmark data faces --sample faces.png
  python -m benchmark data ravdess.csv --class-names neutral,calm,happy,sad
  python -m benchmark data fer2013.csv --labels-from fer2013new.csv

PATH is a CSV file, a folder of pictures, arrays (.npz, .npy), .parquet files,
or an archive of any of these (.zip, .tar.gz, .csv.gz), which is read in place.
A folder is a split if its name has train, valid, val, dev, eval or test as a
word. A list of pictures, such as train.csv, is found beside them, and they are
found beside it. Notes say what was left out, changed or guessed.
"""

DATA_HELP: Final = "path of the data, kaggle:OWNER/NAME, or faces for the built-in faces"


def add_data(commands: Any) -> None:
    command = add_command(commands, "data", _data, DATA)
    command.add_argument("path", metavar="PATH", nargs="+", help=f"{DATA_HELP}; several are merged into one dataset")
    add_reading(command)
    command.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    command.add_argument("--sample", type=Path, metavar="FILE.png", help="also draw examples of each class")
    labels_help = "also write id, label and split of each image, for a model that is trained elsewhere"
    command.add_argument("--write-labels", type=Path, metavar="FILE.csv", help=labels_help)


def add_reading(command: argparse.ArgumentParser) -> None:
    """Add how the data is read; see `reading_of`."""
    reading = command.add_argument_group("how the data is read")
    reading.add_argument("--classes", metavar="A,B,C", default="", help="use only these classes")
    reading.add_argument(
        "--class-names", metavar="A,B,C", default="", help="names of classes that are numbers in the data, from 0 or 1"
    )
    reading.add_argument(
        "--labels-from", metavar="FILE", help="file of votes, such as FER+'s fer2013new.csv; the majority is the label"
    )
    reading.add_argument(
        "--size", type=int, metavar="PIXELS", help="resize images to this edge (default: the most common one)"
    )
    reading.add_argument(
        "--channels", type=int, choices=(1, 3), help="1 for grey, 3 for RGB (default: as the images are)"
    )
    reading.add_argument(
        "--split",
        metavar="70/30|80/10/10",
        help="percentages for data without splits; a single source with splits is divided anew, but for its test",
    )
    reading.add_argument(
        "--split-seed", type=int, default=0, metavar="K", help="random seed of that split (default: 0)"
    )


def reading_of(arguments: argparse.Namespace) -> ReadOptions:
    """How the data is read, from what `add_reading` added."""
    return ReadOptions(
        classes=tuple(names_in(arguments.classes)),
        size=arguments.size,
        channels=arguments.channels,
        split=arguments.split,
        split_seed=arguments.split_seed,
        class_names=tuple(names_in(arguments.class_names)),
        labels_from=None if arguments.labels_from is None else str(Path(arguments.labels_from).resolve()),
    )


def _data(arguments: argparse.Namespace) -> None:
    from benchmark import data
    from benchmark.data.sheet import check_path

    options = reading_of(arguments)
    if arguments.sample:
        check_path(arguments.sample)
    report = data.inspect(arguments.path, options)
    print(json.dumps(report.to_json(), indent=2) if arguments.format == "json" else data.report_text(report))
    if arguments.sample:
        data.sample_sheet(data.load(arguments.path, options), arguments.sample)
        print(f"examples of each class: {arguments.sample}", file=sys.stderr)
    if arguments.write_labels:
        data.write_labels(data.load(arguments.path, options), arguments.write_labels)
        print(f"id, label and split of each image: {arguments.write_labels}", file=sys.stderr)
