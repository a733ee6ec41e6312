"""What a job trains: a model of the zoo, or of a stored run, as a learner."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmark import backend, weights
from benchmark.estimator_learner import EstimatorLearner
from benchmark.feature_learner import FeatureLearner, about_features
from benchmark.features import DIRECTORY as FEATURES
from benchmark.features import FeatureStore, split_model
from benchmark.job import Job
from benchmark.keras_learner import KerasLearner, Steps
from benchmark.records import Dataset
from benchmark.store import MODEL
from benchmark.training import Learner
from zoo.errors import UserError
from zoo.registry import get_model
from zoo.spec import ModelSpec

Send = Callable[[dict[str, Any]], None]


def uses_keras(job: Job) -> bool:
    """Whether the job needs Keras at all."""
    return get_model(job.config.model).build is not None or job.training.augmented_beforehand


def new_learner(job: Job, dataset: Dataset, send: Send) -> Learner:
    """The model that the job's configuration asks for, with its first weights.

    Args:
        job: what to do.
        dataset: for the shape of its images and its classes.
        send: told each step of an epoch.

    Raises:
        UserError: the images are too small for the model, or the weights that it starts from are not there.
    """
    spec = get_model(job.config.model)
    height, width, _ = dataset.input_shape
    if min(height, width) < spec.smallest:
        raise UserError(
            f"{spec.name} needs images of at least {spec.smallest}x{spec.smallest}, these are {height}x{width}: "
            f"try --size {spec.smallest}"
        )
    if uses_keras(job):
        backend.start(job.seed, deterministic=job.deterministic)
    if spec.build is not None:
        classes = len(dataset.class_names)
        model = spec.build(dataset.input_shape, classes, **job.config.hyperparameters, **_weights(job, spec))
        return _keras_learner(
            job, spec, model, lambda done, total: send({"event": "step", "done": done, "total": total})
        )
    return _estimator_learner(job, spec, dataset)


def _estimator_learner(job: Job, spec: ModelSpec, dataset: Dataset) -> EstimatorLearner:
    assert spec.estimator is not None  # noqa: S101 - for mypy: ModelSpec guarantees it
    estimator = spec.estimator(
        **job.config.hyperparameters,
        batch_size=job.training.batch_size,
        learning_rate=job.training.learning_rate,
        seed=job.seed,
    )
    return EstimatorLearner(estimator, len(dataset.class_names))


def stored_learner(job: Job, run: Path, dataset: Dataset) -> Learner:
    """The model of a stored run; it predicts, and is not trained on."""
    spec = get_model(job.config.model)
    if spec.estimator is not None:
        perceptron = _estimator_learner(job, spec, dataset)
        perceptron.load(run)
        return perceptron
    backend.start(job.seed, deterministic=job.deterministic)
    import keras

    model = keras.models.load_model(run / MODEL, safe_mode=True)
    return KerasLearner(model, job.training, job.seed, lambda *_: None, job.accumulation)


def _keras_learner(job: Job, spec: ModelSpec, model: Any, on_step: Steps) -> KerasLearner | FeatureLearner:
    """What trains the model: its head alone where the backbone is frozen and nothing augments on the fly before it."""
    settings = job.training
    frozen = split_model(model) if spec.backbone else None
    on_the_fly = settings.augmentation != "none" and not settings.augmented_beforehand and not settings.views
    if frozen is None or spec.backbone is None or on_the_fly:
        return KerasLearner(model, settings, job.seed, on_step, job.accumulation)
    about = about_features(spec.backbone.application, job.config.hyperparameters)
    store = FeatureStore((job.cache or job.directory) / FEATURES, frozen.base, about, on_step)
    return FeatureLearner(model, frozen, settings, job.seed, store, job.accumulation)


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


def device_of(job: Job) -> dict[str, Any]:
    """What the job computes with, for provenance; once its learner is there."""
    if uses_keras(job):
        return backend.device()
    return {"backend": "scikit-learn", "device": "CPU", "precision": "float32"}
