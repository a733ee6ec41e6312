"""What joint training and distillation have in common: read the data, plan with the dataset's runs, make the runs."""

from collections.abc import Callable

from benchmark.data.loading import load_with_layout
from benchmark.data.read_options import Sources
from benchmark.dataset import Dataset
from benchmark.records import RunConfig
from benchmark.running.events import Planned
from benchmark.running.planning import Plan
from benchmark.running.progress import watcher
from benchmark.running.run_options import RunOptions
from benchmark.running.runner import check_frameworks, preset_for, run_planned, source_of
from benchmark.store.run_store import RunStore
from benchmark.store.snapshot import Snapshot
from benchmark.store.stored_run import StoredRun
from zoo.errors import UserError

Planning = Callable[[Snapshot, Dataset, str], tuple[Plan, str]]
"""From the dataset's runs, the data and the preset to a plan, and to what is announced of it."""


def train_planned(store: RunStore, data: Sources, options: RunOptions, planning: Planning) -> list[StoredRun]:
    """Make the runs that are planned on the data; those that are stored are not trained again."""
    check_frameworks(options)
    source = source_of(data)
    preset = preset_for(source, options)
    with watcher(options.progress) as watch:
        loaded = load_with_layout(source, options.reading, options.cache)
        name, images = loaded.dataset.full_name, len(loaded.dataset.train)
        planned, words = planning(store.snapshot(name), loaded.dataset, preset)
        text = f"{name}: {images} train images; {words}, preset {preset}"
        watch(Planned(text, (*loaded.notes, *planned.notes)))
        return run_planned(store, planned, source, options, watch)


def duplicates_error(who: str) -> UserError:
    """The error that a network must not know what another training leaves out."""
    return UserError(
        f"{who} was trained on duplicates of validation and test images, which duplicates=drop excludes: train it with "
        "duplicates=drop, or leave the setting out"
    )


def knows_duplicates(config: RunConfig) -> bool:
    """Whether a network may have been trained on duplicates of validation and test images."""
    return config.training is None or config.training.duplicates != "drop"
