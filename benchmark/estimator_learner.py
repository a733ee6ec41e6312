"""A scikit-learn classifier under training, an epoch at a time, so that selection works as for every other model."""

from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.operations import perceptron_operations
from benchmark.store import ESTIMATOR
from zoo.settings import TrainingSettings

HONOURED: Final = frozenset(
    {"learning_rate", "balance", "copies", "images", "patience", "epochs", "batch_size", "augmentation"}
)
"""The settings that mean something to a scikit-learn model; augmentation only with copies made beforehand."""


def refusal(settings: TrainingSettings) -> str | None:
    """Why a scikit-learn model cannot be trained with `settings`; None where it can."""
    refused = sorted(set(settings.non_default()) - HONOURED)
    if refused:
        return f"a scikit-learn model has no {', '.join(refused)}"
    if settings.augmentation != "none" and not settings.augmented_beforehand:
        return "a scikit-learn model is augmented by offline copies only: add --set copies=4"
    return None


class EstimatorLearner:
    """Trains one scikit-learn classifier with `partial_fit`; satisfies `benchmark.training.Learner`.

    Args:
        estimator: not yet fitted.
        classes: how many there are.
    """

    def __init__(self, estimator: Any, classes: int) -> None:
        self.estimator = estimator
        self.classes = np.arange(classes)
        self._input_shape: tuple[int, ...] = ()

    @property
    def parameters(self) -> int:
        """All weights; 0 before the first epoch."""
        return sum(array.size for array in self._arrays)

    @property
    def operations(self) -> int | None:
        """Floating-point operations that the prediction of one image takes; None before the first epoch."""
        kernels = getattr(self.estimator, "coefs_", None)
        return None if kernels is None else perceptron_operations(kernels)

    @property
    def model_bytes(self) -> int:
        """What all weights take as stored; 0 before the first epoch."""
        return sum(array.nbytes for array in self._arrays)

    @property
    def _arrays(self) -> list[NDArray[Any]]:
        return [*getattr(self.estimator, "coefs_", ()), *getattr(self.estimator, "intercepts_", ())]

    def load(self, directory: Path, input_shape: tuple[int, ...]) -> None:
        """Take over the weights that `save` wrote, for predictions on images of `input_shape`."""
        rows = max(len(self.classes), self.estimator.batch_size)
        # scikit-learn has no other way to a perceptron's layers than to fit it.
        self.train_epoch(np.zeros((rows, *input_shape), np.uint8), np.resize(self.classes, rows), None, 0.0)
        with np.load(directory / ESTIMATOR, allow_pickle=False) as arrays:
            for name in ("coefs_", "intercepts_"):
                layers = range(len(getattr(self.estimator, name)))
                setattr(self.estimator, name, [arrays[f"{name}{layer}"] for layer in layers])

    def train_epoch(
        self,
        images: NDArray[np.uint8],
        labels: NDArray[np.int64],
        weights: NDArray[np.float32] | None,
        learning_rate: float,  # noqa: ARG002 - constant for these models
    ) -> dict[str, float]:
        """One pass over the images in the order given; returns the training `loss` and `accuracy` after it (0-1)."""
        pixels = _flat(images)
        self._input_shape = images.shape[1:]
        self.estimator.partial_fit(pixels, labels, classes=self.classes, sample_weight=weights)
        return {"loss": float(self.estimator.loss_), "accuracy": float(self.estimator.score(pixels, labels))}

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities, float32 (n, classes)."""
        return np.asarray(self.estimator.predict_proba(_flat(images)), np.float32)

    def snapshot(self) -> Any:
        """The estimator's state, as `restore` takes it."""
        return deepcopy(self.estimator)

    def restore(self, snapshot: Any) -> None:
        """Put back a state that `snapshot` gave."""
        self.estimator = deepcopy(snapshot)

    def save(self, directory: Path) -> None:
        """Write the layers' weights (coefs_0, intercepts_0, ...) and the images' shape: arrays, never a pickle."""
        layers = {
            f"{name}{layer}": array
            for name in ("coefs_", "intercepts_")
            for layer, array in enumerate(getattr(self.estimator, name))
        }
        np.savez(directory / ESTIMATOR, input_shape=np.array(self._input_shape), **layers)


def _flat(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255)
