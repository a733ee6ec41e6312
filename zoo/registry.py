"""Find models: each module of `zoo.models` lists its own in `MODELS`; files and packages may bring others."""

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Final

import zoo.models
from zoo.applications import PREFIX as KERAS, application_spec
from zoo.errors import UserError, unknown_name
from zoo.estimators import PREFIX as SKLEARN, estimator_spec
from zoo.hub import PREFIX as HUB, preset_spec
from zoo.model_files import installed_models, models_in, models_of_file
from zoo.spec import ModelSpec

TUNED_SUFFIX: Final = "-tuned"
"""Ending of the name of a model whose hyperparameters a search has chosen."""

NAMED: Final[Mapping[str, Callable[[str], ModelSpec]]] = {
    SKLEARN: estimator_spec,
    KERAS: application_spec,
    HUB: preset_spec,
}
"""Models that no file declares, by the beginning of their names."""


def all_models() -> dict[str, ModelSpec]:
    """The models by name, sorted by family and then in the order of the family's file.

    Raises:
        ValueError: two models share a name.
    """
    models: dict[str, ModelSpec] = {}
    for module in sorted(iter_modules(zoo.models.__path__), key=lambda module: module.name):
        for spec in import_module(f"zoo.models.{module.name}").MODELS:
            if spec.name in models:
                raise ValueError(f"two models are called {spec.name!r}")
            models[spec.name] = spec
    return models


def outside_models(files: Iterable[Path] = ()) -> dict[str, ModelSpec]:
    """The models of installed packages and then of the files, by name.

    Raises:
        UserError: a file or package has no usable model, or one whose name is taken.
    """
    models: dict[str, ModelSpec] = {}
    known = all_models()
    sources = [("an installed package", installed_models()), *((str(path), models_of_file(path)) for path in files)]
    for where, specs in sources:
        if taken := sorted(specs.keys() & {**known, **models}.keys()):
            raise UserError(f"{where} has a model called {taken[0]}, which is taken: rename it")
        models |= specs
    return models


def get_model(name: str, source: str = "") -> ModelSpec:
    """The model called `name`; `bayes-tuned` is `bayes`, and so are others that a search found.

    Args:
        name: of a model of the zoo, or of the text; or `sklearn:` and the import path of a classifier, `keras:` and
            a network of `keras.applications`, or `hub:` and a preset of Keras Hub.
        source: the text that declares it; empty for a model of the zoo.

    Raises:
        UserError: there is none; close matches are named.
    """
    for prefix, spec_of in NAMED.items():
        if name.startswith(prefix):
            return spec_of(name.removesuffix(TUNED_SUFFIX))
    if not source:
        return named(name, all_models())
    installed = {key: spec for key, spec in installed_models().items() if spec.source == source}
    return named(name, installed or models_in(source))


def named(name: str, models: Mapping[str, ModelSpec]) -> ModelSpec:
    """The model called `name` among these; `bayes-tuned` is `bayes`.

    Raises:
        UserError: there is none; close matches are named.
    """
    base = name.removesuffix(TUNED_SUFFIX)
    if name not in models and base in models and models[base].search_space:
        return models[base]
    if name not in models:
        file, _, function = name.rpartition(":")
        if file.endswith(".py"):
            raise UserError(f"unknown model {name!r}: for a model of your own, run {function} with --models {file}")
        raise unknown_name("model", name, models)
    return models[name]
