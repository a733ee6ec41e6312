"""What a preset makes of a model's recipe; and how a stored run differs from it, with the command that repeats it."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from benchmark.records import RunConfig
from benchmark.store.stored_run import StoredRun
from benchmark.training.initial_weights import KINDS, SETTING
from zoo.registry import TUNED_SUFFIX, all_models
from zoo.settings import TrainingSettings
from zoo.spec import ModelSpec

PRESETS: Final = ("quick", "paper")

TRIALS: Final[Mapping[str, int]] = {"quick": 2, "paper": 20}
"""The usual number of trials of a search."""

SEEDS: Final[Mapping[str, int]] = {"quick": 3, "paper": 10}
"""How many seeds the model gets that is averaged over its seeds, when all models are run."""

QUICK: Final[Mapping[str, Any]] = {
    "images": 1050,
    "copies": 0,
    "mixup": 0.0,
    "cutmix": 0.0,
    "epochs": 5,
    "patience": 0,
    "batch_size": 32,
}

# A rate that falls to nothing leaves no luck in which of a few epochs is the last. scikit-learn models have neither.
QUICK_KERAS: Final[Mapping[str, Any]] = {"augmentation": "flip", "schedule": "cosine"}
# The head alone learns, on features that are computed once: an epoch takes a fraction of a second.
QUICK_TRANSFER: Final[Mapping[str, Any]] = {
    "augmentation": "none",
    "views": 0,
    "balance": "none",
    "schedule": "cosine",
    "epochs": 30,
}
QUICK_ESTIMATOR: Final[Mapping[str, Any]] = {"augmentation": "none", "schedule": "none"}

OF_PRESET: Final[Mapping[str, str]] = {"paper": "its own recipe", "quick": "the quick preset"}
FILE: Final = "WEIGHTS"
"""Stands in a command for a file of weights, of which a run knows the name and the hash but not the place."""

TARGETS: Final = "TARGETS.npz"
"""Stands in a command for a file of soft targets."""


def training_of(spec: ModelSpec, preset: str) -> TrainingSettings:
    """The training settings of a model under a preset.

    - paper: the model's own recipe
    - quick: few images and epochs, a cosine schedule, no early stopping; horizontal flips, but for transfer models,
      whose frozen backbone sees each image once; a first look in minutes
    """
    if preset == "paper":
        return spec.training
    quick = QUICK_TRANSFER if spec.backbone else QUICK_KERAS if spec.build else QUICK_ESTIMATOR
    return spec.training.with_changes({**QUICK, **quick, **spec.quick})


def hyperparameters_of(spec: ModelSpec, preset: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Every hyperparameter of a model under a preset: quick changes those that the model says, `changes` come on top.

    Raises:
        UserError: an unknown name, or a value outside its range.
    """
    return spec.with_hyperparameters({**(spec.quick_hyperparameters if preset == "quick" else {}), **changes})


@dataclass(frozen=True)
class Recipe:
    """A model's configuration as a preset and what differs from it.

    Attributes:
        preset: "paper", or "quick" where that leaves less to be said.
        changes: hyperparameters, training settings and `weights` by name, in the order in which they are declared.
        teacher: what it learns from as well, see `RunConfig`; or nothing.
        cycle: from 1.
    """

    preset: str
    changes: Mapping[str, Any]
    teacher: str = ""
    cycle: int = 1

    def __str__(self) -> str:
        changed = ", ".join(f"{name}={_written(value)}" for name, value in self.changes.items())
        taught = f", taught by {self.teacher}" if self.teacher else ""
        cycle = f", trained in {self.cycle} cycles" if self.cycle > 1 else ""
        return f"{OF_PRESET[self.preset]}{f' with {changed}' if changed else ''}{taught}{cycle}"


def recipe_of(config: RunConfig) -> Recipe | None:
    """The preset and the changes that make this configuration of a model of the zoo, as the zoo is today.

    Returns:
        None for what the zoo does not describe: ensembles, joint trainings, imported predictions, models that it does
        not have.
    """
    spec = all_models().get(config.model.removesuffix(TUNED_SUFFIX))
    if config.kind != "model" or spec is None or config.model_source or config.training is None:
        return None
    own, quick = (
        Recipe(preset, _changes(config, spec, preset), config.teacher, config.cycle) for preset in ("paper", "quick")
    )
    # What tells the quick preset is how few images it learns from; what else it sets, others may share by chance.
    return quick if "images" not in quick.changes and len(quick.changes) < len(own.changes) else own


def training_command(runs: Sequence[StoredRun], data: str, count: int | None = None) -> list[str] | None:
    """The command that trains stored runs of one configuration again, in their precision.

    Args:
        runs: one a seed; where their seeds are neither a single one nor all from 0, those between are trained too.
        data: the value of `--data`.
        count: of seeds from 0, in place of those of the runs.

    Returns:
        Its words for a shell, each option with its value, a file of weights as `WEIGHTS`, one of soft targets as
        `TARGETS.npz`; None where there is no such command: without a recipe (`recipe_of`), and for the winner of a
        search, which trains under another name.
    """
    config, precision = runs[0].config, runs[0].record.provenance.get("precision")
    last = max(run.record.seed for run in runs)
    seeds = {"--seeds": count or last + 1} if count or not last or len(runs) > 1 else {"--seed": last}
    recipe = recipe_of(config)
    if recipe is None or config.model.endswith(TUNED_SUFFIX):
        return None
    options = {"--data": data, "--preset": recipe.preset, **seeds, "--precision": precision}
    options |= {"--folds": config.folds or None, "--cycles": config.cycle if config.cycle > 1 else None}
    options |= {"--tta": None if config.tta == "none" else config.tta}
    words = [f"{option} {shlex.quote(str(value))}" for option, value in options.items() if value is not None]
    for name, value in recipe.changes.items():
        text = FILE if name == SETTING and value not in KINDS else _written(value)
        words.append(f"--set {shlex.quote(f'{name}={text}')}")
    teacher = TARGETS if "@" in recipe.teacher else shlex.quote(recipe.teacher)
    command = f"ensembles distill {teacher}" if recipe.teacher else "benchmark run"
    return [f"python -m {command} {config.model}", *words, *(["--refit"] if config.refit else [])]


def _changes(config: RunConfig, spec: ModelSpec, preset: str) -> dict[str, Any]:
    """The settings that `--set` gives besides `--preset`."""
    usual = {**hyperparameters_of(spec, preset, {}), **asdict(training_of(spec, preset))}
    # What quick starts from depends on the files that are at hand.
    usual[SETTING] = None if preset == "quick" else spec.weights
    trained = {} if config.training is None else asdict(config.training)
    values = {SETTING: config.weights, **config.hyperparameters, **trained}
    # A name that the model has no more cannot be set, but it is what the run had.
    return {name: value for name, value in values.items() if name not in usual or value != usual[name]}


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
