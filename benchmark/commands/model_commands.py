"""`python -m benchmark export` and `predict`: commands on stored models."""

import argparse
from pathlib import Path
from typing import Any, Final

from benchmark.commands.command_line import RUN_HELP, STORE, add_command, add_store_arguments, spelled
from benchmark.commands.training_arguments import add_models
from zoo.errors import UserError

EXPORT: Final = """\
write a stored model for other programs

Write a stored model for other programs, and check that it predicts the same.

examples:
  python -m benchmark export cnn4 --format litert
  python -m benchmark export cnn4-1a2b3c4d/seed-0 --format onnx -o emotions.onnx

formats:
  keras           .keras, Keras' own format
  litert          .tflite, for phones and boards, built-in operations only
  onnx            .onnx; needs pip install '.[train,export]'
  tf_saved_model  a folder, for TensorFlow Serving and similar programs
  json+h5         a folder with model.json and model.weights.h5

Every format takes raw pixels, 0-255, as float32 of shape (n, height, width,
channels), and returns probabilities. The written file is loaded with its own
runtime. It must predict 100 pictures as the stored model does, to 0.001;
otherwise nothing is written. Inside, it names its classes in their order, its
input and the model; `predict --model FILE` reads that.
"""

PREDICT: Final = """\
classify your own pictures

Show the likeliest class of each picture and the probability of every class.

examples:
  python -m benchmark predict cnn4 holiday.jpg
  python -m benchmark predict cnn4+cnn7 pictures/ --format csv
  python -m benchmark predict --model emotions.onnx pictures.zip

Pictures of any size, in colour or grey, are converted to what the model was
trained on. Seeds of a model are averaged, and so are members of a plain
average; other ensembles are exported first.
"""


def add_export(commands: Any) -> None:
    command = add_command(commands, "export", _export, EXPORT)
    command.add_argument("run", metavar="RUN", help="a model, model@hash, model-hash/seed-0, or best")
    command.add_argument("--format", required=True, metavar="FORMAT", help="see below")
    command.add_argument(
        "-o", "--output", type=Path, metavar="PATH", help="file to write (default: named after the run)"
    )
    add_models(command)
    add_store_arguments(command)


def add_predict(commands: Any) -> None:
    command = add_command(commands, "predict", _predict, PREDICT)
    command.add_argument("run", nargs="?", metavar="RUN", help=RUN_HELP)
    command.add_argument("images", nargs="+", metavar="IMAGES", help="picture files, or folders or archives of them")
    command.add_argument(
        "--model", type=Path, metavar="FILE", help="an exported .onnx, .tflite or .keras file, in place of RUN"
    )
    command.add_argument("--format", choices=("text", "csv", "json"), default="text", help="default: text")
    add_models(command)
    add_store_arguments(command)


def _export(arguments: argparse.Namespace) -> None:
    from benchmark.exporting.model_export import export, exported_text

    (run,) = spelled(arguments, [arguments.run])
    where = {"runs": arguments.runs, "data": arguments.data, "model_files": arguments.model_files}
    exported = export(run, arguments.format, arguments.output, **where)
    print(exported_text(run, exported))


def _predict(arguments: argparse.Namespace) -> None:
    if arguments.run is None and arguments.model is None:
        raise UserError("name a stored run and then pictures, or an exported file with --model FILE")

    from benchmark.exporting.picture_predictions import predict, predict_file, predictions_text

    if arguments.model is not None:
        # Without a run, the first word is a picture as well.
        pictures = [*filter(None, [arguments.run]), *arguments.images]
        if arguments.data is not None or arguments.runs != STORE:
            raise UserError("--model FILE needs no store: leave --runs and --data out")
        predictions = predict_file(arguments.model, pictures, model_files=arguments.model_files)
    else:
        (run,) = spelled(arguments, [arguments.run])
        where = {"runs": arguments.runs, "data": arguments.data, "model_files": arguments.model_files}
        predictions = predict(run, arguments.images, **where)
    print(predictions_text(predictions, arguments.format))
