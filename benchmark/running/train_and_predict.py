"""A run, in its own process: train or load its networks, predict, write the predictions, make the record."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark import data
from benchmark.data import source_text
from benchmark.data.cache import unpack
from benchmark.dataset import Dataset
from benchmark.files.run_layout import HISTORY, HISTORY_JSON, MODEL_SOURCE
from benchmark.hardware.backend import FLOAT32
from benchmark.hardware.provenance import provenance
from benchmark.records import RunRecord
from benchmark.running.clock import PhaseClock
from benchmark.running.events import Send, ViewsPredicted
from benchmark.running.job import Job
from benchmark.running.network_training import PACKAGES, NetworkTraining
from benchmark.running.trainer_factory import TrainerFactory
from benchmark.store.stored_predictions import write_predictions
from benchmark.store.stored_run import NO_MODEL
from benchmark.training import schedules
from benchmark.training.epoch_loop import History
from benchmark.training.estimator_trainer import NOT_STORED, EstimatorTrainer
from benchmark.training.folds import Fold, combined, folds_of
from benchmark.training.frozen.features import DIRECTORY as FEATURES
from benchmark.training.inference.latency import Latency, measure
from benchmark.training.inference.predicting import Predicted, predict, warm_up
from benchmark.training.inference.tta import NONE, VIEWS
from benchmark.training.trainer import Trainer
from zoo.errors import UserError


@dataclass(frozen=True, eq=False)
class _Network:
    """What was measured of the network of one fold; predictions by kind of test-time augmentation."""

    predictions: Mapping[str, Predicted]
    latency: Latency


def train_and_predict(job: Job, send: Send = lambda _: None) -> RunRecord:
    """Make one run, and leave its files in the job's directory.

    Returns:
        The run's record; its checksums are added when it is stored.

    Raises:
        UserError: the data is not what the configuration says, or a setting does not fit the model.
        FloatingPointError: training diverged.
    """
    config = job.variant.config
    clocks = {kind: PhaseClock(send) for kind in job.directories}
    clock, history = clocks[config.tta], History()
    with clock.phase("load"):
        dataset = _load(job)
    networks, rows, trainer = [], [], None
    for number, fold in enumerate(_folds(job, dataset, clock), start=1):
        trainer = None  # an earlier fold's network is given back before the next one is built
        trainer, trained = NetworkTraining(job, dataset, fold, number, clock, send).network()
        history.rows += [{"fold": number, **row} for row in trained.rows] if config.folds else trained.rows
        rows.append(fold.rows)
        if job.variant.predicts:
            networks.append(_predicted(job, trainer, trained.probabilities, fold, dataset, clocks))
    assert trainer is not None  # noqa: S101 - for mypy: a run has a fold
    with clock.phase("store"):
        _write_history(job.outputs.directory, history)
        if networks:
            _store(job, rows, networks, trainer)
        plain = _record(job, trainer, history)
    if not networks:
        return replace(plain, durations=clock.durations)
    record, *views = [_measured(plain, kind, networks, clock) for kind, clock in clocks.items()]
    for view in views:
        send(ViewsPredicted(view.config.tta, view.to_json()))
    return record


def _load(job: Job) -> Dataset:
    where, expected = job.data, job.variant.config.fingerprint
    dataset = unpack(where.decoded) if where.decoded else data.load(where.source, where.reading, where.cache)
    if dataset.fingerprint != expected:
        raise UserError(
            f"{source_text(where.source)} has changed since the command began: its fingerprint was {expected}, it is "
            f"{dataset.fingerprint} now; give the command again"
        )
    return dataset


def _folds(job: Job, dataset: Dataset, clock: PhaseClock) -> Iterator[Fold]:
    folds = folds_of(dataset, job.variant.config, job.variant.seed)
    for _ in range(job.variant.config.folds or 1):
        with clock.phase("load"):
            fold = next(folds)
        yield fold


def _predicted(
    job: Job,
    trainer: Trainer,
    known: NDArray[np.float32] | None,
    fold: Fold,
    dataset: Dataset,
    clocks: Mapping[str, PhaseClock],
) -> _Network:
    """Predict validation, where there is one, and test with one network, and time it.

    `known` is what it predicts of validation without test-time augmentation, where that was kept.
    """
    splits = [split for split in (fold.validation, dataset.test) if split is not None]
    predictions, plain = {}, clocks[job.variant.config.tta]
    with plain.phase("predict", [trainer]):
        lower_precision = TrainerFactory(job).device["precision"] != FLOAT32
        if fold.validation is None or job.variant.trained is not None or lower_precision:
            warm_up(trainer, splits[0])
    for kind, clock in clocks.items():
        with clock.phase("predict", [trainer]):
            given = known if kind == NONE and len(splits) > 1 else None
            predictions[kind] = predict(trainer, splits, dataset.class_names, kind, given)
    with plain.phase("predict"):
        latency = measure(trainer, splits[0].images, predictions[job.variant.config.tta].one_pass)
    return _Network(predictions, latency)


def _store(job: Job, rows: Sequence[NDArray[np.int64] | None], networks: Sequence[_Network], trainer: Trainer) -> None:
    """Write predictions, the source of a model from outside of the zoo and, of an ordinary run, the model.

    `rows` are those of the folds, and `trainer` has the last network.
    """
    for kind, directory in job.directories.items():
        for predictions in combined(rows, [network.predictions[kind].predictions for network in networks]):
            write_predictions(directory / f"{predictions.split}.npz", predictions)
        if job.variant.model_source:
            (directory / MODEL_SOURCE).write_text(job.variant.model_source, encoding="utf-8", newline="\n")
    directory = job.outputs.directory
    if job.outputs.keep_model and not job.variant.config.folds and job.variant.trained is None:
        trainer.save(directory)
    shutil.rmtree(directory / FEATURES, ignore_errors=True)  # where there is no cache to keep them in


def _write_history(directory: Path, history: History) -> None:
    """Write the history as CSV and as JSON; a stored network has none."""
    if history.rows:
        history.write(directory / HISTORY)
        history.write_json(directory / HISTORY_JSON)


def _record(job: Job, trainer: Trainer, history: History) -> RunRecord:
    """What is known of the run but the costs of predicting; flops are those of one network on one view."""
    config, best, epochs = job.variant.config, None, None
    if history.rows and not config.folds:
        epochs = len(history.rows)
        best = epochs if config.refit else schedules.best_epoch(history.validation_losses) + 1
    return RunRecord(
        config=config,
        seed=job.variant.seed,
        provenance={**provenance(PACKAGES), **TrainerFactory(job).device, **_unusual(job, trainer)},
        best_epoch=best,
        epochs=epochs,
        **trainer.size()._asdict(),
    )


def _measured(record: RunRecord, kind: str, networks: Sequence[_Network], clock: PhaseClock) -> RunRecord:
    """The record with what predicting one kind of views costs; all networks of the run see all views of an image."""

    def milliseconds(seconds: Sequence[float]) -> float:
        return round(1000 * VIEWS[kind] * sum(seconds), 4)

    return replace(
        record,
        config=replace(record.config, tta=kind),
        durations=clock.durations,
        flops=record.flops and record.flops * VIEWS[kind] * len(networks),
        milliseconds_per_image=milliseconds([network.latency.batched for network in networks]),
        milliseconds_one_image=milliseconds([network.latency.alone for network in networks]),
    )


def _unusual(job: Job, trainer: Trainer) -> dict[str, Any]:
    """How the run was computed where that is not as usual, and why its model is not stored, for provenance."""
    execution = job.execution
    unusual: dict[str, Any] = {"deterministic": True} if execution.deterministic else {}
    if execution.accumulation > 1:
        unusual |= {"gradient_accumulation": job.steps_a_batch, "images_a_step": job.images_a_step}
    if execution.threads is not None:
        unusual["threads"] = execution.threads
    return unusual | ({NO_MODEL: NOT_STORED} if isinstance(trainer, EstimatorTrainer) else {})
