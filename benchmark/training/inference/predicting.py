"""What a trained model says about some splits."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from benchmark.dataset import Split
from benchmark.records import Predictions
from benchmark.training.frozen.feature_trainer import FeatureTrainer
from benchmark.training.inference.tta import NONE, VIEWS, averaged
from benchmark.training.trainer import Trainer

WARMING: Final = 256
"""Images predicted before the clock starts where nothing was predicted yet."""


@dataclass(frozen=True, eq=False)
class Predicted:
    """What one network says with one kind of test-time augmentation.

    Attributes:
        predictions: one for each split asked for.
        one_pass: seconds that the whole network took over a view of an image, in batches.
    """

    predictions: tuple[Predictions, ...]
    one_pass: float


def warm(trainer: Trainer, split: Split) -> None:
    """Let a model that has not predicted yet do so, which compiles it."""
    whole(trainer).predict(split.images[:WARMING])


def predict(trainer: Trainer, splits: Sequence[Split], class_names: tuple[str, ...], kind: str) -> Predicted:
    """Predict some splits; the first of them is timed.

    Args:
        trainer: has predicted before, so that nothing is compiled now.
        splits: at least one.
        class_names: of the dataset.
        kind: of test-time augmentation.

    Raises:
        RuntimeError: features that were kept have been damaged, see `FeatureTrainer.check`.
    """
    # Features of views would fill the disk for being read once.
    model = trainer if kind == NONE else whole(trainer)
    first, started = splits[0], time.perf_counter()
    found = [averaged(model.predict, first.images, kind)]
    one_pass = (time.perf_counter() - started) / len(first) / VIEWS[kind]
    if isinstance(model, FeatureTrainer):
        one_pass = model.check(first.images)
    found += [averaged(model.predict, split.images, kind) for split in splits[1:]]
    predictions = tuple(
        Predictions(split.name, split.sample_ids, class_names, probabilities, split.labels)
        for split, probabilities in zip(splits, found, strict=True)
    )
    return Predicted(predictions, one_pass)


def whole(trainer: Trainer) -> Trainer:
    """What predicts images with the whole network, without features kept from before."""
    return trainer.network if isinstance(trainer, FeatureTrainer) else trainer
