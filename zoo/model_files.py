"""Models from outside the zoo: in a user's file or an installed package; each with the text that declares it."""

import hashlib
import inspect
import linecache
import re
import sys
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Final

from zoo.errors import UserError, kind_and_message
from zoo.spec import Anything, Choice, Hyperparameter, Integer, ModelSpec, Real

GROUP: Final = "ensemble_benchmark.models"
"""Entry points of installed packages: each a `ModelSpec`, several of them, or a function that builds a network."""

ARGUMENTS: Final = ("input_shape", "classes")
LARGEST_FILE: Final = 2**20
"""Bytes: the text travels with every job and is stored with every run."""

LARGEST: Final = 10**9
DIGEST_LENGTH: Final = 8
WANTED: Final = "MODELS, a list of ModelSpec, or a function (input_shape, classes) -> keras.Model"

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")
_RESERVED: Final = ("all", "best")
_LIKE_A_RUN: Final = re.compile(r".+-[0-9a-f]{8}")


def digest_of(source: str) -> str:
    """The first eight hexadecimal digits of the SHA-256 of a model's source text."""
    return hashlib.sha256(source.encode()).hexdigest()[:DIGEST_LENGTH]


def models_of_file(path: Path) -> dict[str, ModelSpec]:
    """The models that a Python file declares, by name. The file is run.

    It declares `MODELS`, or else functions whose first arguments are `input_shape` and `classes`.

    Raises:
        UserError: there is no such file, it cannot be run, or it declares no model.
    """
    if path.suffix != ".py" or not path.is_file():
        what = f"there is no such file {path}" if not path.exists() else f"{path} is none"
        raise UserError(f"--models takes a Python file (.py) with {WANTED}; {what}")
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise UserError(f"{path} is larger than a megabyte: a file of models holds code alone")
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as Python: {error}") from error
    return models_in(text, str(path))


def sources_of(files: Iterable[str | Path]) -> list[str]:
    """The texts of files of models; each file is run and must declare one.

    Raises:
        UserError: see `models_of_file`.
    """
    return [next(iter(models_of_file(Path(file)).values())).source for file in files]


@cache
def models_in(source: str, shown: str = "model_source.py") -> dict[str, ModelSpec]:
    """The models that a Python text declares, by name. It is run as a module, once; `shown` names its file.

    Raises:
        UserError: it cannot be run, or declares no model.
    """
    module = _module(source, shown)
    if hasattr(module, "MODELS"):
        declared = specs_of(module.MODELS, f"MODELS of {shown}")
    else:
        values = [value for name, value in vars(module).items() if _is_own(value, module) and not name.startswith("_")]
        declared = [spec_of_function(value) for value in values if _builds(value)]
    if not declared:
        raise UserError(f"{shown} has no model: expected {WANTED}")
    return by_name([replace(spec, source=source) for spec in declared], shown)


def classes_in(source: str) -> dict[str, Any]:
    """The classes and functions that a text defines, by name; a stored network may have them as layers."""
    module = _module(source, "model_source.py")
    return {name: value for name, value in vars(module).items() if _is_own(value, module)}


def installed_models() -> dict[str, ModelSpec]:
    """The models of installed packages, from their entry points in the group `GROUP`, by name.

    Raises:
        UserError: one of them cannot be loaded, or declares no model.
    """
    return by_name(
        [spec for entry in sorted(entry_points(group=GROUP)) for spec in _installed(entry)], "installed packages"
    )


def by_name(specs: Iterable[ModelSpec], where: str) -> dict[str, ModelSpec]:
    """The models by name.

    Raises:
        UserError: two share a name, or a name is not allowed.
    """
    models: dict[str, ModelSpec] = {}
    for spec in specs:
        taken = spec.name in _RESERVED or spec.name.endswith("-tuned") or _LIKE_A_RUN.fullmatch(spec.name)
        if taken or not _NAME.fullmatch(spec.name):
            raise UserError(
                f"a model of {where} cannot be called {spec.name!r}: letters, digits and _ . - only, 80 at most, and "
                f"not {', '.join(_RESERVED)} or a name that ends in -tuned or as a run's does (-1a2b3c4d)"
            )
        if spec.name in models:
            raise UserError(f"two models of {where} are called {spec.name}: rename one of them")
        models[spec.name] = spec
    return models


def specs_of(declared: Any, where: str) -> list[ModelSpec]:
    """The models that `MODELS` declares: a `ModelSpec`, or a list of them.

    Raises:
        UserError: it is something else.
    """
    specs = [declared] if isinstance(declared, ModelSpec) else declared
    if not isinstance(specs, list | tuple) or not all(isinstance(spec, ModelSpec) for spec in specs):
        raise UserError(f"{where} must be a list of ModelSpec, got {type(declared).__name__}")
    return list(specs)


def spec_of_function(function: Any) -> ModelSpec:
    """A function `(input_shape, classes) -> keras.Model` as a model of its name.

    Its other arguments become hyperparameters if their default is a number, a text or a truth value.

    Raises:
        UserError: it takes other arguments.
    """
    arguments = list(inspect.signature(function).parameters.values())
    rest = arguments[2:]
    variadic = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    if len(arguments) < 2 or any(one.default is one.empty and one.kind not in variadic for one in rest):
        raise UserError(
            f"{function.__name__} must take (input_shape, classes), and whatever else with defaults, and return a "
            "keras.Model"
        )
    declared = {one.name: _hyperparameter(one.default) for one in rest if type(one.default) in (bool, int, float, str)}
    # How many parameters it has is known only once it is built.
    return ModelSpec(function.__name__, "of your own", parameters=0, build=function, hyperparameters=declared)


def _hyperparameter(default: bool | float | str) -> Hyperparameter | Anything:
    if isinstance(default, bool):
        return Choice(default, (False, True))
    if isinstance(default, int):
        return Integer(default, -LARGEST, LARGEST)
    if isinstance(default, str):
        return Anything(default)
    return Real(default, -float(LARGEST), float(LARGEST))


@cache
def _module(source: str, shown: str) -> ModuleType:
    """The text, run as a module. It is put into `sys.modules`, where its classes look it up."""
    module = ModuleType(f"model_source_{digest_of(source)}")
    module.__file__ = shown
    before = sys.modules.get(module.__name__)
    sys.modules[module.__name__] = module
    # So that a traceback shows its lines, wherever its file is.
    linecache.cache[shown] = (len(source), None, source.splitlines(keepends=True), shown)
    try:
        exec(compile(source, shown, "exec"), vars(module))  # noqa: S102 - the user's own file, which he named
    except (Exception, SystemExit) as error:
        if before is None:
            del sys.modules[module.__name__]
        raise UserError(f"{shown} cannot be used as a file of models: {_what(error, shown)}") from error
    return module


def _what(error: BaseException, shown: str) -> str:
    """An exception in one line, with the line of the file where it was raised."""
    lines, trace = [], error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == shown:
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    where = f" (line {lines[-1]})" if lines else ""
    return f"{kind_and_message(error, 1000)}{where}"


def _is_own(value: Any, module: ModuleType) -> bool:
    return isinstance(value, type | FunctionType) and value.__module__ == module.__name__


def _builds(value: Any) -> bool:
    return isinstance(value, FunctionType) and tuple(inspect.signature(value).parameters)[:2] == ARGUMENTS


def _installed(entry: EntryPoint) -> list[ModelSpec]:
    package = f"the installed package {entry.dist.name if entry.dist else entry.module}"
    try:
        loaded = entry.load()
    except Exception as error:
        why = kind_and_message(error, 1000)
        raise UserError(f"{package} has models that cannot be loaded, mend or remove it: {why}") from error
    where = f"{entry.value} of {package}"
    declared = [spec_of_function(loaded)] if isinstance(loaded, FunctionType) else specs_of(loaded, where)
    return [replace(spec, source=spec.source or _text_of(spec, where)) for spec in declared]


def _text_of(spec: ModelSpec, where: str) -> str:
    """The text of the module that defines the function behind a model."""
    try:
        return inspect.getsource(sys.modules[(spec.build or spec.estimator).__module__])
    except (OSError, TypeError, KeyError) as error:
        raise UserError(f"{where}: the source of {spec.name} cannot be read") from error
