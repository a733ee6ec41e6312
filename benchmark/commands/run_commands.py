"""`python -m benchmark run` and `tune`."""

import argparse
import sys
from dataclasses import replace
from typing import Any, Final

from benchmark.commands import training_arguments
from benchmark.commands.command_line import FAILED, add_command
from benchmark.commands.composition import GrowingLeaderboard, finish
from zoo.errors import UserError

RUN: Final = """\
train models and store their predictions

Train models and store their predictions. Stored runs are not trained again.

examples:
  python -m benchmark run --all
  python -m benchmark run cnn4 cnn7 --data fer2013.csv --seeds 3
  python -m benchmark run --models mine.py --data fer2013.csv
  python -m benchmark run keras:MobileNetV3Small hub:resnet_50_imagenet
  python -m benchmark run sklearn:sklearn.naive_bayes.GaussianNB
  python -m benchmark run cnn4 --set optimizer=sgd --set dropout=0.4
  python -m benchmark run cnn4 --data fer2013.csv --refit --tta flip
  python -m benchmark run vggnet --data fer2013.csv --epochs 20 --cycles 3
  python -m benchmark run cnn4 --data fer2013.csv --data ckplus/ --data jaffe/
  python -m benchmark run --all --data fer2013.csv --jobs 4
  python -m benchmark run --all --backend dask --scheduler tcp://10.0.0.5:8786
"""

TUNE: Final = """\
search for better hyperparameters of a model

Search for the hyperparameters of lowest validation loss, and store the best
model as NAME-tuned. The same command continues an interrupted search.

examples:
  python -m benchmark tune mlp --trials 10
  python -m benchmark tune bayes --data fer2013.csv --tuner hyperband
"""


def add_run(commands: Any) -> None:
    command = add_command(commands, "run", _run, f"{RUN}\n{training_arguments.settings_help()}", continues=True)
    names_help = "model names, separated by spaces or commas; `python -m benchmark list` shows them"
    command.add_argument("models", nargs="*", metavar="NAME", help=names_help)
    command.add_argument("--all", action="store_true", help="train every model, then build ensembles of them")
    training_arguments.add_models(command)
    training_arguments.add_training(command)
    _add_variants(command)
    training_arguments.add_views(command)
    training_arguments.add_engine(command)
    command.add_argument("--profile", action="store_true", help="also show where the time of each run went")


def _add_variants(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("variants of a run, each a row of its own")
    group.add_argument(
        "--folds", type=int, default=0, metavar="K", help="K-fold cross-validation with out-of-fold predictions"
    )
    training_arguments.add_cycles(group)
    group.add_argument("--refit", action="store_true", help="train once more on train and validation together")


def add_tune(commands: Any) -> None:
    command = add_command(commands, "tune", _tune, f"{TUNE}\n{training_arguments.settings_help()}", continues=True)
    command.add_argument("model", metavar="NAME", help="a model that has a search space")
    command.add_argument("--tuner", default="bayesian", metavar="NAME", help="bayesian (default), hyperband or random")
    command.add_argument(
        "--trials", type=int, metavar="N", help="trials in total, earlier ones included (default: 2 quick, 20 paper)"
    )
    training_arguments.add_models(command)
    training_arguments.add_training(command)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.all and arguments.models:
        raise UserError("give either model names or --all")
    if not arguments.all and not arguments.models and not arguments.model_files:
        raise UserError("name at least one model, or --all for every one; `python -m benchmark list` shows them")
    call = training_arguments.call_of(arguments)
    options = replace(training_arguments.run_options(arguments), after_run=GrowingLeaderboard(arguments.runs))

    from benchmark.commands.run_all import run_all
    from benchmark.running.runner import run
    from zoo.model_files import models_of_file

    # Without names those of the files are meant.
    names = arguments.models or [name for file in arguments.model_files for name in models_of_file(file)]
    done = run_all(**call, options=options) if arguments.all else run(names, **call, options=options)
    code = finish(done, arguments.runs, ensembles=arguments.all)
    if arguments.profile:
        from benchmark.commands.profile import profile_text

        print(f"\nWhere the time went:\n\n{profile_text(done)}")
    return code


def _tune(arguments: argparse.Namespace) -> int:
    call = training_arguments.call_of(arguments)

    from benchmark.search.tuning import TuneOptions, tune, tuned_text

    options = TuneOptions(arguments.tuner, arguments.trials, training_arguments.run_options(arguments))
    tuned = tune(arguments.model, **call, options=options)
    if not tuned.best:
        print(
            f"error: all {len(tuned.trials)} trials failed, the last: {tuned.trials[-1].outcome.error}; "
            "--retry-failed makes them again",
            file=sys.stderr,
        )
        return FAILED
    code = finish(tuned.runs, arguments.runs)
    print(f"\n{tuned_text(tuned)}")
    return code
