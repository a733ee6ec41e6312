"""Images for tests of speed, and how many an epoch has, so that a test ends in time on any processor."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np

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


def split(name: str, count: int) -> Split:
    """So many images of random pixels, 48 x 48 and grey, of seven classes."""
    generator = np.random.default_rng(count)
    images = generator.integers(0, 256, (count, 48, 48, 1)).astype(np.uint8)
    return Split(name, images, np.arange(count) % 7, np.array([f"{name}-{k}" for k in range(count)]))


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
