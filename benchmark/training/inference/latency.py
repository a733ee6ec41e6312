"""Measure how long a network takes to predict an image, alone and in batches: the median of repeats, warm."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmark.training.inference.predicting import whole
from benchmark.training.trainer import Pass, Trainer

BATCH: Final = 256
SLOW: Final = 0.004
"""Seconds an image, see `measure`."""

ALONE_SECONDS: Final = 0.15
BATCHED_SECONDS: Final = 0.25
"""For all repeats, of which there are at least `FEWEST` unless a single one takes longer."""

FEWEST: Final = 3
MOST: Final = 100


@dataclass(frozen=True)
class Latency:
    """Seconds that one network takes for one view of an image, from the host's memory and back.

    Attributes:
        batched: in batches of `BATCH`.
        alone: where an image is predicted by itself.
    """

    batched: float
    alone: float


def measure(trainer: Trainer, images: NDArray[np.uint8], one_pass: Pass) -> Latency:
    """Time a network.

    In batches by the pass that there was, where that is steady enough: it took as long as the repeats would, or a
    single batch takes a second.

    Args:
        trainer: has predicted batches before, so that nothing is compiled for them now.
        images: uint8, shape (n, height, width, channels), at least one.
        one_pass: of the network, warm, in batches.
    """
    network = whole(trainer)
    # A new array each time: a trainer keeps the last one on the device.
    alone = _median(lambda: network.predict(images[:1]), ALONE_SECONDS)
    an_image = one_pass.seconds / one_pass.images
    if an_image > SLOW or one_pass.seconds > BATCHED_SECONDS:
        return Latency(an_image, alone)
    batch = images[np.arange(BATCH) % len(images)]
    return Latency(_median(lambda: network.predict(batch[:]), BATCHED_SECONDS) / BATCH, alone)


def _median(call: Callable[[], object], seconds: float) -> float:
    """Median seconds of a call over repeats, after a first call that may compile."""
    call()
    durations: list[float] = []
    while len(durations) < MOST and (sum(durations) < seconds or len(durations) < FEWEST):
        started = time.perf_counter()
        call()
        durations.append(time.perf_counter() - started)
        if durations[-1] > seconds:
            break
    return statistics.median(durations)
