"""`python -m benchmark export` and `predict`: what is done with a model that is stored."""

import argparse
from pathlib import Path
from typing import Any, Final

from benchmark.commands.command_line import add_store_arguments

EXPORT_EXAMPLES: Final = """\
examples:
  python -m benchmark export cnn4 --format litert
  python -m benchmark export cnn4-1a2b3c4d/seed-0 --format onnx -o emotions.onnx

formats:
  keras           .keras, as Keras itself stores models
  litert          .tflite, for phones and boards, built-in operations only
  onnx            .onnx; needs pip install '.[export]'
  tf_saved_model  a folder, for TensorFlow Serving and the like
  json+h5         a folder: model.json, and model.weights.h5

All of them take raw pixels, 0-255, as float32 of shape (n, height, width,
channels), and give probabilities. Each is loaded with its own runtime and must
predict 100 pictures as the stored model does, to 0.001, or nothing is written.
"""

PREDICT_EXAMPLES: Final = """\
examples:
  python -m benchmark predict cnn4 holiday.jpg
  python -m benchmark predict cnn4+cnn7 pictures/ --format csv

Pictures of any size, colour or grey, become what the model was trained on. A
model's seeds are averaged, an ensemble's members too.
"""


def add_export(commands: Any) -> None:
    """Add `export` to the subcommands."""
    command = commands.add_parser(
        "export",
        help="write a stored model for other programs",
        description="Write a stored model for other programs, and check that it predicts the same.",
        epilog=EXPORT_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("run", metavar="RUN", help="a model, model@hash, or model-hash/seed-0")
    command.add_argument("--format", required=True, metavar="FORMAT", help="see below")
    command.add_argument(
        "-o", "--output", type=Path, metavar="PATH", help="what to write (default: the run's name, in this directory)"
    )
    add_store_arguments(command, "dataset, where runs on several are stored")
    command.set_defaults(command=_export)


def add_predict(commands: Any) -> None:
    """Add `predict` to the subcommands."""
    command = commands.add_parser(
        "predict",
        help="say what is on your own pictures",
        description="Show the likeliest class of pictures, and the probability of every class.",
        epilog=PREDICT_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("run", metavar="RUN", help="a model, model@hash, model-hash/seed-0, or an ensemble")
    command.add_argument("images", nargs="+", metavar="IMAGES", help="picture files, or folders of them")
    command.add_argument("--format", choices=("text", "csv", "json"), default="text", help="default: text")
    add_store_arguments(command, "dataset, where runs on several are stored")
    command.set_defaults(command=_predict)


def _export(arguments: argparse.Namespace) -> None:
    from benchmark.exporting.exporting import export, exported_text

    exported = export(arguments.run, arguments.format, arguments.output, runs=arguments.runs, data=arguments.data)
    print(exported_text(arguments.run, exported))


def _predict(arguments: argparse.Namespace) -> None:
    from benchmark.exporting.picture_predictions import predict, predictions_text

    predictions = predict(arguments.run, arguments.images, runs=arguments.runs, data=arguments.data)
    print(predictions_text(predictions, arguments.format))
