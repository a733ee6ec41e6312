"""Which images a training gets, before its first epoch."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from benchmark.dataset import Split
from benchmark.training.images import augmentation, sampling
from benchmark.training.images.deduplication import distinct
from zoo.settings import TrainingSettings


def training_split(train: Split, settings: TrainingSettings, seed: int, others: Sequence[Split] = ()) -> Split:
    """The images trained on: without duplicates, a stratified sample, with offline copies, as far as asked for.

    Duplicates are looked for within train and in `others`, the splits that the network is judged on.

    Copies come after the originals, with ids such as `train-7:copy-0`: one whole set after the other, or with
    balance=copies class by class.
    """
    assert train.labels is not None  # noqa: S101 - for mypy: Dataset guarantees it
    kept = distinct(train, others) if settings.duplicates == "drop" else np.arange(len(train))
    kept = kept[sampling.subset(train.labels[kept], settings.images, seed)]
    if len(kept) < len(train):
        train = replace(train, images=train.images[kept], labels=train.labels[kept], sample_ids=train.sample_ids[kept])
    if not settings.augmented_beforehand:
        return train
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
