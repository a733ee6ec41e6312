"""`run --all`: every model, one of them with several seeds, and the search that one of the sources made."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from benchmark.data.loading import FACES
from benchmark.data.read_options import Sources
from benchmark.running.events import Note
from benchmark.running.progress import watcher
from benchmark.running.recipes import SEEDS
from benchmark.running.run_options import RunOptions
from benchmark.running.runner import preset_for, run, source_of
from benchmark.running.supervision import warmed
from benchmark.search.tuning import TuneOptions, tune
from benchmark.store.stored_run import StoredRun
from zoo.errors import UserError

REPEATED: Final = "cnn7"
"""The model that a source averaged over ten seeds."""

SEARCHED: Final = "bayes"
"""The model that a source found by a search."""


def run_all(
    data: Sources = FACES,
    *,
    seeds: int | Sequence[int] = 1,
    settings: Mapping[str, Any] | None = None,
    runs: str | Path = "runs",
    options: RunOptions | None = None,
) -> list[StoredRun]:
    """Train every model of the zoo; `python -m benchmark run --all`.

    It does more than `run("all")`. `cnn7` is trained with as many seeds as the preset says (`recipes.SEEDS`), unless
    `seeds` names them. `bayes` is searched with the preset's number of trials, and the winner is stored as
    `bayes-tuned`; if that search cannot be made, a note says why. Arguments, results and errors are those of `run`.
    """
    # Here once for the calls below, so that data is downloaded once.
    options, source = options or RunOptions(), source_of(data)
    asked: dict[str, Any] = {"settings": settings, "runs": runs}
    many = SEEDS[preset_for(source, options)]
    with warmed():
        done = run("all", source, seeds=seeds, options=options, **asked)
        if isinstance(seeds, int) and seeds < many:
            done += run(REPEATED, source, seeds=range(seeds, many), options=options, **asked)
        try:
            # The search and its winner are ordinary runs. With folds there is no search: see `TuneOptions`.
            ordinary = replace(options, refit=False, cycles=1, tta=())
            tuned = tune(SEARCHED, source, seeds=seeds, options=TuneOptions(run=ordinary), **asked)
            done += tuned.runs
            if not tuned.runs:
                raise UserError(f"all {len(tuned.trials)} trials failed, the last: {tuned.trials[-1].outcome.error}")
        except UserError as error:
            with watcher(options.progress) as watch:
                watch(Note(f"no search for {SEARCHED}: {error}"))
    return done
