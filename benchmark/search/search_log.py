"""The log of a search: what identifies it, and a row for every finished trial.

A search remembers nothing but its log. A row is on the disk before the next trial starts. If a crash cut a line off,
the line is dropped, and its trial is made again.
"""

import csv
import hashlib
import io
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from benchmark.dataset import HASH_LENGTH
from benchmark.files.file_writing import csv_text, write_text, writing
from benchmark.files.run_layout import SEARCH, TRIALS, checkpoints_of, partial_trial
from benchmark.records import RunConfig
from zoo.errors import UserError
from zoo.settings import TrainingSettings, read_value
from zoo.spec import Choice, Hyperparameter

FORMAT: Final = 1

COLUMNS: Final[Mapping[str, Any]] = {
    "validation_loss": float,
    "validation_accuracy": float,
    "epochs_run": int,
    "best_epoch": int,
    "seconds": float,
    "error": str,
}
"""The columns of a trial's outcome, with their types; empty where the trial failed."""

SCHEDULE: Final = "successive halving"
"""Part of the identity of a Hyperband search: searches made with keras-tuner's brackets are other searches."""

Space = Mapping[str, Hyperparameter]


@dataclass(frozen=True)
class Outcome:
    """The result of a trial.

    Attributes:
        validation_loss: the lowest of its epochs, cross-entropy in nats; None where the trial failed.
        validation_accuracy: of that epoch, 0-1.
        epochs_run: number of epochs that were run.
        best_epoch: the epoch of the lowest loss, from 1.
        seconds: duration of the trial; 0 where a stored run was taken.
        error: kind and message in one line; None unless it failed.
    """

    validation_loss: float | None = None
    validation_accuracy: float | None = None
    epochs_run: int | None = None
    best_epoch: int | None = None
    seconds: float = 0.0
    error: str | None = None

    def __post_init__(self) -> None:
        if self.error is not None:
            object.__setattr__(self, "error", " ".join(self.error.split()) or "no message")


@dataclass(frozen=True)
class Trial:
    """A finished trial.

    Attributes:
        number: from 1, in the order of the search.
        values: of everything that is searched, by name.
        epochs_asked: at most so many.
        bracket_end: under Hyperband, the number of the last trial of its bracket, as planned when the bracket began.
    """

    number: int
    values: Mapping[str, Any]
    epochs_asked: int
    seed: int
    outcome: Outcome
    bracket_end: int | None = None

    @property
    def status(self) -> str:
        """ok or failed."""
        return "ok" if self.outcome.error is None else "failed"


def best_first(trials: Sequence[Trial]) -> list[Trial]:
    """The trials that did not fail, by validation loss, the lowest first; equals in their order."""
    whole = [trial for trial in trials if trial.outcome.validation_loss is not None]
    return sorted(whole, key=lambda trial: (trial.outcome.validation_loss, trial.number))


@dataclass(frozen=True)
class SearchIdentity:
    """What identifies a search. The number of trials does not, so that more can be made later.

    Attributes:
        config: of a run before any searched value is changed: dataset, model, settings.
        tuner: bayesian, hyperband or random.
        space: what is searched, by name.
        seed: of the tuner and of every trial.
    """

    config: RunConfig
    tuner: str
    space: Space
    seed: int

    @property
    def name(self) -> str:
        """Model, tuner and the first eight hexadecimal digits of the SHA-256 of `text`."""
        digest = hashlib.sha256(self.text.encode()).hexdigest()[:HASH_LENGTH]
        return f"{self.config.model}-{self.tuner}-{digest}"

    @property
    def halving(self) -> bool:
        """Whether most trials have fewer epochs than a whole training."""
        return self.tuner == "hyperband"

    @property
    def epochs(self) -> int:
        """Of a whole training."""
        return (self.config.training or TrainingSettings()).epochs

    @property
    def text(self) -> str:
        """The identity as a JSON object, with those training settings that differ from the neutral defaults."""
        training = self.config.training.non_default() if self.config.training else None
        space = {name: {"type": type(spec).__name__, **asdict(spec)} for name, spec in self.space.items()}
        rest = {"tuner": self.tuner, "seed": self.seed, "space": space}
        if self.halving:
            rest["schedule"] = SCHEDULE
        described = {"format": FORMAT, **self.config.to_json(), "training": training, **rest}
        return json.dumps(described, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


class SearchLog:
    """The log of one search, in a directory that only this process may write to.

    A new directory gets the file that identifies the search.

    Raises:
        UserError: the directory is another search's, the log cannot be read, or nothing can be written.
    """

    def __init__(self, directory: Path, identity: SearchIdentity) -> None:
        self.directory, self._identity = directory, identity
        self._check()
        self.trials = self._read()

    @property
    def path(self) -> Path:
        """Of the log."""
        return self.directory / TRIALS

    def append(self, trial: Trial) -> None:
        """Add a trial's row; when this returns it is on the disk. Checkpoints stay of the best trial alone.

        Raises:
            UserError: it cannot be written.
        """
        with writing(self.directory), self.path.open("ab") as file:
            file.write(csv_text([self._row(trial)]).encode())
            file.flush()
            os.fsync(file.fileno())
        self.trials.append(trial)
        self._tidy()

    def replace(self, trial: Trial) -> None:
        """Put a trial in the place of the one of its number, as `append` adds one."""
        self.trials[trial.number - 1] = trial
        with writing(self.directory):
            write_text(self.path, csv_text([self._columns, *map(self._row, self.trials)]))
        self._tidy()

    def _tidy(self) -> None:
        best = {self.checkpoints(one.number) for one in best_first(self.trials)[:1]}
        for left in set(self.directory.glob(".trial-*.checkpoint")) - best:
            shutil.rmtree(left, ignore_errors=True)

    def checkpoints(self, number: int) -> Path:
        """Directory of the checkpoints of a trial, if there are any."""
        return checkpoints_of(partial_trial(self.directory, number))

    @property
    def _columns(self) -> list[str]:
        bracket = ["bracket_end"] if self._identity.halving else []
        return ["trial", "status", *self._identity.space, *bracket, "epochs_asked", "seed", *COLUMNS]

    def _row(self, trial: Trial) -> list[Any]:
        outcome = asdict(trial.outcome).values()
        bracket = [trial.bracket_end] if self._identity.halving else []
        return [trial.number, trial.status, *trial.values.values(), *bracket, trial.epochs_asked, trial.seed, *outcome]

    def _check(self) -> None:
        path = self.directory / SEARCH
        if not path.exists():
            if self.path.exists():
                raise UserError(f"{self.directory} has trials and no {SEARCH}: remove the directory to search again")
            with writing(self.directory):
                write_text(path, self._identity.text)
        elif path.read_bytes() != self._identity.text.encode():
            raise UserError(
                f"{path} is of another search (dataset, model, space or settings differ): remove {self.directory} "
                "to search again"
            )

    def _read(self) -> list[Trial]:
        """The trials so far. A line that is not whole is cut off."""
        whole = self.path.read_bytes() if self.path.exists() else b""
        whole = whole[: whole.rfind(b"\n") + 1]
        with writing(self.directory):
            if not whole:
                write_text(self.path, csv_text([self._columns]))
                return []
            os.truncate(self.path, len(whole))
        try:
            header, *rows = csv.reader(io.StringIO(whole.decode()))
            if header != self._columns:
                raise ValueError(f"the columns are {', '.join(header)}")
            return [self._trial(dict(zip(header, row, strict=True)), number) for number, row in enumerate(rows, 1)]
        except (ValueError, csv.Error, UserError) as error:
            raise UserError(f"{self.path} is damaged ({error}): remove {self.directory} to search again") from error

    def _trial(self, row: Mapping[str, str], number: int) -> Trial:
        if row["trial"] != str(number):
            raise ValueError(f"trial {number} stands as {row['trial']!r}")
        outcome: dict[str, Any] = {
            name: read(row[name]) if row[name] or name == "seconds" else None for name, read in COLUMNS.items()
        }
        trial = Trial(
            number=number,
            values={name: _read_as(name, row[name], declared) for name, declared in self._identity.space.items()},
            epochs_asked=int(row["epochs_asked"]),
            seed=int(row["seed"]),
            outcome=Outcome(**outcome),
            bracket_end=int(row["bracket_end"]) if self._identity.halving else None,
        )
        if trial.status != row["status"] or (trial.outcome.validation_loss is None) != (trial.status == "failed"):
            raise ValueError(f"trial {number} is {row['status']!r} with an outcome that is not")
        if trial.bracket_end is not None and trial.bracket_end < number:
            raise ValueError(f"trial {number} stands behind its bracket, which ends with {trial.bracket_end}")
        return trial


def _read_as(name: str, text: str, declared: Hyperparameter) -> Any:
    """`text` as a value of the space."""
    value = read_value(name, text, type(declared.default))
    if not isinstance(declared, Choice) or value in declared.options:
        return value
    raise ValueError(f"{name} is {text!r}")
