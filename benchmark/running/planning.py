"""From a user's request to the list of runs, before anything is trained or written; of files it reads weights alone."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from benchmark.arguments import names_in
from benchmark.dataset import Dataset
from benchmark.records import RunConfig
from benchmark.running.fitting_settings import check, fitting, vain_settings
from benchmark.running.recipes import PRESETS, hyperparameters_of, training_of
from benchmark.training.distillation import Teacher
from benchmark.training.estimator_trainer import with_epochs
from benchmark.training.initial_weights import RANDOM, SETTING, InitialWeights, read_weights
from benchmark.training.soft_targets import SoftTargets
from zoo.backbones import IMAGENET
from zoo.errors import UserError, unknown_name
from zoo.function_source import given_model
from zoo.model_files import by_name, digest_of
from zoo.pretrained_weights import cached, keras_models
from zoo.registry import NAMED, TUNED_SUFFIX, all_models, get_model, named, outside_models
from zoo.settings import TrainingSettings, plain, setting_names
from zoo.spec import ModelSpec

NO_CYCLES: Final = "scikit-learn's models cannot go on from stored weights"

Model = str | ModelSpec | Callable[..., Any]
Models = Model | Sequence[Model]

LARGEST_SEED: Final = 2**32 - 1
"""What scikit-learn and NumPy's old generators take."""


@dataclass(frozen=True)
class Plan:
    """What will be run.

    Attributes:
        configs: one a model, in the order asked for.
        notes: what the user should know before it starts, a line each.
        weights_file: that transfer models start from, if one was asked for.
        teacher: that the models learn from as well: stored networks, or what one said of the training images; None
            where they have none, or nothing is left to train.
        sources: the texts that declare models from outside of the zoo, by `RunConfig.model_source`.
    """

    configs: tuple[RunConfig, ...]
    seeds: tuple[int, ...]
    notes: tuple[str, ...] = ()
    weights_file: Path | None = None
    teacher: Teacher | SoftTargets | None = None
    sources: Mapping[str, str] = field(default_factory=dict)

    def source_of(self, config: RunConfig) -> str:
        """The text that declares its model; empty for a model of the zoo."""
        return self.sources.get(config.model_source, "")


QUICKEST: Final = ("mlp", "dinh", "cue_cnn", "vggnet", "vgg", "mobilenet025")
"""What "all" begins with: under the quick preset they take the least time, and make a first leaderboard."""


def _place_in_all(spec: ModelSpec) -> int:
    return QUICKEST.index(spec.name) if spec.name in QUICKEST else len(QUICKEST)


def chosen_models(models: Models, files: Sequence[str | Path] = ()) -> list[ModelSpec]:
    """The models meant; doubles count once.

    Args:
        models: "all" (the quickest first), one name, names with commas between, a function
            `(input_shape, classes) -> keras.Model`, a `ModelSpec`, or a sequence of such.
        files: Python files whose models may be named as well.

    Raises:
        UserError: an unknown name, or none at all; a file or function that declares no model.
    """
    several: Sequence[Model] = [models] if isinstance(models, str | ModelSpec) or callable(models) else models
    given = [one if isinstance(one, str) else given_model(one) for one in several]
    outside = outside_models(Path(file) for file in files)
    outside |= _new([one for one in given if isinstance(one, ModelSpec)], {**all_models(), **outside})
    if models == "all":
        return [*sorted(all_models().values(), key=_place_in_all), *outside.values()]
    names = [name for one in given for name in (names_in(one) if isinstance(one, str) else [one.name])]
    if not names:
        raise UserError("no model is named: give names, or all; `python -m benchmark list` shows them")
    known = {**all_models(), **outside}
    specs = {
        name: named(name, known) if outside and not name.startswith(tuple(NAMED)) else get_model(name) for name in names
    }
    for name, spec in specs.items():
        if name != spec.name:
            raise UserError(
                f"{name} is the result of a search: run `python -m benchmark tune {spec.name}`, "
                f"which stores the winner as {spec.name}{TUNED_SUFFIX}"
            )
    return list(specs.values())


def _new(declared: Sequence[ModelSpec], known: Mapping[str, ModelSpec]) -> dict[str, ModelSpec]:
    """Models given in a call, by name, once none has another's name."""
    models = by_name({spec.source: spec for spec in declared}.values(), "this call")
    if taken := sorted(models.keys() & known.keys()):
        raise UserError(f"{taken[0]} is the name of another model: rename the function, or give its ModelSpec a name")
    return models


def chosen_seeds(seeds: int | Sequence[int]) -> tuple[int, ...]:
    """The seeds meant by a count (3 for 0, 1, 2) or a sequence.

    Raises:
        UserError: none, a negative one, or one twice.
    """
    if isinstance(seeds, Iterable):
        chosen = tuple(map(plain, seeds))
    else:
        chosen = tuple(range(plain(seeds))) if type(plain(seeds)) is int else (seeds,)
    whole = all(type(seed) is int and 0 <= seed <= LARGEST_SEED for seed in chosen)
    if not chosen or not whole or len(set(chosen)) != len(chosen):
        raise UserError(f"seeds must be different whole numbers from 0 to {LARGEST_SEED}, at least one, got {seeds!r}")
    return chosen


def plan(
    specs: Sequence[ModelSpec],
    dataset: Dataset,
    preset: str,
    seeds: Sequence[int],
    changes: Mapping[str, Any],
    teacher: str = "",
) -> Plan:
    """The configurations of some models on a dataset.

    Args:
        changes: training settings, hyperparameters and `weights` by name; text is read as each one's own type. Each
            must apply to at least one model; a model to which it does not apply goes without, and a note says so.
        teacher: what they learn from as well, see `RunConfig`; or nothing.

    Raises:
        UserError: an unknown name, a value out of range, an unsuitable file of weights or model.
    """
    if preset not in PRESETS:
        raise unknown_name("preset", preset, PRESETS)
    specs = [with_epochs(spec) if spec.source else spec for spec in specs]
    for spec in specs:
        _check_names(spec)
    changes = _checked(specs, changes)
    configs, notes, refused = [], [], Counter[str]()
    for spec in specs:
        changed, unfit = fitting(spec, changes)
        refused.update(unfit.keys())
        for name, reason in unfit.items():
            notes.append(f"{spec.name}: {reason}; it runs without this setting")
            if refused[name] == len(specs):
                raise UserError(f"{spec.name}: {reason}")
        config = _config(spec, dataset, preset, changed, teacher)
        configs.append(config)
        check(config, spec)
        notes += vain_settings(config, spec, changed, dataset.input_shape[:2])
    if without := [spec.name for spec in specs if preset == "quick" and SETTING not in changes and _lacks_file(spec)]:
        notes.append(
            f"{', '.join(without)}: random weights at the start, because ImageNet's are not in {keras_models()}"
        )
    file = changes[SETTING].file if SETTING in changes else None
    sources = {digest_of(spec.source): spec.source for spec in specs if spec.source}
    return Plan(tuple(configs), chosen_seeds(seeds), tuple(notes), file, sources=sources)


def _check_names(spec: ModelSpec) -> None:
    """Raise UserError where a network has an argument that `--set` and `--epochs` could no longer tell from theirs."""
    own = set() if spec.build is None else spec.hyperparameters.keys() & {SETTING, *setting_names()}
    if own:
        raise UserError(
            f"{spec.name}: its argument {min(own)} has the name of a training setting, which would never be reached: "
            "rename the argument"
        )


def _checked(specs: Sequence[ModelSpec], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The changes, once all their names are known and the training settings among them are right; weights are read."""
    known = {SETTING, *setting_names(), *(name for spec in specs for name in spec.hyperparameters)}
    for name in changes:
        if name not in known:
            raise unknown_name("setting", name, known)
    # An estimator may have a hyperparameter of the same name.
    of_training = set(setting_names()) - {name for spec in specs for name in spec.hyperparameters}
    TrainingSettings().with_changes({name: value for name, value in changes.items() if name in of_training})
    return {name: read_weights(value) if name == SETTING else value for name, value in changes.items()}


def with_variants(planned: Plan, dataset: Dataset, *, folds: int = 0, refit: bool = False, cycles: int = 1) -> Plan:
    """The plan with folds in place of the ordinary runs, or with a refit or later cycles behind each of them.

    Raises:
        UserError: more folds than labelled images, a refit without anything that it could predict, or cycles of models
            that have no network.
    """
    if refit and dataset.test is None:
        raise UserError(f"{dataset.name} has no test split, and a refit predicts nothing else: leave --refit out")
    images = len(dataset.train) + len(dataset.validation)
    if folds > images:
        raise UserError(f"{folds} folds need as many labelled images, {dataset.name} has {images}: use fewer")
    configs = [replace(config, folds=folds) for config in planned.configs]
    notes = planned.notes
    if refit:
        sampled = [config.model for config in configs if config.training and config.training.images]
        if sampled:
            notes += (f"refit on a sample of train and validation: {', '.join(sampled)}; --set images=0 takes all",)
        configs += [replace(config, refit=True) for config in planned.configs]
    if cycles > 1:
        once = [config.model for config in configs if get_model(config.model, planned.source_of(config)).build is None]
        if len(once) == len(configs):
            raise UserError(f"{', '.join(once)}: {NO_CYCLES}, leave --cycles out")
        if once:
            notes += (f"{', '.join(once)}: {NO_CYCLES}; trained once",)
        networks = [config for config in configs if config.model not in once]
        configs += [replace(config, cycle=cycle) for config in networks for cycle in range(2, cycles + 1)]
    return replace(planned, configs=tuple(configs), notes=notes)


def _config(spec: ModelSpec, dataset: Dataset, preset: str, changes: Mapping[str, Any], teacher: str) -> RunConfig:
    given: InitialWeights | None = changes.get(SETTING)
    weights = given.label if given else spec.weights
    # A quick look needs no download; the paper preset has ImageNet's weights or fails.
    if preset == "quick" and given is None and _lacks_file(spec):
        trained = {**spec.quick_without_weights, **changes}.get("train_base")
        if trained and "train_base" not in changes and (changes.get("views") or changes.get("fine_tune_blocks")):
            raise UserError(
                f"{spec.name}: views and fine_tune_blocks need a frozen base, and the quick preset trains one whose "
                "ImageNet weights are not stored yet: add --set weights=imagenet, or --set train_base=false"
            )
        weights, changes = RANDOM, {**spec.quick_without_weights, **changes}
    hyperparameters = {name: value for name, value in changes.items() if name in spec.hyperparameters}
    training = {name: value for name, value in changes.items() if name not in {SETTING, *spec.hyperparameters}}
    values, recipe = hyperparameters_of(spec, preset, hyperparameters), training_of(spec, preset)
    # What makes no sense any more is dropped from the recipe, and refused where it was set.
    if values.get("train_base") or teacher:
        recipe = recipe.with_changes({"views": 0, "fine_tune_blocks": 0})
    if not values.get("train_base", True):
        recipe = recipe.with_changes({"progressive_size": 0})
    if training.get("augmentation") == "none":
        recipe = recipe.with_changes({"copies": 0})
    asked = recipe.with_changes(training)
    if asked.augmentation == "none" or asked.mixes or asked.augmented_beforehand:
        recipe = recipe.with_changes({"views": 0})
    return RunConfig(
        dataset=dataset.name,
        fingerprint=dataset.fingerprint,
        model=spec.name,
        split=dataset.split,
        hyperparameters=values,
        training=recipe.with_changes(training),
        weights=weights,
        teacher=teacher,
        model_source=digest_of(spec.source) if spec.source else "",
    )


def _lacks_file(spec: ModelSpec) -> bool:
    """Whether it is a transfer model whose ImageNet weights are not at hand; a preset is needed in any case."""
    return spec.backbone is not None and spec.weights == IMAGENET and cached(spec.backbone) is None
