"""What a run takes from stored runs: the networks that a joint training starts from, the epochs that a refit repeats.

A configuration of kind `JOINT` has one entry in `members` for each network:

- `cnn4-1a2b3c4d`: the network of that configuration's run with the same seed
- `cnn4-1a2b3c4d/seed-0`: the network of that run, whatever the seed
- `cnn4`: a new network of that model, of the zoo or of the run's `model_source.py`. Its hyperparameters are those of
  the configuration that start with `cnn4.`; what a transfer model starts from is `vgg.weights`.
"""

from pathlib import Path
from typing import Any

from benchmark.files.checksums import DamagedError
from benchmark.files.run_layout import CONFIGURATION_NAME
from benchmark.records import JOINT, RunConfig
from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun
from benchmark.training.initial_weights import SETTING
from benchmark.training.schedules import best_epoch
from zoo.errors import UserError


def new_member(config: RunConfig) -> dict[str, Any]:
    """The hyperparameters by which a joint training's configuration describes a new network of `config`."""
    values = {**config.hyperparameters, **({SETTING: config.weights} if config.weights else {})}
    return {f"{config.model}.{name}": value for name, value in values.items()}


def starting_files(store: RunStore, config: RunConfig, seed: int) -> tuple[tuple[str, Path], ...]:
    """The files of the stored networks that a run of kind `JOINT` starts from, by member; none for other kinds.

    Raises:
        UserError: a run or its model file is not there.
    """
    if config.kind != JOINT:
        return ()
    stored = [name for name in config.members if CONFIGURATION_NAME.fullmatch(name.partition("/")[0])]
    return tuple((name, _file(store, config, name, seed)) for name in stored)


def _file(store: RunStore, config: RunConfig, name: str, seed: int) -> Path:
    runs = store.resolve(config.full_dataset, name)
    suitable = [run for run in runs if "/" in name or run.record.seed == seed]
    if not suitable:
        raise UserError(f"{name} has no run with seed {seed} to start from")
    return suitable[0].model_file().resolve()


def repeated_rates(run: StoredRun) -> tuple[tuple[float, ...], ...]:
    """The learning rates of the run's epochs up to the one it kept, for each stage of its training.

    A second stage went on from the best epoch of the first, and so a first stage before it ends there.

    Raises:
        DamagedError: the run's history is missing or damaged.
    """
    columns = run.history()
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    stages = [[row for row in rows if row.get("stage", 1) == stage] for stage in (1, 2)]
    rates = []
    try:
        for stage in filter(None, stages):
            kept = best_epoch([row["validation_loss"] for row in stage])
            rates.append(tuple(row["learning_rate"] for row in stage[: kept + 1]))
            if stage[kept]["epoch"] == run.record.best_epoch:
                return tuple(rates)
    except (KeyError, FloatingPointError) as error:
        raise DamagedError(f"the history of {run.path} is damaged: {error}") from error
    raise DamagedError(f"the history of {run.path} is damaged: it lacks the epoch that was kept")
