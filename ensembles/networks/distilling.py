"""What an ensemble knows, taught to one network: `ensembles.distill`. The training is that of any other run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmark.data.loading import FACES, load_with_layout
from benchmark.data.options import Sources
from benchmark.files.checksums import DamagedError
from benchmark.files.run_layout import seed_name
from benchmark.records import RunConfig
from benchmark.running.events import Planned
from benchmark.running.planning import chosen_models, chosen_seeds, plan
from benchmark.running.progress import watcher
from benchmark.running.run_options import RunOptions
from benchmark.running.runner import preset_for, run_planned, source_of
from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun
from benchmark.training.distillation import Teacher
from benchmark.training.inference.tta import NONE
from ensembles.networks.voices import voice
from zoo.errors import UserError


@dataclass(frozen=True)
class DistillOptions:
    """How `distill` goes about it.

    Attributes:
        seeds: how many (3 for 0, 1, 2), or which.
        run: as of `benchmark.run`.

    Raises:
        UserError: folds or a refit.
    """

    seeds: int | Sequence[int] = 1
    run: RunOptions = field(default_factory=RunOptions)

    def __post_init__(self) -> None:
        if self.run.folds or self.run.refit:
            raise UserError(
                "a teacher has learnt from what folds hold out, and a refit repeats an ordinary run: leave them out"
            )


def distill(
    teacher: str,
    models: str | Sequence[str],
    data: Sources = FACES,
    *,
    settings: Mapping[str, Any] | None = None,
    runs: str | Path = "runs",
    options: DistillOptions | None = None,
) -> list[StoredRun]:
    """Train models with a stored classifier as their teacher; `python -m ensembles distill`.

    Each learns as `benchmark.run` trains it, from the labels and from what the teacher says of the very images that it
    is shown (`benchmark.training.distillation`), and is stored as `cnn4:taught`. What is stored is not trained again.

    Args:
        teacher: a stored ensemble, or a single run, whose networks were kept; of members asked about several views of
            an image it is the network that teaches.
        models: networks that learn: a name, several with commas between, or a sequence.
        data: that the teacher was trained on, as `benchmark.run` takes it.
        settings: as of `benchmark.run`; `distillation` and `distillation_temperature` among them.
        runs: directory of the store.
        options: the rest.

    Returns:
        A run for each model and seed, stored or failed; those with test-time augmentation behind their own.

    Raises:
        UserError: names, values or data that will not do, found before anything is trained or written.
    """
    asked, store = options or DistillOptions(), RunStore(Path(runs))
    running, specs, chosen, source = asked.run, chosen_models(models), chosen_seeds(asked.seeds), source_of(data)
    preset = preset_for(source, running)
    with watcher(running.progress) as watch:
        loaded = load_with_layout(source, running.reading, running.cache)
        dataset = loaded.dataset
        key = f"{dataset.name}-{dataset.fingerprint}"
        stored = {run.name: run for run in store.runs(key)}
        run = _of_one_view(_teacher(store, key, teacher), stored)
        planned = plan(specs, dataset, preset, chosen, settings or {}, run.name)
        text = f"{key}: {len(dataset.train)} train images; taught by {run.config.title}, preset {preset}"
        # What is stored needs no teacher any more, which may be gone.
        if any(_lacks(store, config, seed) for config in planned.configs for seed in chosen):
            planned = replace(planned, teacher=_networks(run, stored, planned.configs))
        watch(Planned(text, (*loaded.notes, *planned.notes)))
        return run_planned(store, planned, (source, running), watch)


def _teacher(store: RunStore, dataset: str, name: str) -> StoredRun:
    found = store.resolve(dataset, name)
    if len(found) > 1:
        command = store.command(f"ensembles build {name} --seeds {len(found)}", dataset)
        raise UserError(
            f"{name} has {len(found)} seeds: name one, {found[0].name}, or build an ensemble of all with `{command}`"
        )
    return found[0]


def _lacks(store: RunStore, config: RunConfig, seed: int) -> bool:
    try:
        return store.find(config, seed) is None
    except DamagedError:
        return False  # it is not trained again either


def _networks(run: StoredRun, stored: Mapping[str, StoredRun], taught: Sequence[RunConfig]) -> Teacher:
    """What teaches, without the views that members are asked about: it sees what the network sees.

    Raises:
        UserError: a network is not there, or has learnt from what the taught must not.
    """
    plain = {name: _of_one_view(one, stored) for name, one in stored.items()}
    networks: dict[str, StoredRun] = {}
    tree = voice(run, plain, networks, [])
    for network in networks.values():
        if network.config.refit:
            raise UserError(
                f"{network.config.title} was trained on validation as well, which is to choose the network's epoch: "
                "take another teacher"
            )
        if not _without_duplicates(network.config) and any(_without_duplicates(config) for config in taught):
            raise UserError(
                f"{network.config.title} was trained on duplicates of validation and test images, of which "
                "duplicates=drop keeps a network: train the teacher with it too, or leave it out"
            )
    files = tuple((name, network.model_file().resolve()) for name, network in networks.items())
    return Teacher(files, tree.to_json())


def _without_duplicates(config: RunConfig) -> bool:
    return config.training is not None and config.training.duplicates == "drop"


def _of_one_view(run: StoredRun, stored: Mapping[str, StoredRun]) -> StoredRun:
    """The run of the network itself, where it is stored, of a run that asks it about several views."""
    config = replace(run.config, tta=NONE)
    return stored.get(f"{config.model}-{config.hash}/{seed_name(run.record.seed)}", run)
