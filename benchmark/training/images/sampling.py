"""Random choices of a training: which images an epoch sees, in what order; functions of seed and epoch alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]

# Separate streams of random numbers, so that one choice does not depend on another.
_SUBSET, _ORDER, _VERSION, _COPIED, _MIXED = 0, 1, 2, 3, 4


def subset(labels: NDArray[np.int64], images: int, seed: int) -> Indices:
    """A stratified sample of `images` positions, in ascending order; all of them where `images` is 0 or too many.

    A class that is too small for its share keeps one image, where there are as many as classes.

    Args:
        labels: shape (n,).
        images: how many to keep.
        seed: of the choice.
    """
    if not 0 < images < len(labels):
        return np.arange(len(labels))
    generator = np.random.default_rng([seed, _SUBSET])
    # Position of each image within its own shuffled class, as a share of the class: the smallest shares are a
    # sample in which every class keeps its proportion.
    shares = np.empty(len(labels))
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        shares[members] = (generator.permutation(len(members)) + 0.5) / len(members)
    kept = np.argsort(shares, kind="stable")[:images]
    classes = np.unique(labels)
    if len(np.unique(labels[kept])) < len(classes) <= images:
        for label in classes:
            members = np.flatnonzero(labels == label)
            shares[members[shares[members].argmin()]] = 0
        kept = np.argsort(shares, kind="stable")[:images]
    return np.sort(kept)


def epoch_order(labels: NDArray[np.int64], balance: str, seed: int, epoch: int) -> Indices:
    """The positions of the images of epoch `epoch` (from 0), in order.

    Args:
        labels: shape (n,).
        balance: with "oversample", images of smaller classes are drawn again, evenly, until all classes are as large
            as the largest; otherwise every image comes once.
        seed, epoch: of the order.
    """
    generator = np.random.default_rng([seed, _ORDER, epoch])
    positions = np.arange(len(labels))
    if balance == "oversample":
        largest = np.bincount(labels).max()
        positions = np.concatenate(
            [np.resize(generator.permutation(np.flatnonzero(labels == label)), largest) for label in np.unique(labels)]
        )
    return generator.permutation(positions)


def epoch_versions(count: int, versions: int, seed: int, epoch: int) -> Indices:
    """The version (from 0) of each of `count` images in epoch `epoch` (from 0), drawn evenly from `versions`."""
    if versions == 1:
        return np.zeros(count, np.int64)
    return np.random.default_rng([seed, _VERSION, epoch]).integers(0, versions, count)


def positions_to_copy(labels: NDArray[np.int64], copies: int, balance: str, seed: int) -> tuple[Indices, Indices]:
    """Which images get augmented copies.

    Args:
        labels: shape (n,).
        copies: of every image.
        balance: with "copies", classes get more of them until all are as large as the largest is with its own. The
            images of a class take turns in a shuffled order: none is copied twice before all were copied once.
        seed: of that order.

    Returns:
        Two arrays of shape (copies in all,): the position of the image, and how often it was copied before.
    """
    if balance != "copies":
        return np.tile(np.arange(len(labels)), copies), np.repeat(np.arange(copies), len(labels))
    generator = np.random.default_rng([seed, _COPIED])
    target = np.bincount(labels).max() * (copies + 1)
    positions, rounds = [], []
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        turns = np.arange(target - len(members))
        positions.append(members[turns % len(members)])
        rounds.append(turns // len(members))
    return np.concatenate(positions), np.concatenate(rounds)


def sample_weights(labels: NDArray[np.int64], balance: str) -> NDArray[np.float32] | None:
    """Weight of each image, shape (n,), mean 1; None where all weigh the same.

    With "class_weight" it is n / (classes present x images of its class), scikit-learn's "balanced".
    """
    if balance != "class_weight":
        return None
    counts = np.bincount(labels)
    return (len(labels) / (np.count_nonzero(counts) * counts[labels])).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Mixes:
    """The random choices for each step of an epoch that mixes images.

    Attributes:
        shares: float64, shape (steps,), 0-1: how much of an image stays its own.
        cut: bool, shape (steps,): whether the rest is a rectangle of its partner (cutmix) or a blend with it (mixup).
        centres: float64, shape (steps, 2), 0-1: where the rectangle's centre is, downwards and to the right.
    """

    shares: NDArray[np.float64]
    cut: NDArray[np.bool_]
    centres: NDArray[np.float64]


def epoch_mixes(steps: int, mixup: float, cutmix: float, seed: int, epoch: int) -> Mixes:
    """The mixes of epoch `epoch` (from 0).

    Args:
        steps: of the epoch.
        mixup, cutmix: parameters of the Beta distributions of the shares; at least one is above 0. With both, each
            step has one or the other, at even chances.
        seed, epoch: of the choices.
    """
    generator = np.random.default_rng([seed, _MIXED, epoch])
    cut = generator.random(steps) < (0.5 if mixup and cutmix else float(cutmix > 0))
    parameters = np.where(cut, cutmix, mixup)
    return Mixes(generator.beta(parameters, parameters), cut, generator.random((steps, 2)))
