"""Several sources as one dataset: classes matched by name, images of one shape, every image's source in its id."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmark.data.read_options import DEFAULT_SPLIT, ReadOptions, split_shares
from benchmark.data.readers.images import same_shape
from benchmark.data.readers.numbered_classes import name_one
from benchmark.data.readers.source import Layout, Part, align, notes_of, read_parts
from benchmark.data.splits import assembled, described, drawn
from benchmark.dataset import SPLITS, Dataset
from benchmark.matching.class_names import FER_CLASSES, common_names, listed, meaning, sorted_class_names
from zoo.errors import UserError

JOIN: Final = "+"
LONGEST_NAME: Final = 80


@dataclass(frozen=True)
class Origin:
    """One of several sources.

    Attributes:
        name: in front of its sample ids; no two sources have the same.
        layout: of its files.
    """

    name: str
    layout: Layout


def source_of_sample(dataset: str, sample_id: str) -> str | None:
    """The source that a sample comes from: `ckplus` for `ckplus/S005_001` of the dataset `fer2013+ckplus`.

    Args:
        dataset: name of the dataset, with or without fingerprint, as a stored run's configuration has it.
        sample_id: as in the predictions.

    Returns:
        The source's name; None for a dataset of a single source, whose ids have none.
    """
    return sample_id.partition("/")[0] if JOIN in dataset else None


def own_ids(dataset: str, sample_ids: NDArray[np.str_]) -> NDArray[np.str_]:
    """The ids as the source's own files have them, where all are of one source; otherwise as they are.

    Args:
        dataset: name of the dataset, with or without fingerprint.
        sample_ids: shape (n,).
    """
    names = {source_of_sample(dataset, name) for name in sample_ids.tolist()}
    if len(names) != 1 or None in names:
        return sample_ids
    return np.array([name.partition("/")[2] for name in sample_ids.tolist()], dtype=np.str_)


def origins_of(names: Sequence[str], layouts: Sequence[Layout]) -> list[Origin]:
    """The sources under names that differ: of equal ones, the second becomes `name-2`.

    Raises:
        UserError: two sources have a file in common.
    """
    owner: dict[str, Layout] = {}
    origins: list[Origin] = []
    for wanted, layout in zip(names, layouts, strict=True):
        for line in layout.identity:
            if line in owner:
                both = f"{owner[line].where} and {layout.where}"
                raise UserError(f"{both} are the same data, or share files; give each source once")
        owner |= dict.fromkeys(layout.identity, layout)
        taken = {origin.name for origin in origins}
        numbered = (f"{wanted}-{number}" for number in count(2))
        name = next(name for name in chain([wanted], numbered) if name not in taken)
        origins.append(Origin(name, layout))
    return origins


def facts(origins: Sequence[Origin]) -> tuple[str, tuple[str, ...], str]:
    """Name, identity (see `Layout`) and layout in words of the data; a single source's are those of the dataset."""
    if len(origins) == 1:
        return origins[0].name, origins[0].layout.identity, origins[0].layout.description
    name = JOIN.join(origin.name for origin in origins)
    if len(name) > LONGEST_NAME:
        name = f"{origins[0].name}{JOIN}{len(origins) - 1}-more"
    identity = tuple(line for origin in origins for line in (f"source {origin.name}", *origin.layout.identity))
    return name, identity, "; ".join(f"{origin.name}: {origin.layout.description}" for origin in origins)


def joined_notes(origins: Sequence[Origin]) -> tuple[str, ...]:
    """What the user should know about the files that were found, of several sources with their names in front."""
    several = len(origins) > 1
    return tuple(f"{origin.name}: {note}" if several else note for origin in origins for note in origin.layout.notes)


def split_by_source(split: str) -> dict[str, str]:
    """How each source was split, by its name, from the `split` of a merged dataset."""
    return {name: own for name, _, own in (text.partition(" ") for text in split.split(", "))}


def merge(origins: Sequence[Origin], options: ReadOptions) -> tuple[Dataset, tuple[str, ...]]:
    """Read all sources and make one dataset of them.

    Classes are matched by name: FER-2013's in any case and with the usual synonyms, others but for their case. Labels
    are in FER-2013's order, and classes that it does not have come after. All images get the size that is commonest
    among them, and are grey where all of them are, unless `options` say otherwise. A source with splits of its own
    keeps them; another is divided as `options.split` says, by class. Where the test labels of a source are sealed,
    those without a test split give nothing to test.

    Returns:
        The dataset (its name is the caller's), whose sample ids start with `source/`, and what the user should know
        about it, a line each.

    Raises:
        UserError: a source cannot be read, has no class in common with the others or two names for one class, has no
            image of the classes asked for; or the whole would not do as a single source.
    """
    where = f" {JOIN} ".join(origin.layout.where for origin in origins)
    read = [read_parts(origin.layout, options) for origin in origins]
    if options.class_names:
        read = name_one([origin.name for origin in origins], read, options.class_names)
    renamed, notes = _with_shared_names(origins, read)
    all_parts = [part for parts in renamed for part in parts]
    class_names, parts = align(all_parts, options.classes, where, _in_order(all_parts))
    shapes = [next(part.images.shape[1:] for part in parts if len(part)) for parts in read]
    shaped = iter(same_shape(parts, options) if any(map(len, parts)) else parts)
    grouped = [[next(shaped) for _ in parts] for parts in read]
    for origin, parts in zip(origins, grouped, strict=True):
        if not any(map(len, parts)):
            raise UserError(f"{origin.layout.where}: no image of {', '.join(class_names)}; leave this source out")
    divided, split = _divided(origins, grouped, options)
    whole = {role: _joined(role, divided) for role in SPLITS if any(role in parts for parts in divided.values())}
    dataset = assembled(whole, class_names, split, where)
    notes += [
        *(f"{origin.name}: {note}" for origin, own in zip(origins, read, strict=True) for note in notes_of(own)),
        *_class_notes(class_names, dict(zip([origin.name for origin in origins], grouped, strict=True))),
        *_shape_notes(origins, shapes, dataset.input_shape, options),
        *_test_notes(divided),
    ]
    return dataset, tuple(notes)


def _with_shared_names(origins: Sequence[Origin], read: Sequence[Sequence[Part]]) -> tuple[list[list[Part]], list[str]]:
    """The parts with one name for each class, and a note on each source that uses another name."""
    spellings: dict[str, str] = {}
    renamed, notes = [], []
    for origin, parts in zip(origins, read, strict=True):
        changed = {}
        # In an order of their own: that of a folder's entries is up to the file system.
        for name in sorted({name for part in parts for name in part.class_names}):
            shared = meaning(name) if meaning(name) in FER_CLASSES else name.strip()
            changed[name] = spellings.setdefault(meaning(name), shared)
        renamed.append([_renamed(origin, part, changed) for part in parts])
        if others := [
            f"{name} for {shared}" for name, shared in changed.items() if name.strip().casefold() != shared.casefold()
        ]:
            notes.append(f"{origin.name} says {', '.join(others)}")
    _check_common(origins, renamed)
    return renamed, notes


def _in_order(parts: Sequence[Part]) -> dict[str, str]:
    """Every class, in label order: FER-2013's in its order, then others in that of `common_names`."""
    names = common_names(part.class_names for part in parts)
    return {name: name for name in (*(fer for fer in FER_CLASSES if fer in names), *names)}


def _renamed(origin: Origin, part: Part, shared: Mapping[str, str]) -> Part:
    names = tuple(shared[name] for name in part.class_names)
    meanings = Counter(names)
    for name in part.class_names:
        if meanings[shared[name]] > 1:
            doubles = [other for other in part.class_names if shared[other] == shared[name]]
            raise UserError(
                f"{origin.layout.where}: {' and '.join(doubles)} are one class where sources are merged; "
                "expected one name for each class"
            )
    return replace(part, class_names=names)


def _check_common(origins: Sequence[Origin], renamed: Sequence[Sequence[Part]]) -> None:
    """Raise UserError for a source whose classes are all unknown to the others: that is another task."""
    classes = [{name for part in parts for name in part.class_names} for parts in renamed]
    # From the last: of two that do not fit, the first is what the other was added to.
    for index, own in reversed(list(enumerate(classes))):
        others = set().union(*(names for position, names in enumerate(classes) if position != index))
        if own and others and not own & others:
            ours, theirs = (listed(sorted_class_names(names)) for names in (own, others))
            raise UserError(
                f"{origins[index].layout.where}: has the classes {ours}, the other sources have {theirs}: expected at "
                "least one in common"
            )


def _divided(
    origins: Sequence[Origin], grouped: Sequence[Sequence[Part]], options: ReadOptions
) -> tuple[dict[str, dict[str, Part]], str]:
    """By source and role its images, and in words how each source was split."""
    own = [{part.role: part for part in parts if len(part)} for parts in grouped]
    tests = {origin.name: parts["test"] for origin, parts in zip(origins, own, strict=True) if "test" in parts}
    sealed = [name for name, part in tests.items() if part.labels is None]
    if opened := [name for name in tests if sealed and name not in sealed]:
        raise UserError(
            f"the test split of {sealed[0]} has no labels, that of {opened[0]} has; expected all or none of them: "
            f"leave the test split of one of them out"
        )
    divided, descriptions = {}, []
    for origin, parts in zip(origins, own, strict=True):
        divided[origin.name], split = _divided_one(origin, parts, options, bool(sealed))
        descriptions.append(f"{origin.name} {split}")
    return divided, ", ".join(descriptions)


def _divided_one(
    origin: Origin, parts: dict[str, Part], options: ReadOptions, sealed: bool
) -> tuple[dict[str, Part], str]:
    for part in parts.values():
        if part.labels is None and part.role != "test":
            raise UserError(f"{origin.layout.where}: the {part.role} split has no labels, expected one for each image")
    if "train" not in parts or "validation" in parts:
        return parts, "given"
    shares = split_shares(options.split or DEFAULT_SPLIT)
    if sealed or "test" in parts:
        shares = shares[:2]
    pieces = drawn(parts["train"], shares, options.split_seed)
    return {**parts, **{role: part for role, part in pieces.items() if len(part)}}, described(shares, options)


def _joined(role: str, divided: Mapping[str, Mapping[str, Part]]) -> Part:
    """All sources' images of one split, their ids with the source in front."""
    parts = {name: own[role] for name, own in divided.items() if role in own}
    labels = [part.labels for part in parts.values() if part.labels is not None]
    return Part(
        role=role,
        images=np.concatenate([part.images for part in parts.values()]),
        sample_ids=np.concatenate([np.char.add(f"{name}/", part.sample_ids) for name, part in parts.items()]),
        labels=np.concatenate(labels) if labels else None,
    )


def _class_notes(class_names: Sequence[str], parts: Mapping[str, Sequence[Part]]) -> list[str]:
    classes_by_sources: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for label, class_name in enumerate(class_names):
        names = [
            name for name, own in parts.items() if any(label in part.labels for part in own if part.labels is not None)
        ]
        classes_by_sources[tuple(names)].append(class_name)
    return [
        f"only {' and '.join(names)} {'has' if len(names) == 1 else 'have'} images of {', '.join(classes)}"
        for names, classes in classes_by_sources.items()
        if len(names) < len(parts)
    ]


def _shape_notes(
    origins: Sequence[Origin],
    shapes: Sequence[tuple[int, ...]],
    target: tuple[int, int, int],
    options: ReadOptions,
) -> list[str]:
    """Which sources' images were changed without having been asked for."""
    notes = []
    for origin, (height, width, _) in zip(origins, shapes, strict=True):
        if options.size is None and (height, width) != target[:2]:
            sizes = f"{width}x{height} resized to {target[1]}x{target[0]}"
            notes.append(f"{origin.name}: images of {sizes}, the commonest size; --size sets another")
    grey = [origin.name for origin, shape in zip(origins, shapes, strict=True) if shape[2] != target[2]]
    if grey and options.channels is None:
        notes.append(f"grey images of {', '.join(grey)} made RGB, as others have colour; --channels 1 makes all grey")
    return notes


def _test_notes(divided: Mapping[str, Mapping[str, Part]]) -> list[str]:
    tested = [name for name, parts in divided.items() if "test" in parts]
    return [f"test has images of {', '.join(tested)} only"] if 0 < len(tested) < len(divided) else []
