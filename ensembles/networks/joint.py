"""Train several networks as one: `ensembles.train`. It is trained like any other run."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmark.arguments import bring_to_types
from benchmark.data.loading import FACES
from benchmark.data.read_options import Sources
from benchmark.dataset import Dataset
from benchmark.files.run_layout import seed_name
from benchmark.records import JOINT, RunConfig
from benchmark.running.fitting_settings import OF_BACKBONES, OF_TEACHERS
from benchmark.running.planning import Plan, chosen_seeds, plan
from benchmark.running.recipes import QUICK, QUICK_KERAS
from benchmark.running.run_inputs import new_member
from benchmark.running.run_options import RunOptions, told_apart
from benchmark.store.run_store import RunStore
from benchmark.store.snapshot import Snapshot
from benchmark.store.stored_run import StoredRun
from ensembles.building.ensemble_request import in_a_name
from ensembles.members import ALL, member_names, spelled_names
from ensembles.networks.planned_training import duplicates_error, knows_duplicates, train_planned
from zoo.errors import UserError, unknown_name
from zoo.registry import NAMED, all_models, get_model, outside_models
from zoo.settings import TrainingSettings, setting_names
from zoo.spec import ModelSpec

RECIPE: Final = TrainingSettings(
    learning_rate=1e-4, schedule="plateau", schedule_patience=4, augmentation="coursework", patience=20, epochs=100
)
"""The coursework's recipe of `resnet+bayes+vgg`. It leaves plateau's patience and epochs open: these are those of its
other networks. It augmented beforehand, with the originals among the images; this augments on the fly, as `bayes`."""


@dataclass(frozen=True)
class JointOptions:
    """Options of `train`.

    Attributes:
        name: of the run; None for the members' names joined with "+", then ":joint".
        run: as for the run of a model. Trainings are float32.

    Raises:
        UserError: folds, a refit, cycles, test-time augmentation or bfloat16.
    """

    name: str | None = None
    run: RunOptions = field(default_factory=RunOptions)

    def __post_init__(self) -> None:
        bring_to_types(self)
        if not self.run.plain:
            raise UserError(
                "joint training has no folds, no refit, no cycles and no test-time augmentation: leave them out"
            )
        if self.run.precision == "bfloat16":
            raise UserError("joint training is float32: leave --precision out")


@dataclass(frozen=True)
class _Place:
    """Where the members are looked up: the store, the runs of the dataset, the seeds, and the models by name."""

    store: RunStore
    snapshot: Snapshot
    seeds: tuple[int, ...]
    models: Mapping[str, ModelSpec]


def train(
    members: str | Sequence[str],
    data: Sources = FACES,
    *,
    seeds: int | Sequence[int] = 1,
    settings: Mapping[str, Any] | None = None,
    runs: str | Path = "runs",
    options: JointOptions | None = None,
    **more: Any,
) -> list[StoredRun]:
    """Train several networks as one, their average, and store it as a run; `python -m ensembles train`.

    A member that is stored for this data starts from its trained network of the same seed. Any other model starts from
    initial weights, according to the preset. Frozen layers stay frozen. Stored runs are not trained again.

    Args:
        members: at least two, "A,B,C" or a sequence: models, `model@hash`, or single runs (the start of every seed).
            Models may be of `options.run.model_files`, which also define the layers of stored networks.
        data, seeds, runs: as for `benchmark.run`; the data that the members were trained on.
        settings: training settings by name; for members that are not stored also hyperparameters and `weights`.
        options: the rest.
        more: single settings and options by name, such as `name="three", epochs=8`, as `benchmark.run` takes them.

    Returns:
        A run for each seed, stored or failed.

    Raises:
        UserError: invalid names, values or data; nothing was trained or written.
    """
    joint, settings = told_apart(options or JointOptions(), settings, more)
    store = RunStore(Path(runs))
    chosen, names = chosen_seeds(seeds), member_names(members)
    if len(names) < 2:
        raise UserError(f"joint training needs at least two members, got {names[0]}: name them as A,B,C")
    models = {**all_models(), **outside_models(map(Path, joint.run.model_files))}

    def planning(snapshot: Snapshot, dataset: Dataset, preset: str) -> tuple[Plan, str]:
        spelled = spelled_names(snapshot, names)
        title = joint.name or f"{'+'.join(map(in_a_name, spelled))}:joint"
        place = _Place(store, snapshot, chosen, models)
        return _planned(place, dataset, spelled, title, preset, settings), f"joint training of {len(names)}"

    return train_planned(store, data, joint.run, planning)


def _planned(
    place: _Place, dataset: Dataset, names: Sequence[str], title: str, preset: str, settings: Mapping[str, Any]
) -> Plan:
    """The configuration, and notes for the user."""
    added = {name: model for name in names if (model := _new_model(place, name))}
    starts = {name: None if name in added else _start(place, name) for name in names}
    networks = Counter(one for start in starts.values() if start for one in _networks(start, place.seeds))
    if twice := [network for network, count in networks.items() if count > 1]:
        raise UserError(f"two of the members start from {twice[0]}: leave one of them out")
    specs = list(added.values())
    others = {key: value for key, value in settings.items() if key not in setting_names()}
    if others and not specs:
        raise unknown_name("training setting", next(iter(others)), setting_names())
    taken = {run.config.model for run in place.snapshot.runs if run.config.kind != JOINT}
    if title in taken | place.models.keys() | {ALL}:
        raise UserError(f"{title} is the name of another run or model: choose another --name")
    new = plan(specs, dataset, preset, place.seeds, others)
    if len(new.sources) > 1:
        raise UserError("a joint training has new models of one file or package: write them into one file for --models")
    training = _training(preset, {key: value for key, value in settings.items() if key in setting_names()})
    for one in filter(None, starts.values()):
        if training.duplicates == "drop" and knows_duplicates(place.snapshot.resolve(one)[0].config):
            raise duplicates_error(one)
    origins = {"members"} if len(specs) < len(names) else set()
    config = RunConfig(
        dataset=dataset.name,
        fingerprint=dataset.fingerprint,
        model=title,
        kind=JOINT,
        split=dataset.split,
        hyperparameters={key: value for one in new.configs for key, value in new_member(one).items()},
        training=training,
        weights="+".join(sorted(origins | {one.weights or "random" for one in new.configs})),
        members=tuple(start or name for name, start in starts.items()),
        model_source="".join(new.sources),
    )
    notes = [
        f"{name} starts from {start or 'initial weights, because it is not stored for this data'}"
        for name, start in starts.items()
    ]
    return Plan((config,), place.seeds, (*notes, *new.notes), new.weights_file, sources=new.sources)


def _new_model(place: _Place, name: str) -> ModelSpec | None:
    """The model that a member is, if it is not stored for this data; None for a stored one."""
    if any(run.config.title == name for run in place.snapshot.runs):
        return None
    spec = place.models.get(name)
    if spec is None and name.startswith(tuple(NAMED)) and not set(name) & set("@/"):
        spec = get_model(name)
    if spec is not None:
        _check_elsewhere(place, name)
        if spec.build is None:
            raise UserError(
                f"{name} is not stored, and only networks can start from initial weights: run it first, or leave it out"
            )
    return spec


def _start(place: _Place, name: str) -> str:
    """The stored run that a member starts from, see `running.run_inputs`."""
    titles = {run.config.title for run in (*place.snapshot.runs, *place.snapshot.failures)}
    if name not in titles and not set(name) & set("@/-"):
        raise unknown_name("model or stored run", name, titles | place.models.keys())
    runs = place.snapshot.resolve(name)
    config = runs[0].config
    if config.kind not in ("model", JOINT) or config.folds or config.tta != "none":
        raise UserError(f"{name} is not a single network: name the models that were trained")
    if config.refit:
        raise UserError(f"{name} was trained on validation too, but validation must choose the joint training's epoch")
    if "/" in name:
        wanted, start = runs, runs[0].name
    else:
        wanted, start = [run for run in runs if run.record.seed in place.seeds], runs[0].path.parent.name
        lacking = sorted(set(place.seeds) - {run.record.seed for run in wanted})
        if lacking:
            raise UserError(
                f"{name} has no run with seed {', '.join(map(str, lacking))} to start from: run it, or name "
                f"{runs[0].name}, from which every seed starts"
            )
    for run in wanted:
        run.model_file()  # raises if it was not kept
    return start


def _networks(start: str, seeds: Sequence[int]) -> list[str]:
    """The stored networks that a member starts from: one a seed, or a single one."""
    return [start] if "/" in start else [f"{start}/{seed_name(seed)}" for seed in seeds]


def _check_elsewhere(place: _Place, name: str) -> None:
    """Raises UserError if the member is stored for other data of the same name."""
    base = place.snapshot.dataset.rpartition("-")[0]
    for other in place.store.datasets():
        if other.rpartition("-")[0] == base and any(run.config.title == name for run in place.store.runs(other)):
            raise UserError(
                f"{name} was trained on {other}, not on {place.snapshot.dataset}: use the same data, --split, --size, "
                "--channels and --classes"
            )


def _training(preset: str, changes: Mapping[str, Any]) -> TrainingSettings:
    for name in changes:
        if name in OF_BACKBONES:
            raise UserError(f"joint training has no {name}, which applies to a single frozen backbone: leave it out")
        if name in OF_TEACHERS:
            raise UserError(f"joint training has no {name}, which applies to distillation: leave it out")
    recipe = RECIPE.with_changes({**QUICK, **QUICK_KERAS}) if preset == "quick" else RECIPE
    training = recipe.with_changes(changes)
    if training.augmented_beforehand and training.augmentation == "none":
        raise UserError("copies need an augmentation, add --set augmentation=affine")
    return training
