"""The interface of a trainer: a model under training, whatever library it comes from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmark.training.images.mixing import Mixing

Arrays = Mapping[str, NDArray[Any]]
Snapshot = Sequence[NDArray[Any]]
OnStep = Callable[[int, int], None]
"""Called with the number of images done and the number of all images, of an epoch or of a set."""


class Samples(Protocol):
    """What a trainer is trained or judged on: a `Split`, or what a trainer makes of one."""

    @property
    def name(self) -> str:
        """train or validation."""

    @property
    def images(self) -> Any:
        """Indexed by positions (int64). May hold several versions of all images, one whole set after the other."""

    @property
    def labels(self) -> NDArray[np.int64] | None:
        """Of each image, shape (n,)."""


@dataclass(frozen=True, eq=False)
class Epoch:
    """One pass over the training images.

    Attributes:
        images: all images, as in `Samples.images`. They are the same object in every epoch of a training, so that a
            trainer may keep them on its device.
        rows: int64 positions in them, shape (n,), in the order of training.
        labels: int64, shape (n,), of these rows.
        weights: float32, shape (n,), of these rows; None where all weigh the same.
        learning_rate: of every step.
        number: of the epoch, from 0; what is drawn at random depends on the seed and on this number alone.
        mixing: how images are mixed; None where they are not.
        taught: float32, shape (n, classes): a teacher's probabilities of these rows, mixed as their images are; None
            where it sees the images themselves, or there is none.
    """

    images: Any
    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    weights: NDArray[np.float32] | None
    learning_rate: float
    number: int = 0
    mixing: Mixing | None = None
    taught: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class RefitSchedule:
    """Replaces validation where an earlier training is repeated on more images.

    Attributes:
        rates: the learning rate of each epoch, at least one.
    """

    rates: tuple[float, ...]


class ModelSize(NamedTuple):
    """How large a model is; None stands for what is not known.

    Attributes:
        parameters: number of all weights, trainable or not.
        flops: floating-point operations of one image's prediction, see `benchmark.training.flops`.
        model_bytes: of all weights as stored.
    """

    parameters: int | None = None
    flops: int | None = None
    model_bytes: int | None = None


class Pass(NamedTuple):
    """How long a whole network took to predict so many views of images, in batches."""

    seconds: float
    images: int


class Trainer(Protocol):
    """A model under training. Its classes document only what differs from this."""

    def size(self) -> ModelSize:
        """How large the model is now."""

    @property
    def compile_seconds(self) -> float:
        """Time spent on compiling so far; it is not part of an epoch's seconds."""

    def train_epoch(self, epoch: Epoch) -> dict[str, float]:
        """Train on the images of an epoch in its order; returns the training `loss` and `accuracy` (0-1)."""

    def predict(self, images: Any) -> NDArray[np.float32]:
        """Probabilities, float32 (n, classes)."""

    def snapshot(self) -> Snapshot:
        """A copy of the weights, as `restore` takes them."""

    def restore(self, snapshot: Snapshot) -> None:
        """Set the weights to a `snapshot`, made here or in another process.

        Raises:
            ValueError: it is of another model; nothing has been changed then.
        """

    def state(self) -> Arrays:
        """Everything that the next epoch depends on: weights, optimiser and random numbers, by name."""

    def restore_state(self, state: Arrays) -> None:
        """Set everything to a `state`, made here or in another process.

        Raises:
            ValueError: it is of another model; nothing has been changed then.
        """

    def save(self, directory: Path) -> None:
        """Write the model into `directory`."""
