"""Where the time of runs went, from their records, as a table: `python -m benchmark run --profile`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from benchmark.store.stored_run import StoredRun
from benchmark.training.inference.tta import NONE

PHASES: Final[Mapping[str, str]] = {
    "start": "start",
    "load": "load",
    "build": "build",
    "compile": "com- pile",
    "features": "fea- tures",
    "train": "train",
    "validate": "vali- date",
    "predict": "pre- dict",
    "store": "store",
    "total": "total",
}
"""The phases in a record's `durations` (seconds), and the heading of each, of one line or two.

- start: the process, its imports, and whatever belongs to no other phase
- load: data from the cache
- build: the model with its initial weights, and copies made beforehand
- compile: compiling the network for training and predicting, as far as it can be measured separately
- features: what is computed once of every image: the features of a frozen backbone that are not in the cache, the
  predictions of a teacher of plain images
- train: the epochs, also those before an interruption, without the phases below
- validate: predicting validation after each epoch
- predict: predicting validation and test with the kept epoch, and measuring how long an image takes
- store: writing the run's files
- total: all of this; for an ensemble the time to build it
"""

NAME: Final = 20
CELL: Final = 6


def profile_text(runs: Sequence[StoredRun]) -> str:
    """A row of seconds for each run and one for all, 80 columns wide; "-" for what a record does not have.

    A failed run has its total only.
    """
    headings = [heading.partition(" ") for heading in PHASES.values()]
    head = [
        _line("", [first if second else "" for first, _, second in headings]),
        _line("seconds", [second or first for first, _, second in headings]),
        _line("-" * (NAME - 1), ["-" * (CELL - 1)] * len(PHASES)),
    ]
    durations_of_runs = [_durations(run) for run in runs]
    rows = [
        _row(f"{run.config.title} {run.record.seed}", durations)
        for run, durations in zip(runs, durations_of_runs, strict=True)
    ]
    if len(runs) > 1:
        sums: Counter[str] = Counter()
        for durations in durations_of_runs:
            sums.update(durations)
        rows.append(_row("all", sums))
    return "\n".join(head + rows)


def _durations(run: StoredRun) -> Mapping[str, float]:
    """The durations of the run itself: a run with test-time augmentation repeats the training of another."""
    durations = run.record.durations
    if run.config.tta == NONE:
        return durations
    return {phase: seconds for phase, seconds in durations.items() if phase != "train"}


def _row(name: str, durations: Mapping[str, float]) -> str:
    cells = [_written(durations[phase]) if phase in durations else "-" for phase in PHASES]
    lines = [name[start : start + NAME - 1] for start in range(0, len(name), NAME - 1)]
    return "\n".join([*lines[:-1], _line(lines[-1], cells)])


def _line(name: str, cells: Sequence[str]) -> str:
    return f"{name:<{NAME}}{''.join(f'{cell:>{CELL}}' for cell in cells)}".rstrip()


def _written(seconds: float) -> str:
    """Seconds in at most five letters."""
    if seconds < 1000:
        return f"{seconds:.1f}"
    return f"{seconds:.0f}" if seconds < 99_999.5 else f"{seconds / 3600:.0f}h"
