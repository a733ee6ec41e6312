"""What can be asked of reading a dataset; plain data, so that a command line can parse into it without NumPy."""

import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmark.arguments import bring_to_types
from zoo.errors import UserError

DEFAULT_SPLIT: Final = "80/10/10"
CARVED_SPLIT: Final = "80/10"
Source = str | Path
Sources = Source | Sequence[Source]
"""Where data is: a path, "faces", or `kaggle:OWNER/NAME`; or several of these, which are merged."""

Located = str | tuple[str, ...]
"""Sources on this machine, as plain text: what a worker process is told."""

NAME_LENGTH: Final = 40
LARGEST_SIZE: Final = 2048


@dataclass(frozen=True)
class ReadOptions:
    """How a dataset is read.

    Attributes:
        classes: the only classes to keep, by name; empty for all of them. An unlabelled test split is kept whole.
        size: edge in pixels that every image is resized to; None for the commonest size found.
        channels: 1 (grey) or 3 (RGB); None for 1 where all images are grey, else 3.
        split: percentages, "70/30" (train, validation) or "80/10/10" (train, validation, test); None for the data's
            own splits, or 80/10/10 where it has none. Of several sources, those with splits of their own keep them.
        split_seed: of the random split, at least 0; without effect on the data's own splits.
        name: of the dataset; None for one derived from the path. Several sources have names of their own.
        class_names: of classes that are numbers in the data, from 0, or from 1 where the numbers are 1 to as many as
            there are names; empty for FER-2013's names in a column `emotion`, and for the numbers themselves elsewhere.
        labels_from: a CSV file of votes by class, such as FER+'s fer2013new.csv, whose majority gives the labels of a
            CSV file's rows; the dataset is then named after both. None for the data's own labels.

    Raises:
        UserError: a value outside the above.
    """

    classes: tuple[str, ...] = ()
    size: int | None = None
    channels: int | None = None
    split: str | None = None
    split_seed: int = 0
    name: str | None = None
    class_names: tuple[str, ...] = ()
    labels_from: str | None = None

    def __post_init__(self) -> None:
        bring_to_types(self)
        if self.size is not None and not 1 <= self.size <= LARGEST_SIZE:
            raise UserError(f"image size is {self.size}, expected 1 to {LARGEST_SIZE} pixels")
        if self.channels not in (None, 1, 3):
            raise UserError(f"channels is {self.channels}, expected 1 (grey) or 3 (RGB)")
        if self.split_seed < 0:
            raise UserError(f"split seed is {self.split_seed}, expected 0 or more")
        if self.class_names and not (all(self.class_names) and len(set(self.class_names)) == len(self.class_names) > 1):
            raise UserError(f"class names are {', '.join(self.class_names)}, expected two or more that differ")
        if self.split is not None:
            split_shares(self.split)


DEFAULTS: Final = ReadOptions()


def source_list(sources: Sequence[Source] | Source) -> tuple[Source, ...]:
    """One source or several as several.

    Raises:
        UserError: none at all.
    """
    listed = (sources,) if isinstance(sources, str | Path) else tuple(sources)
    if not listed:
        raise UserError("no data given, expected at least one path, or faces for the built-in ones")
    return listed


def source_text(sources: Sources) -> str:
    """The sources for messages."""
    return " + ".join(map(str, source_list(sources)))


def split_shares(split: str) -> tuple[float, ...]:
    """The percentages in `split`: two or three positive numbers that sum to 100.

    Raises:
        UserError: anything else.
    """
    try:
        shares = tuple(float(number) for number in split.split("/"))
    except ValueError:
        shares = ()
    if len(shares) not in (2, 3) or not all(share > 0 for share in shares):
        raise UserError(f"split is {split!r}, expected two or three positive percentages, as in 70/30 or 80/10/10")
    if not math.isclose(sum(shares), 100, abs_tol=1e-6):
        raise UserError(f"split is {split!r}, which sums to {sum(shares):g}, expected percentages that sum to 100")
    return shares


def dataset_name(text: str) -> str:
    """`text` reduced to lower-case letters, digits, "_" and "-"; 1 to 40 characters."""
    name = re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-_")
    return name[:NAME_LENGTH].rstrip("-_") or "data"


def default_cache() -> Path:
    """Where decoded images are kept: $BENCHMARK_CACHE, else ensemble-benchmark in the user's cache directory."""
    if named := os.environ.get("BENCHMARK_CACHE"):
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "ensemble-benchmark"
