"""The trainer of a transfer model whose backbone is frozen: its head learns from features that are computed once."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.dataset import Split
from benchmark.training.frozen.features import FeatureSplit, FeatureStore, Frozen, Versions
from benchmark.training.keras_trainer import KerasTrainer
from benchmark.training.trainer import Pass, RefitSchedule
from zoo.settings import TrainingSettings

CHECKED: Final = 32
"""Number of images on which the whole network is compared with its head on the features."""

TOLERANCE: Final = {"float32": 1e-3, "bfloat16": 0.1}
"""Largest difference of probabilities, by precision. Computed in float32 they agree to 1e-4; a graphics card may
multiply with fewer digits. In bfloat16 a value has eight binary digits, and batches of another size are rounded
differently in every layer."""


class FeatureTrainer:
    """Trains the head of one model; satisfies `benchmark.training.trainer.Trainer`.

    Args:
        frozen: its backbone and its head, see `benchmark.training.frozen.features.split_model`.
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
        # Images are augmented before the backbone, if at all.
        head_settings = replace(settings, augmentation="none", copies=0)
        self.head = head = KerasTrainer(frozen.head, head_settings, seed, store.on_step, accumulation)
        # With the settings as they are: a second stage goes through the backbone, and there it augments on the fly.
        self.network = network = KerasTrainer(model, settings, seed, store.on_step, accumulation)
        # The head alone is trained. The backbone is the same in every process.
        self.train_epoch, self.snapshot, self.restore = head.train_epoch, head.snapshot, head.restore
        self.state, self.restore_state = head.state, head.restore_state
        self.save, self.size = network.save, network.size

    @property
    def compile_seconds(self) -> float:
        return self.head.compile_seconds + self.network.compile_seconds + self.store.compile_seconds

    def samples(
        self, train: Split, validation: Split | RefitSchedule
    ) -> tuple[FeatureSplit, FeatureSplit | RefitSchedule]:
        """The splits as features, for `fit`; computes those that are not stored yet.

        Raises:
            UserError: they cannot be written.
        """
        features = self.store.of(train.images, self.settings.augmentation, self.settings.views)
        train_features = FeatureSplit(train.name, features, train.labels)
        if isinstance(validation, RefitSchedule):
            return train_features, validation
        return train_features, FeatureSplit(validation.name, self.store.of(validation.images), validation.labels)

    def predict(self, images: Versions | NDArray[np.uint8]) -> NDArray[np.float32]:
        """Takes features of images, or images (0-255)."""
        versions = images if isinstance(images, Versions) else self.store.of(images)
        (features,) = versions.sets
        return self.head.predict(features)

    def check(self, images: NDArray[np.uint8]) -> Pass:
        """Compare the whole network's predictions for some of these images with the head's on their features.

        Returns:
            A pass of the whole network over them, warm.

        Raises:
            RuntimeError: they differ; the features must have been damaged.
        """
        checked = images[:CHECKED]
        expected = self.network.predict(checked)
        probabilities = self.head.predict(self.store.of(images)[np.arange(len(expected))])
        difference = float(np.abs(probabilities - expected).max())
        if difference > TOLERANCE[self.head.model.compute_dtype]:
            raise RuntimeError(
                f"the whole network's probabilities are off by {difference:.2g} from those of its head on the features "
                f"in {self.store.directory}: remove that directory and run again"
            )
        started = time.perf_counter()
        self.network.predict(checked)
        return Pass(time.perf_counter() - started, len(checked))


def about_features(backbone: str, hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """What features depend on besides pixels and weights, see `FeatureStore`."""
    import keras

    return {
        "backbone": backbone,
        "input_size": hyperparameters["input_size"],
        "backend": keras.backend.backend(),
        "precision": keras.config.dtype_policy().name,
    }
