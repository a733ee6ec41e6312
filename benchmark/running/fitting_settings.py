"""Which settings apply to a model, which contradict each other, and which change nothing."""

from collections.abc import Mapping
from typing import Any, Final

from benchmark.records import RunConfig
from benchmark.training.estimator_trainer import estimator_of, ignored
from benchmark.training.initial_weights import SETTING
from benchmark.training.sklearn_trainer import refusal
from zoo.errors import UserError
from zoo.estimators import PREFIX as ESTIMATOR_PREFIX
from zoo.settings import TrainingSettings, setting_names
from zoo.spec import ModelSpec

OF_BACKBONES: Final = ("views", "fine_tune_blocks", "fine_tune_epochs", "fine_tune_factor")
"""Training settings for transfer models alone."""

OF_TEACHERS: Final = ("distillation", "distillation_temperature", "distillation_images")
"""Training settings for runs with a teacher alone."""


def fitting(spec: ModelSpec, changes: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The changes that apply to the model, and the reasons why the others do not."""
    changed, unfit = dict(changes), {}
    for name, value in changes.items():
        if name in spec.hyperparameters:
            continue
        if name == SETTING:
            if reason := value.unfit(spec):
                unfit[name] = reason
        elif name not in setting_names():
            unfit[name] = f"the model has no hyperparameter {name}"
        elif name in OF_BACKBONES and spec.backbone is None:
            unfit[name] = f"{name} is a setting of transfer models, which have a backbone"
        elif spec.estimator is not None and (reason := _refused_by_estimator(spec, name, changes)):
            unfit[name] = reason
    for name in unfit:
        del changed[name]
    return changed, unfit


def _refused_by_estimator(spec: ModelSpec, name: str, changes: Mapping[str, Any]) -> str | None:
    """Why a classifier cannot be trained with this setting; None where it can."""
    if ignored(spec, name):
        return f"its classifier takes no {name}"
    beforehand = {key: changes[key] for key in ("copies", "balance") if key in changes}
    return refusal(TrainingSettings().with_changes({**beforehand, name: changes[name]}), spec.fitted_once)


def check(config: RunConfig, spec: ModelSpec) -> None:
    """Raise UserError for an estimator without probabilities, and for settings that contradict each other."""
    if spec.estimator is not None and spec.name.startswith(ESTIMATOR_PREFIX):
        estimator_of(spec, config, 0)
    training, teacher = config.training or TrainingSettings(), bool(config.teacher)
    views, copies, blocks = training.views > 0, training.augmented_beforehand, training.fine_tune_blocks
    augmented = training.augmentation != "none"
    frozen = not config.hyperparameters.get("train_base", True)
    backbone = spec.backbone
    refused = {
        "copies need an augmentation, add --set augmentation=affine": copies and not augmented,
        "views need an augmentation, add --set augmentation=affine": views and not augmented,
        "copies and views cannot be used together: leave one of them out": copies and views,
        "views cannot be used with mixup or cutmix: leave one of them out": views and training.mixes,
        "a scikit-learn model cannot learn from a teacher: choose a network": teacher and spec.build is None,
        "views and fine_tune_blocks cannot be used with a teacher: leave them out": teacher and (views or blocks),
        "views and fine_tune_blocks need a frozen base, add --set train_base=false": (views or blocks) and not frozen,
        "progressive_size needs a trained base, add --set train_base=true": training.progressive_size > 0 and frozen,
        "progressive_size cannot be used with its input_size: leave one of them out": (
            training.progressive_size > 0 and backbone is None and bool(config.hyperparameters.get("input_size"))
        ),
    }
    if backbone and backbone.blocks:
        most = len(backbone.blocks)
        refused[f"fine_tune_blocks is {blocks}, {backbone.application} has {most} blocks"] = blocks > most
    for reason, applies in refused.items():
        if applies:
            raise UserError(f"{config.model}: {reason}")


def vain_settings(config: RunConfig, spec: ModelSpec, changed: Mapping[str, Any], edges: tuple[int, ...]) -> list[str]:
    """Notes on settings without effect."""
    notes = []
    if config.teacher and spec.backbone and not config.hyperparameters.get("train_base", True):
        notes.append("with a teacher its frozen backbone sees every image again in each epoch, without views")
    training = config.training or TrainingSettings()
    smallest = int(config.hyperparameters.get("input_size") or min(edges))
    vain = {
        "stop_on": (not training.patience, "stop_on changes nothing with patience=0"),
        "progressive_size": (
            training.progressive_size >= smallest,
            f"progressive_size={training.progressive_size} is not below the images' {smallest}: they do not grow",
        ),
        "batch_norm": (
            training.augmented_beforehand and training.batch_norm == "augmented",
            "all images are augmented before the training: batch_norm=augmented is the same as plain",
        ),
    }
    notes += [note for name, (applies, note) in vain.items() if applies and name in changed]
    if training.warmup >= training.epochs and {"warmup", "epochs"} & changed.keys():
        notes.append("warmup takes all epochs: the learning rate is never reached")
    missing = training.without_effect()
    if not config.teacher:
        missing |= dict.fromkeys(OF_TEACHERS, "a teacher, see `ensembles distill`")
    notes += [f"{name} changes nothing without {owner}" for name, owner in missing.items() if name in changed]
    return [f"{config.model}: {note}" for note in notes]
