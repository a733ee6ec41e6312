"""One run in a process of its own: `python -m benchmark.worker` takes a job on stdin and reports on stdout.

Job and reports are JSON, one report a line: {"event": "phase" | "step" | "epoch" | "finished" | "failed", ...}.
Whatever else is written to stdout or stderr by the libraries lands in the run's log.
"""

import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from benchmark import augmentation, data, sampling, schedules
from benchmark.backend import FLOAT32
from benchmark.checkpoints import Checkpoints, TrainingCheckpoint, code_digest
from benchmark.data import source_text
from benchmark.data.cache import unpack
from benchmark.deduplication import distinct
from benchmark.feature_learner import FeatureLearner
from benchmark.features import DIRECTORY as FEATURES
from benchmark.fine_tuning import fine_tune
from benchmark.full_precision import ready
from benchmark.job import Job
from benchmark.keras_learner import KerasLearner
from benchmark.latency import Latency, measure
from benchmark.learners import device_of, new_learner, start, stored_learner
from benchmark.parts import Part, combined, parts_of
from benchmark.predicting import Predicted, predict, warm
from benchmark.prediction_files import write_predictions
from benchmark.provenance import provenance, versions
from benchmark.records import Dataset, RunRecord, Split
from benchmark.run_layout import HISTORY, HISTORY_JSON
from benchmark.supervision import MEMORY
from benchmark.test_time import VIEWS
from benchmark.training import EpochReport, History, Learner, Replay, Samples, fit
from zoo.errors import UserError
from zoo.registry import get_model
from zoo.settings import TrainingSettings

Send = Callable[[dict[str, Any]], None]

PACKAGES = ("numpy", "scikit-learn", "keras", "tensorflow", "jax")


def execute(job: Job, send: Send = lambda _: None) -> RunRecord:
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
    clocks = {kind: _Clock(send) for kind in job.outputs}
    clock = clocks[job.config.tta]
    with clock.phase("load"):
        dataset = unpack(job.decoded) if job.decoded else data.load(job.source, job.reading, job.cache)
        if dataset.fingerprint != job.config.fingerprint:
            raise UserError(
                f"{source_text(job.source)} has changed: its fingerprint is {dataset.fingerprint}, the run asks for "
                f"{job.config.fingerprint}"
            )
        parts = parts_of(dataset, job.config, job.seed)
    history, predicted, latencies = History(), [], []
    for fold, part in enumerate(parts, start=1):
        of_fold = {"fold": fold, "folds": len(parts)} if job.config.folds else {}
        learner, rows = _model(job, (part, fold), dataset, clock, _about(send, of_fold))
        history.rows += [{"fold": fold, **row} for row in rows] if of_fold else rows
        said, latency = _predicted(job, learner, part, dataset, clocks)
        predicted.append(said)
        latencies.append(latency)
    with clock.phase("store"):
        for kind, directory in job.outputs.items():
            for of_split in combined(parts, [by_kind[kind].predictions for by_kind in predicted]):
                write_predictions(directory / f"{of_split.split}.npz", of_split)
        if history.rows:
            history.write(job.directory / HISTORY)
            history.write_json(job.directory / HISTORY_JSON)
        if job.keep_model and not job.config.folds and job.trained is None:
            learner.save(job.directory)
        shutil.rmtree(job.directory / FEATURES, ignore_errors=True)  # where there is no cache to keep them in
        found = _record(job, learner, history)
    records = [
        replace(
            found,
            config=replace(job.config, tta=kind),
            durations=clocks[kind].durations,
            operations=found.operations and found.operations * VIEWS[kind] * len(parts),
            milliseconds_per_image=_milliseconds([latency.batched for latency in latencies], kind),
            milliseconds_one_image=_milliseconds([latency.alone for latency in latencies], kind),
        )
        for kind in job.outputs
    ]
    for record in records[1:]:
        send({"event": "beside", "tta": record.config.tta, "record": record.to_json()})
    return records[0]


def _model(
    job: Job, place: tuple[Part, int], dataset: Dataset, clock: "_Clock", send: Send
) -> tuple[Learner, list[dict[str, Any]]]:
    """A model that is ready to predict, and its history: trained on a part of the data, or read from a stored run."""
    part, fold = place
    with clock.phase("start"):
        start(job)
    with clock.phase("build"):
        if job.trained is not None:
            return stored_learner(job, job.trained, dataset), []
        learner = new_learner(job, dataset, send)
        others = [split for split in (part.validation, dataset.test) if split is not None]
        train = training_split(part.train, job.training, job.seed, others)
    judges = [part.validation] * 2 if part.validation else [Replay(rates) for rates in job.rates]
    samples: tuple[Samples, Samples | Replay] = train, judges[0]
    if isinstance(learner, FeatureLearner):
        with clock.phase("features"):
            samples = learner.samples(train, judges[0])
        clock.compiled("features", learner.compile_seconds)
    kept = Checkpoints(job.checkpoints, _identity(job), _about(send, {"epochs": job.epochs_of_fold}))
    first, compiled = learner, learner.compile_seconds
    with clock.phase("train"):
        history = fit(learner, job.training, samples, job.seed, _report(job, send), kept.of(fold))
        # A refit repeats the second stage only where the first training's best epoch was in it.
        if job.training.fine_tune_blocks and len(judges) > 1:
            watched = _report(job, send), kept.of(fold, 2, len(history.rows))
            learner, history = _fine_tuned(job, learner, (train, judges[1]), history, watched)
    clock.add("train", kept.seconds)
    clock.compiled("train", first.compile_seconds - compiled + (learner is not first) * learner.compile_seconds)
    if part.validation is not None:
        validating = sum(row["seconds"] - row["train_seconds"] for row in history.rows)
        clock.add("train", -validating)
        clock.add("validate", validating)
    with clock.phase("predict"):
        return ready(learner, part.validation or part.train), history.rows


def _predicted(
    job: Job, learner: Learner, part: Part, dataset: Dataset, clocks: Mapping[str, "_Clock"]
) -> tuple[dict[str, Predicted], Latency]:
    """What one network says about validation, where there is one, and test, by kind of test-time augmentation."""
    asked = (part.validation, dataset.test if job.predict_test else None)
    splits = [split for split in asked if split is not None]
    found, plain, compiled = {}, clocks[job.config.tta], learner.compile_seconds
    with plain.phase("predict"):
        if part.validation is None or job.trained is not None or device_of(job)["precision"] != FLOAT32:
            warm(learner, splits[0])
    plain.compiled("predict", learner.compile_seconds - compiled)
    for kind, clock in clocks.items():
        compiled = learner.compile_seconds
        with clock.phase("predict"):
            found[kind] = predict(learner, splits, dataset.class_names, kind)
        clock.compiled("predict", learner.compile_seconds - compiled)
    with plain.phase("predict"):
        return found, measure(learner, splits[0].images, found[job.config.tta].one_pass)


def _milliseconds(seconds: Sequence[float], kind: str) -> float:
    """What all networks of a run take over all views of an image."""
    return round(1000 * VIEWS[kind] * sum(seconds), 4)


def _record(job: Job, learner: Learner, history: History) -> RunRecord:
    """What is known of the run but the costs of predicting; operations are those of one network on one view."""
    best = epochs = None
    if history.rows and not job.config.folds:
        epochs = len(history.rows)
        best = epochs if job.config.refit else schedules.best_epoch(history.validation_losses) + 1
    return RunRecord(
        config=job.config,
        seed=job.seed,
        provenance={**provenance(PACKAGES), **device_of(job), **_manner(job)},
        parameters=learner.parameters,
        operations=learner.operations,
        model_bytes=learner.model_bytes,
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


class _Clock:
    """Seconds by phase; tells each new phase to whoever watches."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._told = ""
        self._seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Any:
        if name != self._told:
            self._send({"event": "phase", "phase": name})
            self._told = name
        started = time.perf_counter()
        yield
        self._seconds[name] = self._seconds.get(name, 0.0) + time.perf_counter() - started

    def add(self, name: str, seconds: float) -> None:
        self._seconds[name] = self._seconds.get(name, 0.0) + seconds

    def compiled(self, name: str, seconds: float) -> None:
        """Seconds of a phase were compiling, which counts apart."""
        if seconds:
            self._seconds[name] -= seconds
            self._seconds["compile"] = self._seconds.get("compile", 0.0) + seconds

    @property
    def durations(self) -> dict[str, float]:
        rounded = {name: round(seconds, 3) for name, seconds in self._seconds.items()}
        return {**rounded, "total": round(sum(self._seconds.values()), 3)}


def _fine_tuned(
    job: Job,
    learner: Learner,
    data: tuple[Split, Split | Replay],
    history: History,
    watched: tuple[EpochReport, TrainingCheckpoint | None],
) -> tuple[Learner, History]:
    """The learner after the second stage, and the history of both."""
    network = learner.network if isinstance(learner, FeatureLearner) else learner
    backbone = get_model(job.config.model).backbone
    if not isinstance(network, KerasLearner) or backbone is None:
        raise UserError(f"{job.config.model} has no backbone to fine-tune")
    return fine_tune(network, backbone, data, history, *watched)


def _about(send: Send, about: Mapping[str, Any]) -> Send:
    return lambda event: send({**event, **about})


def _report(job: Job, send: Send) -> EpochReport:
    return lambda row: send({"event": "epoch", "epochs": job.epochs_of_fold, **row})


def training_split(train: Split, settings: TrainingSettings, seed: int, others: Sequence[Split] = ()) -> Split:
    """The images trained on: without duplicates, a stratified sample, with offline copies, as far as asked for.

    Duplicates are looked for within train and in `others`, the splits that the network is judged on.

    Copies come after the originals, with ids such as `train-7:copy-0`: one whole set after the other, or with
    balance=copies class by class.
    """
    assert train.labels is not None  # noqa: S101 - for mypy: Dataset guarantees it
    kept = distinct(train, others) if settings.duplicates == "drop" else np.arange(len(train))
    kept = kept[sampling.subset(train.labels[kept], settings.images, seed)]
    if len(kept) < len(train):
        train = replace(train, images=train.images[kept], labels=train.labels[kept], sample_ids=train.sample_ids[kept])
    if not settings.augmented_beforehand:
        return train
    assert train.labels is not None  # noqa: S101
    copied, rounds = sampling.positions_to_copy(train.labels, settings.copies, settings.balance, seed)
    images = augmentation.copies(train.images, copied, settings.augmentation, seed)
    ids = [f"{name}:copy-{k}" for name, k in zip(train.sample_ids[copied].tolist(), rounds.tolist(), strict=True)]
    return replace(
        train,
        images=np.concatenate([train.images, images]),
        labels=np.concatenate([train.labels, train.labels[copied]]),
        sample_ids=np.concatenate([train.sample_ids, np.array(ids, dtype=np.str_)]),
    )


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "no message")


def _kind(error: Exception) -> str:
    """What kind of failure an exception is, see `RunRecord.failure`."""
    if isinstance(error, FloatingPointError):
        return "diverged"
    # By name: the frameworks have exceptions of their own, and they are not imported for this.
    name = type(error).__name__
    lacking = isinstance(error, MemoryError) or name in ("ResourceExhaustedError", "OutOfMemoryError")
    return MEMORY if lacking or "RESOURCE_EXHAUSTED" in str(error) else "error"


def _end_with_parent() -> None:
    """End this process soon after the one that started it: whatever it makes, nobody would store."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main() -> int:
    """Read a job from stdin, execute it, report on stdout."""
    # Libraries print to stdout as they please: keep the real one for reports, send everything else to the log.
    reports = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def send(event: dict[str, Any]) -> None:
        reports.write(json.dumps(event) + "\n")
        reports.flush()
        if event["event"] == "epoch":
            print(json.dumps(event), file=sys.stderr, flush=True)  # noqa: T201 - the log

    _end_with_parent()
    started = time.perf_counter()
    try:
        record = execute(Job.from_json(json.load(sys.stdin)), send)
    except UserError as error:
        send({"event": "failed", "failure": "refused", "error": str(error)})
        return 2
    except Exception as error:
        failure = _kind(error)
        send({"event": "failed", "failure": failure, "error": f"{type(error).__name__}: {_first_line(error)}"})
        raise
    send({"event": "finished", "record": record.to_json(), "worked": time.perf_counter() - started})
    return 0


if __name__ == "__main__":
    sys.exit(main())
