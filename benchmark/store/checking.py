"""Checks every stored file against the checksum in its run's record."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import Final

from benchmark.files.checksums import DamagedError
from benchmark.nouns import counted
from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun, read_run, read_runs
from zoo.errors import UserError

COLUMNS: Final = 80


@dataclass(frozen=True)
class Checked:
    """The state of the runs of one dataset.

    Attributes:
        whole: number of undamaged runs.
        failures: number of undamaged records of failures.
        damaged: number of damaged runs and records of failures.
        problems: one sentence for each fault, with paths inside the dataset's directory.
    """

    dataset: str
    whole: int
    failures: int
    damaged: int
    problems: tuple[str, ...]


def check(runs: Path | str = "runs") -> list[Checked]:
    """The state of each dataset: compare every file of every run with its checksum. Nothing is written.

    Runs in progress and interrupted runs are skipped. So are pages and explanations, which have no checksums: they can
    be made again from the runs.

    Raises:
        UserError: there are no runs.
    """
    store = RunStore(Path(runs))
    datasets = store.datasets()
    if not datasets:
        raise UserError(f"no runs in {runs}: nothing to check")
    return [_checked(store, dataset) for dataset in datasets]


def _checked(store: RunStore, dataset: str) -> Checked:
    sound, problems, damaged = Counter[str](), list[str](), 0
    # One run at a time: together their predictions may be larger than the memory.
    for entry in read_runs(store.root / dataset):
        found = _problems(entry) if isinstance(entry, StoredRun) else [entry]
        problems += found or []
        damaged += bool(found)
        if isinstance(entry, StoredRun) and found == []:
            sound[entry.record.status] += 1
    return Checked(
        dataset,
        whole=sound["ok"],
        failures=sound["failed"],
        damaged=damaged,
        problems=tuple(problem.replace(f"{store.root / dataset}/", "") for problem in problems),
    )


def _problems(run: StoredRun) -> list[str] | None:
    """What is wrong with a run's files; None of one that is gone.

    What seems wrong is looked at again, for another command may have removed the model or the run meanwhile.
    """
    if not (problems := run.check_files()):
        return problems
    try:
        return read_run(run.path).check_files()
    except DamagedError as error:
        return [str(error)] if run.path.exists() else None


def checked_text(datasets: list[Checked]) -> str:
    """The state of each dataset, and what to do about damage, at most 80 columns wide."""
    lines = []
    for dataset in datasets:
        failures = f", {counted(dataset.failures, 'recorded failure')}" if dataset.failures else ""
        damaged = f", {dataset.damaged} damaged" if dataset.damaged else ""
        lines.append(f"{dataset.dataset}: {counted(dataset.whole, 'whole run')}{failures}{damaged}")
        lines += [
            fill(problem, COLUMNS, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)
            for problem in dataset.problems
        ]
    if any(dataset.damaged for dataset in datasets):
        lines.append("Remove the directory of a damaged run, then give the command that made it again.")
    return "\n".join(lines)
