"""What a Keras model says of many images: many batches a compiled call, the next under way before the last is read."""

from collections.abc import Iterable, Iterator
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmark.hardware import backend
from benchmark.training.compiled.compiled_epochs import Resident, padded

CALL_BYTES: Final = 64 * 2**20
"""Of images in one call, unless a single batch is larger."""

MOST_BATCHES: Final = {"CPU": 1, "accelerator": 16}
"""In one call. A call of fewer images carries zeros to the device; on a CPU a batch is long enough for a call."""


class PredictionCalls(Protocol):
    """What a backend contributes to predictions."""

    @property
    def compile_seconds(self) -> float:
        """What compiling has taken so far."""

    def put(self, array: NDArray[Any]) -> Any:
        """The array on the device."""

    def predict(self, images: Any, batches: int, size: int) -> Any:
        """Outputs, float32 on the device, of the first `batches` batches of `size` images each, others undefined."""


class CompiledPredictions:
    """Predicts with a Keras model as it is at that moment, in inference mode.

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
        """What compiling has taken so far."""
        return self._calls.compile_seconds

    def __call__(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """The outputs, float32 (n, ...). Images that are asked for again lie on the device already."""
        size, length = self._shape_of_calls(images)
        starts = range(0, len(images), length)
        counts = [min(length, len(images) - start) for start in starts]

        def put() -> list[Any]:
            return [self._calls.put(padded(images[start : start + length], length)) for start in starts]

        on_device = self._resident.of(images, put)
        if on_device is None:
            on_device = (self._calls.put(padded(images[start : start + length], length)) for start in starts)
        return np.concatenate(list(self._outputs(zip(on_device, counts, strict=True), size)))

    def images_a_call(self, images: NDArray[Any]) -> int:
        """How many of these images a call takes."""
        return self._shape_of_calls(images)[1]

    def stream(self, parts: Iterable[NDArray[Any]], length: int) -> Iterator[NDArray[np.float32]]:
        """The outputs for parts of images, each of at most `length` (what `images_a_call` says), part by part."""
        on_device = ((self._calls.put(padded(part, length)), len(part)) for part in parts)
        yield from self._outputs(on_device, min(self._batch, length))

    def _outputs(self, parts: Iterable[tuple[Any, int]], size: int) -> Iterator[NDArray[np.float32]]:
        """Outputs on the host; a part is read when the next is at work."""
        before: tuple[Any, int] | None = None
        for images, count in parts:
            asked = self._calls.predict(images, -(-count // size), size), count
            if before:
                yield np.asarray(before[0])[: before[1]]
            before = asked
        if before:
            yield np.asarray(before[0])[: before[1]]

    def _shape_of_calls(self, images: NDArray[Any]) -> tuple[int, int]:
        """Images a batch, and a call. Few shapes, because each is compiled: a power of two, or the batch and many."""
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

    compile_seconds = 0.0

    def __init__(self, model: Any) -> None:
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
