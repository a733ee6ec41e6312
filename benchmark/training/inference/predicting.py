"""Predict with a trained model, in float32 whatever it was trained in."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.dataset import Split
from benchmark.hardware import backend
from benchmark.records import Predictions
from benchmark.store.stored_models import custom_classes
from benchmark.training.frozen.feature_trainer import FeatureTrainer
from benchmark.training.inference.tta import NONE, VIEWS, averaged
from benchmark.training.keras_trainer import KerasTrainer
from benchmark.training.trainer import Pass, Trainer

WARM_UP: Final = 256
"""Number of images predicted before the clock starts where nothing was predicted yet."""

LOW_PRECISIONS: Final = ("mixed_bfloat16", "bfloat16")


@dataclass(frozen=True, eq=False)
class Predicted:
    """The predictions of one network with one kind of test-time augmentation.

    Attributes:
        predictions: one for each split.
        one_pass: over the views of the images of the first split that was predicted, or of some of them.
    """

    predictions: tuple[Predictions, ...]
    one_pass: Pass


def ready(trainer: Trainer, split: Split, sources: Sequence[str] = ()) -> Trainer:
    """The trainer to predict with: itself, or the same network in float32 where it computes in bfloat16.

    Weights are float32 in either case. So the stored predictions of every run are those of its stored model, which any
    format and any processor can compute; bfloat16 is used in training alone.

    Args:
        split: whose features are checked.
        sources: texts whose classes its layers may be (`zoo.model_files`), which are run.

    Raises:
        RuntimeError: the check of a frozen backbone's features fails (`FeatureTrainer.check`).
    """
    network = whole(trainer)
    if not isinstance(network, KerasTrainer) or network.model.compute_dtype not in LOW_PRECISIONS:
        return trainer
    if isinstance(trainer, FeatureTrainer):
        trainer.check(split.images)
    model = in_float32(network.model, sources)
    return KerasTrainer(model, network.settings, network.seed, network.on_step, network.accumulation)


def in_float32(model: Any, sources: Sequence[str] = ()) -> Any:
    """A copy of a Keras model that computes in float32, with the same weights. For `sources` see `ready`."""
    # Layers of a user's may build others, of which the configuration says nothing.
    with custom_classes(sources), backend.float32_layers():
        copy = type(model).from_config(_with_float32(model.get_config()))
    copy.set_weights(model.get_weights())
    return copy


def _with_float32(config: Any) -> Any:
    """A layer's configuration with float32 in place of lower precisions."""
    if isinstance(config, dict):
        return {name: _with_float32(value) for name, value in config.items()}
    if isinstance(config, list | tuple):
        return type(config)(_with_float32(value) for value in config)
    return "float32" if isinstance(config, str) and config in LOW_PRECISIONS else config


def warm_up(trainer: Trainer, split: Split) -> None:
    """Let a model predict for the first time, which compiles it."""
    whole(trainer).predict(split.images[:WARM_UP])


def predict(
    trainer: Trainer,
    splits: Sequence[Split],
    class_names: tuple[str, ...],
    kind: str,
    known: NDArray[np.float32] | None = None,
) -> Predicted:
    """Predict some splits; the first that is predicted is timed, without what is compiled for its number of images.

    Args:
        trainer: has predicted before.
        known: what the trainer predicts of the first split; there is another one behind it. None has it predicted here.

    Raises:
        RuntimeError: stored features have been damaged, see `FeatureTrainer.check`.
    """
    # Features of views would fill the disk and be read only once.
    model = trainer if kind == NONE else whole(trainer)
    probabilities = [] if known is None else [known]
    first, *others = splits[len(probabilities) :]
    started, compiled = time.perf_counter(), model.compile_seconds
    probabilities.append(averaged(model.predict, first.images, kind))
    seconds = time.perf_counter() - started - (model.compile_seconds - compiled)
    one_pass = Pass(seconds, len(first) * VIEWS[kind])
    if isinstance(model, FeatureTrainer):
        one_pass = model.check(first.images)
    probabilities += [averaged(model.predict, split.images, kind) for split in others]
    predictions = tuple(
        Predictions(split.name, split.sample_ids, class_names, by_class, split.labels)
        for split, by_class in zip(splits, probabilities, strict=True)
    )
    return Predicted(predictions, one_pass)


def whole(trainer: Trainer) -> Trainer:
    """The trainer of the whole network, which predicts without stored features."""
    return trainer.network if isinstance(trainer, FeatureTrainer) else trainer
