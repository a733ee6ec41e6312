"""The trainer of any scikit-learn classifier: fitted in one call, or an epoch at a time where it has `partial_fit`.

Its fitted state is known to the classifier alone. It is copied in memory for the best epoch, and never written: that
would be a pickle, which runs code when it is read.
"""

import inspect
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark import metrics
from benchmark.dataset import Dataset
from benchmark.records import ROW_SUM_TOLERANCE, RunConfig
from benchmark.training.trainer import Arrays, Epoch, ModelSize, Snapshot
from zoo.errors import UserError, in_one_line
from zoo.estimators import PREFIX
from zoo.settings import TrainingSettings
from zoo.spec import ModelSpec

FEW: Final = 10
"""Images of each class that a classifier from outside the zoo is tried with."""

OFFERED: Final = ("batch_size", "learning_rate")
"""Training settings that a classifier's function may take as arguments."""

NOT_STORED: Final = "a scikit-learn classifier could be stored as a pickle only, which runs code when it is read"


def estimator_of(spec: ModelSpec, config: RunConfig, seed: int) -> Any:
    """The estimator of a configuration, not yet fitted.

    Raises:
        UserError: it has no probabilities.
    """
    return _made(spec, config.training or TrainingSettings(), config.hyperparameters, seed)


def ignored(spec: ModelSpec, setting: str) -> bool:
    """Whether a training setting would change nothing, because the classifier does not take it."""
    if spec.estimator is None or setting not in OFFERED:
        return False
    # Those that are named by their import path take any, and leave out what is no argument of their class.
    return spec.name.startswith(PREFIX) or not _takes(spec.estimator, setting)


def with_epochs(spec: ModelSpec) -> ModelSpec:
    """The model, marked as fitted once where its classifier cannot be trained an epoch at a time.

    Fitted anew in each epoch, the luckiest of as many fits would be kept.
    """
    if spec.estimator is None or spec.fitted_once:
        return spec
    try:
        estimator = _made(spec, spec.training, spec.with_hyperparameters({}), 0)
    except Exception:
        return spec
    return spec if hasattr(estimator, "partial_fit") else replace(spec, fitted_once=True)


def check_estimator(spec: ModelSpec, config: RunConfig, dataset: Dataset) -> None:
    """Fit a classifier from outside the zoo on a few images, before it is fitted on all.

    What it cannot be fitted on is no fault: a few images may be too few for it.

    Raises:
        UserError: what it then predicts are no probabilities.
    """
    labels = dataset.train.labels
    if labels is None:
        raise ValueError("images to train on have labels")
    some = np.sort(np.concatenate([np.flatnonzero(labels == one)[:FEW] for one in np.unique(labels)]))
    trainer = EstimatorTrainer(estimator_of(spec, config, 0), len(dataset.class_names))
    pixels = _pixels(dataset.train.images[some])
    try:
        trainer.fit(pixels, labels[some], {})
    except Exception:
        return
    trainer.probabilities(pixels)


def _made(spec: ModelSpec, settings: TrainingSettings, hyperparameters: Mapping[str, Any], seed: int) -> Any:
    if spec.estimator is None:
        raise ValueError(f"{spec.name} is no estimator")
    offered = {**{name: getattr(settings, name) for name in OFFERED}, "seed": seed}
    taken = {name: value for name, value in offered.items() if _takes(spec.estimator, name)}
    estimator = spec.estimator(**{**taken, **hyperparameters})
    if not hasattr(estimator, "predict_proba"):
        wrap = "; scikit-learn's CalibratedClassifierCV around it has one"
        hint = ": add --set probability=true" if "probability" in spec.hyperparameters else wrap
        raise UserError(f"{spec.name} gives no probabilities as it is set, it has no predict_proba{hint}")
    return estimator


def _takes(estimator: Callable[..., Any], name: str) -> bool:
    arguments = inspect.signature(estimator).parameters
    return name in arguments or any(one.kind is one.VAR_KEYWORD for one in arguments.values())


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
            self.fit(pixels, epoch.labels, weights)
        except ValueError as error:  # as scikit-learn says of a hyperparameter that is not legal
            raise UserError(f"{self._name}: {in_one_line(error, 1000)}") from error
        probabilities = self.probabilities(pixels)
        return {
            "loss": metrics.log_loss(probabilities, epoch.labels),
            "accuracy": metrics.accuracy(probabilities, epoch.labels),
        }

    def fit(self, pixels: NDArray[np.float32], labels: NDArray[np.int64], weights: Mapping[str, Any]) -> None:
        """Fit the classifier, or go on by an epoch, on rows of values 0-1."""
        if hasattr(self.estimator, "partial_fit"):
            self.estimator.partial_fit(pixels, labels, classes=self.classes, **weights)
        else:
            self.estimator.fit(pixels, labels, **weights)

    @property
    def _name(self) -> str:
        return type(self.estimator).__name__

    def _weights(self, weights: NDArray[np.float32]) -> NDArray[np.float32]:
        from sklearn.utils.validation import has_fit_parameter

        if not has_fit_parameter(self.estimator, "sample_weight"):
            raise UserError(f"{self._name} takes no weights of samples: choose another balance")
        return weights

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self.probabilities(_pixels(images))

    def _seen(self) -> NDArray[np.int64]:
        """The classes that the columns of `predict_proba` stand for.

        Without `classes_`, which scikit-learn's classifiers have, it has a column for every class.
        """
        seen = np.asarray(getattr(self.estimator, "classes_", self.classes))
        if not np.isin(seen, self.classes).all():
            raise UserError(f"{self._name}: classes_ must be the classes that it was fitted with, got {seen.tolist()}")
        return seen.astype(np.int64)

    def probabilities(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """With a column for every class, also for those that it has not seen, shape (n, classes).

        Raises:
            UserError: what it predicts has another shape, or rows that are no probabilities.
        """
        said = np.asarray(self.estimator.predict_proba(pixels), np.float32)
        seen = self._seen()
        if said.shape != (len(pixels), len(seen)):
            raise UserError(
                f"{self._name}: predict_proba gives {said.shape} for {len(pixels):,} images, expected a row for each "
                f"image with a column for each of {len(seen)} classes"
            )
        if not ((said >= -ROW_SUM_TOLERANCE).all() and (np.abs(said.sum(axis=1) - 1) <= ROW_SUM_TOLERANCE).all()):
            raise UserError(f"{self._name}: predict_proba must give probabilities, 0-1, that sum to 1 in each row")
        probabilities = np.zeros((len(pixels), len(self.classes)), np.float32)
        probabilities[:, seen] = said
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
