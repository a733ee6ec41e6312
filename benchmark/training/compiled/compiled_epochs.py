"""Epochs as a few compiled calls of many steps each, on images that lie on the device.

A step is Keras' own `train_step`, so that dropout, augmentation, optimiser and metrics are computed as `fit` computes
them. What is left out is the host between the steps.
"""

import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.hardware import backend
from benchmark.training.compiled.calls import TrainingCalls, Window
from benchmark.training.optimizers import begin_steps
from benchmark.training.trainer import Epoch, OnStep

RESIDENT_BYTES: Final = {"CPU": 2**30, "accelerator": 3 * 2**30}
"""Images of up to so many bytes stay on the device as long as they are used; others come in windows. FER-2013 takes
66 MB, its features of `vgg` at 224 take 2.9 GB a view."""

WINDOW_BYTES: Final = 128 * 2**20
"""Size of the images that the host gathers while the device trains on the window before."""

SECONDS_A_CALL: Final = 1.0
"""Target duration of a call of several steps: progress is reported between calls."""


class Resident:
    """Keeps one set of images on the device, until they are dropped on the host or another set comes."""

    def __init__(self) -> None:
        self._most_bytes = RESIDENT_BYTES["CPU" if backend.on_cpu() else "accelerator"]
        self._images: Callable[[], Any] = lambda: None
        self._kept: Any = None

    def of(self, images: Any, put: Callable[[], Any]) -> Any:
        """What `put` returned for this very object, called once; None where the images are too large to be kept."""
        if images.nbytes > self._most_bytes:
            self._drop()
            return None
        if self._images() is not images:
            self._drop()
            self._kept = put()
            self._images = weakref.ref(images, self._drop)
        return self._kept

    def _drop(self, _: Any = None) -> None:
        self._images, self._kept = lambda: None, None


class CompiledEpochs:
    """Trains a compiled Keras model, an epoch at a time.

    Args:
        model: compiled with a loss for one-hot labels; its outputs are (n, classes).
        on_step: called between calls, see `benchmark.training.trainer.OnStep`.
        resident: the images on the device, which several networks may share.
    """

    def __init__(self, model: Any, on_step: OnStep, resident: Resident) -> None:
        # Optimiser and metrics get their variables before any is handed over, as in `fit`.
        blank = [np.zeros((1, *tensor.shape[1:]), np.float32) for tensor in (*model.inputs, *model.outputs)]
        model._symbolic_build(data_batch=(blank[0] if len(model.inputs) == 1 else blank[:-1], blank[-1], None))
        self._on_step = on_step
        self._optimizer = model.optimizer
        self._calls = _training_calls(model)
        self._resident = resident
        self._steps_a_call = 1

    @property
    def compile_seconds(self) -> float:
        return self._calls.compilations.seconds

    def train(self, epoch: Epoch, size: int) -> dict[str, float]:
        """Train on an epoch's images, `size` a step and the rest in a last one. Returns the metrics, by name."""
        self._calls.begin()
        done = 0
        for window, count in self._windows(epoch, size):
            rest = count % size
            for start in self._whole_steps(window, count - rest, size):
                self._on_step(done + start, len(epoch))
            if rest:
                begin_steps(self._optimizer, rest)
                self._calls.train(window, count - rest, 1, rest)
                self._on_step(done + count, len(epoch))
            done += count
        return self._calls.end()

    def _whole_steps(self, window: Window, count: int, size: int) -> Iterator[int]:
        """Make the steps in calls of about `SECONDS_A_CALL`; yields the number of images done after each call."""
        start = 0
        begin_steps(self._optimizer, size)
        while start < count:
            steps = min(self._steps_a_call, (count - start) // size)
            began, compiled = time.perf_counter(), self.compile_seconds
            self._calls.train(window, start, steps, size)
            self._calls.wait()
            seconds = time.perf_counter() - began - (self.compile_seconds - compiled)
            self._steps_a_call = max(1, round(steps * SECONDS_A_CALL / max(seconds, 1e-6)))
            start += steps * size
            yield start

    def _windows(self, epoch: Epoch, size: int) -> Iterator[tuple[Window, int]]:
        """The whole epoch where the images stay on the device, else part after part; each with its number of images."""
        put, images = self._calls.put, epoch.images
        resident = self._resident.of(images, lambda: put(_whole(images)))
        mixing = epoch.mixing.arrays if epoch.mixing else ()
        window = Window(resident, epoch.rows, epoch.labels, epoch.weights, mixing, epoch.taught)
        if resident is None:
            yield from _ahead(self._gathered(images, window, size))
        else:
            yield window.part(put), len(epoch)

    def _gathered(self, images: Any, window: Window, size: int) -> Iterator[tuple[Window, int]]:
        """Windows of images that are gathered here; all of one size, so that they share one compilation."""
        put, count, image_bytes = self._calls.put, len(window.rows), images.nbytes // len(images)
        length = min(max(1, WINDOW_BYTES // (size * image_bytes)) * size, -(-count // size) * size)
        for start in range(0, count, length):
            rows = window.rows[start : start + length]
            part = window.part(lambda array: put(padded(array[start : start + length], length)))  # noqa: B023
            shown = put(padded(images[rows], length))
            yield part._replace(images=shown, rows=put(np.arange(length))), len(rows)


def compiles() -> bool:
    """Whether epochs can be compiled on the backend in use; others train by Keras' own `train_on_batch`."""
    import keras

    return keras.backend.backend() in ("jax", "tensorflow")


def padded(array: NDArray[Any], length: int) -> NDArray[Any]:
    """The array with zeros after its rows, `length` rows in all; the array itself where it has them already."""
    if len(array) == length:
        return array
    whole = np.zeros((length, *array.shape[1:]), array.dtype)
    whole[: len(array)] = array
    return whole


def _training_calls(model: Any) -> TrainingCalls:
    import keras

    if keras.backend.backend() == "jax":
        from benchmark.training.compiled.jax_calls import JaxTraining

        return JaxTraining(model)
    from benchmark.training.compiled.tensorflow_calls import TensorFlowTraining

    return TensorFlowTraining(model)


def _whole(images: Any) -> NDArray[Any]:
    return images if isinstance(images, np.ndarray) else np.asarray(images[np.arange(len(images))])


def _ahead(parts: Iterator[tuple[Window, int]]) -> Iterator[tuple[Window, int]]:
    """The parts, each prepared while the one before is in use."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, parts, None)
        while (part := coming.result()) is not None:
            coming = thread.submit(next, parts, None)
            yield part
