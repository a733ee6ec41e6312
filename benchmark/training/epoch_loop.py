"""Fit one model and keep its best epoch. Sees train and validation; test is not among its arguments."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark import metrics
from benchmark.files.file_writing import csv_text, json_text
from benchmark.strict_json import encoded
from benchmark.training import schedules
from benchmark.training.checkpoints import TrainingCheckpoint
from benchmark.training.images import sampling
from benchmark.training.trainer import Epoch, RefitSchedule, Samples, Trainer
from zoo.settings import TrainingSettings

EpochReport = Callable[[dict[str, Any]], None]


@dataclass
class History:
    """The results of every epoch.

    Attributes:
        rows: one dict an epoch: epoch (from 1), learning_rate, loss and accuracy (on training data; of Keras models
            during the epoch, augmented and with dropout, of scikit-learn's after it), validation_loss (cross-entropy
            in nats), validation_accuracy (0-1), train_seconds, seconds (both without compiling).
        probabilities: float32, shape (n, classes), of validation in the epoch that is kept; None where that was before
            an interruption, or nothing is validated.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    probabilities: NDArray[np.float32] | None = None

    @property
    def validation_losses(self) -> list[float]:
        return [row["validation_loss"] for row in self.rows]

    def write(self, path: Path) -> None:
        columns = list(self.rows[0])
        text = csv_text([columns, *([row[column] for column in columns] for row in self.rows)])
        path.write_text(text, encoding="utf-8", newline="\n")

    def write_json(self, path: Path) -> None:
        """Write the rows as a JSON list of one object an epoch; JSON has no infinity and no NaN, they become null."""
        path.write_text(json_text(encoded(self.rows)), encoding="utf-8")


def fit(
    trainer: Trainer,
    settings: TrainingSettings,
    data: tuple[Samples, Samples | RefitSchedule],
    seed: int,
    report: EpochReport = lambda _: None,
    checkpoint: TrainingCheckpoint | None = None,
) -> History:
    """Train until the settings say stop, then restore the weights of the epoch of lowest validation loss.

    The validation loss is cross-entropy whatever the training loss, so that it means the same for every model. The
    history has one row an epoch, without losses where there is no validation.

    Args:
        data: train and validation, both labelled, in this order. Offline copies are part of train already. With a
            `RefitSchedule` nothing is judged, and its last epoch is kept.
        report: called with each epoch's row; not for epochs done before an interruption.
        checkpoint: an interrupted training goes on from it; its progress is written there.

    Raises:
        ValueError: a split other than train and validation.
        FloatingPointError: the validation loss was never finite.
    """
    _check_splits(*data)
    judge = data[1]
    resumed = checkpoint.resume(trainer) if checkpoint else None
    history, best = (History(list(resumed.rows)), resumed.best) if resumed else (History(), None)
    while not _over(settings, judge, history):
        row, probabilities = _next_row(trainer, settings, data, seed, history)
        history.rows.append(row)
        report(row)
        if _is_best(judge, history):
            best, history.probabilities = trainer.snapshot(), probabilities
        if checkpoint:
            checkpoint.write(history.rows, best, trainer.state)
    if best is None:
        raise FloatingPointError(schedules.DIVERGED)
    trainer.restore(best)
    if checkpoint:
        checkpoint.write(history.rows, best)
    return history


def _check_splits(train: Samples, judge: Samples | RefitSchedule) -> None:
    judged_on = "validation" if isinstance(judge, RefitSchedule) else judge.name
    if (train.name, judged_on) != ("train", "validation"):
        raise ValueError(f"training sees train and validation only, got {train.name} and {judged_on}")


def _over(settings: TrainingSettings, judge: Samples | RefitSchedule, history: History) -> bool:
    if isinstance(judge, RefitSchedule):
        return len(history.rows) == len(judge.rates)
    losses = [row["loss"] for row in history.rows]
    return bool(losses) and schedules.should_stop(settings, history.validation_losses, losses)


def _is_best(judge: Samples | RefitSchedule, history: History) -> bool:
    """Whether the last epoch is the best so far; of a refit the last of all is."""
    if isinstance(judge, RefitSchedule):
        return len(history.rows) == len(judge.rates)
    losses = history.validation_losses
    return math.isfinite(losses[-1]) and schedules.best_epoch(losses) == len(losses) - 1


def _next_row(
    trainer: Trainer,
    settings: TrainingSettings,
    data: tuple[Samples, Samples | RefitSchedule],
    seed: int,
    history: History,
) -> tuple[dict[str, Any], NDArray[np.float32] | None]:
    """Train the next epoch; gives its row and the probabilities of validation."""
    (train, judge), number = data, len(history.rows)

    def clock() -> float:
        return time.perf_counter() - trainer.compile_seconds

    started = clock()
    if isinstance(judge, RefitSchedule):
        rate = judge.rates[number]
    else:
        rate = schedules.learning_rate(settings, history.validation_losses)
    training_scores = trainer.train_epoch(_epoch(settings, train, seed, number, rate))
    trained = clock()
    scores, probabilities = {}, None
    if not isinstance(judge, RefitSchedule):
        probabilities = trainer.predict(judge.images)
        scores = _validation_scores(probabilities, judge)
    row = {
        "epoch": number + 1,
        "learning_rate": rate,
        **training_scores,
        **scores,
        "train_seconds": trained - started,
        "seconds": clock() - started,
    }
    return row, probabilities


def _epoch(settings: TrainingSettings, train: Samples, seed: int, number: int, rate: float) -> Epoch:
    """All training images, in the order of seed and epoch number."""
    assert train.labels is not None  # noqa: S101 - for mypy: Dataset guarantees it
    count, weights = len(train.labels), sampling.sample_weights(train.labels, settings.balance)
    order = sampling.epoch_order(train.labels, settings.balance, seed, number)
    rows = order + count * sampling.epoch_versions(len(order), len(train.images) // count, seed, number)
    return Epoch(train.images, rows, train.labels[order], None if weights is None else weights[order], rate, number)


def _validation_scores(probabilities: NDArray[np.float32], validation: Samples) -> dict[str, float]:
    assert validation.labels is not None  # noqa: S101 - for mypy: Dataset guarantees it
    return {
        "validation_loss": metrics.log_loss(probabilities, validation.labels),
        "validation_accuracy": metrics.accuracy(probabilities, validation.labels),
    }
