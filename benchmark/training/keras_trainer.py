"""A Keras model under training: epochs, predictions, weights kept and put back."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from math import ceil
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.files.run_layout import MODEL
from benchmark.hardware import backend
from benchmark.training.batch_statistics import BatchStatistics
from benchmark.training.compiled.compiled_epochs import CompiledEpochs, compiles
from benchmark.training.compiled.compiled_predictions import CompiledPredictions
from benchmark.training.distillation import with_distillation_loss
from benchmark.training.flops import model_flops
from benchmark.training.images import augmentation
from benchmark.training.images.mixing import epoch_mixing, mixing_model
from benchmark.training.losses import loss_of
from benchmark.training.optimizers import optimizer_of
from benchmark.training.trainer import Arrays, Epoch, OnStep, Snapshot
from zoo.settings import TrainingSettings

PREDICT_BATCH: Final = 256
PREDICT_BATCH_ON_BACKBONE: Final = {"CPU": 32, "accelerator": 128}
"""At 224 x 224, one layer of VGG16 makes 13 MB of an image."""


class KerasTrainer:
    """Trains one Keras model; satisfies `benchmark.training.trainer.Trainer`.

    Args:
        model: from raw pixels (n, height, width, channels), or from features, to probabilities (n, classes).
        settings: of the training.
        seed: of augmentation and mixing.
        on_step: called with images done and images in all, after each step of an epoch.
        accumulation: into so many steps each batch is divided, whose gradients are added up; for want of memory.
        teacher: a Keras model that the model learns from as well (`benchmark.training.distillation`), or none.
    """

    def __init__(
        self,
        model: Any,
        settings: TrainingSettings,
        seed: int,
        on_step: OnStep,
        accumulation: int = 1,
        teacher: Any = None,
    ) -> None:
        self.model = model
        self.settings = settings
        self.seed = seed
        self.on_step = on_step
        self.accumulation = accumulation
        # With offline copies the augmentation has been done by the time an epoch starts.
        policy = "none" if settings.augmented_beforehand else settings.augmentation
        self._layers, shape = augmentation.layers_of(policy, seed), model.input_shape[1:]
        learning = model if teacher is None else with_distillation_loss(model, teacher, settings)
        self._teachers = frozenset(map(id, () if teacher is None else teacher.variables))
        # Wrapped even where nothing augments: the optimiser belongs to the wrapper, not to the model that is stored.
        wrapped = mixing_model if settings.mixes else _augmented
        self._trained = wrapped(shape, self._layers, learning)
        self._optimizer = optimizer_of(settings, accumulation)
        of_labels = None if teacher is None else [1 - settings.distillation]
        self._trained.compile(self._optimizer, loss_of(settings), loss_weights=of_labels, metrics=["accuracy"])

    @property
    def parameters(self) -> int:
        """All weights, trainable or not."""
        return int(self.model.count_params())

    @property
    def flops(self) -> int | None:
        """Floating-point operations that the prediction of one image takes; None where a layer is unknown."""
        return model_flops(self.model)

    @property
    def model_bytes(self) -> int:
        """What all weights take as stored."""
        return sum(weights.nbytes for weights in self.model.get_weights())

    def train_epoch(self, epoch: Epoch) -> dict[str, float]:
        """One pass over an epoch's images; returns the mean training `loss` and `accuracy` (0-1).

        Of mixed images the one with the larger share counts as the right class.
        """
        self._trained.optimizer.learning_rate = epoch.learning_rate
        size = max(1, self.settings.batch_size // self.accumulation)
        if self.settings.mixes:
            epoch = self._mixed(epoch, size)
        with self._own_weights():
            seen = self._epochs.train(epoch, size) if compiles() else self._fitted(epoch, size)
        if self.settings.batch_norm != "running":
            self._statistics.compute(epoch, size)
        return {"loss": seen["loss"], "accuracy": seen["accuracy"]}

    def _mixed(self, epoch: Epoch, size: int) -> Epoch:
        """The epoch with what is drawn for mixing its images, `size` a step."""
        edges = self.model.input_shape[1:3]
        mixing = epoch_mixing(self.settings, len(epoch), size, edges, (self.seed, epoch.number))
        return replace(epoch, mixing=mixing, weights=None if epoch.weights is None else mixing.mixed(epoch.weights))

    def _fitted(self, epoch: Epoch, size: int) -> dict[str, float]:
        """An epoch by Keras' own loop."""
        import keras

        one_hot = np.eye(self.model.output_shape[-1], dtype=np.float32)[epoch.labels]
        total, on_step = len(epoch), self.on_step
        progress = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: on_step(  # noqa: ARG005 - Keras names it
                min((batch + 1) * size, total), total
            )
        )
        how = {"epochs": 1, "shuffle": False, "verbose": 0, "callbacks": [progress]}
        if isinstance(epoch.images, np.ndarray):
            images: Any = epoch.images[epoch.rows]
            if epoch.mixing is not None:
                images, one_hot = [images, *epoch.mixing.arrays[:2]], epoch.mixing.mixed(one_hot)
            fitted = self._trained.fit(images, one_hot, sample_weight=epoch.weights, batch_size=size, **how)
        else:
            fitted = self._trained.fit(_batches(epoch, one_hot, size), **how)
        return {name: values[-1] for name, values in fitted.history.items()}

    @cached_property
    def _epochs(self) -> CompiledEpochs:
        return CompiledEpochs(self._trained, self.on_step)

    @cached_property
    def _predictions(self) -> CompiledPredictions:
        return CompiledPredictions(self.model, self._predict_batch)

    @cached_property
    def _statistics(self) -> BatchStatistics:
        augmented = self.settings.batch_norm == "augmented"
        shown_to = _augmented(self.model.input_shape[1:], self._layers, self.model) if augmented else self.model
        return BatchStatistics(self.model, shown_to)

    @property
    def compile_seconds(self) -> float:
        """What compiling for training, statistics and predictions has taken so far."""
        made = (vars(self).get(name) for name in ("_epochs", "_statistics", "_predictions"))
        return sum((compiled.compile_seconds for compiled in made if compiled is not None), 0.0)

    @property
    def _predict_batch(self) -> int:
        """Images that are predicted at once."""
        import keras

        on_backbone = any(isinstance(layer, keras.Model) for layer in self.model.layers)
        there = PREDICT_BATCH_ON_BACKBONE["CPU" if backend.on_cpu() else "accelerator"]
        return max(1, (there if on_backbone else PREDICT_BATCH) // self.accumulation)

    def predict(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """Probabilities, float32 (n, classes)."""
        return self._predictions(images)

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

        The teacher's are not: nothing changes them, and of an ensemble they are many.

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

    @contextmanager
    def _own_weights(self) -> Iterator[None]:
        """With `ema` the model holds the averages of its weights, and the optimiser the weights; in here the reverse.

        So whatever judges, keeps or stores the model between epochs finds the averages, and `state` has both.
        """
        if not self.settings.ema:
            yield
            return
        if not self._trained.optimizer.built:
            self._trained.optimizer.build(self._trained.trainable_variables)
        if int(self._optimizer.iterations) > 0:
            self._optimizer.exchange()
        yield
        self._optimizer.exchange()

    def _variables(self) -> list[Any]:
        own = [variable for variable in self._trained.variables if id(variable) not in self._teachers]
        return [*own, *self._trained.optimizer.variables]

    def save(self, directory: Path) -> None:
        """Write the model, without augmentation and optimiser, as `model.keras`."""
        self.model.save(directory / MODEL)


def _augmented(shape: Sequence[int], layers: Sequence[Any], model: Any) -> Any:
    import keras

    return keras.Sequential([keras.Input(shape), *layers, model])


def _check_fit(own: Sequence[NDArray[Any]], found: Sequence[NDArray[Any]]) -> None:
    """Raise ValueError unless the arrays found have the shapes and types of the model's own."""
    expected = [(array.shape, np.dtype(array.dtype)) for array in own]
    if [(array.shape, array.dtype) for array in found] != expected:
        raise ValueError(f"they are {len(found)} arrays that are not those of this model")


def _batches(epoch: Epoch, one_hot: NDArray[np.float32], size: int) -> Any:
    """Features for `fit`, read from disk a batch at a time."""
    import keras

    class Batches(keras.utils.PyDataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return ceil(len(epoch) / size)

        def __getitem__(self, batch: int) -> tuple[NDArray[np.float32], ...]:
            here = slice(batch * size, batch * size + size)
            found = (epoch.images[epoch.rows[here]], one_hot[here])
            return found if epoch.weights is None else (*found, epoch.weights[here])

    return Batches()
