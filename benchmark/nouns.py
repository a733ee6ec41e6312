"""What messages call the things that are classified: images where networks were trained on pictures, else samples."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Noun:
    """A word in singular and plural."""

    one: str
    many: str

    def counted(self, count: int, before: str = "") -> str:
        """A number and the word: "1 image", "3,589 test images"."""
        word = self.one if count == 1 else self.many
        return " ".join([f"{count:,}", *([before] if before else []), word])


IMAGES: Final = Noun("image", "images")
SAMPLES: Final = Noun("sample", "samples")

TRAINED: Final = ("model", "joint")
"""Kinds of runs (`benchmark.records.RunConfig.kind`) that learned from pictures, all that training takes."""


def counted(count: int, noun: str) -> str:
    """A number and a noun that has an s unless it is one: "1 row", "3,589 rows"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def noun_of(kinds: Iterable[str]) -> Noun:
    """The word for a dataset, by the kinds of all its runs.

    Predictions that were imported, and ensembles of them, may be of anything.
    """
    return IMAGES if any(kind in TRAINED for kind in kinds) else SAMPLES
