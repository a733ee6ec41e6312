"""What a trained model says about some splits."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from benchmark.dataset import Split
from benchmark.records import Predictions
from benchmark.training.frozen.feature_trainer import FeatureLearner
from benchmark.training.inference.tta import NONE, VIEWS, averaged
from benchmark.training.trainer import Learner

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

    Raises:
        RuntimeError: features that were kept have been damaged, see `FeatureLearner.check`.
    """
    # Features of views would fill the disk for being read once.
    model = learner if kind == NONE else whole(learner)
    first, started = splits[0], time.perf_counter()
    found = [averaged(model.predict, first.images, kind)]
    one_pass = (time.perf_counter() - started) / len(first) / VIEWS[kind]
    if isinstance(model, FeatureLearner):
        one_pass = model.check(first.images)
    found += [averaged(model.predict, split.images, kind) for split in splits[1:]]
    predictions = tuple(
        Predictions(split.name, split.sample_ids, class_names, probabilities, split.labels)
        for split, probabilities in zip(splits, found, strict=True)
    )
    return Predicted(predictions, one_pass)


def whole(learner: Learner) -> Learner:
    """What predicts images with the whole network, without features kept from before."""
    return learner.network if isinstance(learner, FeatureLearner) else learner
