"""How a training command ends: it builds ensembles of its runs and shows the leaderboard.

The composition: the one module that imports `ensembles` and `reports`, which stand above this package. It does so
inside its functions.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final

from benchmark.commands.command_line import FAILED, OK
from zoo.errors import UserError

if TYPE_CHECKING:
    from benchmark.store.stored_run import StoredRun


def finish(done: "Sequence[StoredRun]", runs: Path, ensembles: bool = False) -> int:
    """Print the leaderboard and return the exit code.

    Args:
        done: the runs that were asked for, at least one; failures too.
        ensembles: whether to build ensembles of the runs first.
    """
    from ensembles.building.standard import build_standard
    from reports.leaderboards.pages import text_page, write_page
    from reports.leaderboards.results import read_results
    from reports.text.tables import terminal_width

    whole = [run for run in done if run.record.status == "ok"]
    config = done[0].config
    dataset = config.full_dataset
    if ensembles:
        # A refit cannot be judged by validation, and views of one network are not two members.
        plain = [run for run in whole if not run.config.refit and run.config.tta == "none"]
        build_standard(plain, runs, dataset)
    results = read_results(runs, dataset)
    page = write_page(results, runs)
    print()
    print(text_page(results, runs, width=terminal_width()))
    print(f"Runs and predictions: {page.parent}\nLeaderboard, with every class: {page}")
    return FAILED if len(whole) < len(done) else OK


class GrowingLeaderboard:
    """Keeps `leaderboard.md` up to date while runs come in, as `RunOptions.after_run`.

    Errors are not shown here: the command writes the page at its end, and shows them then.

    Args:
        runs: directory of the store.
    """

    SHARE: Final = 0.02
    """Largest share of the time that writing the page takes."""

    def __init__(self, runs: Path) -> None:
        self._runs, self._writing, self._next, self._told = runs, Lock(), 0.0, False

    def __call__(self, run: "StoredRun") -> str | None:
        """Write the page if it is time to. Returns the best rows, and the first time also where the page is."""
        if time.monotonic() < self._next or not self._writing.acquire(blocking=False):
            return None
        started = time.monotonic()
        try:
            page, rows = write_leaderboard(self._runs, run.config.full_dataset)
            where = "" if self._told else f" (in {page}, which grows with the runs)"
            self._told = True
            return f"leaderboard so far: {rows}{where}" if rows else None
        except UserError:
            return None
        finally:
            now = time.monotonic()
            self._next = now + (now - started) / self.SHARE
            self._writing.release()


SHOWN_ROWS: Final = 3
"""Rows that a message about the growing leaderboard names; the page has all."""


def write_leaderboard(runs: Path, dataset: str) -> tuple[Path, str]:
    """Write the leaderboard beside the runs; returns its path and its best rows in one line.

    Raises:
        ReadOnlyError: nothing can be written there.
    """
    from reports.leaderboards.pages import first_rows, write_page
    from reports.leaderboards.results import read_results

    results = read_results(runs, dataset)
    return write_page(results, runs), first_rows(results, SHOWN_ROWS)
