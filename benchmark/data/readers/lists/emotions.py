"""Which classes the texts of a list mean: data sets number emotions each in its own way, and people spell freely."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchmark.data.readers.votes import emotion_of
from benchmark.matching.cell_text import without_fraction
from benchmark.matching.class_names import FER_CLASSES_AND_CONTEMPT, meaning, number


@dataclass(frozen=True)
class Numbering:
    """The classes that a data set's numbers mean.

    Attributes:
        data: whose numbers they are.
        names: the class of each number as text.
        no_classes: numbers of pictures that show no class, as text, with what they mean.
    """

    data: str
    names: Mapping[str, str]
    no_classes: Mapping[str, str]

    def __str__(self) -> str:
        numbering = ", ".join(f"{text} {name}" for text, name in self.names.items())
        return f"emotions numbered as {self.data}'s: {numbering} (--class-names gives others)"


# Li, Deng and Du 2017, the README of its basic emotions.
RAF_DB: Final = Numbering(
    "RAF-DB",
    dict(zip("1234567", ("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral"), strict=True)),
    {},
)
# Mollahosseini, Hasani and Mahoor 2017.
AFFECTNET: Final = Numbering(
    "AffectNet",
    dict(zip("01234567", ("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "contempt"), strict=True)),
    {"8": "none", "9": "uncertain", "10": "no face"},
)
_RAF_DB_NAME: Final = re.compile(r"(?:train|test)_\d{5}(?:_aligned)?(?:\.\w+)?")
_AFFECTNET_COLUMNS: Final = ("subDirectory_filePath", "expression")


def numbering_of(headings: Sequence[str], images: Sequence[str], labels: Sequence[str]) -> Numbering | None:
    """Whose numbers the labels are, told by the names of pictures or columns; None for any other.

    Args:
        headings: of the columns of pictures and classes.
        images: the pictures' names as the list has them.
        labels: their classes as text.
    """
    distinct = set(labels) - {""}
    if distinct <= set(RAF_DB.names) and all(_RAF_DB_NAME.fullmatch(name.rsplit("/", 1)[-1]) for name in images):
        return RAF_DB
    if tuple(headings) == _AFFECTNET_COLUMNS and distinct <= {*AFFECTNET.names, *AFFECTNET.no_classes}:
        return AFFECTNET
    return None


def plain(labels: Sequence[str]) -> list[str]:
    """The labels, 3 for 3.0 where all are numbers: pandas writes them so beside missing ones."""
    known = {label for label in labels if label}
    if not known or any(number(label) is None for label in known):
        return list(labels)
    return [without_fraction(label) for label in labels]


def class_names(labels: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """The class of each spelling, and notes.

    Spellings that differ in case alone, or are FER-2013's synonyms, are one class, but for single letters. Emotions of
    FER-2013 beside contempt get FER-2013's names.
    """
    counts = Counter(labels)
    groups: dict[str, list[str]] = {}
    for name in sorted(counts, key=lambda name: (-counts[name], name)):
        groups.setdefault(meaning(name) if len(name) > 1 else name, []).append(name)
    are_emotions = len(groups) > 1 and all(emotion_of(key) in FER_CLASSES_AND_CONTEMPT for key in groups)
    names: dict[str, str] = {}
    notes = []
    for key, spellings in groups.items():
        as_emotion = are_emotions or (len(spellings) > 1 and key in FER_CLASSES_AND_CONTEMPT)
        chosen = emotion_of(key) if as_emotion else spellings[0]
        names |= dict.fromkeys(spellings, chosen)
        if len(spellings) > 1:
            notes.append(f"{' and '.join(sorted(spellings))} are read as one class, {chosen}")
    return names, notes


def ranks(names: Sequence[str], all_names: Collection[str]) -> tuple[int, ...]:
    """The numbers of FER-2013's classes and contempt, which give their order; empty where names do.

    Args:
        names: of the classes of one split.
        all_names: of the classes of all splits.
    """
    if "contempt" not in all_names or not set(all_names) <= set(FER_CLASSES_AND_CONTEMPT):
        return ()
    return tuple(map(FER_CLASSES_AND_CONTEMPT.index, names))
