"""Arguments of Python calls, brought to their types: names as users type them, NumPy's numbers, misspelled keywords."""

import csv
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from pathlib import Path
from types import NoneType
from typing import Any, Final, get_args, get_type_hints

from zoo.errors import UserError
from zoo.settings import plain

WORDS: Final = {bool: "True or False", int: "a whole number", float: "a number", str: "text"}
LONGEST: Final = 100
"""Letters of a wrong value that a message shows."""


def names_in(texts: str | Iterable[str]) -> list[str]:
    """The names in `a,b, c`, or in several such texts (a shell makes two of `a, b`), in their order.

    A comma at the start or end is ignored. Two commas in a row give an empty name, which the look-up refuses. A name
    with a comma stands in double quotes.
    """
    stripped = (" ".join(text.splitlines()).strip(" ,") for text in ([texts] if isinstance(texts, str) else texts))
    return [name.strip() for text in stripped if text for name in next(csv.reader([text], skipinitialspace=True))]


def bring_to_types(options: Any) -> None:
    """Give each field of a frozen dataclass its declared type, as far as the value has one meaning.

    NumPy's scalars become Python's, and a path text; a text becomes the names in it where a tuple of text is declared,
    and a single path a tuple where one of paths is. Fields of other types stay as they are.

    Raises:
        UserError: a truth value, number or text that is none: `folds must be a whole number, got 3.0`.
    """
    for name, declared in get_type_hints(type(options)).items():
        object.__setattr__(options, name, typed(name, getattr(options, name), declared))


def typed(name: str, value: Any, declared: Any) -> Any:
    """The value of the argument of that name as `declared`: see `bring_to_types`."""
    if declared in (tuple[str, ...], tuple[Path, ...]):
        return _several(name, value, declared)
    kinds = get_args(declared) or (declared,)
    if (value is None and NoneType in kinds) or not all(kind in WORDS for kind in kinds if kind is not NoneType):
        return value
    value = plain(value) if getattr(value, "shape", ()) == () else value
    for kind, accepted in ((str, str | Path), (bool, bool), (int, int), (float, int | float)):
        # A truth value is no number, although Python has it so.
        if kind in kinds and isinstance(value, accepted) and isinstance(value, bool) == (kind is bool):
            return str.__str__(value) if isinstance(value, str) else kind(value)  # of an enumeration, its value
    expected = " or ".join(WORDS[kind] for kind in kinds if kind is not NoneType)
    shown = repr(value) if len(repr(value)) <= LONGEST else f"a value of type {type(value).__name__}"
    raise UserError(f"{name} must be {expected}, got {shown}")


def _several(name: str, value: Any, declared: Any) -> tuple[Any, ...]:
    if declared == tuple[Path, ...]:
        return tuple(map(Path, [value] if isinstance(value, str | Path) else value or ()))
    if not isinstance(value, Iterable | None):
        raise UserError(f"{name} must be some texts, got {value!r}")
    return tuple(names_in(value)) if isinstance(value, str) else tuple(map(str, () if value is None else value))


def check_keywords(call: str, given: Collection[str], known: Collection[str]) -> None:
    """Raises:
    TypeError: a keyword that the call does not have, with close matches if there are any.
    """
    for name in given:
        if name not in known:
            close = get_close_matches(name, known)
            hint = f": did you mean {' or '.join(close)}?" if close else f", expected some of {', '.join(known)}"
            raise TypeError(f"{call}() got an unexpected keyword argument {name!r}{hint}")
