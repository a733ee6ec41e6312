"""The trainer of Keras models."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.files.run_layout import MODEL
from benchmark.hardware import backend
from benchmark.training.batch_statistics import BatchStatistics
from benchmark.training.compiled.compiled_epochs import CompiledEpochs, Resident, compiles
from benchmark.training.compiled.compiled_predictions import CompiledPredictions
from benchmark.training.compiled.onednn import check_convolutions
from benchmark.training.distillation import with_distillation_loss, with_given_teacher
from benchmark.training.flops import model_flops
from benchmark.training.images import augmentation
from benchmark.training.images.mixing import epoch_mixing, mixing_model
from benchmark.training.images.progressive import RESIZED_STEP, STEP, edges_shown, shown_smaller, whole_edges
from benchmark.training.logits import logits_model
from benchmark.training.losses import loss_of
from benchmark.training.optimizers import begin_steps, end_epoch, images_a_step, optimizer_of
from benchmark.training.trainer import Arrays, Epoch, ModelSize, OnStep, Snapshot
from zoo.settings import TrainingSettings

PREDICT_BATCH: Final = 256
PREDICT_BATCH_ON_BACKBONE: Final = {"CPU": 32, "accelerator": 128}
"""At 224 x 224, one layer of VGG16 makes 13 MB of an image."""


class KerasTrainer:
    """Trains one Keras model; satisfies `benchmark.training.trainer.Trainer`.

    Args:
        model: from raw pixels (n, height, width, channels), or from features, to probabilities (n, classes).
        accumulation: number of steps that each batch is divided into, to save memory; their gradients are added up
            (`benchmark.training.optimizers.images_a_step`).
        teacher: the Keras model of a distillation loss (`benchmark.training.distillation`); or the file of what one
            said of the training images, which `hear` takes; or None.
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
        # Offline copies have been augmented by the time an epoch starts.
        policy = "none" if settings.augmented_beforehand else settings.augmentation
        self._layers = augmentation.layers_of(policy, seed)
        self._teacher = teacher
        self._taught: NDArray[np.float32] | None = None
        self._seconds_of_teacher = 0.0
        self._teacher_variables = frozenset(map(id, getattr(teacher, "variables", ())))
        self._optimizer = optimizer_of(settings, accumulation)
        # The same variables in the same order, but the softmax is the loss's.
        self._student = logits_model(model)
        self._wrapper = self._compiled(self._student)
        self._epochs: dict[tuple[int, int], CompiledEpochs] = {}
        self._resident = Resident()
        self._smaller: dict[tuple[int, int], Any] = {}

    def _compiled(self, student: Any) -> Any:
        """The network as it is trained: augmentation before it, a teacher's loss behind it, with the optimiser.

        Wrapped even where nothing augments: the optimiser belongs to the wrapper, not to the model that is stored.
        """
        settings, teacher = self.settings, self._teacher
        if teacher is not None and not self.taught_once:
            student = with_distillation_loss(student, teacher, settings)
        wrapped = mixing_model if settings.mixes else _augmented
        wrapper = wrapped(self.model.input_shape[1:], self._layers, student)
        if self.taught_once:
            wrapper = with_given_teacher(wrapper, settings)
        label_share = None if teacher is None else [1 - settings.distillation]
        wrapper.compile(self._optimizer, loss_of(settings), loss_weights=label_share, metrics=["accuracy"])
        return wrapper

    def size(self) -> ModelSize:
        weights = self.model.get_weights()
        return ModelSize(sum(one.size for one in weights), model_flops(self.model), sum(one.nbytes for one in weights))

    def train_epoch(self, epoch: Epoch) -> dict[str, float]:
        """Of mixed images, the class of the one with the larger share counts as right."""
        check_convolutions(self.model)
        self._optimizer.learning_rate = epoch.learning_rate
        size = images_a_step(self.settings.batch_size, self.accumulation)
        if self.taught_once:
            epoch = replace(epoch, taught=self.ask_teacher(epoch.images)[epoch.rows])
        if self.settings.mixes:
            epoch = self._mixed(epoch, size)
        with self._own_weights():
            wrapper, edges = self._shown(epoch.number)
            if compiles():
                if edges not in self._epochs:
                    self._epochs[edges] = CompiledEpochs(wrapper, self.on_step, self._resident)
                scores = self._epochs[edges].train(epoch, size)
            else:
                scores = self._fit(wrapper, epoch, size)
            end_epoch(self._optimizer)
        if self.settings.batch_norm != "running":
            self._statistics.compute(epoch, size)
        return {"loss": scores["loss"], "accuracy": scores["accuracy"]}

    def _mixed(self, epoch: Epoch, size: int) -> Epoch:
        """The epoch with the shares and boxes that its images are mixed by, `size` images a step."""
        edges = self.model.input_shape[1:3]
        mixing = epoch_mixing(self.settings, len(epoch), size, edges, (self.seed, epoch.number))
        weights = None if epoch.weights is None else mixing.mixed(epoch.weights)
        return replace(
            epoch, mixing=mixing, weights=weights, taught=None if epoch.taught is None else mixing.mixed(epoch.taught)
        )

    @property
    def taught_once(self) -> bool:
        """Whether there is a teacher that predicts each training image once, or has done so."""
        return self._teacher is not None and self.settings.distillation_images == "plain"

    def hear(self, taught: NDArray[np.float32]) -> None:
        """Take a teacher's probabilities, float32 (n, classes), of all training images; before the first epoch."""
        self._taught = taught

    def ask_teacher(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """The teacher's probabilities, float32 (n, classes), of all training images, which it predicts once."""
        if self._taught is None:
            predictions = CompiledPredictions(self._teacher, self._backbone_batch)
            length, said, done = predictions.images_a_call(images), [], 0
            parts = (images[start : start + length] for start in range(0, len(images), length))
            for part in predictions.stream(parts, length):
                said.append(part)
                done += len(part)
                self.on_step(done, len(images))
            self._taught = np.concatenate(said)
            self._seconds_of_teacher = predictions.compile_seconds
        if len(self._taught) != len(images):
            raise ValueError(f"the teacher has predicted {len(self._taught)} images, not these {len(images)}")
        return self._taught

    def _shown(self, epoch: int) -> tuple[Any, tuple[int, int]]:
        """What trains in this epoch, and the edges of the images that its network sees."""
        whole = whole_edges(self._student)
        step = STEP if whole == self.model.input_shape[1:3] else RESIZED_STEP
        edges = edges_shown(self.settings, epoch, whole, step)
        if edges == whole:
            return self._wrapper, edges
        if edges not in self._smaller:
            # The optimiser's variables are in the order of the whole network's.
            self._build_optimizer()
            self._smaller[edges] = self._compiled(shown_smaller(self._student, edges))
        return self._smaller[edges], edges

    def _fit(self, wrapper: Any, epoch: Epoch, size: int) -> dict[str, float]:
        """Train an epoch by Keras' own steps."""
        one_hot = np.eye(self.model.output_shape[-1], dtype=np.float32)[epoch.labels]
        mixing = () if epoch.mixing is None else epoch.mixing.arrays[:2]
        if epoch.mixing is not None:
            one_hot = epoch.mixing.mixed(one_hot)
        taught = () if epoch.taught is None else (epoch.taught,)
        totals: defaultdict[str, float] = defaultdict(float)
        for start in range(0, len(epoch), size):
            here = slice(start, min(start + size, len(epoch)))
            images: Any = epoch.images[epoch.rows[here]]
            weights = None if epoch.weights is None else epoch.weights[here]
            begin_steps(self._optimizer, here.stop - start)
            inputs = [images, *(array[here] for array in (*mixing, *taught))]
            wrapper.reset_metrics()  # Keras before 3.15 goes on adding up
            scores = wrapper.train_on_batch(
                inputs if len(inputs) > 1 else images, one_hot[here], sample_weight=weights, return_dict=True
            )
            for name, value in scores.items():
                totals[name] += float(value) * (here.stop - start)
            self.on_step(here.stop, len(epoch))
        return {name: total / len(epoch) for name, total in totals.items()}

    @cached_property
    def _predictions(self) -> CompiledPredictions:
        """Predicts in smaller batches where a backbone makes large maps of an image."""
        import keras

        on_backbone = any(isinstance(layer, keras.Model) for layer in self.model.layers)
        return CompiledPredictions(self.model, self._backbone_batch if on_backbone else self._batch(PREDICT_BATCH))

    @property
    def _backbone_batch(self) -> int:
        return self._batch(PREDICT_BATCH_ON_BACKBONE["CPU" if backend.on_cpu() else "accelerator"])

    def _batch(self, size: int) -> int:
        return max(1, size // self.accumulation)

    @cached_property
    def _statistics(self) -> BatchStatistics:
        if self.settings.batch_norm != "augmented":
            return BatchStatistics(self.model, self.model)
        return BatchStatistics(self.model, _augmented(self.model.input_shape[1:], self._layers, self.model))

    @property
    def compile_seconds(self) -> float:
        used = (vars(self).get(name) for name in ("_statistics", "_predictions"))
        others = [one for one in used if one is not None]
        compiled = (*self._epochs.values(), *others)
        return sum((one.compile_seconds for one in compiled), self._seconds_of_teacher)

    def predict(self, images: NDArray[Any]) -> NDArray[np.float32]:
        return self._predictions(images)

    def snapshot(self) -> Snapshot:
        return [np.array(weights) for weights in self.model.get_weights()]

    def restore(self, snapshot: Snapshot) -> None:
        _check_fit(self.model.get_weights(), snapshot)
        self.model.set_weights(snapshot)

    def state(self) -> Arrays:
        """Every variable of model, augmentation and optimiser by its position, but for the teacher's, which are fixed.

        Keras' own files of weights leave out the seed generators: dropout and augmentation would start again.
        """
        return {f"variable_{place}": np.array(one.numpy()) for place, one in enumerate(self._variables())}

    def restore_state(self, state: Arrays) -> None:
        self._build_optimizer()
        variables = self._variables()
        values = [state[f"variable_{place}"] for place in range(len(state))]
        _check_fit([variable.numpy() for variable in variables], values)
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)

    @contextmanager
    def _own_weights(self) -> Iterator[None]:
        """With `ema`, between epochs the model holds the averages of its weights and the optimiser the weights.

        So the averages are judged, kept and stored, and `state` has both. In here the model holds its weights.
        """
        if not self.settings.ema:
            yield
            return
        self._build_optimizer()
        if int(self._optimizer.iterations) > 0:
            self._optimizer.exchange()
        yield
        self._optimizer.exchange()

    def _build_optimizer(self) -> None:
        if not self._optimizer.built:
            self._optimizer.build(self._wrapper.trainable_variables)

    def _variables(self) -> list[Any]:
        own = [variable for variable in self._wrapper.variables if id(variable) not in self._teacher_variables]
        return [*own, *self._optimizer.variables]

    def save(self, directory: Path) -> None:
        self.model.save(directory / MODEL)


def _augmented(shape: Sequence[int], layers: Sequence[Any], model: Any) -> Any:
    import keras

    return keras.Sequential([keras.Input(shape), *layers, model])


def _check_fit(own: Sequence[NDArray[Any]], arrays: Sequence[NDArray[Any]]) -> None:
    """Raise ValueError unless the arrays have the shapes and types of the model's own."""
    expected = [(array.shape, np.dtype(array.dtype)) for array in own]
    if [(array.shape, array.dtype) for array in arrays] != expected:
        raise ValueError(f"they are {len(arrays)} arrays that are not those of this model")
