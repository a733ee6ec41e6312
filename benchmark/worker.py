"""One run in a process of its own: `python -m benchmark.worker` takes a job on stdin and reports on stdout.

Job and reports are JSON, one report a line: {"event": "phase" | "step" | "epoch" | "finished" | "failed", ...}.
Whatever else is written to stdout or stderr by the libraries lands in the run's log.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmark import augmentation, backend, data, sampling, schedules, weights
from benchmark.data import Located, ReadOptions, source_text
from benchmark.estimator_learner import EstimatorLearner
from benchmark.feature_learner import FeatureLearner, about_features
from benchmark.features import DIRECTORY as FEATURES
from benchmark.features import FeatureStore, split_model
from benchmark.fine_tuning import fine_tune
from benchmark.keras_learner import KerasLearner, Steps
from benchmark.provenance import provenance
from benchmark.records import Dataset, Predictions, RunConfig, RunRecord, Split
from benchmark.store import HISTORY, write_predictions
from benchmark.training import EpochReport, History, Learner, Samples, fit
from zoo.errors import UserError
from zoo.registry import get_model
from zoo.settings import TrainingSettings
from zoo.spec import ModelSpec

Send = Callable[[dict[str, Any]], None]

PACKAGES = ("numpy", "scikit-learn", "keras", "tensorflow", "jax")


@dataclass(frozen=True)
class Job:
    """All that one run needs to know.

    Attributes:
        config: what is asked.
        seed: of the run.
        source: of the data: a path or the name of built-in data; or several, which are merged.
        reading: how the data is read.
        cache: directory of decoded data; None to read it anew.
        directory: empty, for the run's files.
        keep_model: whether the trained model is written.
        weights_file: that a transfer model starts from, where the configuration names one.
        predict_test: whether test is predicted; not for a trial of a search, which nothing on test may sway.
    """

    config: RunConfig
    seed: int
    source: Located
    reading: ReadOptions
    cache: Path | None
    directory: Path
    keep_model: bool = True
    weights_file: Path | None = None
    predict_test: bool = True

    @property
    def training(self) -> TrainingSettings:
        """The training settings, which every configuration of a model has."""
        if self.config.training is None:
            raise ValueError(f"{self.config.model} is not trained")
        return self.config.training

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            **{name: getattr(self, name) for name in ("seed", "keep_model", "predict_test")},
            "source": self.source if isinstance(self.source, str) else list(self.source),
            "config": self.config.to_json(),
            "reading": asdict(self.reading),
            "cache": self.cache and str(self.cache),
            "directory": str(self.directory),
            "weights_file": self.weights_file and str(self.weights_file),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Job":
        """The job that `to_json` gave."""
        reading: dict[str, Any] = {**values["reading"], "classes": tuple(values["reading"]["classes"])}
        source = values["source"]
        return cls(
            **{
                **values,
                "config": RunConfig.from_json(values["config"]),
                "source": source if isinstance(source, str) else tuple(source),
                "reading": ReadOptions(**reading),
                "cache": Path(values["cache"]) if values["cache"] else None,
                "directory": Path(values["directory"]),
                "weights_file": Path(values["weights_file"]) if values["weights_file"] else None,
            }
        )


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
    clock = _Clock(send)
    with clock.phase("load"):
        dataset = data.load(job.source, job.reading, job.cache)
        if dataset.fingerprint != job.config.fingerprint:
            raise UserError(
                f"{source_text(job.source)} has changed: its fingerprint is {dataset.fingerprint}, the run asks for "
                f"{job.config.fingerprint}"
            )
    with clock.phase("build"):
        learner = _learner(job, dataset, send)
        train = training_split(dataset.train, job.training, job.seed)
    samples: tuple[Samples, Samples] = train, dataset.validation
    if isinstance(learner, FeatureLearner):
        with clock.phase("features"):
            samples = learner.samples(train, dataset.validation)
    with clock.phase("train"):
        history = fit(learner, job.training, samples, job.seed, _report(job, send))
        if job.training.fine_tune_blocks:
            learner, history = _fine_tuned(job, learner, (train, dataset.validation), history, send)
    with clock.phase("predict"):
        started = time.perf_counter()
        predictions = [_predict(learner, dataset.validation, dataset.class_names)]
        per_image = (time.perf_counter() - started) / len(dataset.validation)
        if isinstance(learner, FeatureLearner):
            per_image = learner.seconds_an_image(dataset.validation.images)
        if dataset.test is not None and job.predict_test:
            predictions.append(_predict(learner, dataset.test, dataset.class_names))
    with clock.phase("store"):
        for predicted in predictions:
            write_predictions(job.directory / f"{predicted.split}.npz", predicted)
        history.write(job.directory / HISTORY)
        if job.keep_model:
            learner.save(job.directory)
        shutil.rmtree(job.directory / FEATURES, ignore_errors=True)  # where there is no cache to keep them in
    return RunRecord(
        config=job.config,
        seed=job.seed,
        durations=clock.durations,
        provenance={**provenance(PACKAGES), **_device(job)},
        parameters=learner.parameters,
        milliseconds_per_image=round(per_image * 1000, 4),
        best_epoch=schedules.best_epoch(history.validation_losses) + 1,
        epochs=len(history.rows),
    )


class _Clock:
    """Seconds by phase; tells the phase to whoever watches."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Any:
        self._send({"event": "phase", "phase": name})
        started = time.perf_counter()
        yield
        self._seconds[name] = time.perf_counter() - started

    @property
    def durations(self) -> dict[str, float]:
        rounded = {name: round(seconds, 3) for name, seconds in self._seconds.items()}
        return {**rounded, "total": round(sum(self._seconds.values()), 3)}


def _uses_keras(job: Job) -> bool:
    return get_model(job.config.model).build is not None or job.training.augmented_beforehand


def _learner(job: Job, dataset: Dataset, send: Send) -> Learner:
    spec, settings = get_model(job.config.model), job.training
    height, width, _ = dataset.input_shape
    if min(height, width) < spec.smallest:
        raise UserError(
            f"{spec.name} needs images of at least {spec.smallest}x{spec.smallest}, these are {height}x{width}: "
            f"try --size {spec.smallest}"
        )
    if _uses_keras(job):
        backend.start(job.seed)
    classes = len(dataset.class_names)
    if spec.build is not None:
        model = spec.build(dataset.input_shape, classes, **job.config.hyperparameters, **_weights(job, spec))
        return _keras_learner(
            job, spec, model, lambda done, total: send({"event": "step", "done": done, "total": total})
        )
    assert spec.estimator is not None  # noqa: S101 - for mypy: ModelSpec guarantees it
    estimator = spec.estimator(
        **job.config.hyperparameters,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        seed=job.seed,
    )
    return EstimatorLearner(estimator, classes)


def _keras_learner(job: Job, spec: ModelSpec, model: Any, on_step: Steps) -> KerasLearner | FeatureLearner:
    """What trains the model: its head alone where the backbone is frozen and nothing augments on the fly before it."""
    settings = job.training
    frozen = split_model(model) if spec.backbone else None
    on_the_fly = settings.augmentation != "none" and not settings.augmented_beforehand and not settings.views
    if frozen is None or spec.backbone is None or on_the_fly:
        return KerasLearner(model, settings, job.seed, on_step)
    about = about_features(spec.backbone.application, job.config.hyperparameters)
    store = FeatureStore((job.cache or job.directory) / FEATURES, frozen.base, about, on_step)
    return FeatureLearner(model, frozen, settings, job.seed, store)


def _fine_tuned(
    job: Job, learner: Learner, data: tuple[Split, Split], history: History, send: Send
) -> tuple[Learner, History]:
    """The learner after the second stage, and the history of both."""
    network = learner.network if isinstance(learner, FeatureLearner) else learner
    backbone = get_model(job.config.model).backbone
    if not isinstance(network, KerasLearner) or backbone is None:
        raise UserError(f"{job.config.model} has no backbone to fine-tune")
    return fine_tune(network, backbone, data, history, job.seed, _report(job, send))


def _report(job: Job, send: Send) -> EpochReport:
    return lambda row: send({"event": "epoch", "epochs": job.training.most_epochs, **row})


def _weights(job: Job, spec: ModelSpec) -> dict[str, str | Path]:
    """What a transfer model starts from, as an argument of its `build`; nothing for the others."""
    if spec.backbone is None or job.config.weights is None:
        return {}
    if job.config.weights in weights.KINDS:
        return {weights.SETTING: job.config.weights}
    file = job.weights_file
    if file is None or not file.is_file() or weights.label(file) != job.config.weights:
        raise UserError(f"{file} is gone or has changed: the run asks for the weights {job.config.weights}")
    return {weights.SETTING: file}


def training_split(train: Split, settings: TrainingSettings, seed: int) -> Split:
    """The images trained on: a stratified sample where one is asked for, with offline copies where they are.

    Copies come after the originals, with ids such as `train-7:copy-0`: one whole set after the other, or with
    balance=copies class by class.
    """
    assert train.labels is not None  # noqa: S101 - for mypy: Dataset guarantees it
    kept = sampling.subset(train.labels, settings.images, seed)
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


def _predict(learner: Learner, split: Split, class_names: tuple[str, ...]) -> Predictions:
    return Predictions(split.name, split.sample_ids, class_names, learner.predict(split.images), split.labels)


def _device(job: Job) -> dict[str, Any]:
    if _uses_keras(job):
        return backend.device()
    return {"backend": "scikit-learn", "device": "CPU", "precision": "float32"}


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "no message")


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

    try:
        record = execute(Job.from_json(json.load(sys.stdin)), send)
    except UserError as error:
        send({"event": "failed", "error": str(error)})
        return 2
    except Exception as error:
        send({"event": "failed", "error": f"{type(error).__name__}: {_first_line(error)}"})
        raise
    send({"event": "finished", "record": record.to_json()})
    return 0


if __name__ == "__main__":
    sys.exit(main())
