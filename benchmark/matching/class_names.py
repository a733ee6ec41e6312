"""Which class a text means, what files write for the classes, and the order of class names."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmark.matching.cell_text import without_fraction
from benchmark.matching.unique_keys import unique_places

# In the order of the labels 0-6 of FER-2013, which is not the alphabet's.
FER_CLASSES: Final = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
CONTEMPT: Final = "contempt"
# Of CK+, FER+ and AffectNet, with 7 for contempt.
FER_CLASSES_AND_CONTEMPT: Final = (*FER_CLASSES, CONTEMPT)

FER_SYNONYMS: Final = {
    **{name: name for name in FER_CLASSES},
    "anger": "angry",
    "disgusted": "disgust",
    "afraid": "fear",
    "fearful": "fear",
    "happiness": "happy",
    "joy": "happy",
    "sadness": "sad",
    "surprised": "surprise",
    "neutrality": "neutral",
}

# Python refuses to read much longer text as a number.
LONGEST_NUMBER: Final = 100
# How many class names a message lists.
LISTED: Final = 10

_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)")
_TRAILING_NUMBER: Final = re.compile(r"\D*?(\d+)")
_USUAL_PREFIX: Final = re.compile(r"(probability|proba|probs?|pred|score|logit|class|p|c)[_\-. ]?", re.IGNORECASE)
# Where a prefix of column names may end: after one of these, or before a digit.
_PREFIX_END: Final = re.compile(r"[_\-.:/ ](?!$)|(?<=[^\W\d_])(?=\d)")


class MatchedColumns(NamedTuple):
    """The class of each column, None where it is none, and the prefix that was taken off the headings."""

    positions: list[int | None]
    prefix: str


class ClassMatcher:
    """Finds the class that a text means among given class names.

    Args:
        class_names: distinct.
        ordered: whether they are in label order, so that an integer may be a position. FER-2013's integers need none.

    Attributes:
        class_names: as given.
        written: what a file of labels writes for each class: the number where all class names are whole numbers
            (`3` for the class `3.0`); the names where only some are, or where they end in numbers that are not their
            positions (`class_1` first), so that an integer could be read in two ways; otherwise integers, FER-2013's
            own or the positions.
    """

    def __init__(self, class_names: Sequence[str], *, ordered: bool = True) -> None:
        self.class_names = tuple(class_names)
        self._exact = {name: position for position, name in enumerate(self.class_names)}
        self._folded = unique_places([_folded(name) for name in self.class_names])
        self._meanings = unique_places([meaning(name) for name in self.class_names])
        own = [number(name) for name in self.class_names]
        self.written: tuple[str, ...] = self.class_names
        if any(value is not None for value in own):
            self._numbers = {value: place for value, place in unique_places(own).items() if value is not None}
            if len(self._numbers) == len(own) and _all_whole(own):
                self.written = tuple(without_fraction(name.strip()) for name in self.class_names)
            return
        positions = label_numbers(self.class_names)
        contained = _contained_numbers(self.class_names)
        self._numbers = {}
        unambiguous = all(contained.get(value, place) == place for place, value in enumerate(positions))
        if unambiguous and (ordered or set(self.class_names) <= set(FER_CLASSES)):
            self._numbers = {Decimal(value): place for place, value in enumerate(positions)}
            self.written = tuple(map(str, positions))

    def position(self, text: str) -> int | None:
        """The position of the class among `class_names`; None for no class and for a text that could mean two.

        In this order: the name itself; a number, in any spelling (`1`, `01`, `1.0`); the name in any case and Unicode
        form; one of FER-2013's synonyms. A number is the class of that name where class names are numbers. Elsewhere
        it is FER-2013's integer, or the position, see `written`.
        """
        if text in self._exact:
            return self._exact[text]
        value = number(text)
        if value is not None and value in self._numbers:
            return self._numbers[value]
        return self._folded.get(_folded(text), self._meanings.get(meaning(text)))

    def positions(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """The position of each text's class, shape (n,); -1 where it is none."""
        known = {text: self.position(text) for text in set(texts)}
        return np.array([-1 if (place := known[text]) is None else place for text in texts], np.int64)

    def named_by(self, heading: str) -> int | None:
        """The position of the class that one column is named after, with or without a usual prefix (`prob_cat`)."""
        names = (heading, heading.removeprefix(usual_prefix(heading)))
        return next((place for name in names if (place := self.position(name)) is not None), None)

    def columns(self, headings: Sequence[str]) -> MatchedColumns:
        """The class of each heading of a file with one column a class.

        Where these are not the classes, a prefix that all share is taken off (`p_0`, `prob_angry`, `class1`), if what
        is left is all of the classes.
        """
        as_they_are, *without_prefix = self._matched(headings)
        everything = set(range(len(self.class_names)))
        for matched in (as_they_are, *without_prefix):
            if len(headings) == len(everything) and set(matched.positions) == everything:
                return matched
        return as_they_are

    def closest_columns(self, headings: Sequence[str]) -> MatchedColumns:
        """The same for a message on what is missing: without the prefix beside which the most headings are classes."""
        return max(self._matched(headings), key=lambda matched: len(set(matched.positions) - {None}))

    def _matched(self, headings: Sequence[str]) -> list[MatchedColumns]:
        """The headings as they are, then without each prefix that they share."""
        return [
            MatchedColumns([self.position(heading.removeprefix(prefix)) for heading in headings], prefix)
            for prefix in ("", *shared_prefixes(headings))
        ]

    @property
    def expected(self) -> str:
        """For messages: the names, and the integers where they mean classes too."""
        names = listed(self.class_names)
        return names if set(self.written) <= set(self.class_names) else f"{names} or {listed(self.written)}"


def sorted_class_names(texts: Iterable[str]) -> tuple[str, ...]:
    """The class names of labels given as text, in label order.

    In the order of `common_names`. Where all are whole numbers, pandas' `1.0` is the class `1`, and so is `01` where
    there is a `1` too.
    """
    names = tuple(dict.fromkeys(common_names([list(texts)]).values()))
    values = [number(name) for name in names]
    if not _all_whole(values):
        return names
    whole = tuple(dict.fromkeys(without_fraction(name.strip()) for name in names))
    plain = tuple(dict.fromkeys(str(int(value)) for value in values if value is not None))
    return whole if len(whole) == len(plain) else plain


def common_names(names_by_part: Iterable[Sequence[str]]) -> dict[str, str]:
    """The class that each spelling stands for, in the order of the labels.

    Names of FER-2013's classes, in any case and with the usual synonyms, become FER-2013's own in its order. Where a
    single name is none of them, or one part spells a class in two ways, all names stay as they are: numbers in
    numerical order, other names sorted.
    """
    by_part = [tuple(dict.fromkeys(names)) for names in names_by_part]
    names = sorted({name for part in by_part for name in part})
    meanings = {name: FER_SYNONYMS.get(_folded(name)) for name in names}
    ambiguous = any(len({meanings[name] for name in part}) < len(part) for part in by_part)
    if ambiguous or None in meanings.values():
        values = {name: value for name in names if (value := number(name)) is not None}
        return {name: name for name in (sorted(names, key=values.__getitem__) if len(values) == len(names) else names)}
    return {name: meaning for fer in FER_CLASSES for name, meaning in meanings.items() if meaning == fer}


def label_numbers(class_names: Sequence[str]) -> tuple[int, ...]:
    """The integers of classes whose names are not numbers, in label order.

    FER-2013's own (6 for neutral, with or without disgust) where all names are FER-2013's, else the positions.
    """
    if set(class_names) <= set(FER_CLASSES):
        return tuple(FER_CLASSES.index(name) for name in class_names)
    return tuple(range(len(class_names)))


def meaning(name: str) -> str:
    """What is equal for two names of one class: FER-2013's name, or the name but for its case and Unicode form."""
    key = _folded(name)
    return FER_SYNONYMS.get(key, key)


def number(text: str) -> Decimal | None:
    """The number that the text is, such as 1 for `1`, `01` and `1.0`; None for other text, `1e3` and `nan`."""
    text = text.strip()
    return Decimal(text) if len(text) < LONGEST_NUMBER and _NUMBER.fullmatch(text) else None


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).strip()


def _all_whole(values: Sequence[Decimal | None]) -> bool:
    return all(value is not None and value == value.to_integral_value() for value in values)


def _contained_numbers(class_names: Sequence[str]) -> Mapping[int, int]:
    """The position of each class by the number that its name ends in, where all do after the same letters."""
    matches = [_TRAILING_NUMBER.fullmatch(name) for name in class_names]
    numbers = [int(match[1]) for match in matches if match and len(match[1]) < LONGEST_NUMBER]
    return unique_places(numbers) if len(numbers) == len(class_names) else {}


def shared_prefixes(headings: Sequence[str]) -> list[str]:
    """The prefixes that all headings share, up to a mark between words or to the number behind it, shortest first."""
    first = headings[0] if headings else ""
    ends = sorted({end.end() for end in _PREFIX_END.finditer(first)})
    return [first[:end] for end in ends if all(heading.startswith(first[:end]) for heading in headings)]


def usual_prefix(heading: str) -> str:
    """What a heading has before a class: `prob_` of `prob_cat`; empty where it begins with no such word."""
    match = _USUAL_PREFIX.match(heading)
    return match[0] if match else ""


def listed(names: Sequence[str]) -> str:
    """The names with commas between, for a message; of many the first ones and how many there are.

    A name with a comma stands in double quotes, as `benchmark.arguments.names_in` reads it.
    """
    shown = [f'"{name}"' if "," in name else name for name in names[:LISTED]]
    return ", ".join(shown) + (f", ... ({len(names):,} in all)" if len(names) > LISTED else "")
