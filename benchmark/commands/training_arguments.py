"""The arguments of every command that trains, and what they ask for."""

import argparse
from dataclasses import fields
from textwrap import fill
from typing import Any

from benchmark.commands.command_line import add_runs_argument
from benchmark.commands.data_commands import DATA_HELP, add_reading, one_or_several, reading_of
from benchmark.files.name_lists import names_in
from zoo.errors import UserError
from zoo.settings import CHOICES, RANGES, TrainingSettings


def add_training(command: argparse.ArgumentParser) -> None:
    """Add what all that trains shares: the data, the store, and how models are trained."""
    command.add_argument("--data", metavar="PATH", action="append", help=f"{DATA_HELP} (default); several are merged")
    add_runs_argument(command)
    add_reading(command)
    command.add_argument(
        "--preset",
        metavar="quick|paper",
        help="quick: few images and epochs (default for faces); paper: each model's own recipe (default otherwise)",
    )
    command.add_argument("--epochs", type=int, metavar="N", help="at most N passes over the training data")
    command.add_argument("--batch-size", type=int, metavar="N", help="images a step")
    seeds = command.add_mutually_exclusive_group()
    seeds.add_argument("--seeds", type=int, metavar="N", default=1, help="run each model with seeds 0 to N-1")
    seeds.add_argument("--seed", type=int, metavar="K", help="run each model with seed K")
    command.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="any training setting or hyperparameter"
    )
    _add_manner(command)


def _add_manner(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("how runs are made")
    group.add_argument("--deterministic", action="store_true", help="same seed, same machine: the same bits; slower")
    group.add_argument(
        "--precision",
        default="auto",
        metavar="auto|float32|bfloat16",
        help="that networks are trained in (auto: bfloat16 on GPUs that have it, else float32)",
    )
    group.add_argument("--timeout", type=float, metavar="SECONDS", help="end a run that takes longer, as a failure")
    group.add_argument("--retry-failed", action="store_true", help="make runs that failed before again")


def add_views(command: argparse.ArgumentParser) -> None:
    """Add what `run` and distillation share: other views of each image, and which models stay."""
    command.add_argument(
        "--tta", default="", metavar="flip|tencrop", help="several views of each image as well, a row each"
    )
    command.add_argument(
        "--keep-model", default="all", metavar="all|best|none", help="models to keep; best: of each row's seeds one"
    )


def add_engine(command: argparse.ArgumentParser) -> None:
    """Add what `run` and distillation share: where runs are made, and how many at once."""
    group = command.add_argument_group("many runs at once")
    said = "so many on this machine, sharing its GPUs (default: with the quick preset one a core, up to 4, else 1)"
    group.add_argument("--jobs", type=int, metavar="N", help=said)
    group.add_argument("--backend", choices=("local", "dask"), default="local", help="dask: on a cluster")
    group.add_argument("--scheduler", metavar="ADDRESS", help="of the cluster, such as tcp://10.0.0.5:8786")


def settings_help() -> str:
    """What `--set` takes, in at most 80 columns."""
    width = max(len(field.name) for field in fields(TrainingSettings))
    lines = [
        "training settings for --set (hyperparameters: see list --format json):",
        f"  {'weights':<{width}}  of transfer models: imagenet, random, an HDF5 file",
    ]
    for field in fields(TrainingSettings):
        values = ", ".join(CHOICES[field.name]) if field.name in CHOICES else "{:g} to {:g}".format(*RANGES[field.name])
        lines.append(fill(f"  {field.name:<{width}}  {values}", 80, subsequent_indent=" " * (width + 4)))
    return "\n".join(lines)


def options_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """The `RunOptions` that all that trains takes alike, from what `add_training` added."""
    alike = {
        name: getattr(arguments, name) for name in ("preset", "deterministic", "precision", "timeout", "retry_failed")
    }
    return {**alike, "reading": reading_of(arguments)}


def several_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """The `RunOptions` that `run` and distillation take alike, from what `add_views` and `add_engine` added."""
    if (arguments.backend == "dask") != (arguments.scheduler is not None):
        raise UserError("a cluster needs both --backend dask and --scheduler ADDRESS")
    alike = {name: getattr(arguments, name) for name in ("keep_model", "jobs", "scheduler")}
    return {**alike, "tta": tuple(names_in(arguments.tta))}


def call_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """What all that trains is called with alike, from what `add_training` added."""
    seeds = arguments.seeds if arguments.seed is None else [arguments.seed]
    call = {"seeds": seeds, "settings": _settings(arguments), "runs": arguments.runs}

    from benchmark.data.loading import FACES

    return {**call, "data": FACES if arguments.data is None else one_or_several(arguments.data)}


def _settings(arguments: argparse.Namespace) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for pair in arguments.set:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UserError(f"--set takes KEY=VALUE, got {pair!r}")
        settings[name] = value
    for name in ("epochs", "batch_size"):
        value = getattr(arguments, name)
        if value is not None:
            settings[name] = value
    return settings
