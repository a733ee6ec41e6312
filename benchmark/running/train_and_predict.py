"""What a job comes to: a model trained, or read, its predictions written, its record made."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from benchmark import data
from benchmark.data import source_text
from benchmark.data.cache import unpack
from benchmark.dataset import Dataset, Split
from benchmark.files.run_layout import HISTORY, HISTORY_JSON
from benchmark.hardware.backend import FLOAT32
from benchmark.hardware.provenance import provenance, versions
from benchmark.records import RunRecord
from benchmark.running.clock import Clock
from benchmark.running.job import Job
from benchmark.running.trainer_factory import device_of, new_trainer, start, stored_trainer
from benchmark.store.prediction_files import write_predictions
from benchmark.training import schedules
from benchmark.training.checkpoints import Checkpoints, TrainingCheckpoint, code_digest
from benchmark.training.epoch_loop import EpochReport, History, fit
from benchmark.training.folds import Fold, combined, folds_of
from benchmark.training.frozen.feature_trainer import FeatureTrainer
from benchmark.training.frozen.features import DIRECTORY as FEATURES
from benchmark.training.frozen.fine_tuning import fine_tune
from benchmark.training.images.training_images import training_split
from benchmark.training.inference.full_precision import ready
from benchmark.training.inference.latency import Latency, measure
from benchmark.training.inference.predicting import Predicted, predict, warm
from benchmark.training.inference.tta import VIEWS
from benchmark.training.keras_trainer import KerasTrainer
from benchmark.training.trainer import RefitSchedule, Samples, Trainer
from zoo.errors import UserError
from zoo.registry import get_model

Send = Callable[[dict[str, Any]], None]

PACKAGES = ("numpy", "scikit-learn", "keras", "tensorflow", "jax")


def train_and_predict(job: Job, send: Send = lambda _: None) -> RunRecord:
    """Train one model, predict, and leave the run's files in the job's directory.

    Args:
        job: what to do.
        send: called with each event.

    Returns:
        The run's record; its checksums are added when it is stored.

    Raises:
        UserError: the data is not what the configuration says, or a setting does not fit the model.
        FloatingPointError: training diverged.
    """
    clocks = {kind: Clock(send) for kind in job.outputs}
    clock = clocks[job.config.tta]
    with clock.phase("load"):
        dataset = unpack(job.decoded) if job.decoded else data.load(job.source, job.reading, job.cache)
        if dataset.fingerprint != job.config.fingerprint:
            raise UserError(
                f"{source_text(job.source)} has changed: its fingerprint is {dataset.fingerprint}, the run asks for "
                f"{job.config.fingerprint}"
            )
        folds = folds_of(dataset, job.config, job.seed)
    history, predicted, latencies = History(), [], []
    for number, fold in enumerate(folds, start=1):
        of_fold = {"fold": number, "folds": len(folds)} if job.config.folds else {}
        trainer, rows = _model(job, (fold, number), dataset, clock, _about(send, of_fold))
        history.rows += [{"fold": number, **row} for row in rows] if of_fold else rows
        said, latency = _predicted(job, trainer, fold, dataset, clocks)
        predicted.append(said)
        latencies.append(latency)
    with clock.phase("store"):
        for kind, directory in job.outputs.items():
            for of_split in combined(folds, [by_kind[kind].predictions for by_kind in predicted]):
                write_predictions(directory / f"{of_split.split}.npz", of_split)
        if history.rows:
            history.write(job.directory / HISTORY)
            history.write_json(job.directory / HISTORY_JSON)
        if job.keep_model and not job.config.folds and job.trained is None:
            trainer.save(job.directory)
        shutil.rmtree(job.directory / FEATURES, ignore_errors=True)  # where there is no cache to keep them in
        found = _record(job, trainer, history)
    records = [
        replace(
            found,
            config=replace(job.config, tta=kind),
            durations=clocks[kind].durations,
            flops=found.flops and found.flops * VIEWS[kind] * len(folds),
            milliseconds_per_image=_milliseconds([latency.batched for latency in latencies], kind),
            milliseconds_one_image=_milliseconds([latency.alone for latency in latencies], kind),
        )
        for kind in job.outputs
    ]
    for record in records[1:]:
        send({"event": "beside", "tta": record.config.tta, "record": record.to_json()})
    return records[0]


def _model(
    job: Job, place: tuple[Fold, int], dataset: Dataset, clock: Clock, send: Send
) -> tuple[Trainer, list[dict[str, Any]]]:
    """A model that is ready to predict, and its history: trained on a fold of the data, or read from a stored run."""
    fold, number = place
    with clock.phase("start"):
        start(job)
    with clock.phase("build"):
        if job.trained is not None:
            return stored_trainer(job, job.trained, dataset), []
        trainer = new_trainer(job, dataset, send)
        others = [split for split in (fold.validation, dataset.test) if split is not None]
        train = training_split(fold.train, job.training, job.seed, others)
    judges = [fold.validation] * 2 if fold.validation else [RefitSchedule(rates) for rates in job.rates]
    samples: tuple[Samples, Samples | RefitSchedule] = train, judges[0]
    if isinstance(trainer, FeatureTrainer):
        with clock.phase("features"):
            samples = trainer.samples(train, judges[0])
        clock.compiled("features", trainer.compile_seconds)
    kept = Checkpoints(job.checkpoints, _identity(job), _about(send, {"epochs": job.epochs_of_fold}))
    first, compiled = trainer, trainer.compile_seconds
    with clock.phase("train"):
        history = fit(trainer, job.training, samples, job.seed, _report(job, send), kept.of(number))
        # A refit repeats the second stage only where the first training's best epoch was in it.
        if job.training.fine_tune_blocks and len(judges) > 1:
            watched = _report(job, send), kept.of(number, 2, len(history.rows))
            trainer, history = _fine_tuned(job, trainer, (train, judges[1]), history, watched)
    clock.add("train", kept.seconds)
    clock.compiled("train", first.compile_seconds - compiled + (trainer is not first) * trainer.compile_seconds)
    if fold.validation is not None:
        validating = sum(row["seconds"] - row["train_seconds"] for row in history.rows)
        clock.add("train", -validating)
        clock.add("validate", validating)
    with clock.phase("predict"):
        return ready(trainer, fold.validation or fold.train), history.rows


def _predicted(
    job: Job, trainer: Trainer, fold: Fold, dataset: Dataset, clocks: Mapping[str, Clock]
) -> tuple[dict[str, Predicted], Latency]:
    """What one network says about validation, where there is one, and test, by kind of test-time augmentation."""
    asked = (fold.validation, dataset.test if job.predict_test else None)
    splits = [split for split in asked if split is not None]
    found, plain, compiled = {}, clocks[job.config.tta], trainer.compile_seconds
    with plain.phase("predict"):
        if fold.validation is None or job.trained is not None or device_of(job)["precision"] != FLOAT32:
            warm(trainer, splits[0])
    plain.compiled("predict", trainer.compile_seconds - compiled)
    for kind, clock in clocks.items():
        compiled = trainer.compile_seconds
        with clock.phase("predict"):
            found[kind] = predict(trainer, splits, dataset.class_names, kind)
        clock.compiled("predict", trainer.compile_seconds - compiled)
    with plain.phase("predict"):
        return found, measure(trainer, splits[0].images, found[job.config.tta].one_pass)


def _milliseconds(seconds: Sequence[float], kind: str) -> float:
    """What all networks of a run take over all views of an image."""
    return round(1000 * VIEWS[kind] * sum(seconds), 4)


def _record(job: Job, trainer: Trainer, history: History) -> RunRecord:
    """What is known of the run but the costs of predicting; flops are those of one network on one view."""
    best = epochs = None
    if history.rows and not job.config.folds:
        epochs = len(history.rows)
        best = epochs if job.config.refit else schedules.best_epoch(history.validation_losses) + 1
    return RunRecord(
        config=job.config,
        seed=job.seed,
        provenance={**provenance(PACKAGES), **device_of(job), **_manner(job)},
        parameters=trainer.parameters,
        flops=trainer.flops,
        model_bytes=trainer.model_bytes,
        best_epoch=best,
        epochs=epochs,
    )


def _manner(job: Job) -> dict[str, Any]:
    """How the job was done where that is not as ever, for provenance."""
    manner: dict[str, Any] = {"deterministic": True} if job.deterministic else {}
    if job.accumulation > 1:
        manner |= {"gradient_accumulation": job.accumulation, "images_a_step": job.images_a_step}
    if job.threads is not None:
        manner["threads"] = job.threads
    return manner


def _identity(job: Job) -> dict[str, Any]:
    """What must be the same for an interrupted training to go on."""
    return {
        "configuration": job.config.hash,
        "seed": job.seed,
        "learning rates": [list(stage) for stage in job.rates],
        "choice of determinism": job.deterministic,
        "batch": job.images_a_step,
        "backend": device_of(job)["backend"],
        "precision": device_of(job)["precision"],
        "set of packages": versions(PACKAGES),
        "version of the toolkit": code_digest(),
    }


def _fine_tuned(
    job: Job,
    trainer: Trainer,
    data: tuple[Split, Split | RefitSchedule],
    history: History,
    watched: tuple[EpochReport, TrainingCheckpoint | None],
) -> tuple[Trainer, History]:
    """The trainer after the second stage, and the history of both."""
    network = trainer.network if isinstance(trainer, FeatureTrainer) else trainer
    backbone = get_model(job.config.model).backbone
    if not isinstance(network, KerasTrainer) or backbone is None:
        raise UserError(f"{job.config.model} has no backbone to fine-tune")
    return fine_tune(network, backbone, data, history, *watched)


def _about(send: Send, about: Mapping[str, Any]) -> Send:
    return lambda event: send({**event, **about})


def _report(job: Job, send: Send) -> EpochReport:
    return lambda row: send({"event": "epoch", "epochs": job.epochs_of_fold, **row})
