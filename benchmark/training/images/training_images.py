"""The training images before the first epoch: without duplicates, a sample of them, with augmented copies."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from benchmark.data.readers.images import by_pixels
from benchmark.dataset import Split
from benchmark.training.images import augmentation, sampling
from zoo.errors import UserError
from zoo.settings import TrainingSettings


def training_split(train: Split, settings: TrainingSettings, seed: int, others: Sequence[Split] = ()) -> Split:
    """The images to train on: without duplicates, a stratified sample, with offline copies, as the settings say.

    Copies come after the originals, with ids such as `train-7:copy-0`: one whole set after the other, or with
    balance=copies class by class.

    Args:
        others: the splits that the network is judged on, in which duplicates are looked for as well.
    """
    assert train.labels is not None  # noqa: S101 - for mypy: Dataset guarantees it
    rows = distinct(train, others) if settings.duplicates == "drop" else np.arange(len(train))
    rows = rows[sampling.subset(train.labels[rows], settings.images, seed)]
    if len(rows) < len(train):
        train = train.at(rows)
    return _with_copies(train, settings, seed) if settings.augmented_beforehand else train


def _with_copies(train: Split, settings: TrainingSettings, seed: int) -> Split:
    assert train.labels is not None  # noqa: S101
    copied, rounds = sampling.positions_to_copy(train.labels, settings.copies, settings.balance, seed)
    images = augmentation.copies(train.images, copied, settings.augmentation, seed)
    ids = [f"{name}:copy-{k}" for name, k in zip(train.sample_ids[copied].tolist(), rounds.tolist(), strict=True)]
    return replace(
        train,
        images=np.concatenate([train.images, images]),
        labels=np.concatenate([train.labels, train.labels[copied]]),
        sample_ids=np.concatenate([train.sample_ids, np.array(ids, dtype=np.str_)]),
    )


def distinct(train: Split, others: Sequence[Split]) -> NDArray[np.int64]:
    """The positions of the training images without duplicates, in ascending order.

    An image that equals one of the other splits in every pixel is left out. Of equal images within train the first one
    with their most frequent label is kept; where two labels are equally frequent, none of them is.

    Args:
        train: labelled.
        others: validation and test, as far as there are any; only their pixels are compared.

    Raises:
        UserError: a class would be left without images.
    """
    assert train.labels is not None  # noqa: S101 - for mypy: Dataset guarantees it
    elsewhere = {digest for split in others for digest in by_pixels(split.images)}
    kept = []
    for digest, places in by_pixels(train.images).items():
        if digest not in elsewhere:
            labels = train.labels[places]
            counts = np.bincount(labels)
            if np.count_nonzero(counts == counts.max()) == 1:
                kept.append(places[int(np.argmax(labels == counts.argmax()))])
    rows = np.sort(np.array(kept, np.int64))
    if lost := sorted(set(train.labels.tolist()) - set(train.labels[rows].tolist())):
        raise UserError(f"without duplicates no training image of class {lost[0]} is left: add --set duplicates=keep")
    return rows
