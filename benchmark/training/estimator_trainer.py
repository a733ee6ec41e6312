"""The trainer of any scikit-learn classifier: fitted in one call, or an epoch at a time where it has `partial_fit`.

Its fitted state is known to the classifier alone. It is copied in memory for the best epoch, and never written: that
would be a pickle, which runs code when it is read.
"""

from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark import metrics
from benchmark.records import RunConfig
from benchmark.training.trainer import Arrays, Epoch, ModelSize, Snapshot
from zoo.errors import UserError, in_one_line
from zoo.settings import TrainingSettings
from zoo.spec import ModelSpec

NOT_STORED: Final = "a scikit-learn classifier could be stored as a pickle only, which runs code when it is read"


def estimator_of(spec: ModelSpec, config: RunConfig, seed: int) -> Any:
    """The estimator of a configuration, not yet fitted.

    Raises:
        UserError: it has no probabilities.
    """
    if spec.estimator is None:
        raise ValueError(f"{spec.name} is no estimator")
    settings = config.training or TrainingSettings()
    rates = {"batch_size": settings.batch_size, "learning_rate": settings.learning_rate}
    return spec.estimator(**{**rates, **config.hyperparameters}, seed=seed)


def is_perceptron(estimator: Any) -> bool:
    """Whether it is a perceptron as the zoo's, whose weights are stored as arrays."""
    from sklearn.neural_network import MLPClassifier

    return (
        isinstance(estimator, MLPClassifier)
        and estimator.activation == "relu"
        and isinstance(estimator.batch_size, int)
        and hasattr(estimator, "partial_fit")
        and not estimator.early_stopping
    )


class EstimatorTrainer:
    """Trains one scikit-learn classifier; satisfies `benchmark.training.trainer.Trainer`."""

    compile_seconds = 0.0

    def __init__(self, estimator: Any, classes: int) -> None:
        self.estimator = estimator
        self.classes = np.arange(classes)
        self._kept: tuple[int, Any] = (0, None)

    def size(self) -> ModelSize:
        return ModelSize()

    def train_epoch(self, epoch: Epoch) -> dict[str, float]:
        """Loss and accuracy are those after the epoch. Its learning rate is ignored."""
        pixels = _pixels(epoch.images[epoch.rows])
        weights = {} if epoch.weights is None else {"sample_weight": self._weights(epoch.weights)}
        try:
            if hasattr(self.estimator, "partial_fit"):
                self.estimator.partial_fit(pixels, epoch.labels, classes=self.classes, **weights)
            else:
                self.estimator.fit(pixels, epoch.labels, **weights)
        except ValueError as error:  # as scikit-learn says of a hyperparameter that is not legal
            raise UserError(f"{type(self.estimator).__name__}: {in_one_line(error, 1000)}") from error
        probabilities = self._probabilities(pixels)
        return {
            "loss": metrics.log_loss(probabilities, epoch.labels),
            "accuracy": metrics.accuracy(probabilities, epoch.labels),
        }

    def _weights(self, weights: NDArray[np.float32]) -> NDArray[np.float32]:
        from sklearn.utils.validation import has_fit_parameter

        if not has_fit_parameter(self.estimator, "sample_weight"):
            raise UserError(f"{type(self.estimator).__name__} takes no weights of samples: choose another balance")
        return weights

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self._probabilities(_pixels(images))

    def _probabilities(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """With a column for every class, also for those that it has not seen."""
        probabilities = np.zeros((len(pixels), len(self.classes)), np.float32)
        probabilities[:, np.asarray(self.estimator.classes_, np.int64)] = self.estimator.predict_proba(pixels)
        return probabilities

    def snapshot(self) -> Snapshot:
        """The number under which the present state is kept in memory, in place of the one before."""
        self._kept = (self._kept[0] + 1, deepcopy(self.estimator))
        return [np.array(self._kept[0])]

    def restore(self, snapshot: Snapshot) -> None:
        number, estimator = self._kept
        if estimator is None or [int(array) for array in snapshot] != [number]:
            raise ValueError("a scikit-learn classifier is kept in memory only")
        self.estimator = estimator

    def state(self) -> Arrays:
        """Nothing: an interrupted training starts again."""
        return {}

    def restore_state(self, state: Arrays) -> None:
        raise ValueError(f"a scikit-learn classifier is kept in memory only, not as {len(state)} arrays")

    def save(self, directory: Path) -> None:
        """Nothing is written, see `NOT_STORED`."""


def _pixels(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The images as rows of values 0-1."""
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255)
