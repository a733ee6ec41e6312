"""The trainer of a run's network: of a model of the zoo, of a joint network, or of a stored run."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmark.dataset import Dataset
from benchmark.files.run_layout import MODEL
from benchmark.hardware import backend
from benchmark.records import JOINT
from benchmark.running.job import Job, RunVariant
from benchmark.running.outside_networks import check_network
from benchmark.store.stored_models import load_model
from benchmark.training.distillation import Teacher, teacher_model
from benchmark.training.estimator_trainer import (
    NOT_STORED,
    EstimatorTrainer,
    check_estimator,
    estimator_of,
    is_perceptron,
)
from benchmark.training.frozen.feature_trainer import FeatureTrainer, about_features
from benchmark.training.frozen.features import DIRECTORY as FEATURES, FeatureStore, split_model
from benchmark.training.initial_weights import RANDOM, SETTING, starting_weights
from benchmark.training.joint_model import joint_model
from benchmark.training.keras_trainer import KerasTrainer
from benchmark.training.sklearn_trainer import SklearnTrainer
from benchmark.training.trainer import OnStep, Trainer
from zoo.errors import UserError
from zoo.registry import all_models, get_model
from zoo.spec import ModelSpec

COMPILED: Final = "compiled"
"""Folder of the cache."""


def spec_of(run: RunVariant) -> ModelSpec:
    """The model that a run trains; not of a joint training."""
    return get_model(run.config.model, run.model_source)


def _take_weights(model: Any, stored: Any, path: Path) -> None:
    """Give a network the weights of a stored one of the same model, which lies at `path`.

    Raises:
        UserError: the model is built otherwise than when it was stored.
    """
    try:
        model.set_weights(stored.get_weights())
    except ValueError as error:
        raise UserError(
            f"{path} has other layers than its model has now: remove {path.parent} and run it again"
        ) from error


def own_name(run: RunVariant) -> str:
    """The name of the model that a run trains, which `NAME-tuned` shares with `NAME`."""
    return run.config.model if run.config.kind == JOINT else spec_of(run).name


def has_network(run: RunVariant) -> bool:
    """Whether Keras trains it, rather than scikit-learn."""
    return run.config.kind == JOINT or spec_of(run).build is not None


@dataclass(frozen=True)
class TrainerFactory:
    """Makes the trainers of one run."""

    job: Job

    @property
    def uses_keras(self) -> bool:
        """Whether the run needs Keras at all."""
        return has_network(self.job.variant) or self.job.variant.training.augmented_beforehand

    @property
    def device(self) -> dict[str, Any]:
        """What the run is computed with, for provenance; once its trainer is there."""
        if self.uses_keras:
            return backend.device()
        return {"backend": "scikit-learn", "device": "CPU", "precision": backend.FLOAT32}

    def start(self, precision: str | None = None) -> None:
        """Bring up what the run is computed with, and seed it; before each of its networks is made or read.

        A joint training is float32: the stored networks that it starts from are.

        Args:
            precision: of a network that is trained, in place of the one that is asked for.
        """
        run, execution, cache = self.job.variant, self.job.execution, self.job.data.cache
        if not self.uses_keras:
            backend.use_threads(execution.threads)
            return
        trained = run.config.kind != JOINT and has_network(run) and run.trained is None
        chosen = precision or execution.precision if trained else backend.FLOAT32
        backend.start(
            run.cycle_seed, deterministic=execution.deterministic, precision=chosen, threads=execution.threads
        )
        if cache:
            backend.keep_compiled(cache / COMPILED)

    def new(self, dataset: Dataset, on_step: OnStep) -> Trainer:
        """The trainer of the model that the configuration asks for, with its first weights; after `start`.

        Raises:
            UserError: the images are too small for the model, or the weights that it starts from are not there.
        """
        config = self.job.variant.config
        if config.kind == JOINT:
            return self._keras(self._joint_network(dataset), on_step)
        spec = spec_of(self.job.variant)
        if spec.estimator is not None:
            spec.check_size(*dataset.input_shape[:2])
            return self._scikit_learn(spec, dataset)
        model = self._network(spec, dataset, config.hyperparameters, config.weights)
        return self.for_network(spec, model, on_step)

    def stored(self, run: Path, dataset: Dataset) -> Trainer:
        """That of a stored run's model, after `start`; it predicts, and is not trained on."""
        spec = spec_of(self.job.variant)
        if spec.estimator is not None:
            perceptron = self._scikit_learn(spec, dataset)
            if not isinstance(perceptron, SklearnTrainer):
                raise UserError(f"{spec.name} cannot be read from a stored run: {NOT_STORED}")
            perceptron.load(run)
            return perceptron
        return self._keras(load_model(run / MODEL, self.job.variant.model_source), lambda *_: None)

    def for_network(self, spec: ModelSpec, model: Any, on_step: OnStep) -> KerasTrainer | FeatureTrainer:
        """That of a new network: of its head alone where the backbone is frozen and nothing changes its images."""
        run, settings = self.job.variant, self.job.variant.training
        frozen = split_model(model) if spec.backbone else None
        on_the_fly = settings.augmentation != "none" and not settings.augmented_beforehand and not settings.views
        # What is mixed again in every epoch, or shown to a teacher, goes through the backbone as well.
        if frozen is None or spec.backbone is None or on_the_fly or settings.mixes or run.config.teacher:
            teacher = teacher_model(Teacher(run.members, run.teacher), run.sources) if run.teacher else None
            return self._keras(model, on_step, teacher)
        about = about_features(spec.backbone.application, run.config.hyperparameters)
        # Without a cache features lie with the run's files.
        directory = (self.job.data.cache or self.job.outputs.directory) / FEATURES
        accumulation = self.job.execution.accumulation
        store = FeatureStore(directory, frozen.base, about, on_step, accumulation)
        return FeatureTrainer(model, frozen, settings, run.cycle_seed, store, accumulation)

    def _keras(self, model: Any, on_step: OnStep, teacher: Any = None) -> KerasTrainer:
        run = self.job.variant
        teacher = teacher or run.soft_targets
        return KerasTrainer(model, run.training, run.cycle_seed, on_step, self.job.execution.accumulation, teacher)

    def _scikit_learn(self, spec: ModelSpec, dataset: Dataset) -> SklearnTrainer | EstimatorTrainer:
        run = self.job.variant
        estimator = estimator_of(spec, run.config, run.seed)
        if spec.source and run.trained is None:
            check_estimator(spec, run.config, dataset)
        kind = SklearnTrainer if is_perceptron(estimator) else EstimatorTrainer
        return kind(estimator, len(dataset.class_names))

    def _network(self, spec: ModelSpec, dataset: Dataset, values: Mapping[str, Any], weights: str | None) -> Any:
        if spec.build is None:
            raise ValueError(f"{spec.name} is no network")
        spec.check_size(*dataset.input_shape[:2])
        model = spec.build(
            dataset.input_shape, len(dataset.class_names), **values, **self._starting_weights(spec, weights)
        )
        if spec.source:
            check_network(spec.name, model, dataset.input_shape, len(dataset.class_names), spec.source)
        if (start := self.job.variant.start) is not None:
            # Into a new network, whose layers have the precision that this run is trained in.
            _take_weights(model, load_model(start, spec.source), start)
        return model

    def _starting_weights(self, spec: ModelSpec, label: str | None) -> dict[str, str | Path]:
        """The argument by which a transfer model is told its initial weights; a later cycle replaces them all."""
        run = self.job.variant
        return starting_weights(spec, label if run.start is None else RANDOM, run.weights_file)

    def _joint_network(self, dataset: Dataset) -> Any:
        """The average of all members as one network, in which each of them learns (see `running.run_inputs`).

        Members are called in the mode of the whole: in training theirs is training too.
        """
        run, config = self.job.variant, self.job.variant.config
        files = dict(run.members)
        networks = {}
        for name in config.members:
            if name in files:
                networks[name] = load_model(files[name], *run.sources)
                continue
            values = {
                key.removeprefix(f"{name}."): value
                for key, value in config.hyperparameters.items()
                if key.startswith(f"{name}.")
            }
            weights = values.pop(SETTING, None)
            spec = get_model(name, "" if name in all_models() else run.model_source)
            networks[name] = self._network(spec, dataset, values, weights)
        parts = [{"network": position} for position in range(len(networks))]
        average: Mapping[str, Any] = {"kind": "linear", "weights": [1 / len(parts)] * len(parts), "parts": parts}
        return joint_model(networks, average, training=None)
