"""Names that the user gives to classes which are numbers in the data."""

from collections.abc import Sequence
from dataclasses import replace

from benchmark.data.readers.source import Part, renamed
from benchmark.matching.class_names import listed, number
from zoo.errors import UserError


def are_numbered(parts: Sequence[Part]) -> bool:
    """Whether every class is a whole number."""
    values = [number(name) for part in parts for name in part.class_names]
    return bool(values) and all(value is not None and value >= 0 and value % 1 == 0 for value in values)


def name_one(sources: Sequence[str], read: Sequence[Sequence[Part]], names: Sequence[str]) -> list[list[Part]]:
    """The parts of several sources, with names for the numbers of the one whose classes are numbers.

    Raises:
        UserError: there is none, or more than one, as they may number their classes differently; or as `named`.
    """
    numbered = [source for source, parts in zip(sources, read, strict=True) if are_numbered(parts)]
    if len(numbered) != 1:
        owners = f"{' and '.join(numbered)} have" if numbered else "no source has"
        raise UserError(f"class names are for one source whose classes are numbers, but {owners} such classes")
    return [
        named(parts, names, source) if source in numbered else list(parts)
        for source, parts in zip(sources, read, strict=True)
    ]


def named(parts: Sequence[Part], names: Sequence[str], where: str) -> list[Part]:
    """The parts with names for their numbers, and with a note on which number got which.

    The first name is that of 0, or of 1 where the numbers are 1 to the number of names.

    Raises:
        UserError: classes that are not numbers, or a number without a name.
    """
    if not are_numbered(parts):
        names_found = listed(sorted({name for part in parts for name in part.class_names}))
        raise UserError(
            f"{where}: class names are given, but the classes are not numbers: {names_found or 'there are none'}"
        )
    values = {name: int(number(name) or 0) for part in parts for name in part.class_names}
    first = 1 if min(values.values()) > 0 and max(values.values()) == len(names) else 0
    if max(values.values()) - first >= len(names):
        raise UserError(f"{where}: class {max(values.values())} found, but {len(names)} class names are given from 0")
    called = {name: names[value - first] for name, value in values.items()}
    rank = {name: index for index, name in enumerate(names)}
    numbering = ", ".join(f"{value} {names[value - first]}" for value in sorted(set(values.values())))
    changed = [renamed(part, called, f"classes are named as asked for: {numbering}") for part in parts]
    return [replace(part, ranks=tuple(rank[name] for name in part.class_names)) for part in changed]
