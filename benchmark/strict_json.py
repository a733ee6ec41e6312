"""Frozen dataclasses from JSON that anybody may have edited, each value checked against its type annotation."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from types import UnionType
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

LARGEST: Final = 1e18
"""No number in the file is as large; this refuses infinity as well."""

Nullable = Annotated[float, "NaN, in the file null, where it is undefined"]


def encoded(value: Any) -> Any:
    """A value as JSON: tuples as lists, numbers that are not finite as null."""
    if isinstance(value, Mapping):
        return {key: encoded(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [encoded(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def decoded(kind: Any, value: Any) -> Any:
    """The value that JSON holds for a type annotation. Unknown keys are ignored.

    Raises:
        ValueError: a key is missing, or a value has another type or is too large.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return math.nan if value is None else decoded(arguments[0], value)
    if origin is UnionType:
        return None if value is None else decoded(arguments[0], value)
    if origin is tuple and isinstance(value, list):
        return tuple(decoded(arguments[0], item) for item in value)
    if is_dataclass(kind) and isinstance(value, dict):
        hints = get_type_hints(kind, include_extras=True)
        if missing := hints.keys() - value.keys():
            raise ValueError(f"no key {min(missing)}")
        build: Any = kind
        return build(**{name: decoded(hint, value[name]) for name, hint in hints.items()})
    if kind in (bool, str) and type(value) is kind:
        return value
    if kind in (int, float) and type(value) in (int, kind) and abs(value) < LARGEST:
        return kind(value)
    raise ValueError(f"{value!r:.40} is no {getattr(kind, '__name__', kind)}")
