"""How long a trained network takes over an image: warm, alone and in batches, the median of repeats in bounded time."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmark.training.inference.predicting import whole
from benchmark.training.trainer import Trainer

BATCH: Final = 256
SLOW: Final = 0.004
"""Seconds an image: a network that takes longer is timed by one pass over many images, which is steady enough."""

ALONE_SECONDS: Final = 0.3
BATCHED_SECONDS: Final = 0.5
"""For repeats, of which there are at least `FEWEST` unless a single one takes longer than that."""

FEWEST: Final = 3
MOST: Final = 100


@dataclass(frozen=True)
class Latency:
    """What one network takes over one view of an image, in seconds, from the host's memory and back.

    Attributes:
        batched: an image in batches of `BATCH`.
        alone: of an image that is predicted by itself.
    """

    batched: float
    alone: float


def measure(trainer: Trainer, images: NDArray[np.uint8], one_pass: float) -> Latency:
    """Time a network.

    Args:
        trainer: has predicted batches before, so that nothing is compiled for them now.
        images: uint8, shape (n, height, width, channels), at least one.
        one_pass: seconds an image, as one pass over some images in batches took.
    """
    network = whole(trainer)
    # An array that was not seen before: a trainer keeps the last one on the device.
    alone = _median(lambda: network.predict(images[:1]), ALONE_SECONDS)
    if one_pass > SLOW:
        return Latency(one_pass, alone)
    batch = images[np.arange(BATCH) % len(images)]
    return Latency(_median(lambda: network.predict(batch[:]), BATCHED_SECONDS) / BATCH, alone)


def _median(call: Callable[[], object], seconds: float) -> float:
    """How long a call takes, in seconds, the median of repeats after a first one that may compile."""
    call()
    taken: list[float] = []
    while len(taken) < MOST and (sum(taken) < seconds or len(taken) < FEWEST):
        started = time.perf_counter()
        call()
        taken.append(time.perf_counter() - started)
        if taken[-1] > seconds:
            break
    return statistics.median(taken)
