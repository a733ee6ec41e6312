"""Fit one model and keep its best epoch. Sees train and validation; test is not among its arguments."""

import csv
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from benchmark import metrics
from benchmark.training import schedules
from benchmark.training.images import sampling
from benchmark.training.trainer import Arrays, Epoch, RefitSchedule, Samples, Snapshot, Trainer
from zoo.settings import TrainingSettings

EpochReport = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Progress:
    """How far a training has come: all that it needs in order to go on.

    Attributes:
        rows: of the epochs done, see `History`.
        best: the weights of the best of them; None where none was usable yet.
        state: of the trainer after the last of them; None once the training is over, when `best` is what it kept.
    """

    rows: list[dict[str, Any]]
    best: Snapshot | None
    state: Arrays | None


class Checkpoint(Protocol):
    """Where the progress of one training is kept."""

    def resume(self, trainer: Trainer) -> Progress | None:
        """Put a new trainer where the training was, and say where that is; None where there is nothing to go on."""

    def write(self, progress: Callable[[], Progress], *, over: bool) -> None:
        """Keep the progress, which is asked for only if this is worth its time.

        Args:
            progress: gives it.
            over: whether the training is over; then it is kept in any case.
        """


@dataclass
class History:
    """What every epoch brought.

    Attributes:
        rows: one dict an epoch: epoch (from 1), learning_rate, loss and accuracy (on training data; for Keras models as
            it was seen, augmented and with dropout, for scikit-learn's after the epoch), validation_loss (cross-entropy
            in nats), validation_accuracy (0-1), train_seconds, seconds (both without compiling).
    """

    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def validation_losses(self) -> list[float]:
        """The validation loss of every epoch so far."""
        return [row["validation_loss"] for row in self.rows]

    def write(self, path: Path) -> None:
        """Write the rows as CSV."""
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(self.rows[0]))
            writer.writeheader()
            writer.writerows(self.rows)

    def write_json(self, path: Path) -> None:
        """Write the rows as a JSON list of one object an epoch; what is not finite, which JSON has not, as null."""
        rows = [
            {
                name: None if isinstance(value, float) and not math.isfinite(value) else value
                for name, value in row.items()
            }
            for row in self.rows
        ]
        path.write_text(json.dumps(rows, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def fit(
    trainer: Trainer,
    settings: TrainingSettings,
    data: tuple[Samples, Samples | RefitSchedule],
    seed: int,
    report: EpochReport = lambda _: None,
    checkpoint: Checkpoint | None = None,
) -> History:
    """Train until the settings say stop, then put back the weights of the epoch of lowest validation loss.

    The validation loss is cross-entropy whatever the training loss, so that it means the same for every model.

    Args:
        trainer: trained in place.
        settings: of the training.
        data: train and validation, both labelled, in this order. Offline copies are part of train already. With a
            `RefitSchedule` in place of validation nothing is judged: the last of its epochs is kept.
        seed: of the order of images.
        report: called with each epoch's row; not for epochs done before an interruption.
        checkpoint: where an interrupted training goes on from, and leaves its progress.

    Returns:
        One row an epoch; `schedules.best_epoch` of its losses is the one kept. Of a refit the rows have no losses.

    Raises:
        ValueError: another split than train and validation is handed in.
        FloatingPointError: the validation loss was never finite.
    """
    train, judge = data
    judged_on = "validation" if isinstance(judge, RefitSchedule) else judge.name
    if (train.name, judged_on) != ("train", "validation"):
        raise ValueError(f"training sees train and validation only, got {train.name} and {judged_on}")
    resumed = checkpoint.resume(trainer) if checkpoint else None
    history, best = (History(list(resumed.rows)), resumed.best) if resumed else (History(), None)
    while not _over(settings, judge, history):
        row = _next_row(trainer, settings, data, seed, history)
        history.rows.append(row)
        report(row)
        if _is_best(judge, history):
            best = trainer.snapshot()
        if checkpoint:
            checkpoint.write(partial(_progress, trainer, history, best), over=False)
    if not isinstance(judge, RefitSchedule):
        schedules.best_epoch(history.validation_losses)  # raises where no epoch was usable
    assert best is not None  # noqa: S101 - for mypy: there is a best epoch, and its weights were taken
    trainer.restore(best)
    if checkpoint:
        checkpoint.write(partial(Progress, history.rows, best, None), over=True)
    return history


def _over(settings: TrainingSettings, judge: Samples | RefitSchedule, history: History) -> bool:
    if isinstance(judge, RefitSchedule):
        return len(history.rows) == len(judge.rates)
    losses = [row["loss"] for row in history.rows]
    return bool(losses) and schedules.should_stop(settings, history.validation_losses, losses)


def _is_best(judge: Samples | RefitSchedule, history: History) -> bool:
    """Whether the last epoch is the one to keep, as far as is known; of a refit that is its last."""
    if isinstance(judge, RefitSchedule):
        return len(history.rows) == len(judge.rates)
    losses = history.validation_losses
    return math.isfinite(losses[-1]) and schedules.best_epoch(losses) == len(losses) - 1


def _progress(trainer: Trainer, history: History, best: Snapshot | None) -> Progress:
    return Progress(history.rows, best, trainer.state())


def _next_row(
    trainer: Trainer,
    settings: TrainingSettings,
    data: tuple[Samples, Samples | RefitSchedule],
    seed: int,
    history: History,
) -> dict[str, Any]:
    """Train an epoch and judge it."""
    (train, judge), epoch = data, len(history.rows)

    def clock() -> float:
        return time.perf_counter() - trainer.compile_seconds

    started = clock()
    if isinstance(judge, RefitSchedule):
        rate = judge.rates[epoch]
    else:
        rate = schedules.learning_rate(settings, history.validation_losses)
    seen = _epoch(trainer, settings, train, (seed, epoch), rate)
    trained = clock()
    return {
        "epoch": epoch + 1,
        "learning_rate": rate,
        **seen,
        **({} if isinstance(judge, RefitSchedule) else _judged(trainer, judge)),
        "train_seconds": trained - started,
        "seconds": clock() - started,
    }


def _epoch(
    trainer: Trainer, settings: TrainingSettings, train: Samples, chance: tuple[int, int], rate: float
) -> dict[str, float]:
    """One pass over the training images in the order of seed and epoch, `chance`."""
    assert train.labels is not None  # noqa: S101 - for mypy: Dataset guarantees it
    count, weights = len(train.labels), sampling.sample_weights(train.labels, settings.balance)
    order = sampling.epoch_order(train.labels, settings.balance, *chance)
    shown = order + count * sampling.epoch_versions(len(order), len(train.images) // count, *chance)
    return trainer.train_epoch(
        Epoch(train.images, shown, train.labels[order], None if weights is None else weights[order], rate, chance[1])
    )


def _judged(trainer: Trainer, validation: Samples) -> dict[str, float]:
    assert validation.labels is not None  # noqa: S101 - for mypy: Dataset guarantees it
    probabilities = trainer.predict(validation.images)
    return {
        "validation_loss": metrics.log_loss(probabilities, validation.labels),
        "validation_accuracy": metrics.accuracy(probabilities, validation.labels),
    }
