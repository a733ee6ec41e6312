"""What a job trains: a model of the zoo, or of a stored run, as a trainer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from benchmark.dataset import Dataset
from benchmark.files.run_layout import MODEL
from benchmark.hardware import backend
from benchmark.records import JOINT
from benchmark.running.job import Job
from benchmark.running.joint_members import joint_network
from benchmark.training.distillation import Teacher, teacher_model
from benchmark.training.frozen.feature_trainer import FeatureTrainer, about_features
from benchmark.training.frozen.features import DIRECTORY as FEATURES
from benchmark.training.frozen.features import FeatureStore, split_model
from benchmark.training.initial_weights import starting_weights
from benchmark.training.keras_trainer import KerasTrainer
from benchmark.training.sklearn_trainer import SklearnTrainer
from benchmark.training.trainer import OnStep, Trainer
from zoo.registry import get_model
from zoo.spec import ModelSpec

COMPILED: Final = "compiled"
"""Folder of the cache."""

Send = Callable[[dict[str, Any]], None]


def uses_keras(job: Job) -> bool:
    """Whether the job needs Keras at all."""
    if job.config.kind == JOINT or job.training.augmented_beforehand:
        return True
    return get_model(job.config.model).build is not None


def start(job: Job) -> None:
    """Bring up what the job computes with, and seed it; before each of its networks is made or read.

    A joint training is float32: the stored networks that it starts from are.
    """
    if not uses_keras(job):
        backend.use_threads(job.threads)
        return
    trained = job.config.kind != JOINT and get_model(job.config.model).build is not None and job.trained is None
    precision = job.precision if trained else backend.FLOAT32
    backend.start(job.seed, deterministic=job.deterministic, precision=precision, threads=job.threads)
    if job.cache:
        backend.keep_compiled(job.cache / COMPILED)


def new_trainer(job: Job, dataset: Dataset, send: Send) -> Trainer:
    """The model that the job's configuration asks for, with its first weights; after `start`.

    Args:
        job: what to do.
        dataset: for the shape of its images and its classes.
        send: told each step of an epoch.

    Raises:
        UserError: the images are too small for the model, or the weights that it starts from are not there.
    """

    def on_step(done: int, total: int) -> None:
        send({"event": "step", "done": done, "total": total})

    if job.config.kind == JOINT:
        return KerasTrainer(joint_network(job, dataset), job.training, job.seed, on_step, job.accumulation)
    spec = get_model(job.config.model)
    spec.check_size(*dataset.input_shape[:2])
    if spec.build is not None:
        classes = len(dataset.class_names)
        start = starting_weights(spec, job.config.weights, job.weights_file)
        model = spec.build(dataset.input_shape, classes, **job.config.hyperparameters, **start)
        return _keras_trainer(job, spec, model, on_step)
    return _sklearn_trainer(job, spec, dataset)


def _sklearn_trainer(job: Job, spec: ModelSpec, dataset: Dataset) -> SklearnTrainer:
    assert spec.estimator is not None  # noqa: S101 - for mypy: ModelSpec guarantees it
    estimator = spec.estimator(
        **job.config.hyperparameters,
        batch_size=job.training.batch_size,
        learning_rate=job.training.learning_rate,
        seed=job.seed,
    )
    return SklearnTrainer(estimator, len(dataset.class_names))


def stored_trainer(job: Job, run: Path, dataset: Dataset) -> Trainer:
    """The model of a stored run, after `start`; it predicts, and is not trained on."""
    spec = get_model(job.config.model)
    if spec.estimator is not None:
        perceptron = _sklearn_trainer(job, spec, dataset)
        perceptron.load(run)
        return perceptron
    import keras

    model = keras.models.load_model(run / MODEL, safe_mode=True)
    return KerasTrainer(model, job.training, job.seed, lambda *_: None, job.accumulation)


def _keras_trainer(job: Job, spec: ModelSpec, model: Any, on_step: OnStep) -> KerasTrainer | FeatureTrainer:
    """What trains the model: its head alone where the backbone is frozen and nothing augments on the fly before it."""
    settings = job.training
    frozen = split_model(model) if spec.backbone else None
    on_the_fly = settings.augmentation != "none" and not settings.augmented_beforehand and not settings.views
    # What is mixed anew in every epoch, or shown to a teacher, goes through the backbone as well.
    if frozen is None or spec.backbone is None or on_the_fly or settings.mixes or job.teacher:
        teacher = teacher_model(Teacher(job.members, job.teacher)) if job.teacher else None
        return KerasTrainer(model, settings, job.seed, on_step, job.accumulation, teacher)
    about = about_features(spec.backbone.application, job.config.hyperparameters)
    store = FeatureStore((job.cache or job.directory) / FEATURES, frozen.base, about, on_step)
    return FeatureTrainer(model, frozen, settings, job.seed, store, job.accumulation)


def device_of(job: Job) -> dict[str, Any]:
    """What the job computes with, for provenance; once its trainer is there."""
    if uses_keras(job):
        return backend.device()
    return {"backend": "scikit-learn", "device": "CPU", "precision": "float32"}
