"""What a worker process is told: one run, as JSON on its standard input."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from benchmark.data import Located, ReadOptions
from benchmark.hardware.backend import FLOAT32
from benchmark.records import RunConfig
from zoo.settings import TrainingSettings

_PLAIN: Final = (
    "seed",
    "keep_model",
    "predict_test",
    "deterministic",
    "accumulation",
    "precision",
    "threads",
    "teacher",
)


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
        rates: of a refit, the learning rates that it repeats, epoch by epoch, for each stage of the training.
        beside: kinds of test-time augmentation that are predicted as well, each with an empty directory for its files.
        members: of a joint training, the files of the networks that it starts from, by name; of a run with a teacher
            those of the teacher's networks.
        teacher: of a run that has one, how its networks' predictions are combined (see `training.joint_model`).
        trained: of a run with test-time augmentation, the run whose stored model predicts; None trains one.
        checkpoints: directory of what an interrupted training goes on from; None keeps nothing to go on from.
        deterministic: whether only operations are used that give the same bits every time.
        accumulation: over how many steps gradients are added up before the weights change; the settings' batch is
            divided among them, so that a step takes less memory.
        decoded: the dataset itself (`data.cache.pack`), where the source is out of reach.
        precision: that is asked for, see `benchmark.hardware.backend.start`.
        threads: how many cores it may use, where it shares them with other runs; None for all there are.
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
    rates: tuple[tuple[float, ...], ...] = ()
    beside: tuple[tuple[str, Path], ...] = ()
    trained: Path | None = None
    members: tuple[tuple[str, Path], ...] = ()
    teacher: Mapping[str, Any] | None = None
    checkpoints: Path | None = None
    deterministic: bool = False
    accumulation: int = 1
    precision: str = FLOAT32
    threads: int | None = None
    decoded: Path | None = None

    @property
    def outputs(self) -> dict[str, Path]:
        """Where predictions go, by kind of test-time augmentation, the run's own first."""
        return {self.config.tta: self.directory, **dict(self.beside)}

    @property
    def training(self) -> TrainingSettings:
        """The training settings, which every configuration of a model has."""
        if self.config.training is None:
            raise ValueError(f"{self.config.model} is not trained")
        return self.config.training

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

    @property
    def images_a_step(self) -> int:
        """How many images a step takes at once."""
        return max(1, self.training.batch_size // self.accumulation)

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            **{name: getattr(self, name) for name in _PLAIN},
            "source": self.source if isinstance(self.source, str) else list(self.source),
            "rates": [list(stage) for stage in self.rates],
            "beside": {kind: str(directory) for kind, directory in self.beside},
            "trained": self.trained and str(self.trained),
            "members": {name: str(path) for name, path in self.members},
            "checkpoints": self.checkpoints and str(self.checkpoints),
            "decoded": self.decoded and str(self.decoded),
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
                "rates": tuple(tuple(stage) for stage in values["rates"]),
                "beside": tuple((kind, Path(directory)) for kind, directory in values["beside"].items()),
                "trained": Path(values["trained"]) if values["trained"] else None,
                "members": tuple((name, Path(path)) for name, path in values["members"].items()),
                "checkpoints": Path(values["checkpoints"]) if values["checkpoints"] else None,
                "decoded": Path(values["decoded"]) if values["decoded"] else None,
                "weights_file": Path(values["weights_file"]) if values["weights_file"] else None,
            }
        )
