"""The arguments of every command that trains, and the options that they become."""

import argparse
from dataclasses import fields
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

from benchmark.arguments import names_in
from benchmark.commands.command_line import add_runs_argument
from benchmark.commands.data_commands import DATA_HELP, add_reading, reading_of
from zoo.errors import UserError
from zoo.settings import CHOICES, RANGES, TrainingSettings

if TYPE_CHECKING:
    from benchmark.running.run_options import RunOptions


def add_models(command: argparse.ArgumentParser) -> None:
    """Add `--models`, for every command that names models or loads stored ones."""
    command.add_argument(
        "--models",
        dest="model_files",
        type=Path,
        action="append",
        default=[],
        metavar="FILE.py",
        help="a file with models of your own, which is run; repeat for more",
    )


def add_data(command: argparse.ArgumentParser) -> None:
    """Add the data, how it is read, and the store."""
    command.add_argument("--data", metavar="PATH", action="append", help=f"{DATA_HELP} (default); repeat to merge")
    add_runs_argument(command)
    add_reading(command)


def add_training(command: argparse.ArgumentParser) -> None:
    """Add the arguments of every command that trains: the data, the store, and how models are trained."""
    add_data(command)
    command.add_argument(
        "--preset",
        metavar="quick|paper",
        help="quick: few images and epochs (default for faces); paper: each model's own recipe (default for your data)",
    )
    command.add_argument("--epochs", type=int, metavar="N", help="train for at most N epochs")
    command.add_argument("--batch-size", type=int, metavar="N", help="images in a batch")
    seeds = command.add_mutually_exclusive_group()
    seeds.add_argument(
        "--seeds", type=int, metavar="N", default=1, help="train each model N times, with seeds 0 to N-1 (default: 1)"
    )
    seeds.add_argument("--seed", type=int, metavar="K", help="train each model once, with seed K")
    command.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change a training setting or a hyperparameter"
    )
    _add_running(command)


def _add_running(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("how each run is trained")
    group.add_argument("--deterministic", action="store_true", help="same seed, same machine: the same bits; slower")
    group.add_argument(
        "--precision",
        default="auto",
        metavar="auto|float32|bfloat16",
        help="number format of training (auto: bfloat16 where it is faster)",
    )
    group.add_argument(
        "--timeout", type=float, metavar="SECONDS", help="stop a run that takes longer and count it as failed"
    )
    group.add_argument("--log", default="", metavar="tensorboard", help="write each epoch's scalars for TensorBoard")
    group.add_argument("--retry-failed", action="store_true", help="repeat runs that failed before")


def add_views(command: argparse.ArgumentParser) -> None:
    """Add arguments of `run` and `distill`: views of each image, and which models are kept."""
    command.add_argument(
        "--tta",
        default="",
        metavar="A,B",
        help="also predict several views of each image, as rows of their own: flip, shifts, tencrop",
    )
    command.add_argument(
        "--keep-model",
        default="all",
        metavar="all|best|none",
        help="models to keep on disk (best: that of each row's best seed)",
    )


def add_cycles(command: "argparse._ActionsContainer") -> None:
    """Add the argument of `run` and `distill` that trains a network several times in a row."""
    command.add_argument(
        "--cycles",
        type=int,
        default=1,
        metavar="N",
        help="train N times in a row, all epochs, each from the weights that the last kept",
    )


def add_engine(command: argparse.ArgumentParser) -> None:
    """Add arguments of `run` and `distill`: where runs are trained, and how many at once."""
    group = command.add_argument_group("many runs at once")
    jobs_help = "runs at once on this machine (default: 1; one per core, up to 4, with the quick preset on a CPU)"
    group.add_argument("--jobs", type=int, metavar="N", help=jobs_help)
    group.add_argument("--backend", choices=("local", "dask"), default="local", help="dask: train on a cluster")
    group.add_argument("--scheduler", metavar="ADDRESS", help="address of the cluster, such as tcp://10.0.0.5:8786")


def settings_help() -> str:
    """The settings that `--set` takes and their values, in at most 80 columns."""
    width = max(len(field.name) for field in fields(TrainingSettings))
    lines = [
        "training settings for --set (hyperparameters: see list --format json):",
        f"  {'weights':<{width}}  imagenet (hub: preset), random, or a file",
    ]
    for field in fields(TrainingSettings):
        choices = CHOICES.get(field.name)
        values = ", ".join(choices) if choices else "{:,.10g} to {:,.10g}".format(*RANGES[field.name])
        lines.append(fill(f"  {field.name:<{width}}  {values}", 80, subsequent_indent=" " * (width + 4)))
    return "\n".join(lines)


def run_options(arguments: argparse.Namespace) -> "RunOptions":
    """The options of runs, from the arguments that the command has."""
    from benchmark.running.run_options import RunOptions

    if hasattr(arguments, "scheduler") and (arguments.backend == "dask") != (arguments.scheduler is not None):
        raise UserError("a cluster needs both --backend dask and --scheduler ADDRESS")
    names = {field.name for field in fields(RunOptions)}
    given = {name: value for name, value in vars(arguments).items() if name in names}
    if "tta" in given:
        given["tta"] = tuple(names_in(given["tta"]))
    if "model_files" in given:
        given["model_files"] = tuple(given["model_files"])
    return RunOptions(**given, reading=reading_of(arguments))


def call_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """The keywords of `run`, `tune` and the like, from the arguments that `add_training` added."""
    settings = _settings(arguments)

    from benchmark.data.loading import FACES

    return {
        "data": arguments.data or FACES,
        "seeds": arguments.seeds if arguments.seed is None else [arguments.seed],
        "settings": settings,
        "runs": arguments.runs,
    }


def _settings(arguments: argparse.Namespace) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for pair in arguments.set:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UserError(f"--set takes KEY=VALUE, got {pair!r}")
        settings[name] = value
    shortcuts = {"epochs": arguments.epochs, "batch_size": arguments.batch_size}
    given = {name: value for name, value in shortcuts.items() if value is not None}
    if twice := sorted(settings.keys() & given.keys()):
        name = twice[0]
        raise UserError(f"--set {name}={settings[name]} and --{name.replace('_', '-')} {given[name]}: give one of them")
    return settings | given
