"""A report on a dataset before training: its images, splits, classes, and problems such as duplicates."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from benchmark.data.loading import load_with_layout
from benchmark.data.merging import source_of_sample, split_by_source
from benchmark.data.options import DEFAULTS, ReadOptions, Sources, source_text
from benchmark.data.readers.images import by_pixels
from benchmark.dataset import Dataset, Split

EXAMPLES: Final = 5


@dataclass(frozen=True)
class Finding:
    """A problem that some of the images have.

    Attributes:
        count: how many.
        examples: at most five (of blank images all of them); each a tuple of `split:sample id`, one for a single image,
            two for a pair.
    """

    count: int
    examples: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class SourceCounts:
    """The images of one of several sources.

    Attributes:
        split: how it was split ("given", "80/10/10 seed 0").
        images: how many by split.
        class_counts: images by split and class; None for a split without labels.
    """

    split: str
    images: Mapping[str, int]
    class_counts: Mapping[str, Mapping[str, int] | None]


@dataclass(frozen=True)
class Report:
    """The facts about a dataset, and its problems.

    Attributes:
        name, fingerprint: of the dataset.
        source: the path as given; of several sources all of them.
        layout: the recognised layout, in words.
        split: how train, validation and test came about ("given", "80/10/10 seed 0").
        image_shape: height, width and channels.
        class_names: in label order.
        images: how many by split.
        class_counts: images by split and class; None for a split without labels.
        imbalance: images of train's largest class over those of its smallest.
        duplicates_within: by split, images that equal an earlier one of the same split in every pixel.
        duplicates_across: by pair of splits ("train, test"), images of the second that also stand in the first.
        conflicts: distinct images that stand under more than one class, in whatever splits.
        blank: images whose pixels are all equal.
        sources: the images of each of several sources, by its name; empty for a single source.
        duplicates_across_sources: by pair of sources ("a, b"), images of the second that also stand in the first.
        notes: how several sources were brought together, a line each.
    """

    name: str
    fingerprint: str
    source: str
    layout: str
    split: str
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    images: Mapping[str, int]
    class_counts: Mapping[str, Mapping[str, int] | None]
    imbalance: float
    duplicates_within: Mapping[str, Finding]
    duplicates_across: Mapping[str, Finding]
    conflicts: Finding
    blank: Finding
    sources: Mapping[str, SourceCounts] = field(default_factory=dict)
    duplicates_across_sources: Mapping[str, Finding] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)


def inspect(
    source: Sources,
    options: ReadOptions = DEFAULTS,
    cache: Path | Literal["default"] | None = "default",
) -> Report:
    """Read the data as `load` does, and report on it.

    Raises:
        UserError: the data cannot be read; what is odd but readable is reported instead.
    """
    loaded = load_with_layout(source, options, cache)
    dataset = loaded.dataset
    counts = {split.name: _class_counts(dataset, split.labels) for split in dataset.splits}
    in_train = list((counts["train"] or {}).values())
    within, across, conflicts = _duplicates(dataset)
    return Report(
        name=dataset.name,
        fingerprint=dataset.fingerprint,
        source=source_text(source),
        layout=loaded.layout,
        split=dataset.split,
        image_shape=dataset.input_shape,
        class_names=dataset.class_names,
        images={split.name: len(split) for split in dataset.splits},
        class_counts=counts,
        imbalance=max(in_train) / min(in_train),
        duplicates_within=within,
        duplicates_across=across,
        conflicts=conflicts,
        blank=_blank(dataset),
        sources=_sources(dataset),
        duplicates_across_sources=_across_sources(dataset),
        notes=loaded.notes,
    )


def _sources(dataset: Dataset) -> dict[str, SourceCounts]:
    if source_of_sample(dataset.name, "") is None:
        return {}
    counted = {}
    owners = {split.name: _owners(dataset, split) for split in dataset.splits}
    for name, own_split in split_by_source(dataset.split).items():
        own = {split.name: owners[split.name] == name for split in dataset.splits}
        counts = {
            split.name: _class_counts(dataset, None if split.labels is None else split.labels[own[split.name]])
            for split in dataset.splits
        }
        counted[name] = SourceCounts(own_split, {split: int(mine.sum()) for split, mine in own.items()}, counts)
    return counted


def _owners(dataset: Dataset, split: Split) -> NDArray[np.str_]:
    return np.array([source_of_sample(dataset.name, name) for name in split.sample_ids.tolist()])


def _across_sources(dataset: Dataset) -> dict[str, Finding]:
    """Images of equal pixels in two sources, whatever their splits."""
    if source_of_sample(dataset.name, "") is None:
        return {}
    tags: dict[str, dict[bytes, list[str]]] = {name: defaultdict(list) for name in split_by_source(dataset.split)}
    for split in dataset.splits:
        owners = _owners(dataset, split).tolist()
        for digest, indices in by_pixels(split.images).items():
            for index in indices:
                tags[owners[index]][digest].append(f"{split.name}:{split.sample_ids[index]}")
    across = {}
    for first, second in combinations(tags, 2):
        shared = [digest for digest in tags[first] if digest in tags[second]]
        examples = [(tags[first][digest][0], tags[second][digest][0]) for digest in shared]
        across[f"{first}, {second}"] = _finding(sum(len(tags[second][digest]) for digest in shared), examples)
    return across


def _class_counts(dataset: Dataset, labels: Any) -> dict[str, int] | None:
    if labels is None:
        return None
    counts = np.bincount(labels, minlength=len(dataset.class_names))
    return dict(zip(dataset.class_names, counts.tolist(), strict=True))


def _duplicates(dataset: Dataset) -> tuple[dict[str, Finding], dict[str, Finding], Finding]:
    """Images of equal pixels: within each split, across each two of them, and those with conflicting classes."""
    # By split, then by digest of the pixels: the positions of the images that have them.
    places = {split.name: by_pixels(split.images) for split in dataset.splits}
    ids = {split.name: split.sample_ids for split in dataset.splits}

    def tag(split: str, index: int) -> str:
        return f"{split}:{ids[split][index]}"

    within = {}
    for name, groups in places.items():
        repeated = [indices for indices in groups.values() if len(indices) > 1]
        examples = [(tag(name, indices[0]), tag(name, indices[1])) for indices in repeated]
        within[name] = _finding(sum(len(indices) - 1 for indices in repeated), examples)
    across = {}
    for first, second in combinations(places, 2):
        shared = [digest for digest in places[first] if digest in places[second]]
        examples = [(tag(first, places[first][d][0]), tag(second, places[second][d][0])) for d in shared]
        across[f"{first}, {second}"] = _finding(sum(len(places[second][digest]) for digest in shared), examples)
    by_class: dict[bytes, dict[int, str]] = defaultdict(dict)
    for split in dataset.splits:
        if split.labels is not None:
            for digest, indices in places[split.name].items():
                for index in indices:
                    by_class[digest].setdefault(int(split.labels[index]), tag(split.name, index))
    conflicting = [list(tags.values())[:2] for tags in by_class.values() if len(tags) > 1]
    return within, across, _finding(len(conflicting), conflicting)


def _blank(dataset: Dataset) -> Finding:
    blank = []
    for split in dataset.splits:
        flat = split.images.reshape(len(split), -1)
        is_blank = flat.max(axis=1) == flat.min(axis=1)
        blank += [(f"{split.name}:{sample_id}",) for sample_id in split.sample_ids[is_blank]]
    # All of them are listed: they are few, and their ids are what is needed to leave them out.
    return Finding(len(blank), tuple(blank))


def _finding(count: int, examples: Sequence[Sequence[str]]) -> Finding:
    return Finding(count, tuple(tuple(example) for example in examples[:EXAMPLES]))
