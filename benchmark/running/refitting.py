"""What a refit repeats of the run whose epoch validation chose."""

from benchmark.files.checksums import DamagedError
from benchmark.store.stored_run import StoredRun
from benchmark.training.schedules import best_epoch


def repeated_rates(run: StoredRun) -> tuple[tuple[float, ...], ...]:
    """The learning rates of the run's epochs up to the one it kept, for each stage of its training.

    A second stage went on from the best epoch of the first, and so a first stage before it ends there.

    Raises:
        DamagedError: the run's history is missing or damaged.
    """
    columns = run.history()
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    stages = [[row for row in rows if row.get("stage", 1) == stage] for stage in (1, 2)]
    found = []
    try:
        for stage in filter(None, stages):
            kept = best_epoch([row["validation_loss"] for row in stage])
            found.append(tuple(row["learning_rate"] for row in stage[: kept + 1]))
            if stage[kept]["epoch"] == run.record.best_epoch:
                return tuple(found)
    except (KeyError, FloatingPointError) as error:
        raise DamagedError(f"the history of {run.path} is damaged: {error}") from error
    raise DamagedError(f"the history of {run.path} is damaged: it has not the epoch that was kept")
