"""What a preset makes of a model's own recipe."""

from collections.abc import Mapping
from typing import Any, Final

from zoo.settings import TrainingSettings
from zoo.spec import ModelSpec

PRESETS: Final = ("quick", "paper")

TRIALS: Final[Mapping[str, int]] = {"quick": 2, "paper": 20}
"""How many trials a search makes unless told."""

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


def training_of(spec: ModelSpec, preset: str) -> TrainingSettings:
    """The training settings of a model under a preset.

    - paper: the model's own recipe
    - quick: few images and epochs, a cosine schedule, no early stopping; horizontal flips, but for transfer models,
      whose frozen backbone sees each image once; a first look in minutes

    Args:
        spec: of the model.
        preset: "quick" or "paper".
    """
    if preset == "paper":
        return spec.training
    of_kind = QUICK_TRANSFER if spec.backbone else QUICK_KERAS if spec.build else QUICK_ESTIMATOR
    return spec.training.with_changes({**QUICK, **of_kind, **spec.quick})


def hyperparameters_of(spec: ModelSpec, preset: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Every hyperparameter of a model under a preset: quick changes those that the model says, `changes` come on top.

    Raises:
        UserError: an unknown name, or a value outside its range.
    """
    return spec.with_hyperparameters({**(spec.quick_hyperparameters if preset == "quick" else {}), **changes})
