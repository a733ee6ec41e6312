"""Train, validation and test: the data's own, or stratified and seeded."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmark.data.read_options import CARVED_SPLIT, DEFAULT_SPLIT, ReadOptions, split_shares
from benchmark.data.readers.source import Part
from benchmark.dataset import SPLITS, Dataset, Split, joined_ids
from zoo.errors import UserError


def stratified(
    labels: NDArray[np.int64], shares: Sequence[float], seed: int, *, first: bool = True
) -> list[NDArray[np.int64]]:
    """Indices of each share, ascending, drawn so that every class is spread as the shares say.

    Of each class a share gets its exact part rounded down or up; what rounding leaves over goes where the classes
    before lost most, so that the totals come out right too. A class of one image gives it to the first share.

    Args:
        labels: shape (n,), 0 and above.
        shares: positive, in any unit.
        seed: of the drawing.
        first: whether the first share gets an image of every class that it has a part of, as train must.
    """
    generator = np.random.default_rng(seed)
    fractions = np.asarray(shares, dtype=np.float64) / sum(shares)
    owed = np.zeros(len(fractions))
    chosen: list[list[NDArray[np.int64]]] = [[] for _ in fractions]
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        exact = fractions * len(members)
        # 0.1 x 30 is 3.0000000000000004: without the tolerance a share would be rounded up for nothing.
        counts = np.floor(exact + 1e-9).astype(np.int64)
        owed += exact - counts
        rest = exact - counts > 1e-9
        for _ in range(len(members) - int(counts.sum())):
            first_needs_one = first and counts[0] == 0 and bool(rest[0])
            share = 0 if first_needs_one else int(np.argmax(np.where(rest, owed, -np.inf)))
            counts[share] += 1
            owed[share] -= 1
            rest[share] = False
        for indices, drawn in zip(chosen, np.split(members, np.cumsum(counts)[:-1]), strict=True):
            indices.append(drawn)
    return [np.sort(np.concatenate(indices)) for indices in chosen]


def arrange(parts: Sequence[Part], class_names: tuple[str, ...], options: ReadOptions, where: str) -> Dataset:
    """The dataset made of the parts, whose labels are positions in `class_names`.

    Raises:
        UserError: no labelled train images, an empty split, a class without train images, duplicate sample ids, or
            three shares asked of data with a test split of its own.
    """
    by_role = {part.role: part for part in parts}
    for part in parts:
        if not len(part):
            raise UserError(f"{where}: the {part.role} split has no images, expected at least one")
        if part.labels is None and part.role != "test":
            raise UserError(f"{where}: the {part.role} split has no labels, expected one for each image")
    if "train" not in by_role:
        raise UserError(f"{where}: no train split, only {' and '.join(by_role)}; expected labelled train images")
    by_role, split = _divided(by_role, options, where)
    return assembled(by_role, class_names, split, where)


def assembled(by_role: Mapping[str, Part], class_names: tuple[str, ...], split: str, where: str) -> Dataset:
    """The dataset of the parts by role, which came about as `split` says; its name is the caller's.

    Raises:
        UserError: no train or validation images, a class without train images, or duplicate sample ids.
    """
    for role in ("train", "validation"):
        if role not in by_role:
            raise UserError(f"{where}: no image for {role}, expected at least one; use more")
    for part in by_role.values():
        _check_part(part, where)
    _check_train_classes(by_role, class_names, where)
    splits = {role: Split(role, part.images, part.labels, part.sample_ids) for role, part in by_role.items()}
    return Dataset("data", class_names, splits["train"], splits["validation"], splits.get("test"), split)


def drawn(pool: Part, shares: Sequence[float], seed: int) -> dict[str, Part]:
    """A labelled part divided by class into train, validation and, with a third share, test; some may be empty."""
    assert pool.labels is not None  # noqa: S101 - for mypy
    return {
        role: Part(role, pool.images[chosen], pool.sample_ids[chosen], pool.class_names, pool.labels[chosen])
        for role, chosen in zip(SPLITS, stratified(pool.labels, shares, seed), strict=False)
    }


def described(shares: Sequence[float], options: ReadOptions) -> str:
    """How a split was drawn, as in `80/10/10 seed 0`."""
    return f"{'/'.join(f'{share:g}' for share in shares)} seed {options.split_seed}"


def _divided(parts: dict[str, Part], options: ReadOptions, where: str) -> tuple[dict[str, Part], str]:
    """Train, validation and test by name, and how they came about."""
    if options.split is None and "validation" in parts:
        return parts, "given"
    split = options.split or (CARVED_SPLIT if "test" in parts else DEFAULT_SPLIT)
    shares = split_shares(options.split) if options.split else tuple(float(share) for share in split.split("/"))
    if len(shares) == 3 and "test" in parts:
        raise UserError(
            f"{where}: split is {options.split!r}, but the data has a test split of its own; "
            "give two numbers (train/validation)"
        )
    pool = _joined([parts[role] for role in ("train", "validation") if role in parts])
    pieces = drawn(pool, shares, options.split_seed)
    for role, part in pieces.items():
        if not len(part):
            raise UserError(f"{where}: splitting {len(pool)} images {split} leaves no image for {role}; use more")
    return {**parts, **pieces}, described(shares, options)


def _joined(parts: Sequence[Part]) -> Part:
    """All labelled images as one part."""
    if len(parts) == 1:
        return parts[0]
    labels = np.concatenate([part.labels for part in parts if part.labels is not None])
    images = np.concatenate([part.images for part in parts])
    sample_ids = joined_ids([(part.role, part.sample_ids) for part in parts])
    return Part("train", images, sample_ids, parts[0].class_names, labels)


def _check_part(part: Part, where: str) -> None:
    names, counts = np.unique(part.sample_ids, return_counts=True)
    if len(names) < len(part):
        repeated = str(names[counts.argmax()])
        raise UserError(
            f"{where}: sample id {repeated!r} occurs {counts.max()} times in {part.role}, expected unique ids"
        )


def _check_train_classes(parts: Mapping[str, Part], class_names: Sequence[str], where: str) -> None:
    def count(role: str, label: int) -> int:
        labels = parts[role].labels if role in parts else None
        return 0 if labels is None else int(np.count_nonzero(labels == label))

    for label, name in enumerate(class_names):
        if not count("train", label):
            elsewhere = ", ".join(
                f"{role} has {count(role, label)}" for role in ("validation", "test") if role in parts
            )
            raise UserError(f"{where}: class {name!r} has no image in train ({elsewhere}), expected at least one")
