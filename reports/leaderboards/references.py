"""Published figures as rows of a leaderboard, each compared with our own row."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from benchmark.matching.class_names import FER_CLASSES
from benchmark.statistics import ALPHA, holm, precise_p_value_text
from reports.leaderboards.excerpt import APART, PUBLISHED

METHOD: Final = (
    "Our accuracy is compared with a published one by z = (a - b) / sqrt(q (1 - q) (1/n + 1/m)). n and m are the "
    "images of either, q is the share of both together. Where a source does not give its images, as many as ours are "
    "assumed. The test is two-sided at 5 %, Holm-corrected over the figures compared. It takes the images for "
    "different ones; a paired test could find more differences, but needs predictions that are not public."
)


PRIVATE_TEST: Final = 3589
"""Images of FER-2013's PrivateTest, and as many of its PublicTest."""


@dataclass(frozen=True)
class Published:
    """What a source says of one system.

    Attributes:
        name: of the system.
        reference: the source.
        selected_on: what chose epoch, members or hyperparameters, as far as the source or its code shows.
        model: the run here that it is compared with, by name; "" for the row that is best on validation.
        validation, test: accuracies, 0-1, under the source's own names of the splits.
        mse: mean squared error.
        parameters: all weights counted.
        images: how many the score is of; None where the source does not say.
        not_comparable: why no comparison makes sense; "" where one does.
        split: "unknown" where the source does not say of which split the score is; "" where it does.
    """

    name: str
    reference: str
    selected_on: str
    model: str = ""
    validation: float | None = None
    test: float | None = None
    mse: float | None = None
    parameters: int | None = None
    images: int | None = None
    not_comparable: str = ""
    split: str = ""

    @property
    def apart(self) -> bool:
        """Whether it does not belong between our rows: of other data, or of an unknown split."""
        return bool(self.not_comparable or self.split)


@cache
def published_systems() -> tuple[Published, ...]:
    """The systems that the zoo reproduces, and well-known ones on FER-2013, most of which break its protocol.

    Both are rows of `published.csv`, whose columns are the attributes of `Published`.
    """
    numbers = {"validation": float, "test": float, "mse": float, "parameters": int, "images": int}
    lines = files(__package__).joinpath("published.csv").read_text(encoding="utf-8").splitlines()
    rows: list[dict[str, Any]] = list(csv.DictReader(lines))
    return tuple(
        Published(**row | {name: number(row[name]) if row[name] else None for name, number in numbers.items()})
        for row in rows
    )


@dataclass(frozen=True)
class Ours:
    """A row to compare with.

    Attributes:
        accuracies: 0-1 by split, means over the runs; a split without labels is missing.
    """

    name: str
    model: str
    accuracies: Mapping[str, float]


def is_fer2013(class_names: Sequence[str], images: Mapping[str, int]) -> bool:
    """Whether the published figures are of this data: FER-2013's seven classes, and PrivateTest's 3,589 test images.

    The drawn faces have these classes too, but not so many test images.
    """
    return tuple(class_names) == FER_CLASSES and images.get("test") == PRIVATE_TEST


def reference_rows(ours: Sequence[Ours], images: Mapping[str, int], *, comparable: bool) -> list[dict[str, Any]]:
    """One row for each published figure, under the leaderboard's column names.

    The rows are `comparable` where they are of the published figures' dataset.
    """
    pairs = [_pair(published, ours, comparable=comparable) for published in published_systems()]
    tested = [pair for pair in pairs if not isinstance(pair, str)]
    corrected = iter(holm([p_value(ours, their, images[split], n) for _, split, ours, their, n in tested]).tolist())
    return [
        {
            "model": f"{published.name} ({published.reference})",
            "validation_accuracy": published.validation,
            "test_accuracy": published.test,
            "mse": published.mse,
            "parameters": published.parameters,
            "status": PUBLISHED if comparable and not published.apart else APART,
            "kind": "published",
            "selected_on": published.selected_on,
            "verdict": pair if isinstance(pair, str) else _verdict(pair, next(corrected)),
        }
        for published, pair in zip(published_systems(), pairs, strict=True)
    ]


def p_value(ours: float, published: float, images: int, published_images: int | None) -> float:
    """Two-sided p-value that the two accuracies (0-1) are of equally good classifiers, see `METHOD`.

    Args:
        published_images: of theirs; None where it is unknown.
    """
    theirs = images if published_images is None else published_images
    share = (ours * images + published * theirs) / (images + theirs)
    variance = share * (1 - share) * (1 / images + 1 / theirs)
    if variance == 0:
        return 1.0 if ours == published else 0.0
    return math.erfc(abs(ours - published) / math.sqrt(2 * variance))


Pair = tuple[str, str, float, float, int | None]
"""Our row's name, the split, our accuracy, theirs, and of how many images theirs is."""


def _pair(published: Published, ours: Sequence[Ours], *, comparable: bool) -> Pair | str:
    """What is compared, or why nothing is."""
    if published.not_comparable:
        return f"not comparable: {published.not_comparable}"
    if not comparable:
        return "not comparable: another dataset"
    split, accuracy = ("test", published.test) if published.test is not None else ("validation", published.validation)
    # Ours is chosen on validation, also among several configurations of one model.
    known = [row for row in ours if published.model in ("", row.model)]
    chosen = max(known, key=lambda row: row.accuracies.get("validation", -1), default=None)
    if chosen is None:
        return f"{published.model} has not been run" if published.model else "nothing has been run"
    if split not in chosen.accuracies or accuracy is None:
        return f"{chosen.name} has no {split} score"
    return chosen.name, split, chosen.accuracies[split], accuracy, published.images


def _verdict(pair: Pair, corrected: float) -> str:
    name, split, ours, theirs, _ = pair
    relation = "no significant difference" if corrected >= ALPHA else "above" if ours > theirs else "below"
    return f"{name}, {100 * ours:.2f} % {split}: {relation}, {precise_p_value_text(corrected)}"
