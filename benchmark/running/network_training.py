"""The network of each fold of a run: trained, or read from a stored run, in either case ready to predict."""

from dataclasses import dataclass, replace
from typing import Any, Final

from benchmark.dataset import Dataset, Split
from benchmark.files.checksums import checksum
from benchmark.hardware.provenance import versions
from benchmark.running.clock import PhaseClock
from benchmark.running.events import EpochDone, EpochPlace, Note, Resumed, Send, Step
from benchmark.running.job import Job
from benchmark.running.precision_trial import faster_precision, worth_a_trial
from benchmark.running.trainer_factory import TrainerFactory, own_name, spec_of
from benchmark.training.checkpoints import Checkpoints, TrainingCheckpoint, code_digest
from benchmark.training.epoch_loop import History, fit
from benchmark.training.estimator_trainer import EstimatorTrainer
from benchmark.training.folds import Fold
from benchmark.training.frozen.feature_trainer import FeatureTrainer
from benchmark.training.frozen.fine_tuning import fine_tune
from benchmark.training.images.training_images import training_split
from benchmark.training.inference.predicting import ready
from benchmark.training.keras_trainer import KerasTrainer
from benchmark.training.soft_targets import read_targets
from benchmark.training.trainer import RefitSchedule, Samples, Trainer
from zoo.errors import UserError

PACKAGES: Final = ("numpy", "scikit-learn", "keras", "tensorflow", "jax")


@dataclass(frozen=True)
class NetworkTraining:
    """Gives the network of one fold.

    Attributes:
        number: of the fold, from 1.
    """

    job: Job
    dataset: Dataset
    fold: Fold
    number: int
    clock: PhaseClock
    send: Send

    def network(self) -> tuple[Trainer, History]:
        """The network and its history, an empty one of a stored network.

        The history has no probabilities where the network predicts otherwise now than while it was trained.
        """
        run, fold, factory = self.job.variant, self.fold, TrainerFactory(self.job)
        with self.clock.phase("start"):
            factory.start()
        with self.clock.phase("build"):
            if run.trained is not None:
                return factory.stored(run.trained, self.dataset), History()
            if factory.uses_keras and worth_a_trial(self.job, self.dataset.train):
                factory.start(faster_precision(self.job, self.dataset.train, self._made_in))
            trainer = factory.new(self.dataset, lambda done, total: self.send(Step(done, total)))
            others = [split for split in (fold.validation, self.dataset.test) if split is not None]
            train = training_split(fold.train, run.training, run.seed, others)
        trainer, history = self._trained(trainer, train)
        if not run.predicts:
            if isinstance(trainer, FeatureTrainer) and fold.validation:
                trainer.check(fold.validation.images)
            return trainer, history
        with self.clock.phase("predict"):
            predicting = ready(trainer, fold.validation or fold.train, [run.model_source])
        # Features are checked with new predictions.
        same = predicting is trainer and not isinstance(trainer, FeatureTrainer)
        return predicting, history if same else History(history.rows)

    def _made_in(self, precision: str) -> Trainer:
        factory = TrainerFactory(self.job)
        factory.start(precision)
        return factory.new(self.dataset, lambda *_: None)

    def _trained(self, trainer: Trainer, train: Split) -> tuple[Trainer, History]:
        """The trainer after all stages of the training, and their history."""
        run, clock, validation = self.job.variant, self.clock, self.fold.validation
        judges = [validation] * 2 if validation else [RefitSchedule(rates) for rates in run.rates]
        samples: tuple[Samples, Samples | RefitSchedule] = train, judges[0]
        if isinstance(trainer, FeatureTrainer):
            with clock.phase("features", [trainer]):
                samples = trainer.samples(train, judges[0])
        if isinstance(trainer, KerasTrainer) and trainer.taught_once:
            with clock.phase("features", [trainer]):
                self._teach(trainer, train)
        # An estimator is kept in memory only: there is nothing to go on from.
        directory = None if isinstance(trainer, EstimatorTrainer) else self.job.outputs.checkpoints
        checkpoints = Checkpoints(
            directory,
            identity(self.job),
            resumed=lambda epoch: self.send(Resumed(self._place(epoch))),
            note=lambda text: self.send(Note(text)),
        )
        trainers = [trainer]
        with clock.phase("train", trainers):
            history = fit(trainer, run.training, samples, run.cycle_seed, self._report, checkpoints.of(self.number))
            # A refit repeats the second stage only where the first training's best epoch was in it.
            if run.training.fine_tune_blocks and len(judges) > 1:
                checkpoint = checkpoints.of(self.number, 2, len(history.rows))
                trainer, history = self._fine_tuned(trainer, (train, judges[1]), history, checkpoint)
                trainers.append(trainer)
        clock.add("train", checkpoints.seconds)
        if validation is not None:
            validating = sum(row["seconds"] - row["train_seconds"] for row in history.rows)
            clock.add("train", -validating)
            clock.add("validate", validating)
        return trainer, history

    def _teach(self, trainer: KerasTrainer, train: Split) -> None:
        """Give the trainer what its teacher says of the training images."""
        targets, every = self.job.variant.soft_targets, self.fold.train
        if targets is None:
            trainer.ask_teacher(train.images)
            return
        places = {name: place for place, name in enumerate(every.sample_ids.tolist())}
        said = read_targets(targets, every, self.dataset.class_names).probabilities
        trainer.hear(said[[places[name] for name in train.sample_ids.tolist()]])

    def _fine_tuned(
        self,
        trainer: Trainer,
        data: tuple[Split, Split | RefitSchedule],
        history: History,
        checkpoint: TrainingCheckpoint | None,
    ) -> tuple[Trainer, History]:
        """The trainer after the second stage, and the history of both."""
        spec = spec_of(self.job.variant)
        network = trainer.network if isinstance(trainer, FeatureTrainer) else trainer
        backbone = spec.backbone
        if not isinstance(network, KerasTrainer) or backbone is None:
            raise UserError(f"{spec.name} has no backbone to fine-tune")
        return fine_tune(network, backbone, data, history, self._report, checkpoint)

    def _place(self, epoch: int) -> EpochPlace:
        return EpochPlace(epoch, self.job.variant.epochs_of_fold, self.number, self.job.variant.config.folds)

    def _report(self, row: dict[str, Any]) -> None:
        values = {name: value for name, value in row.items() if name != "epoch"}
        self.send(EpochDone(self._place(row["epoch"]), **values))


def identity(job: Job) -> dict[str, Any]:
    """What must be the same for an interrupted training to go on."""
    run, device = job.variant, TrainerFactory(job).device
    return {
        # Of the model's own name: the winner of a search goes on from the trial that won.
        "configuration": replace(run.config, model=own_name(run)).hash,
        "seed": run.seed,
        "first weights": run.start and checksum(run.start),
        "learning rates": [list(stage) for stage in run.rates],
        "choice of determinism": job.execution.deterministic,
        "batch": job.images_a_step,
        "backend": device["backend"],
        "precision": device["precision"],
        "choice of oneDNN": device.get("onednn"),
        "set of packages": versions(PACKAGES),
        "version of the toolkit": code_digest(),
    }
