"""A Keras model under training: epochs, predictions, weights kept and put back."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark import augmentation
from benchmark.features import Rows
from benchmark.operations import model_operations
from benchmark.optimizers import loss_of, optimizer_of
from benchmark.run_layout import MODEL
from benchmark.training import Arrays, Snapshot
from zoo.settings import TrainingSettings

PREDICT_BATCH = 256
PREDICT_BATCH_ON_BACKBONE = 32
"""At 224 x 224, one layer of VGG16 makes 13 MB of an image."""

Steps = Callable[[int, int], None]


class KerasLearner:
    """Trains one Keras model; satisfies `benchmark.training.Learner`.

    Args:
        model: from raw pixels (n, height, width, channels), or from features, to probabilities (n, classes).
        settings: of the training.
        seed: of augmentation.
        on_step: called with images done and images in all, after each step of an epoch.
        accumulation: into so many steps each batch is divided, whose gradients are added up; for want of memory.
    """

    def __init__(
        self, model: Any, settings: TrainingSettings, seed: int, on_step: Steps, accumulation: int = 1
    ) -> None:
        import keras

        self.model = model
        self.settings = settings
        self.seed = seed
        self.on_step = on_step
        self.accumulation = accumulation
        # With offline copies the augmentation has been done by the time an epoch starts.
        policy = "none" if settings.augmented_beforehand else settings.augmentation
        layers = augmentation.layers_of(policy, seed)
        # Wrapped even where nothing augments: the optimiser belongs to the wrapper, not to the model that is stored.
        self._trained = keras.Sequential([keras.Input(model.input_shape[1:]), *layers, model])
        self._trained.compile(optimizer_of(settings, accumulation), loss_of(settings), metrics=["accuracy"])

    @property
    def parameters(self) -> int:
        """All weights, trainable or not."""
        return int(self.model.count_params())

    @property
    def operations(self) -> int | None:
        """Floating-point operations that the prediction of one image takes; None where a layer is unknown."""
        return model_operations(self.model)

    @property
    def model_bytes(self) -> int:
        """What all weights take as stored."""
        return sum(weights.nbytes for weights in self.model.get_weights())

    def train_epoch(
        self,
        images: NDArray[np.uint8] | Rows,
        labels: NDArray[np.int64],
        weights: NDArray[np.float32] | None,
        learning_rate: float,
    ) -> dict[str, float]:
        """One pass over the images in the order given; returns the mean training `loss` and `accuracy` (0-1)."""
        import keras

        self._trained.optimizer.learning_rate = learning_rate
        one_hot = np.eye(self.model.output_shape[-1], dtype=np.float32)[labels]
        size = max(1, self.settings.batch_size // self.accumulation)
        total, on_step = len(images), self.on_step
        progress = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: on_step(  # noqa: ARG005 - Keras names it
                min((batch + 1) * size, total), total
            )
        )
        how = {"epochs": 1, "shuffle": False, "verbose": 0, "callbacks": [progress]}
        if isinstance(images, Rows):
            fitted = self._trained.fit(_batches(images, one_hot, weights, size), **how)
        else:
            fitted = self._trained.fit(images, one_hot, sample_weight=weights, batch_size=size, **how)
        return {"loss": fitted.history["loss"][-1], "accuracy": fitted.history["accuracy"][-1]}

    def predict(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """Probabilities, float32 (n, classes)."""
        import keras

        on_backbone = any(isinstance(layer, keras.Model) for layer in self.model.layers)
        batch = PREDICT_BATCH_ON_BACKBONE if on_backbone else PREDICT_BATCH
        batch //= self.accumulation
        return np.asarray(self.model.predict(images, batch_size=batch, verbose=0), np.float32)

    def snapshot(self) -> Snapshot:
        """The model's weights, as `restore` takes them."""
        return [np.array(weights) for weights in self.model.get_weights()]

    def restore(self, snapshot: Snapshot) -> None:
        """Put back weights that `snapshot` gave.

        Raises:
            ValueError: they are not this model's; nothing has been changed then.
        """
        _check_fit(self.model.get_weights(), snapshot)
        self.model.set_weights(snapshot)

    def state(self) -> Arrays:
        """Every variable of model, augmentation and optimiser, by its place; the random numbers' state is among them.

        Keras' own files of weights leave out the seed generators: dropout and augmentation would start anew.
        """
        return {f"variable_{place}": np.array(found.numpy()) for place, found in enumerate(self._variables())}

    def restore_state(self, state: Arrays) -> None:
        """Put back what `state` gave.

        Raises:
            ValueError: it is not this model's; nothing has been changed then.
        """
        optimizer = self._trained.optimizer
        if not optimizer.built:
            optimizer.build(self._trained.trainable_variables)
        variables = self._variables()
        values = [state[f"variable_{place}"] for place in range(len(state))]
        _check_fit([variable.numpy() for variable in variables], values)
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)

    def _variables(self) -> list[Any]:
        return [*self._trained.variables, *self._trained.optimizer.variables]

    def save(self, directory: Path) -> None:
        """Write the model, without augmentation and optimiser, as `model.keras`."""
        self.model.save(directory / MODEL)


def _check_fit(own: Sequence[NDArray[Any]], found: Sequence[NDArray[Any]]) -> None:
    """Raise ValueError unless the arrays found have the shapes and types of the model's own."""
    expected = [(array.shape, np.dtype(array.dtype)) for array in own]
    if [(array.shape, array.dtype) for array in found] != expected:
        raise ValueError(f"they are {len(found)} arrays that are not those of this model")


def _batches(features: Rows, one_hot: NDArray[np.float32], weights: NDArray[np.float32] | None, size: int) -> Any:
    """Features for `fit`, read from disk a batch at a time."""
    import keras

    class Batches(keras.utils.PyDataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return math.ceil(len(features) / size)

        def __getitem__(self, batch: int) -> tuple[NDArray[np.float32], ...]:
            start = batch * size
            found = (features.batch(start, size), one_hot[start : start + size])
            return found if weights is None else (*found, weights[start : start + size])

    return Batches()
