"""The source of a function, such as one in a notebook, with the imports, constants and functions that it uses.

This text goes to the process that trains, and is stored with the run.
"""

import ast
import inspect
import symtable
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from importlib import import_module
from types import FunctionType, ModuleType
from typing import Any, Final

from zoo.errors import UserError
from zoo.model_files import by_name, models_in, spec_of_function
from zoo.settings import TrainingSettings
from zoo.spec import ModelSpec

IMPORTS: Final = """\
from zoo.backbones import Backbone
from zoo.settings import TrainingSettings
from zoo.spec import Anything, Choice, Integer, ModelSpec, Real"""
DECLARED: Final = ("Backbone", "TrainingSettings", "Anything", "Choice", "Integer", "ModelSpec", "Real")


def given_model(given: Callable[..., Any] | ModelSpec) -> ModelSpec:
    """A function `(input_shape, classes) -> keras.Model`, or a declared model, with its source text.

    Raises:
        UserError: its source cannot be read or is not complete, or it is no such function.
    """
    if isinstance(given, ModelSpec) and given.source:
        return given
    function = (given.build or given.estimator) if isinstance(given, ModelSpec) else given
    if not isinstance(function, FunctionType) or function.__name__ == "<lambda>":
        raise UserError(f"a model is the name of one, a ModelSpec, or a function made by def; got {function!r}")
    spec = given if isinstance(given, ModelSpec) else spec_of_function(function)
    by_name([spec], "this call")
    imported = function.__module__.partition(".")[0] == "zoo"
    parts = [_imported(function.__name__, function)] if imported else list(_parts(function))
    source = "\n\n\n".join([IMPORTS, *parts, f"MODELS = ({_declaration(spec, function.__name__)},)\n"])
    # Run here, so that an error comes before anything is trained.
    return models_in(source, f"the source of {spec.name}")[spec.name]


def _declaration(spec: ModelSpec, function: str) -> str:
    """The declaration of a model as Python, without what has its default."""
    values = []
    for field in fields(ModelSpec):
        value = getattr(spec, field.name)
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        if field.name in ("build", "estimator"):
            text = function if value is not None else ""
        elif isinstance(value, TrainingSettings):
            text = f"TrainingSettings(**{dict(value.non_default())!r})"
        elif value == default:
            continue
        else:
            text = repr(dict(value) if isinstance(value, Mapping) else value)
        if text:
            values.append(f"    {field.name}={text},\n")
    return f"ModelSpec(\n{''.join(values)})"


def _parts(function: FunctionType) -> Iterator[str]:
    """The definitions that the function needs, each once and before its first use; the function itself is last."""
    seen = set(DECLARED)

    def taken(name: str, value: Any) -> Iterator[str]:
        if name in seen:
            return
        seen.add(name)
        if isinstance(value, FunctionType | type) and value.__module__ == function.__module__:
            text = _source(value)
            around = getattr(value, "__globals__", function.__globals__)
            for used in sorted(_used(text)):
                if used in around:
                    yield from taken(used, around[used])
            yield text + (f"\n\n{name} = {value.__name__}" if name != value.__name__ else "")
        elif isinstance(value, ModuleType):
            yield f"import {value.__name__} as {name}"
        elif (literal := _literal(value)) is not None:
            yield f"{name} = {literal}"
        else:
            yield _imported(name, value)

    yield from taken(function.__name__, function)


def _source(value: Any) -> str:
    """The text of a function or class, which uses no variables of a function around it."""
    name = value.__name__
    try:
        text = textwrap.dedent(inspect.getsource(value)).rstrip()
        ast.parse(text)
    except (OSError, TypeError, SyntaxError) as error:
        raise UserError(
            f"the source of {name} cannot be read, which the process that trains needs: write it into a file and give "
            "that, RunOptions(model_files=[PATH]) or --models PATH"
        ) from error
    free = getattr(getattr(value, "__code__", None), "co_freevars", ())
    if free:
        raise UserError(
            f"{name} uses {', '.join(free)} of a function around it, which its source does not have: define both "
            "outside of any function, or write them into a file for --models"
        )
    return text


def _used(text: str) -> set[str]:
    """The global names that a text of definitions reads."""

    def names(table: symtable.SymbolTable) -> Iterator[str]:
        for symbol in table.get_symbols():
            if symbol.is_referenced() and (table.get_type() == "module" or symbol.is_global()):
                yield symbol.get_name()
        for child in table.get_children():
            yield from names(child)

    return set(names(symtable.symtable(text, "model", "exec")))


def _literal(value: Any) -> str | None:
    """A number, a text, a container of them or a declaration of the zoo, as Python; None for any other value."""
    if is_dataclass(value) and type(value).__name__ in DECLARED and type(value).__module__.startswith("zoo."):
        return repr(value)
    try:
        return repr(value) if ast.literal_eval(repr(value)) == value else None
    except (ValueError, SyntaxError, TypeError):
        return None


def _imported(name: str, value: Any) -> str:
    """The import of something that an installed module defines."""
    home, own = getattr(value, "__module__", None), getattr(value, "__qualname__", name)
    try:
        imported = getattr(import_module(str(home)), own, None)
    except ImportError:
        imported = None
    if imported is not value or home == "__main__":
        raise UserError(
            f"the model uses {name}, a {type(value).__name__} that its source does not have: make it inside of the "
            "function, or write both into a file for --models"
        )
    return f"from {home} import {own} as {name}"
