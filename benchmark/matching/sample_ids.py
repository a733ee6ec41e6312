"""Which sample an id in a user's file means, and which rows of two files are about one sample."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmark.files.names import without_suffix
from benchmark.matching.unique_keys import unique_places
from benchmark.nouns import counted
from zoo.errors import UserError

# A row number as text, or as pandas writes it beside missing values: 7.0.
_WHOLE: Final = re.compile(r"(\d+)(?:\.0*)?")

Path = tuple[str, ...]
"""Folders and name of a file."""

SEVERAL: Final = -1

WAYS: Final = ("", "without the suffix", "by file name, folders aside", "as numbers, leading zeros aside")
"""How an id may be found, from the strictest to the loosest."""


@dataclass(frozen=True, eq=False)
class IdMatches:
    """Where each of a file's ids stands among the known ones.

    Attributes:
        places: int64, shape (n,); -1 for an id that is unknown or could mean two samples.
        id_note: one line on ids that are not spelled as the known ones; empty where all found are.
    """

    places: NDArray[np.int64]
    id_note: str


@dataclass(frozen=True)
class IdList:
    """The ids of one side, for `pair`.

    Attributes:
        texts: one a row.
        source: where they stand, for messages: a file, or words such as "the test images".
        line: tells where a row stands in a file, from 1; None where nobody can look it up.
    """

    texts: Sequence[str]
    source: str
    line: Callable[[int], int] | None = None

    def where(self, row: int) -> str:
        """The row in words."""
        return f"{self.source}, line {self.line(row)}" if self.line else self.source


class IdMatcher:
    """Finds the sample that an id means among given sample ids.

    Competitions write the file's name, of which our id is the stem: `a/7.png` is `a/7`, `data/a/7` or `7`, but never
    `b/7`: folders that both have must agree, from the last one up, and only one id may fit. Programs that read ids as
    numbers lose leading zeros: `7` and `7.0` are `0007.jpg` where no other id is that number.
    """

    def __init__(self, sample_ids: Sequence[str]) -> None:
        self.sample_ids = tuple(sample_ids)
        self._exact = {name: place for place, name in enumerate(self.sample_ids)}

    def place(self, text: str) -> int | None:
        """The place of the sample among `sample_ids`; None for an unknown id and for one that could mean two."""
        return self._found(text)[0]

    def match(self, texts: Sequence[str]) -> IdMatches:
        """The places of many ids."""
        places = np.empty(len(texts), np.int64)
        ways: Counter[int] = Counter()
        example: dict[int, str] = {}
        for row, text in enumerate(texts):
            place, way = self._found(text)
            places[row] = -1 if place is None else place
            if place is not None and way:
                ways[way] += 1
                example.setdefault(way, f"{text!r} is {self.sample_ids[place]!r}")
        id_note = "; ".join(
            f"{counted(count, 'id')} matched {WAYS[way]}: {example[way]}" for way, count in sorted(ways.items())
        )
        return IdMatches(places, id_note)

    def candidates(self, text: str) -> list[str]:
        """All ids that the text could mean, folders, suffix and leading zeros aside."""
        parts = _parts(text)
        digits = _whole(parts[-1]) if parts else ""
        return [
            name
            for name in self.sample_ids
            if (path := _parts(name))
            and parts
            and (path[-1] == parts[-1] or (digits and _whole(path[-1]) == digits))
            and all(folder == same for folder, same in zip(path[-2::-1], parts[-2::-1], strict=False))
        ]

    def _found(self, text: str) -> tuple[int | None, int]:
        """The place and which of `WAYS` led to it."""
        if (place := self._exact.get(text)) is not None:
            return place, 0
        parts = _parts(text)
        if not parts:
            return None, 0
        if (place := self._paths.whole.get(parts)) is not None:
            return place, 1
        if (place := self._paths.place(parts)) is not None:
            return place, 2
        if (digits := _whole(parts[-1])) and (place := self._numbers.place((*parts[:-1], digits))) is not None:
            return place, 3
        return None, 0

    @cached_property
    def _paths(self) -> "_Paths":
        return _Paths([_parts(name) for name in self.sample_ids])

    @cached_property
    def _numbers(self) -> "_Paths":
        paths = [_parts(name) for name in self.sample_ids]
        return _Paths([(*path[:-1], _whole(path[-1])) if path else path for path in paths])


class _Paths:
    """Finds the one path whose folders agree with another's, as far as both have folders.

    Attributes:
        whole: the place of each path that occurs once.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.whole = unique_places(paths)
        self._endings: dict[Path, int] = {}
        for place, path in enumerate(paths):
            for start in range(len(path)):
                self._endings[path[start:]] = SEVERAL if path[start:] in self._endings else place

    def place(self, path: Path) -> int | None:
        """The place of the only path that ends in this one, or of the longest that this one ends in, not of both."""
        shorter = next(
            (self.whole[rest] for start in range(1, len(path)) if (rest := path[start:]) in self.whole), None
        )
        candidates = [place for place in (self._endings.get(path), shorter) if place is not None]
        return candidates[0] if len(candidates) == 1 and candidates[0] != SEVERAL else None


@dataclass(frozen=True)
class Paired:
    """The rows of a file in the order of the known ids, and how they were found, see `IdMatches`."""

    rows: list[int]
    id_note: str


def pair(given: IdList, known: IdList) -> Paired:
    """For each known id the row of `given` that is about the same sample.

    Raises:
        UserError: an id that is unknown, missing or there twice; the message has an example of both sides.
    """
    matches = IdMatcher(known.texts).match(given.texts)
    rows = np.full(len(known.texts), -1, np.int64)
    matched = np.flatnonzero(matches.places >= 0)
    rows[matches.places[matched]] = matched
    # The last row of a sample is the one in `rows`: any other is one too many.
    repeated = matched[rows[matches.places[matched]] != matched]
    if len(repeated):
        raise _repeated(given, known, int(repeated[0]), int(rows[matches.places[repeated[0]]]))
    unknown, missing = np.flatnonzero(matches.places < 0), np.flatnonzero(rows < 0)
    if len(unknown) or len(missing):
        raise _unpaired(given, known, unknown.tolist(), missing.tolist())
    return Paired(rows.tolist(), matches.id_note)


def check_rows(rows: int, samples: int, source: str, others: str) -> None:
    """Check that a file without ids has one row a sample, so that its rows are those of the samples in order.

    Raises:
        UserError: it has more or fewer.
    """
    if rows != samples:
        raise UserError(f"{source} has {counted(rows, 'row')}, expected {samples:,}, one for each of {others}")


def _repeated(given: IdList, known: IdList, first: int, second: int) -> UserError:
    texts = given.texts[first], given.texts[second]
    if texts[0] == texts[1]:
        return UserError(f"{given.where(second)}: the id {texts[1]!r} occurs a second time")
    (place,) = IdMatcher(known.texts).match([texts[0]]).places
    both = f"{texts[0]!r} and {texts[1]!r}"
    return UserError(f"{given.where(second)}: the ids {both} are both {known.texts[place]!r} of {known.source}")


def _unpaired(given: IdList, known: IdList, unknown: list[int], missing: list[int]) -> UserError:
    if not unknown:
        return UserError(
            f"{given.source} has {len(given.texts):,} ids, expected {len(known.texts):,}, those of "
            f"{known.source}: {known.texts[missing[0]]!r} is missing"
        )
    text, no_id = given.texts[unknown[0]], f"no id of {known.source} is"
    if len(several := IdMatcher(known.texts).candidates(text)) > 1:
        return UserError(
            f"{given.where(unknown[0])}: the id {text!r} could be {several[0]!r} or {several[1]!r} of {known.source}"
        )
    if missing:
        return UserError(
            f"{given.where(unknown[0])}: the ids do not match: {no_id} {text!r}, and {known.texts[missing[0]]!r} is "
            f"missing here; {len(unknown):,} of {len(given.texts):,} rows"
        )
    others = (
        f" ({len(unknown) - 1:,} {'other is' if len(unknown) == 2 else 'others are'} unknown too)"
        if unknown[1:]
        else ""
    )
    like = f"; they are like {known.texts[0]!r}" if known.texts else ""
    return UserError(f"{given.where(unknown[0])}: {no_id} {text!r}{others}{like}")


def _parts(text: str) -> Path:
    """Folders and stem of a path, without a picture's suffix."""
    return tuple(part for part in without_suffix(text).split("/") if part not in ("", "."))


def _whole(stem: str) -> str:
    """The digits of a whole number without leading zeros; empty for other text."""
    match = _WHOLE.fullmatch(stem)
    return (match[1].lstrip("0") or "0") if match else ""
