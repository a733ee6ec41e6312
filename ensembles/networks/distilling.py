"""Train a network with a teacher: `ensembles.distill`. It is trained like any other run.

A teacher is a stored ensemble or run whose networks were kept, or a file with what one says of the training images
(`benchmark.training.soft_targets`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmark.data.loading import FACES
from benchmark.data.read_options import Sources
from benchmark.dataset import Dataset
from benchmark.files.checksums import DamagedError
from benchmark.files.run_layout import seed_name
from benchmark.records import RunConfig
from benchmark.running.planning import Plan, chosen_models, chosen_seeds, plan, with_variants
from benchmark.running.run_options import RunOptions, told_apart
from benchmark.store.made_again import check_built_of
from benchmark.store.run_store import RunStore
from benchmark.store.snapshot import Snapshot
from benchmark.store.stored_run import StoredRun
from benchmark.training.distillation import Teacher
from benchmark.training.soft_targets import SoftTargets, find_targets, named_as_file, read_targets
from ensembles.networks.network_tree import NetworkTree, network_tree
from ensembles.networks.planned_training import duplicates_error, knows_duplicates, train_planned
from zoo.errors import UserError


@dataclass(frozen=True)
class DistillOptions:
    """Options of `distill`.

    Attributes:
        seeds: their number (3 for 0, 1, 2), or a sequence of seeds.
        run: as for `benchmark.run`.

    Raises:
        UserError: folds or a refit.
    """

    seeds: int | Sequence[int] = 1
    run: RunOptions = field(default_factory=RunOptions)

    def __post_init__(self) -> None:
        if self.run.folds or self.run.refit:
            raise UserError(
                "distillation has no folds and no refit: a teacher was trained on the images that a fold holds out"
            )


def distill(
    teacher: str | Path,
    models: str | Sequence[str],
    data: Sources = FACES,
    *,
    settings: Mapping[str, Any] | None = None,
    runs: str | Path = "runs",
    options: DistillOptions | None = None,
    **more: Any,
) -> list[StoredRun]:
    """Train models with a stored classifier as their teacher; `python -m ensembles distill`.

    Each model is trained as by `benchmark.run`, on the labels and on the teacher's predictions of the same images
    (`benchmark.training.distillation`). It is stored as `cnn4:taught`. Stored runs are not trained again.

    Args:
        teacher: a stored ensemble or a single run, whose networks were kept; test-time augmentation is left out. Or the
            path of a file with the probabilities of all training images, in any format that `ensembles import` reads,
            or as `ensembles.soft_targets` wrote it; then `distillation_images` is "plain".
        models: networks to train: names, separated by commas, or a sequence.
        data: the data that the teacher was trained on, as for `benchmark.run`.
        settings: as for `benchmark.run`, also `distillation`, `distillation_temperature` and `distillation_images`.
        runs: directory of the store.
        options: the rest.
        more: single settings and options by name, such as `seeds=3, epochs=8`, as `benchmark.run` takes them.

    Returns:
        A run for each model and seed, stored or failed; runs with test-time augmentation follow their network's.

    Raises:
        UserError: invalid names, values or data; nothing was trained or written.
    """
    asked, changes = told_apart(options or DistillOptions(), settings, more)
    store = RunStore(Path(runs))
    seeds, specs = chosen_seeds(asked.seeds), chosen_models(models, asked.run.model_files)
    if named_as_file(teacher):
        if changes.get("distillation_images", "plain") != "plain":
            raise UserError(f"{teacher} says nothing of augmented images: leave distillation_images out")
        if all(spec.build for spec in specs):  # Others have no such setting, and no teacher, which planning says.
            changes["distillation_images"] = "plain"

    def planning(snapshot: Snapshot, dataset: Dataset, preset: str) -> tuple[Plan, str]:
        found = _found(teacher, store, snapshot, dataset)
        name, title = (
            (found.teacher, found.teacher) if isinstance(found, SoftTargets) else (found.name, found.config.title)
        )
        planned = plan(specs, dataset, preset, seeds, changes, name)
        planned = with_variants(planned, dataset, cycles=asked.run.cycles)
        # If all runs are stored, the teacher is not needed; it may have been deleted.
        if any(_lacks(store, config, seed) for config in planned.configs for seed in seeds):
            if isinstance(found, SoftTargets):
                _check_targets(found, planned.configs)
                notes = read_targets(found, dataset.train, dataset.class_names).notes
                planned = replace(planned, teacher=found, notes=(*planned.notes, *notes))
            else:
                planned = replace(planned, teacher=_networks(found, snapshot.by_name, planned.configs))
        return planned, f"teacher {title}"

    return train_planned(store, data, asked.run, planning)


def _found(teacher: str | Path, store: RunStore, snapshot: Snapshot, dataset: Dataset) -> StoredRun | SoftTargets:
    if named_as_file(teacher):
        return find_targets(Path(teacher), dataset.full_name)
    return single_view_run(stored_teacher(store, snapshot, str(teacher)), snapshot.by_name)


def stored_teacher(store: RunStore, snapshot: Snapshot, name: str) -> StoredRun:
    """The one run of that name.

    Raises:
        UserError: there is none, or there are several.
    """
    name = snapshot.spelled(name, "validation")
    runs = snapshot.resolve(name)
    if len(runs) > 1:
        command = store.command(f"ensembles build {name} --seeds {len(runs)}", snapshot.dataset)
        raise UserError(
            f"{name} has {len(runs)} seeds: name one, {runs[0].name}, or build an ensemble of all with `{command}`"
        )
    return runs[0]


def _lacks(store: RunStore, config: RunConfig, seed: int) -> bool:
    try:
        return store.find(config, seed) is None
    except DamagedError:
        return False  # a damaged run is not trained again either


def _networks(run: StoredRun, stored: Mapping[str, StoredRun], students: Sequence[RunConfig]) -> Teacher:
    tree = teacher_tree(run, stored, students)
    files = tuple((network.name, network.model_file().resolve()) for network in tree.networks)
    return Teacher(files, tree.root.to_json())


def teacher_tree(run: StoredRun, stored: Mapping[str, StoredRun], students: Sequence[RunConfig] = ()) -> NetworkTree:
    """A teacher's networks, without test-time augmentation: they see the same images as the student.

    Raises:
        UserError: it was trained on images that its students must not know, a member was made again, or see
            `network_tree`.
    """
    check_built_of(run, stored)
    tree = network_tree(run, {name: single_view_run(one, stored) for name, one in stored.items()})
    _check(tree.networks, students)
    return tree


def _check_targets(targets: SoftTargets, students: Sequence[RunConfig]) -> None:
    if any(config.training and config.training.augmented_beforehand for config in students):
        raise UserError(f"{targets.file} says nothing of copies made beforehand: leave copies and balance out")
    if targets.duplicates and not all(map(knows_duplicates, students)):
        raise duplicates_error(f"the teacher of {targets.file}")


def _check(networks: Sequence[StoredRun], students: Sequence[RunConfig]) -> None:
    for network in networks:
        if network.config.refit:
            raise UserError(
                f"{network.config.title} was trained on validation too, but validation must choose the student's "
                "epoch: take another teacher"
            )
        if knows_duplicates(network.config) and not all(map(knows_duplicates, students)):
            raise duplicates_error(network.config.title)


def single_view_run(run: StoredRun, stored: Mapping[str, StoredRun]) -> StoredRun:
    """The run of the same network without test-time augmentation, if it is stored; otherwise the run itself."""
    return stored.get(f"{run.config.network.directory}/{seed_name(run.record.seed)}", run)
