"""What a worker process is told of its one run: which data, what to make of it, where files go, how to compute."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.data import Located, ReadOptions
from benchmark.files.dataclass_json import from_json, to_json
from benchmark.hardware.backend import FLOAT32
from benchmark.records import RunConfig
from benchmark.training.optimizers import images_a_step
from benchmark.training.soft_targets import SoftTargets
from zoo.settings import TrainingSettings


@dataclass(frozen=True)
class JobData:
    """Where the data is.

    Attributes:
        source: a path or the name of built-in data; or several, which are merged.
        reading: how it is read.
        cache: directory of decoded data; None to read it again.
        decoded: the dataset itself (`data.cache.pack`), where the source is out of reach.
    """

    source: Located
    reading: ReadOptions = field(default_factory=ReadOptions)
    cache: Path | None = None
    decoded: Path | None = None


@dataclass(frozen=True)
class RunVariant:
    """Which run is made, and from what.

    Attributes:
        config: of the run.
        seed: of the run.
        weights_file: that a transfer model starts from, where the configuration names one.
        predicts: whether validation and test are predicted; not by a trial of a search, which nothing on test may sway.
        start: of a later cycle, the stored model of the one before.
        rates: of a refit, the learning rates that it repeats, epoch by epoch, for each stage of the training.
        members: of a joint training, the files of the networks that it starts from, by name; of a run with a teacher
            those of the teacher's networks.
        teacher: of a run that has one, how its networks' predictions are combined (see `training.joint_model`).
        soft_targets: of a run whose teacher has predicted the training images beforehand, the file of these.
        trained: of a run with test-time augmentation, the run whose stored model predicts; None trains one.
        model_source: the text that declares a model from outside of the zoo.
        sources: texts whose classes the members' layers may be (`zoo.model_files`).
    """

    config: RunConfig
    seed: int
    weights_file: Path | None = None
    predicts: bool = True
    start: Path | None = None
    rates: tuple[tuple[float, ...], ...] = ()
    members: tuple[tuple[str, Path], ...] = ()
    teacher: Mapping[str, Any] | None = None
    soft_targets: SoftTargets | None = None
    trained: Path | None = None
    model_source: str = ""
    sources: tuple[str, ...] = ()

    @property
    def training(self) -> TrainingSettings:
        """The training settings, which every configuration of a model has."""
        if self.config.training is None:
            raise ValueError(f"{self.config.model} is not trained")
        return self.config.training

    @property
    def cycle_seed(self) -> int:
        """The seed of what is drawn in training: each cycle shows the images in another order, otherwise augmented."""
        if self.config.cycle == 1:
            return self.seed
        return int(np.random.SeedSequence([self.seed, self.config.cycle]).generate_state(1)[0])

    @property
    def most_epochs(self) -> int:
        """How many epochs there are at most, over all folds and stages."""
        if self.rates:
            return sum(len(stage) for stage in self.rates)
        return self.training.most_epochs * (self.config.folds or 1)

    @property
    def epochs_of_fold(self) -> int:
        """How many of these are one fold's; without folds all."""
        return self.most_epochs // (self.config.folds or 1)


@dataclass(frozen=True)
class JobOutputs:
    """Where the run's files go.

    Attributes:
        directory: empty, for the run's files.
        keep_model: whether the trained model is written.
        views: kinds of test-time augmentation that are predicted as well, each with an empty directory for its files.
        checkpoints: directory of what an interrupted training goes on from; None keeps nothing.
    """

    directory: Path
    keep_model: bool = True
    views: tuple[tuple[str, Path], ...] = ()
    checkpoints: Path | None = None


@dataclass(frozen=True)
class Execution:
    """How a run is computed.

    Attributes:
        deterministic: whether only operations are used that give the same bits every time.
        precision: that is asked for, see `benchmark.hardware.backend.start`.
        accumulation: how many steps the settings' batch is divided into at least, so that a step takes less memory;
            their gradients are added up before the weights change.
        threads: how many cores it may use, where it shares them with other runs; None for all there are.
    """

    deterministic: bool = False
    precision: str = FLOAT32
    accumulation: int = 1
    threads: int | None = None


@dataclass(frozen=True)
class Job:
    """All that the process of one run needs to know."""

    data: JobData
    variant: RunVariant
    outputs: JobOutputs
    execution: Execution = field(default_factory=Execution)

    @property
    def directories(self) -> dict[str, Path]:
        """Where predictions go, by kind of test-time augmentation, the run's own first."""
        return {self.variant.config.tta: self.outputs.directory, **dict(self.outputs.views)}

    @property
    def images_a_step(self) -> int:
        """How many images a step takes at once."""
        return images_a_step(self.variant.training.batch_size, self.execution.accumulation)

    @property
    def steps_a_batch(self) -> int:
        """How many such steps change the weights together: `accumulation`, or more where it does not divide a batch."""
        return self.variant.training.batch_size // self.images_a_step

    def with_inputs(self, place: Callable[[Path], Path]) -> "Job":
        """The job with each path of what it reads, but for the data's source, as `place` gives it."""
        data, run = self.data, self.variant
        variant = replace(
            run,
            weights_file=run.weights_file and place(run.weights_file),
            start=run.start and place(run.start),
            trained=run.trained and place(run.trained),
            members=tuple((name, place(path)) for name, path in run.members),
            soft_targets=run.soft_targets and replace(run.soft_targets, file=place(run.soft_targets.file)),
        )
        return replace(self, data=replace(data, decoded=data.decoded and place(data.decoded)), variant=variant)

    def to_json(self) -> Any:
        return to_json(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Job":
        job: Job = from_json(cls, values)
        return job
