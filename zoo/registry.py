"""Every model of the zoo, found when asked for: each module of `zoo.models` lists its own in `MODELS`."""

from importlib import import_module
from pkgutil import iter_modules

import zoo.models
from zoo.errors import unknown_name
from zoo.spec import ModelSpec


def all_models() -> dict[str, ModelSpec]:
    """The models by name, sorted by family and then in the order of the family's file.

    Raises:
        ValueError: two models share a name.
    """
    found: dict[str, ModelSpec] = {}
    for module in sorted(iter_modules(zoo.models.__path__), key=lambda module: module.name):
        for spec in import_module(f"zoo.models.{module.name}").MODELS:
            if spec.name in found:
                raise ValueError(f"two models are called {spec.name!r}")
            found[spec.name] = spec
    return found


def get_model(name: str) -> ModelSpec:
    """The model called `name`.

    Raises:
        UserError: there is none; close matches are named.
    """
    models = all_models()
    if name not in models:
        raise unknown_name("model", name, models)
    return models[name]
