"""A report on a dataset before training: its images, splits, classes, and problems such as duplicates."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from benchmark.data.loading import load_with_layout
from benchmark.data.merging import source_of_sample, split_by_source
from benchmark.data.read_options import DEFAULTS, ReadOptions, Sources, source_text
from benchmark.data.readers.images import by_pixels
from benchmark.dataset import Dataset, Split

EXAMPLES: Final = 5
Groups = dict[bytes, list[str]]
"""By digest of the pixels, `split:sample id` of the images that have them."""


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
        duplicates_across: by pair of splits ("train, test"), images of the second that are in the first too.
        conflicts: distinct images that have more than one class, over all splits.
        blank: images whose pixels are all equal.
        sources: the images of each of several sources, by its name; empty for a single source.
        duplicates_across_sources: by pair of sources ("a, b"), images of the second that are in the first too.
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
    equal = {split.name: by_pixels(split.images) for split in dataset.splits}
    tags = {split.name: _tagged(split, equal[split.name]) for split in dataset.splits}
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
        duplicates_within={name: _repeated(groups) for name, groups in tags.items()},
        duplicates_across=_across(tags),
        conflicts=_conflicts(dataset, equal),
        blank=_blank(dataset),
        sources=_sources(dataset),
        duplicates_across_sources=_across(_by_source(dataset, tags)),
        notes=loaded.notes,
    )


def _sources(dataset: Dataset) -> dict[str, SourceCounts]:
    if source_of_sample(dataset.name, "") is None:
        return {}
    counted = {}
    owners = {
        split.name: np.array([source_of_sample(dataset.name, name) for name in split.sample_ids.tolist()])
        for split in dataset.splits
    }
    for name, own_split in split_by_source(dataset.split).items():
        own = {split.name: owners[split.name] == name for split in dataset.splits}
        counts = {
            split.name: _class_counts(dataset, None if split.labels is None else split.labels[own[split.name]])
            for split in dataset.splits
        }
        counted[name] = SourceCounts(own_split, {split: int(mine.sum()) for split, mine in own.items()}, counts)
    return counted


def _by_source(dataset: Dataset, tags: Mapping[str, Groups]) -> dict[str, Groups]:
    """The tags of equal images in each of several sources, whatever their splits; empty for a single source."""
    if source_of_sample(dataset.name, "") is None:
        return {}
    groups: dict[str, Groups] = {name: defaultdict(list) for name in split_by_source(dataset.split)}
    for digest, tag in ((digest, tag) for split in tags.values() for digest, own in split.items() for tag in own):
        owner = source_of_sample(dataset.name, tag.partition(":")[2])
        groups[str(owner)][digest].append(tag)
    return groups


def _class_counts(dataset: Dataset, labels: Any) -> dict[str, int] | None:
    if labels is None:
        return None
    counts = np.bincount(labels, minlength=len(dataset.class_names))
    return dict(zip(dataset.class_names, counts.tolist(), strict=True))


def _tagged(split: Split, equal: Mapping[bytes, Sequence[int]]) -> Groups:
    """`split:sample id` of the images in each group of equal ones."""
    return {
        digest: [f"{split.name}:{split.sample_ids[index]}" for index in indices] for digest, indices in equal.items()
    }


def _repeated(groups: Groups) -> Finding:
    """Images that equal an earlier one."""
    repeated = [tags for tags in groups.values() if len(tags) > 1]
    return _finding(sum(len(tags) - 1 for tags in repeated), [tags[:2] for tags in repeated])


def _across(groups: Mapping[str, Groups]) -> dict[str, Finding]:
    """By pair of splits or sources, the images of the second that are in the first too."""
    across = {}
    for first, second in combinations(groups, 2):
        shared = [digest for digest in groups[first] if digest in groups[second]]
        examples = [(groups[first][digest][0], groups[second][digest][0]) for digest in shared]
        across[f"{first}, {second}"] = _finding(sum(len(groups[second][digest]) for digest in shared), examples)
    return across


def _conflicts(dataset: Dataset, equal: Mapping[str, Mapping[bytes, Sequence[int]]]) -> Finding:
    """Distinct images that have more than one class."""
    by_class: dict[bytes, dict[int, str]] = defaultdict(dict)
    for split in dataset.splits:
        if split.labels is not None:
            for digest, indices in equal[split.name].items():
                for index in indices:
                    tag = f"{split.name}:{split.sample_ids[index]}"
                    by_class[digest].setdefault(int(split.labels[index]), tag)
    conflicting = [list(tags.values())[:2] for tags in by_class.values() if len(tags) > 1]
    return _finding(len(conflicting), conflicting)


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
