"""A Keras model's outputs for many images: many batches a compiled call, the next started before the last is read."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.hardware import backend
from benchmark.training.compiled.calls import Compilations, PredictionCalls
from benchmark.training.compiled.compiled_epochs import Resident, padded

CALL_BYTES: Final = 64 * 2**20
"""Size of the images in one call, unless a single batch is larger."""

MOST_BATCHES: Final = {"CPU": 1, "accelerator": 16}
"""Batches in one call. A call of fewer images is padded with zeros; on a CPU a batch is long enough for a call."""


class CompiledPredictions:
    """Predicts with a Keras model's current weights, in inference mode.

    Args:
        model: from images, or features, to one output.
        batch: images that are computed at once, at most.
    """

    def __init__(self, model: Any, batch: int) -> None:
        self._calls = _prediction_calls(model)
        self._batch = batch
        self._resident = Resident()

    @property
    def compile_seconds(self) -> float:
        return self._calls.compilations.seconds

    def __call__(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """The outputs, float32 (n, ...). The last images stay on the device, for the next call with them."""
        size, length = self._shape_of_calls(images)
        starts = range(0, len(images), length)
        counts = [min(length, len(images) - start) for start in starts]

        def put() -> Iterator[Any]:
            return (self._put(images[start : start + length], length, size) for start in starts)

        on_device = self._resident.of(images, lambda: list(put()))
        if on_device is None:
            on_device = put()
        return np.concatenate(list(self._outputs(zip(on_device, counts, strict=True), size)))

    def images_a_call(self, images: NDArray[Any]) -> int:
        return self._shape_of_calls(images)[1]

    def stream(self, parts: Iterable[NDArray[Any]], length: int) -> Iterator[NDArray[np.float32]]:
        """The outputs part by part, for parts of at most `length` images (from `images_a_call`)."""
        size = min(self._batch, length)
        yield from self._outputs(((self._put(part, length, size), len(part)) for part in parts), size)

    def _put(self, part: NDArray[Any], length: int, size: int) -> Any:
        """The images of a call on the device: `length` of them, unless a single batch of fewer is as good."""
        return self._calls.put(part if self._calls.any_count and length == size else padded(part, length))

    def _outputs(self, parts: Iterable[tuple[Any, int]], size: int) -> Iterator[NDArray[np.float32]]:
        """Outputs on the host; a part is read once the next is being computed."""
        pending: tuple[Any, int] | None = None
        for images, count in parts:
            started = self._calls.predict(images, -(-count // size), size), count
            if pending:
                yield np.asarray(pending[0])[: pending[1]]
            pending = started
        if pending:
            yield np.asarray(pending[0])[: pending[1]]

    def _shape_of_calls(self, images: NDArray[Any]) -> tuple[int, int]:
        """Images a batch, and images a call. Few shapes, since each is compiled: a power of two, or whole batches."""
        count = len(images)
        if count <= self._batch // 2:
            size = 1 << max(0, count - 1).bit_length()
            return size, size
        bytes_a_batch = max(1, images.nbytes // count) * self._batch
        most = MOST_BATCHES["CPU" if backend.on_cpu() else "accelerator"]
        batches = min(most, max(1, CALL_BYTES // bytes_a_batch))
        return self._batch, self._batch * (batches if count > self._batch else 1)


class _KerasPrediction:
    """Satisfies `PredictionCalls` on any backend, a batch at a time."""

    any_count = False

    def __init__(self, model: Any) -> None:
        self.compilations = Compilations()
        self._model = model

    def put(self, array: NDArray[Any]) -> Any:
        return array

    def predict(self, images: Any, batches: int, size: int) -> Any:
        parts = (images[start : start + size] for start in range(0, batches * size, size))
        return np.concatenate([np.asarray(self._model.predict_on_batch(part), np.float32) for part in parts])


def _prediction_calls(model: Any) -> PredictionCalls:
    import keras

    match keras.backend.backend():
        case "jax":
            from benchmark.training.compiled.jax_calls import JaxPrediction

            return JaxPrediction(model)
        case "tensorflow":
            from benchmark.training.compiled.tensorflow_calls import TensorFlowPrediction

            return TensorFlowPrediction(model)
        case _:
            return _KerasPrediction(model)
