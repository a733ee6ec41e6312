"""The interface of the calls that a backend compiles: many steps of a training, or many batches of predictions."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

from numpy.typing import NDArray

from benchmark.training.images.mixing import mixed_step


class Window(NamedTuple):
    """The images of an epoch, or as many of them as are on the device at a time, as arrays on the device.

    Attributes:
        images: that `rows` selects from.
        rows: int, shape (n,), positions in them, in the order of training.
        labels: int, shape (n,).
        weights: float32, shape (n,); None where all weigh the same.
        mixing: the arrays of `benchmark.training.images.mixing.Mixing`; empty where images are not mixed.
        taught: float32, shape (n, classes), a teacher's probabilities; None where these are no input of the model.
    """

    images: Any
    rows: Any
    labels: Any
    weights: Any
    mixing: tuple[Any, ...]
    taught: Any = None

    def part(self, take: Callable[[Any], Any]) -> "Window":
        """A window whose arrays but the images are what `take` makes of them."""
        weights = None if self.weights is None else take(self.weights)
        mixing = tuple(take(array) for array in self.mixing)
        taught = None if self.taught is None else take(self.taught)
        return Window(self.images, take(self.rows), take(self.labels), weights, mixing, taught)

    def step_data(self, images: Any, one_hot: Any) -> tuple[Any, ...]:
        """The argument of Keras' `train_step`, given the images at these rows and their labels."""
        shown, labels = mixed_step(images, one_hot, self.mixing) if self.mixing else ([images], one_hot)
        inputs = shown if self.taught is None else [*shown, self.taught]
        data = inputs if len(inputs) > 1 else inputs[0], labels
        return data if self.weights is None else (*data, self.weights)


class Compilations:
    """Functions that are compiled once for every key.

    Attributes:
        seconds: time spent on compiling so far, as far as the backend tells.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._compiled: dict[Any, Any] = {}

    def get(self, key: Any, compiled: Callable[[], Any]) -> tuple[Any, bool]:
        """The function for `key`, and whether it is new; `compiled` makes it."""
        if new := key not in self._compiled:
            with self.timed():
                self._compiled[key] = compiled()
        return self._compiled[key], new

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Count the time spent inside as compiling."""
        started = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - started


class TrainingCalls(Protocol):
    """Training on one backend."""

    compilations: Compilations

    def put(self, array: NDArray[Any], /) -> Any:
        """The array on the device; positions and labels in the integers that the backend prefers."""

    def begin(self) -> None:
        """Begin an epoch: reset its metrics."""

    def train(self, window: Window, start: int, steps: int, size: int) -> None:
        """Start `steps` steps of `size` images each, the first of them at position `start` of the window's rows."""

    def wait(self) -> None:
        """Return once all steps are done."""

    def end(self) -> dict[str, float]:
        """End an epoch: bring the model's variables up to date. Returns the metrics, by name."""


class PredictionCalls(Protocol):
    """Prediction on one backend.

    Attributes:
        any_count: whether a single batch of fewer images needs no compilation of its own.
    """

    compilations: Compilations
    any_count: bool

    def put(self, array: NDArray[Any], /) -> Any:
        """The array on the device."""

    def predict(self, images: Any, batches: int, size: int) -> Any:
        """Outputs, float32 on the device, of the first `batches` batches of `size` images; the others are undefined."""
