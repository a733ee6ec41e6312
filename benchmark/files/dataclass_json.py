"""Frozen dataclasses as JSON and back, by their type hints: what travels between a worker process and its parent."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from benchmark.records import RunConfig

_hints = cache(get_type_hints)  # slow, and asked for with every event


def to_json(value: Any) -> Any:
    """A value as JSON: dataclasses as objects, tuples as lists, paths as text; mappings must be plain already."""
    if isinstance(value, RunConfig):
        return value.to_json()
    if is_dataclass(value):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    if isinstance(value, Mapping):
        return dict(value)
    return str(value) if isinstance(value, Path) else value


def from_json(kind: Any, value: Any) -> Any:
    """The value of type `kind` that `to_json` gave. Of a union, a list is its tuple, and null its None."""
    if value is None:
        return None
    if get_origin(kind) in (Union, UnionType):
        members = [member for member in get_args(kind) if member is not NoneType]
        kind = next(member for member in members if (get_origin(member) is tuple) == isinstance(value, list))
    if kind is RunConfig:
        return RunConfig.from_json(value)
    if isinstance(kind, type) and is_dataclass(kind):
        hints = _hints(kind)
        return kind(**{name: from_json(hints[name], item) for name, item in value.items()})
    if get_origin(kind) is tuple:
        kinds = get_args(kind)
        kinds = kinds[:1] * len(value) if kinds[-1] is Ellipsis else kinds
        return tuple(from_json(*pair) for pair in zip(kinds, value, strict=True))
    return Path(value) if kind is Path else value
