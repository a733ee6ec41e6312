"""What a compiled call is given, and what a backend contributes to an epoch."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from numpy.typing import NDArray

from benchmark.training.images.mixing import mixed_step


class Window(NamedTuple):
    """What an epoch's steps are made of, as arrays on the device.

    Attributes:
        images: that are chosen from.
        rows: int, shape (n,), positions in them, in the order shown.
        labels: int, shape (n,).
        weights: float32, shape (n,); None where all weigh the same.
        mixing: the arrays of `benchmark.training.images.mixing.Mixing`; none where images are not mixed.
    """

    images: Any
    rows: Any
    labels: Any
    weights: Any
    mixing: tuple[Any, ...]

    def part(self, take: Callable[[Any], Any]) -> "Window":
        """With `take` of everything but the images, which are those of the whole window."""
        weights = None if self.weights is None else take(self.weights)
        mixing = tuple(take(array) for array in self.mixing)
        return Window(self.images, take(self.rows), take(self.labels), weights, mixing)

    def step_data(self, images: Any, one_hot: Any) -> tuple[Any, ...]:
        """What Keras' `train_step` takes, given the images at these rows and their labels."""
        data = mixed_step(images, one_hot, self.mixing) if self.mixing else (images, one_hot)
        return data if self.weights is None else (*data, self.weights)


@dataclass(frozen=True)
class Span:
    """Which steps a call makes.

    Attributes:
        start: position of the first step's first image among a window's rows.
        steps: how many.
        size: images a step.
    """

    start: int
    steps: int
    size: int


class TrainingCalls(Protocol):
    """What a backend contributes to an epoch."""

    @property
    def compile_seconds(self) -> float:
        """What compiling has taken so far."""

    def put(self, array: NDArray[Any]) -> Any:
        """The array on the device; positions and labels as the backend counts."""

    def begin(self) -> None:
        """An epoch begins: its metrics start at nothing."""

    def train(self, window: Window, span: Span) -> None:
        """Make some steps; compile what is called for the first time."""

    def wait(self) -> None:
        """Return once all steps asked for are done."""

    def end(self) -> dict[str, float]:
        """An epoch has ended: the model's variables are up to date again. Its metrics, by name."""
