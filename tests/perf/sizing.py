"""How many images an epoch has, so that a test of speed ends in time on any processor."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

from benchmark.dataset import Split

BATCH = 64
TRIAL, MOST = 2 * BATCH, 12 * BATCH
SECONDS = 150
"""For all epochs that are measured."""


def images_an_epoch(epoch: Callable[[int], float], epochs: int) -> int:
    """A number of whole batches, from `TRIAL` to `MOST`, of which so many epochs take about `SECONDS`.

    Args:
        epoch: trains on so many images and says how many seconds it took; its graph is traced.
        epochs: that are going to be measured, each about as long as this one.
    """
    rate = TRIAL / epoch(TRIAL)
    return max(TRIAL, min(MOST, int(rate * SECONDS / epochs) // BATCH * BATCH))


def beginnings(split: Split) -> Callable[[int], Split]:
    """Gives the first samples of a labelled split; for the same number the same object, as in an epoch of a training.

    A trainer keeps the images of the object that it saw last.
    """
    labels = split.labels
    assert labels is not None

    @cache
    def first(count: int) -> Split:
        ids = split.sample_ids[:count]
        return replace(split, images=split.images[:count], labels=labels[:count], sample_ids=ids)

    return first
