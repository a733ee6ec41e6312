"""Checkpoints of a run's trainings on disk, so that an interrupted training goes on: arrays and JSON, no pickle."""

import hashlib
import json
import time
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmark.files.file_writing import in_one_step, sync
from benchmark.training.trainer import Arrays, Snapshot, Trainer

SHARE: Final = 0.02
"""Of the time: a checkpoint is written once the last one's cost is at most this share of the time since."""

_ABOUT: Final = "about"
_STATE: Final = "state/"
_BEST: Final = "best/"
_UNREADABLE: Final = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class Progress:
    """Everything that a training needs in order to go on.

    Attributes:
        rows: of the epochs done, see `benchmark.training.epoch_loop.History`.
        best: the weights of the best epoch; None where no epoch was usable yet.
        state: of the trainer after the last epoch; None once the training is over.
    """

    rows: list[dict[str, Any]]
    best: Snapshot | None
    state: Arrays | None


@dataclass
class Checkpoints:
    """The checkpoints of one run: one of each training, of which folds and second stages make several.

    Attributes:
        directory: of their files; made when needed. None keeps nothing.
        identity: what must be the same for a training to go on, as a JSON object.
        resumed: called with the number of epochs done when a training goes on.
        note: called with the reason when a training starts again, or no checkpoint was written.
        seconds: time that earlier processes spent on the epochs.
    """

    directory: Path | None
    identity: Mapping[str, Any]
    resumed: Callable[[int], None]
    note: Callable[[str], None]
    seconds: float = 0.0

    def of(self, fold: int, stage: int = 1, before: int = 0) -> "TrainingCheckpoint | None":
        """The checkpoint of one training, or None where nothing is kept.

        Args:
            before: epochs of the fold's earlier stage.
        """
        if self.directory is None:
            return None
        return TrainingCheckpoint(self.directory / f"fold-{fold}-stage-{stage}.npz", self, before)


@dataclass
class TrainingCheckpoint:
    """The checkpoint of one training.

    Attributes:
        path: of its file, which is replaced in one step.
        run: the checkpoints of the whole run.
        before: epochs of the earlier stage.
    """

    path: Path
    run: Checkpoints
    before: int = 0
    _cost: float = 0.0
    _written: float = float("-inf")

    def resume(self, trainer: Trainer) -> Progress | None:
        """Bring a new trainer to where the training was, and return its progress; None where there is none."""
        try:
            progress = _read(self.path, self.run.identity)
            if progress.state is not None:
                trainer.restore_state(progress.state)
            elif progress.best is not None:
                trainer.restore(progress.best)
        except FileNotFoundError:
            return None
        except _UNREADABLE as error:
            # NumPy would tell to load what it takes for a pickle.
            reason = "its checkpoint is damaged" if "pickle" in str(error) else error
            self.run.note(f"an interrupted training starts again: {reason}")
            return None
        self.run.seconds += sum(row["seconds"] for row in progress.rows)
        self.run.resumed(self.before + len(progress.rows))
        return progress

    def write(
        self, rows: list[dict[str, Any]], best: Snapshot | None, state: Callable[[], Arrays] | None = None
    ) -> None:
        """Write the progress, unless the last checkpoint is too recent for its cost. A full disk ends no training.

        Args:
            rows, best: see `Progress`.
            state: called for the trainer's state if it is written; None where the training is over, which is always
                written.
        """
        started = time.perf_counter()
        if state is not None and self._cost > SHARE * (started - self._written):
            return
        try:
            _write(self.path, self.run.identity, Progress(rows, best, None if state is None else state()))
        except OSError as error:
            self.run.note(f"no checkpoint was written: {error.strerror or error}")
        self._written = time.perf_counter()
        self._cost = self._written - started


def _read(path: Path, identity: Mapping[str, Any]) -> Progress:
    """The progress that `_write` wrote.

    Raises:
        ValueError: it is that of another job.
        Exception: one of `_UNREADABLE`, where the file is damaged.
    """
    # Opened here: NumPy leaves a file of its own open where the archive is damaged.
    with path.open("rb") as file:
        arrays = dict(np.load(file, allow_pickle=False))
    about = json.loads(str(arrays[_ABOUT]))
    if differing := sorted(name for name, value in identity.items() if about["identity"].get(name) != value):
        raise ValueError(f"its checkpoint was made with another {', '.join(differing)}")
    state = {name.removeprefix(_STATE): array for name, array in arrays.items() if name.startswith(_STATE)}
    best = [arrays[f"{_BEST}{place}"] for place in range(about["best"])]
    return Progress(about["rows"], best or None, None if about["over"] else state)


def _write(path: Path, identity: Mapping[str, Any], progress: Progress) -> None:
    state, best = progress.state or {}, progress.best or []
    over = progress.state is None
    about = {"identity": dict(identity), "rows": progress.rows, "best": len(best), "over": over}
    arrays: dict[str, Any] = {f"{_STATE}{name}": array for name, array in state.items()}
    arrays |= {f"{_BEST}{place}": array for place, array in enumerate(best)}
    arrays[_ABOUT] = np.array(json.dumps(about))
    path.parent.mkdir(parents=True, exist_ok=True)
    with in_one_step(path) as temporary:
        with temporary.open("wb") as file:
            np.savez(file, **arrays)
        sync(temporary)


@cache
def code_digest() -> str:
    """A hash over the source code: a training goes on only with the version of the code that it was begun with."""
    home = Path(__file__).resolve().parents[2]
    digest = hashlib.sha256()
    for path in sorted(path for package in ("zoo", "benchmark") for path in (home / package).rglob("*.py")):
        digest.update(str(path.relative_to(home)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
