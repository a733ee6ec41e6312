"""What a trainer is: a model under training, whatever library it comes from, and what it is asked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmark.training.images.mixing import Mixing

Arrays = Mapping[str, NDArray[Any]]
Snapshot = Sequence[NDArray[Any]]
OnStep = Callable[[int, int], None]
"""Called with how many images of an epoch, or of a set, are done, and how many there are."""


class Samples(Protocol):
    """What a trainer learns from or is judged on: a `Split`, or whatever a trainer makes of one."""

    @property
    def name(self) -> str:
        """train or validation."""

    @property
    def images(self) -> Any:
        """As the trainer takes them: what positions (int64) select from. May hold several versions of all images, one
        whole set after the other."""

    @property
    def labels(self) -> NDArray[np.int64] | None:
        """Of each image, shape (n,)."""


@dataclass(frozen=True, eq=False)
class Epoch:
    """One pass over the training images, as a trainer is asked for it.

    Attributes:
        images: all there are, as `Samples.images` holds them: in every epoch of a training the same object, so that a
            trainer may keep them on its device.
        rows: int64 positions in them, shape (n,), in the order shown.
        labels: int64, shape (n,), of these rows.
        weights: float32, shape (n,), of these rows; None where all weigh the same.
        learning_rate: of every step.
        number: of the epoch in its training, from 0: what is drawn for it is a function of the seed and this.
        mixing: how a trainer that mixes images does it; None where it does not.
    """

    images: Any
    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    weights: NDArray[np.float32] | None
    learning_rate: float
    number: int = 0
    mixing: Mixing | None = None

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class RefitSchedule:
    """In place of validation: an earlier training is repeated on other images, epoch by epoch.

    Attributes:
        rates: the learning rate of each of its epochs, at least one.
    """

    rates: tuple[float, ...]


class Trainer(Protocol):
    """A model under training, whatever library it comes from."""

    @property
    def parameters(self) -> int:
        """All weights, trainable or not."""

    @property
    def flops(self) -> int | None:
        """Floating-point operations of one image's prediction, see `benchmark.training.flops`; None where unknown."""

    @property
    def model_bytes(self) -> int:
        """What all weights take as stored."""

    @property
    def compile_seconds(self) -> float:
        """What compiling has taken so far; it is no part of an epoch's seconds."""

    def train_epoch(self, epoch: Epoch) -> dict[str, float]:
        """One pass over the images of an epoch in its order; returns training `loss` and `accuracy` (0-1)."""

    def predict(self, images: Any) -> NDArray[np.float32]:
        """Probabilities, float32 (n, classes)."""

    def snapshot(self) -> Snapshot:
        """The weights, as `restore` takes them; a copy."""

    def restore(self, snapshot: Snapshot) -> None:
        """Put back weights that `snapshot` gave, here or in another process.

        Raises:
            ValueError: they are not this model's; nothing has been changed then.
        """

    def state(self) -> Arrays:
        """Everything that the next epoch depends on: weights, optimiser and random numbers, by name."""

    def restore_state(self, state: Arrays) -> None:
        """Put back what `state` gave, in another process.

        Raises:
            ValueError: it is not this model's; nothing has been changed then.
        """

    def save(self, directory: Path) -> None:
        """Write the model into `directory`."""
