"""The statistics that batch normalisation judges and predicts with, computed anew for the weights as they are."""

import time
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from benchmark import augmentation
from benchmark.learning import Epoch

IMAGES: Final = 2560
"""Of the training data that statistics are computed from. Between 1,280 and 5,120 images, the accuracies of five
networks on FER-2013 moved by 0.4 points at most."""


class BatchStatistics:
    """Computes the running statistics of a model's batch normalisation anew, from training images.

    While a model learns they follow its last few steps: they are noisy, and those of averaged weights are not even
    theirs. Here the weights stay and the images go by, as in Izmailov et al. 2018 ("Averaging Weights Leads to Wider
    Optima and Better Generalization", section 3.2). Layers that are not trainable, which keep their statistics in
    training too, keep them here.

    Args:
        model: whose statistics are meant.
        shown_to: takes the images; `model`, or one that ends with it, such as with augmentation before it.
    """

    def __init__(self, model: Any, shown_to: Any) -> None:
        self.compile_seconds = 0.0
        self._layers = [layer for layer in _normalising(model) if layer.trainable]
        self._forward = augmentation.in_training(shown_to)
        self._compiled = False

    def compute(self, epoch: Epoch, size: int) -> None:
        """From the first `IMAGES` images of an epoch, `size` at a time; from as many as there are, where fewer."""
        if not self._layers:
            return
        size = min(size, len(epoch))
        starts = range(0, max(1, min(IMAGES, len(epoch)) // size) * size, size)
        before = [(layer.moving_mean.numpy(), layer.moving_variance.numpy()) for layer in self._layers]
        for start in starts:
            self._show(epoch.images[epoch.rows[start : start + size]].astype(np.float32))
        for layer, (mean, variance) in zip(self._layers, before, strict=True):
            # Each batch moves a statistic by 1 - momentum of the way: what is left of the old one is taken out, as
            # Adam's moments are corrected for their start.
            left = layer.momentum ** len(starts)
            layer.moving_mean.assign((layer.moving_mean.numpy() - left * mean) / (1 - left))
            found = (layer.moving_variance.numpy() - left * variance) / (1 - left)
            layer.moving_variance.assign(np.maximum(found, 0.0))

    def _show(self, images: Any) -> None:
        started = time.perf_counter()
        self._forward(images)
        if not self._compiled:  # within the first call, beside which a batch is short
            self._compiled = True
            self.compile_seconds += time.perf_counter() - started


def _normalising(model: Any) -> Iterator[Any]:
    """The layers of batch normalisation, those of models within the model included."""
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _normalising(layer)
        elif isinstance(layer, keras.layers.BatchNormalization):
            yield layer
