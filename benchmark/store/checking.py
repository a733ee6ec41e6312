"""Whether every run still is what was stored: its files against the checksums in its record."""

from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import Final

from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun
from zoo.errors import UserError

COLUMNS: Final = 80


@dataclass(frozen=True)
class Checked:
    """What was found in one dataset's runs.

    Attributes:
        dataset: `name-fingerprint`.
        whole: how many runs are whole.
        failures: how many recorded failures are whole.
        damaged: how many runs and failures are not.
        problems: one sentence for each thing that is wrong with them, paths from the dataset's directory on.
    """

    dataset: str
    whole: int
    failures: int
    damaged: int
    problems: tuple[str, ...]


def check(runs: Path | str = "runs") -> list[Checked]:
    """Read every file of every run and compare it with its checksum; nothing is written.

    Pages and explanations beside the runs have none: they are made from them.

    Args:
        runs: directory of the store.

    Returns:
        What was found, by dataset. Runs at work, or interrupted, are no runs yet and are passed over.

    Raises:
        UserError: there are no runs.
    """
    store = RunStore(Path(runs))
    datasets = store.datasets()
    if not datasets:
        raise UserError(f"no runs in {runs}: nothing to check")
    return [_checked(store, dataset) for dataset in datasets]


def _checked(store: RunStore, dataset: str) -> Checked:
    whole = failures = damaged = 0
    problems: list[str] = []
    for run in store.stored(dataset):
        found = run.check_files() if isinstance(run, StoredRun) else [run]
        problems += [problem.replace(f"{store.root / dataset}/", "") for problem in found]
        if isinstance(run, str) or found:
            damaged += 1
        elif run.record.status == "ok":
            whole += 1
        else:
            failures += 1
    return Checked(dataset, whole, failures, damaged, tuple(problems))


def checked_text(found: list[Checked]) -> str:
    """What was found, and how to go on where something is wrong, at most 80 columns wide."""
    lines = []
    for one in found:
        failures = f", {_counted(one.failures, 'recorded failure')}" if one.failures else ""
        damaged = f", {one.damaged} damaged" if one.damaged else ""
        lines.append(f"{one.dataset}: {_counted(one.whole, 'whole run')}{failures}{damaged}")
        lines += [
            fill(problem, COLUMNS, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)
            for problem in one.problems
        ]
    if any(one.damaged for one in found):
        lines.append("Remove the directory of a damaged run, then give the command that made it again.")
    return "\n".join(lines)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
