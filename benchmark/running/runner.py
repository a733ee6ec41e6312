"""Make the runs that are asked for, each in a process of its own; skip what is stored, record what fails."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmark.data.loading import FACES, load_with_layout, located
from benchmark.data.read_options import Located, Sources
from benchmark.dataset import Dataset
from benchmark.hardware.backend import check_installed
from benchmark.hardware.resources import available_cores, visible_gpus
from benchmark.records import RunConfig
from benchmark.running.coordinator import RunCoordinator
from benchmark.running.engines import engine_of, side_by_side
from benchmark.running.events import Message, Over, Planned, RunPlace, RunReporter, Watch
from benchmark.running.planning import Models, Plan, chosen_models, chosen_seeds, plan, with_variants
from benchmark.running.progress import watcher
from benchmark.running.run_options import RunOptions, told_apart
from benchmark.running.supervision import work
from benchmark.store.kept_models import KeptModels
from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun
from zoo.errors import UserError
from zoo.spec import ModelSpec

MOST_UNASKED: Final = 4
"""The most runs at once without `--jobs`: each takes a gigabyte of memory or more."""

FIRST_YEAR: Final = 1980
"""Of zip files, which Keras stores a model as: it would fail at the end of the training."""


def run(
    models: Models = "all",
    data: Sources = FACES,
    *,
    seeds: int | Sequence[int] = 1,
    settings: Mapping[str, Any] | None = None,
    runs: str | Path = "runs",
    options: RunOptions | None = None,
    **more: Any,
) -> list[StoredRun]:
    """Train models on one dataset and store what they predict; `python -m benchmark run`.

    A run that is stored already is not trained again, one that was interrupted goes on from its last checkpoint. A run
    that fails becomes a stored failure, and the others go on; it is repeated only with `RunOptions.retry_failed`.

    Args:
        models: "all", a name, several with commas between, a function `(input_shape, classes) -> keras.Model` of
            one's own, a `ModelSpec`, or a sequence of such.
        data: path of the data, "faces" for the built-in faces, or "kaggle:OWNER/NAME"; or several, which are merged.
        seeds: how many (3 for 0, 1, 2), or which.
        settings: training settings and hyperparameters by name, such as {"epochs": 8, "dropout": 0.4}; for transfer
            models also `weights`: "imagenet", "random", or the path of a file.
        runs: directory of the store.
        options: the rest.
        more: single settings and fields of `RunOptions` by name, such as `epochs=1, preset="quick", tta="flip"`; they
            go before those in `settings` and `options`.

    Returns:
        Every run asked for, stored or failed, by model and seed; those with test-time augmentation behind their own.

    Raises:
        UserError: a wrong name, value or file, found before anything is written; or the store cannot be written.
    """
    asked, settings = told_apart(options or RunOptions(), settings, more)
    store = RunStore(Path(runs))
    # Names and seeds are checked before the data, which can take long to read.
    specs, chosen, source = chosen_models(models, asked.model_files), chosen_seeds(seeds), source_of(data)
    with watcher(asked.progress) as watch:
        planned = plan_runs(specs, source, chosen, settings, asked, watch)
        return run_planned(store, planned, source, asked, watch)


def check_frameworks(options: RunOptions) -> None:
    """Raise UserError where this machine trains and has no Keras, no backend or no date; a cluster has its own."""
    if options.scheduler is None:
        check_installed()
        if (year := time.localtime().tm_year) < FIRST_YEAR:
            raise UserError(f"this machine's clock says {year}, too early to store a model: set the clock")


def source_of(data: Sources) -> Located:
    """Where the data is, as text for a worker; what is to be downloaded is downloaded here, once.

    As text, "faces" means the built-in faces; a Path is always a path, here and in the workers.
    """
    sources = tuple(one if isinstance(one, str) else str(one.resolve()) for one in located(data))
    return sources[0] if len(sources) == 1 else sources


def preset_for(source: Located, options: RunOptions) -> str:
    """The preset that is meant: the one asked for, else quick on the built-in faces and paper on any other data."""
    return options.preset or ("quick" if source == FACES else "paper")


def jobs_for(source: Located, options: RunOptions) -> int:
    """How many runs are made at once on this machine, at most.

    As many as asked for, else one. With the quick preset and without a GPU it is one a core, up to `MOST_UNASKED`: so
    short a run is mostly the start of its process and the tracing of its network, for which one core is enough.
    """
    if options.jobs is not None:
        return options.jobs
    if options.scheduler is not None or preset_for(source, options) != "quick" or visible_gpus():
        return 1
    return min(available_cores(), MOST_UNASKED)


def plan_runs(
    specs: Sequence[ModelSpec],
    source: Located,
    seeds: Sequence[int],
    settings: Mapping[str, Any],
    options: RunOptions,
    watch: Watch,
) -> Plan:
    """Read the data once for its fingerprint, plan the runs on it and announce them.

    Raises:
        UserError: the data cannot be read, or a name or value is wrong.
    """
    check_frameworks(options)
    preset = preset_for(source, options)
    loaded = load_with_layout(source, options.reading, options.cache)
    planned = plan(specs, loaded.dataset, preset, seeds, settings)
    planned = with_variants(planned, loaded.dataset, folds=options.folds, refit=options.refit, cycles=options.cycles)
    watch(Planned(_described(loaded.dataset, preset), (*loaded.notes, *planned.notes)))
    return planned


def run_planned(store: RunStore, planned: Plan, source: Located, options: RunOptions, watch: Watch) -> list[StoredRun]:
    """Make every run that is planned and not stored yet."""
    pairs = [(config, seed) for config in planned.configs for seed in planned.seeds]
    places = {(config.hash, seed): place for place, (config, seed) in enumerate(pairs)}
    after = {
        place: places[key]
        for place, (config, seed) in enumerate(pairs)
        if config.precursor and (key := (config.precursor.hash, seed)) in places
    }
    # A run that waits for another shares its cores with none.
    at_once = max(1, min(jobs_for(source, options), len(pairs) - len(after)))
    with engine_of(source, replace(options, jobs=at_once), work, several=len(pairs) > 1) as engine:
        models = KeptModels(store, options.keep_model)
        coordinator = RunCoordinator(store, source, options, planned, engine, models)

        def make(position: int, config: RunConfig, seed: int) -> list[StoredRun]:
            report = RunReporter(watch, RunPlace(position, len(pairs), config.title, seed))
            made = coordinator.make(config, seed, report)
            report(Over())
            if options.after_run and len(pairs) > 1 and (text := options.after_run(made[0])):
                report(Message(text))
            return made

        tasks = [partial(make, position, *pair) for position, pair in enumerate(pairs, start=1)]
        return [models.current(run) for runs in side_by_side(tasks, after, engine) for run in runs]


def _described(dataset: Dataset, preset: str) -> str:
    height, width, channels = dataset.input_shape
    counts = ", ".join(f"{len(split)} {split.name}" for split in dataset.splits)
    return (
        f"{dataset.full_name}: {counts} images\n"
        f"{width}x{height} pixels, {'grey' if channels == 1 else 'RGB'}, {len(dataset.class_names)} classes, split "
        f"{dataset.split}; preset {preset}"
    )
