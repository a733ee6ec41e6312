"""What a refit repeats of the run whose epoch validation chose."""

import csv

from benchmark.checksums import DamagedError
from benchmark.run_layout import HISTORY
from benchmark.schedules import best_epoch
from benchmark.stored_run import StoredRun


def repeated_rates(run: StoredRun) -> tuple[tuple[float, ...], ...]:
    """The learning rates of the run's epochs up to the one it kept, for each stage of its training.

    A second stage went on from the best epoch of the first, and so a first stage before it ends there.

    Raises:
        DamagedError: the run's history is missing or damaged.
    """
    try:
        with (run.path / HISTORY).open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        stages = [[row for row in rows if row.get("stage", "1") == stage] for stage in ("1", "2")]
        found = []
        for stage in filter(None, stages):
            kept = best_epoch([float(row["validation_loss"]) for row in stage])
            found.append(tuple(float(row["learning_rate"]) for row in stage[: kept + 1]))
            if int(stage[kept]["epoch"]) == run.record.best_epoch:
                return tuple(found)
    except (OSError, ValueError, KeyError, FloatingPointError) as error:
        raise DamagedError(f"the history of {run.path} is damaged: {error}") from error
    raise DamagedError(f"the history of {run.path} is damaged: it has not the epoch that was kept")
