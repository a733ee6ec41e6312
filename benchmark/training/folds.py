"""What the networks of one run are trained and judged on: the dataset as it is, its folds, or all that is labelled."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.data.splits import stratified
from benchmark.dataset import Dataset, Split
from benchmark.records import Predictions, RunConfig


@dataclass(frozen=True, eq=False)
class Fold:
    """What one network is trained and judged on: a fold of the labelled images, or all there is.

    Attributes:
        train: it learns from these.
        validation: its epoch is chosen on these; None where an earlier training is repeated.
        rows: of a fold, where its validation images stand among all labelled ones.
    """

    train: Split
    validation: Split | None
    rows: NDArray[np.int64] | None = None


def folds_of(dataset: Dataset, config: RunConfig, seed: int) -> list[Fold]:
    """What each network of a run is trained and judged on.

    - folds: train and validation together, stratified by class into so many folds; each is the validation split of the
      network that is trained on the others. The run's seed draws them: all models with one seed have the same folds.
    - refit: train and validation together, and nothing to judge on
    - otherwise train and validation
    """
    if config.folds:
        return _folds(labelled(dataset), config.folds, seed)
    if config.refit:
        return [Fold(labelled(dataset), None)]
    return [Fold(dataset.train, dataset.validation)]


def labelled(dataset: Dataset) -> Split:
    """The images of train and then of validation as one split called train.

    Where an id is in both, each has its split's name before it: `train/7` and `validation/7`.
    """
    splits = (dataset.train, dataset.validation)
    sample_ids = np.concatenate([split.sample_ids for split in splits])
    if len(np.unique(sample_ids)) < len(sample_ids):
        sample_ids = np.concatenate([np.char.add(f"{split.name}/", split.sample_ids) for split in splits])
    images = np.concatenate([split.images for split in splits])
    labels = np.concatenate([split.labels for split in splits if split.labels is not None])
    return Split("train", images, labels, sample_ids)


def _folds(everything: Split, folds: int, seed: int) -> list[Fold]:
    assert everything.labels is not None  # noqa: S101 - for mypy: Dataset guarantees it
    held_out = stratified(everything.labels, [1] * folds, seed)
    every_row = np.arange(len(everything))
    return [
        Fold(
            _rows(everything, "train", np.setdiff1d(every_row, rows, assume_unique=True)),
            _rows(everything, "validation", rows),
            rows,
        )
        for rows in held_out
    ]


def _rows(split: Split, name: str, rows: NDArray[np.int64]) -> Split:
    assert split.labels is not None  # noqa: S101 - for mypy: Dataset guarantees it
    return Split(name, split.images[rows], split.labels[rows], split.sample_ids[rows])


def combined(folds: Sequence[Fold], predicted: Sequence[Sequence[Predictions]]) -> list[Predictions]:
    """What a run predicts, given what each fold's network does.

    Of folds the validation predictions are put together, in the order of all labelled images, each by the one network
    that had not seen the image; test predictions are the mean over the networks. Otherwise there is one network.

    Args:
        folds: of the run.
        predicted: for each fold its network's predictions, by split in the same order.
    """
    if folds[0].rows is None:
        return list(predicted[0])
    rows = np.concatenate([fold.rows for fold in folds if fold.rows is not None])
    return [
        _out_of_fold(of_split, np.argsort(rows)) if of_split[0].split == "validation" else _mean(of_split)
        for of_split in zip(*predicted, strict=True)
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
