"""Find the models of the zoo: each module of `zoo.models` lists its own in `MODELS`."""

from importlib import import_module
from pkgutil import iter_modules
from typing import Final

import zoo.models
from zoo.errors import unknown_name
from zoo.spec import ModelSpec

TUNED_SUFFIX: Final = "-tuned"
"""Ending of the name of a model whose hyperparameters a search has chosen."""


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


def get_model(name: str) -> ModelSpec:
    """The model called `name`; `bayes-tuned` is `bayes`.

    Raises:
        UserError: there is none; close matches are named.
    """
    models = all_models()
    base = name.removesuffix(TUNED_SUFFIX)
    if name not in models and base in models and models[base].search_space:
        return models[base]
    if name not in models:
        raise unknown_name("model", name, models)
    return models[name]
