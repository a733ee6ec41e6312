"""A transfer model whose backbone is frozen, under training: the head learns from features that are computed once."""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.dataset import Split
from benchmark.training.frozen.features import FeatureSplit, FeatureStore, Frozen, Versions
from benchmark.training.keras_trainer import KerasTrainer
from benchmark.training.trainer import Arrays, Epoch, RefitSchedule, Snapshot
from zoo.settings import TrainingSettings

CHECKED: Final = 32
"""Images on which the whole network is compared with its head on the features."""

TOLERANCE: Final = {"float32": 1e-3, "bfloat16": 0.1}
"""Of probabilities, by precision. Computed in float32 they agree to 1e-4; a graphics card may multiply with fewer
digits. In bfloat16 a value has eight binary digits, and batches of another size round otherwise in every layer."""


class FeatureTrainer:
    """Trains the head of one model; satisfies `benchmark.training.trainer.Trainer`.

    Args:
        model: the whole network.
        frozen: its two parts, see `benchmark.training.frozen.features.split_model`.
        settings: of the training.
        seed: of the run.
        store: of the features.
        accumulation: see `KerasTrainer`.
    """

    def __init__(
        self,
        model: Any,
        frozen: Frozen,
        settings: TrainingSettings,
        seed: int,
        store: FeatureStore,
        accumulation: int = 1,
    ) -> None:
        self.settings = settings
        self.store = store
        # What augments has been at work before the backbone, if at all.
        at_head = replace(settings, augmentation="none", copies=0)
        self.head = KerasTrainer(frozen.head, at_head, seed, store.on_step, accumulation)
        # With the settings as they are: a second stage goes through the backbone, and there it augments on the fly.
        self.network = KerasTrainer(model, settings, seed, store.on_step, accumulation)

    @property
    def parameters(self) -> int:
        """All weights of the whole network, trainable or not."""
        return self.network.parameters

    @property
    def flops(self) -> int | None:
        """Floating-point operations of one image's way through the whole network; None where a layer is unknown."""
        return self.network.flops

    @property
    def model_bytes(self) -> int:
        """What all weights of the whole network take as stored."""
        return self.network.model_bytes

    @property
    def compile_seconds(self) -> float:
        """What compiling of both networks has taken so far."""
        return self.head.compile_seconds + self.network.compile_seconds + self.store.compile_seconds

    def samples(
        self, train: Split, validation: Split | RefitSchedule
    ) -> tuple[FeatureSplit, FeatureSplit | RefitSchedule]:
        """What `fit` takes in place of the splits; computes the features that are not stored yet.

        Raises:
            UserError: they cannot be written.
        """
        features = self.store.of(train.images, self.settings.augmentation, self.settings.views)
        learnt = FeatureSplit(train.name, features, train.labels)
        if isinstance(validation, RefitSchedule):
            return learnt, validation
        return learnt, FeatureSplit(validation.name, self.store.of(validation.images), validation.labels)

    def train_epoch(self, epoch: Epoch) -> dict[str, float]:
        """One pass over an epoch's features; returns the mean training `loss` and `accuracy` (0-1)."""
        return self.head.train_epoch(epoch)

    def predict(self, images: Versions | NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities, float32 (n, classes), for the features of images, or for images (0-255)."""
        found = images if isinstance(images, Versions) else self.store.of(images)
        (features,) = found.sets
        return self.head.predict(features)

    def snapshot(self) -> Snapshot:
        """The head's weights, as `restore` takes them."""
        return self.head.snapshot()

    def restore(self, snapshot: Snapshot) -> None:
        """Put back weights that `snapshot` gave.

        Raises:
            ValueError: they are not this head's; nothing has been changed then.
        """
        self.head.restore(snapshot)

    def state(self) -> Arrays:
        """The head's state; the backbone is the same in every process."""
        return self.head.state()

    def restore_state(self, state: Arrays) -> None:
        """Put back what `state` gave.

        Raises:
            ValueError: it is not this head's; nothing has been changed then.
        """
        self.head.restore_state(state)

    def save(self, directory: Path) -> None:
        """Write the whole network as `model.keras`."""
        self.network.save(directory)

    def check(self, images: NDArray[np.uint8]) -> float:
        """See whether the whole network says of some of these images what the head says on their features.

        Returns:
            Seconds an image that the whole network takes over them, in batches, warm.

        Raises:
            RuntimeError: it does not; the features must have been damaged.
        """
        shown = images[:CHECKED]
        expected = self.network.predict(shown)
        found = self.head.predict(self.store.of(images)[np.arange(len(expected))])
        if (difference := float(np.abs(found - expected).max())) > TOLERANCE[self.head.model.compute_dtype]:
            raise RuntimeError(
                f"the whole network's probabilities are off by {difference:.2g} from those of its head on the features "
                f"in {self.store.directory}: remove that directory and run again"
            )
        started = time.perf_counter()
        self.network.predict(shown)
        return (time.perf_counter() - started) / len(shown)


def about_features(backbone: str, hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """What features depend on beside pixels and weights, see `FeatureStore`."""
    import keras

    return {
        "backbone": backbone,
        "input_size": hyperparameters["input_size"],
        "backend": keras.backend.backend(),
        "precision": keras.config.dtype_policy().name,
    }
