"""`python -m benchmark`: run, tune, list, check; the others are in the modules called `*_commands`."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from textwrap import fill
from typing import Any

from benchmark.command_line import FAILED, OK, add_runs_argument, call
from benchmark.data_commands import DATA_HELP, add_data, add_reading, one_or_several, reading_of
from benchmark.model_commands import add_export, add_predict
from benchmark.name_lists import names_in
from benchmark.store_commands import add_publish
from zoo.errors import UserError
from zoo.settings import CHOICES, RANGES, TrainingSettings

RUN_EXAMPLES = """\
examples:
  python -m benchmark run --all
  python -m benchmark run cnn4 cnn7 --data fer2013.csv --seeds 3
  python -m benchmark run cnn4 --set optimizer=sgd --set dropout=0.4
  python -m benchmark run cnn4 --data fer2013.csv --refit --tta flip
  python -m benchmark run cnn4 --data fer2013.csv --data ckplus/ --data jaffe/
  python -m benchmark run --all --data fer2013.csv --jobs 4
  python -m benchmark run --all --backend dask --scheduler tcp://10.0.0.5:8786
"""

TUNE_EXAMPLES = """\
examples:
  python -m benchmark tune mlp --trials 10
  python -m benchmark tune bayes --data fer2013.csv --tuner hyperband
"""


def parser() -> argparse.ArgumentParser:
    """The parser of `python -m benchmark` with its subcommands."""
    top = argparse.ArgumentParser(
        prog="python -m benchmark",
        description="Train image classifiers under one protocol and store what they predict.",
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    _add_run(commands)
    _add_tune(commands)
    _add_list(commands)
    _add_check(commands)
    add_data(commands)
    add_export(commands)
    add_predict(commands)
    add_publish(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, 1 where a run failed, 2 where the user can mend something."""
    return call(parser(), argv)


def _add_run(commands: Any) -> None:
    command = commands.add_parser(
        "run",
        help="train models and store their predictions",
        description="Train models and store what they predict. What is stored is not trained again.",
        epilog=f"{RUN_EXAMPLES}\n{_settings_help()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("models", nargs="*", metavar="NAME", help="models, apart by spaces or commas, see `list`")
    command.add_argument("--all", action="store_true", help="every model, then ensembles of them")
    add_training(command)
    _add_variants(command)
    add_views(command)
    add_engine(command)
    command.add_argument("--profile", action="store_true", help="then say where the time of each run went")
    command.set_defaults(command=_run)


def _add_variants(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("runs of another kind, each a row of its own")
    group.add_argument("--folds", type=int, default=0, metavar="K", help="predict all labelled images out of fold")
    group.add_argument("--refit", action="store_true", help="then train on validation too, for a final submission")


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


def _add_tune(commands: Any) -> None:
    command = commands.add_parser(
        "tune",
        help="search for better values of a model",
        description="Search for better values of a model, by validation loss, and run the best\n"
        "as NAME-tuned. The same command goes on where it was stopped.",
        epilog=f"{TUNE_EXAMPLES}\n{_settings_help()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("model", metavar="NAME", help="a model that has a search space")
    command.add_argument("--tuner", default="bayesian", metavar="NAME", help="bayesian (default), hyperband or random")
    command.add_argument(
        "--trials", type=int, metavar="N", help="how many, earlier ones included (default: 2 quick, 20 paper)"
    )
    add_training(command)
    command.set_defaults(command=_tune, all=False)


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


def _settings_help() -> str:
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


def _add_list(commands: Any) -> None:
    command = commands.add_parser(
        "list",
        help="show the models, or what stored runs take on disk",
        description="Show the models of the zoo; parameters are those at 48x48 grey, 7 classes.",
    )
    command.add_argument(
        "--runs", nargs="?", type=Path, const=Path("runs"), metavar="DIR", help="show what the runs in DIR take on disk"
    )
    command.add_argument("--format", choices=("text", "json"), default="text")
    command.set_defaults(command=_list)


def _add_check(commands: Any) -> None:
    command = commands.add_parser(
        "check",
        help="compare every file of every run with its checksum",
        description="Read every run in the store and compare its files with the checksums in its\n"
        "record. Exit code 1 where something is damaged, missing or edited.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_runs_argument(command)
    command.set_defaults(command=_check)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.all and arguments.models:
        raise UserError("give either model names or --all")
    if not arguments.all and not arguments.models:
        raise UserError("name at least one model, or --all for every one; `python -m benchmark list` shows them")
    several = several_of(arguments)
    call = call_of(arguments)

    from benchmark.everything import run_all
    from benchmark.run_options import RunOptions
    from benchmark.runner import run

    options = RunOptions(
        **options_of(arguments),
        **several,
        folds=arguments.folds,
        refit=arguments.refit,
    )
    done = run_all(**call, options=options) if arguments.all else run(arguments.models, **call, options=options)
    code = report(done, arguments)
    if arguments.profile:
        from benchmark.profile import profile_text

        print(f"\nWhere the time went:\n\n{profile_text(done)}")
    return code


def _tune(arguments: argparse.Namespace) -> int:
    call = call_of(arguments)

    from benchmark.run_options import RunOptions
    from benchmark.tuning import TuneOptions, tune, tuned_text

    running = RunOptions(**options_of(arguments))
    tuned = tune(arguments.model, **call, options=TuneOptions(arguments.tuner, arguments.trials, running))
    if not tuned.best:
        print(
            f"error: all {len(tuned.trials)} trials failed, the last: {tuned.trials[-1].outcome.error}; "
            f"remove {tuned.path.parent} to search anew",
            file=sys.stderr,
        )
        return FAILED
    code = report(tuned.runs, arguments)
    print(f"\n{tuned_text(tuned)}")
    return code


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


def report(done: Sequence[Any], arguments: argparse.Namespace) -> int:
    """After the runs: with --all the ensembles of them, then the leaderboard."""
    import reports
    from ensembles.standard import build_standard
    from reports.pages import text_page
    from reports.results import read_results

    whole = [run for run in done if run.record.status == "ok"]
    config = done[0].config
    dataset = f"{config.dataset}-{config.fingerprint}"
    if arguments.all:
        # A refit cannot be judged by validation, and views of one network are not two members.
        plain = [run for run in whole if not run.config.refit and run.config.tta == "none"]
        build_standard(plain, arguments.runs, dataset)
    page = reports.write_leaderboard(arguments.runs, data=dataset)
    print()
    print(text_page(read_results(arguments.runs, dataset), arguments.runs, classes=False))
    print(f"Runs and predictions: {page.parent}\nLeaderboard, with every class: {page}")
    return FAILED if len(whole) < len(done) else OK


def _list(arguments: argparse.Namespace) -> None:
    if arguments.runs is not None:
        from benchmark.disk import sizes_text, stored_sizes

        sizes = stored_sizes(arguments.runs)
        print(json.dumps(sizes, indent=2) if arguments.format == "json" else sizes_text(sizes))
        return
    from benchmark.catalogue import models, models_text

    print(json.dumps(models(), indent=2) if arguments.format == "json" else models_text())


def _check(arguments: argparse.Namespace) -> int:
    from benchmark.checking import check, checked_text

    found = check(arguments.runs)
    print(checked_text(found))
    return FAILED if any(one.damaged for one in found) else OK
