"""The images that each network of a run is trained and judged on: the splits, folds, or all labelled images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmark.data.splits import stratified
from benchmark.dataset import Dataset, Split, joined_ids
from benchmark.records import Predictions, RunConfig


@dataclass(frozen=True, eq=False)
class Fold:
    """The images that one network is trained and judged on.

    Attributes:
        train: to train on.
        validation: to choose the epoch on; None where an earlier training is repeated.
        rows: of a cross-validation, the positions of its validation images among all labelled ones.
    """

    train: Split
    validation: Split | None
    rows: NDArray[np.int64] | None = None


def folds_of(dataset: Dataset, config: RunConfig, seed: int) -> Iterator[Fold]:
    """One fold for each network of a run; its images are copied when it is asked for, so that no other's need memory.

    - folds: train and validation together are divided into so many folds, stratified by class; each is the validation
      split of one network, which is trained on the others. All models with one seed have the same folds.
    - refit: one network is trained on train and validation, and judged on nothing
    - otherwise one network is trained on train and judged on validation
    """
    if config.folds:
        yield from _folds(labelled(dataset), config.folds, seed)
    elif config.refit:
        yield Fold(labelled(dataset), None)
    else:
        yield Fold(dataset.train, dataset.validation)


def labelled(dataset: Dataset) -> Split:
    """The images of train and then of validation, as one split called train.

    Where an id is in both, all ids begin with their split's name: `train/7` and `validation/7`.
    """
    splits = (dataset.train, dataset.validation)
    sample_ids = joined_ids([(split.name, split.sample_ids) for split in splits])
    images = np.concatenate([split.images for split in splits])
    labels = np.concatenate([split.labels for split in splits if split.labels is not None])
    return Split("train", images, labels, sample_ids)


def _folds(all_images: Split, folds: int, seed: int) -> Iterator[Fold]:
    assert all_images.labels is not None  # noqa: S101 - for mypy: Dataset guarantees it
    held_out = stratified(all_images.labels, [1] * folds, seed, first=False)
    every_row = np.arange(len(all_images))
    for rows in held_out:
        train = all_images.at(np.setdiff1d(every_row, rows, assume_unique=True))
        yield Fold(train, replace(all_images.at(rows), name="validation"), rows)


def combined(rows: Sequence[NDArray[np.int64] | None], predicted: Sequence[Sequence[Predictions]]) -> list[Predictions]:
    """A run's predictions, from those of each fold's network; `rows` are those of the folds.

    Of a cross-validation, the validation predictions are joined in the order of all labelled images, each by the one
    network that was not trained on it; test predictions are the mean over the networks.
    """
    held_out = [one for one in rows if one is not None]
    if not held_out:
        return list(predicted[0])
    order = np.argsort(np.concatenate(held_out))
    return [
        _out_of_fold(by_fold, order) if by_fold[0].split == "validation" else _mean(by_fold)
        for by_fold in zip(*predicted, strict=True)
    ]


def _out_of_fold(folds: Sequence[Predictions], order: NDArray[np.int64]) -> Predictions:
    labels = np.concatenate([fold.labels for fold in folds if fold.labels is not None])
    return Predictions(
        "validation",
        np.concatenate([fold.sample_ids for fold in folds])[order],
        folds[0].class_names,
        np.concatenate([fold.probabilities for fold in folds])[order],
        labels[order],
    )


def _mean(folds: Sequence[Predictions]) -> Predictions:
    first = folds[0]
    mean = np.stack([fold.probabilities for fold in folds]).mean(axis=0, dtype=np.float64)
    return Predictions(first.split, first.sample_ids, first.class_names, np.asarray(mean, np.float32), first.labels)
