"""What is told of runs while they are made: a worker process tells its parent, in JSON lines, the parent the user."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, get_args

from benchmark.files.dataclass_json import from_json, to_json
from benchmark.records import RunConfig


@dataclass(frozen=True)
class EpochPlace:
    """How far a training is: epochs done, and the most there are; each of the folds, if any, has as many."""

    epoch: int
    epochs: int
    fold: int = 1
    folds: int = 0

    @property
    def done(self) -> int:
        """Epochs done, over all folds."""
        return (self.fold - 1) * self.epochs + self.epoch

    @property
    def total(self) -> int:
        """The most epochs there are, over all folds."""
        return max(1, self.folds) * self.epochs

    def __str__(self) -> str:
        fold = f"fold {self.fold}/{self.folds} " if self.folds else ""
        return f"{fold}epoch {self.epoch}/{self.epochs}"


@dataclass(frozen=True)
class Started:
    """The run's process was started; `epochs` is the most it trains, None where it trains nothing."""

    epochs: int | None


@dataclass(frozen=True)
class PhaseStarted:
    """The run is in another phase, see `benchmark.commands.profile`."""

    name: str


@dataclass(frozen=True)
class Step:
    """So many images of an epoch, or of a set, are done."""

    done: int
    total: int


@dataclass(frozen=True)
class EpochDone:
    """An epoch is done; its row of the history (`benchmark.training.epoch_loop.History`)."""

    place: EpochPlace
    loss: float
    accuracy: float
    learning_rate: float
    train_seconds: float
    seconds: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None


@dataclass(frozen=True)
class Resumed:
    """An interrupted training goes on after this epoch."""

    place: EpochPlace


@dataclass(frozen=True)
class Note:
    """Something that the user should know."""

    text: str


@dataclass(frozen=True)
class ViewsPredicted:
    """A run with test-time augmentation was made beside the plain one; `record` as `RunRecord.to_json` has it."""

    tta: str
    record: Mapping[str, Any]


@dataclass(frozen=True)
class Finished:
    """The job is done; `record` as `RunRecord.to_json` has it, `seconds` without the start of the process."""

    record: Mapping[str, Any]
    seconds: float


@dataclass(frozen=True)
class Failed:
    """The job failed; `failure` is the kind, see `RunRecord`, `error` one line."""

    failure: str
    error: str


@dataclass(frozen=True)
class Message:
    """A line to the user about the run: that it was stored, where it failed, what it waits for."""

    text: str


@dataclass(frozen=True)
class Over:
    """Nothing more will be told of the run."""


@dataclass(frozen=True)
class TrialDone:
    """A trial of a search is over after so many seconds; `text` says what it gave."""

    seconds: float
    text: str


@dataclass(frozen=True)
class Planned:
    """The data is read and the runs are planned; `text` describes them, `notes` are a line each."""

    text: str
    notes: tuple[str, ...] = ()


Event = (
    Started | PhaseStarted | Step | EpochDone | Resumed | Note | ViewsPredicted | Finished | Failed
    | Message | Over | TrialDone | Planned
)  # fmt: skip
_KINDS: Final = {kind.__name__: kind for kind in get_args(Event)}


def to_line(event: Event) -> str:
    """The event as one line of JSON, without its end."""
    return json.dumps({"event": type(event).__name__, **to_json(event)})


def from_line(line: str) -> Event:
    """The event that `to_line` wrote."""
    values = json.loads(line)
    event: Event = from_json(_KINDS[values.pop("event")], values)
    return event


@dataclass(frozen=True)
class RunPlace:
    """Which run of a command an event is about.

    Attributes:
        position: of the run, or of the trial of a search, from 1.
        total: of runs or trials.
        model: the configuration's title.
        seed: of the run.
        in_search: whether it is a trial.
    """

    position: int
    total: int
    model: str
    seed: int
    in_search: bool = False

    @property
    def count(self) -> str:
        return f"[{self.position}/{self.total}]"

    def __str__(self) -> str:
        return f"{self.count} {self.model} seed {self.seed}"


@dataclass(frozen=True)
class About:
    """An event, and the run that it is about."""

    run: RunPlace
    event: Event


Send = Callable[[Event], None]
"""Told of one run."""

Watch = Callable[[Event | About], None]
"""Told of all runs of a command."""


@dataclass(frozen=True)
class RunReporter:
    """A `Send` for one run of a command: passes each event on to `watch` with the run it is about."""

    watch: Watch
    run: RunPlace

    def __call__(self, event: Event) -> None:
        self.watch(About(self.run, event))

    def titled(self, config: RunConfig) -> "RunReporter":
        """The same for a run beside this one, of another configuration."""
        return replace(self, run=replace(self.run, model=config.title))
