"""What a trained model says about some splits, and how long it takes over an image."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from benchmark.feature_learner import FeatureLearner
from benchmark.records import Predictions, Split
from benchmark.test_time import NONE, averaged
from benchmark.training import Learner

WARMING: Final = 256
"""Images predicted before the clock starts where nothing was predicted yet."""


@dataclass(frozen=True, eq=False)
class Predicted:
    """What one network says with one kind of test-time augmentation.

    Attributes:
        predictions: one for each split asked for.
        seconds_per_image: warm, in batches, all views of an image together.
    """

    predictions: tuple[Predictions, ...]
    seconds_per_image: float


def warm(learner: Learner, split: Split) -> None:
    """Let a model that has not predicted yet do so, which compiles it."""
    whole(learner).predict(split.images[:WARMING])


def predict(learner: Learner, splits: Sequence[Split], class_names: tuple[str, ...], kind: str) -> Predicted:
    """Predict some splits; the first of them is timed.

    Args:
        learner: has predicted before, so that nothing is compiled now.
        splits: at least one.
        class_names: of the dataset.
        kind: of test-time augmentation.
    """
    # Features of views would fill the disk for being read once.
    model = learner if kind == NONE else whole(learner)
    first, started = splits[0], time.perf_counter()
    found = [averaged(model.predict, first.images, kind)]
    seconds_per_image = (time.perf_counter() - started) / len(first)
    if isinstance(model, FeatureLearner):
        seconds_per_image = model.seconds_an_image(first.images)
    found += [averaged(model.predict, split.images, kind) for split in splits[1:]]
    predictions = tuple(
        Predictions(split.name, split.sample_ids, class_names, probabilities, split.labels)
        for split, probabilities in zip(splits, found, strict=True)
    )
    return Predicted(predictions, seconds_per_image)


def whole(learner: Learner) -> Learner:
    """What predicts images with the whole network, without features kept from before."""
    return learner.network if isinstance(learner, FeatureLearner) else learner
