"""The trainer of scikit-learn classifiers, an epoch at a time, so that the best epoch is kept as of any other model."""

from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.files.run_layout import ESTIMATOR
from benchmark.training.flops import perceptron_flops
from benchmark.training.trainer import Arrays, Epoch, ModelSize, Snapshot
from zoo.settings import TrainingSettings

HONOURED: Final = frozenset(
    {"learning_rate", "balance", "duplicates", "copies", "images", "patience", "epochs", "batch_size", "augmentation"}
)
"""The settings that a scikit-learn model has; augmentation only with copies made beforehand."""

_WEIGHTS: Final = ("coefs_", "intercepts_")
_COUNTERS: Final = ("n_iter_", "t_", "loss_", "best_loss_", "_no_improvement_count")


ONCE: Final = HONOURED - {"learning_rate", "patience", "epochs", "batch_size"}
"""Those of a model that is fitted in one call."""


def refusal(settings: TrainingSettings, fitted_once: bool = False) -> str | None:
    """Why a scikit-learn model cannot be trained with `settings`; None where it can."""
    refused = sorted(set(settings.non_default()) - (ONCE if fitted_once else HONOURED))
    if refused and fitted_once and set(refused) <= HONOURED:
        return f"it is fitted in one call, and has no {', '.join(refused)}"
    if refused:
        return f"a scikit-learn model has no {', '.join(refused)}"
    if settings.augmentation != "none" and not settings.augmented_beforehand:
        return "a scikit-learn model is augmented by offline copies only: add --set copies=4"
    return None


class SklearnTrainer:
    """Trains one scikit-learn classifier with `partial_fit`; satisfies `benchmark.training.trainer.Trainer`.

    Before the first epoch it has no weights.
    """

    compile_seconds = 0.0

    def __init__(self, estimator: Any, classes: int) -> None:
        self.estimator = estimator
        self.classes = np.arange(classes)
        self._input_shape: tuple[int, ...] = ()

    def size(self) -> ModelSize:
        weights, kernels = self.snapshot(), getattr(self.estimator, "coefs_", None)
        flops = None if kernels is None else perceptron_flops(kernels)
        return ModelSize(sum(one.size for one in weights), flops, sum(one.nbytes for one in weights))

    def load(self, directory: Path) -> None:
        """Read the weights that `save` wrote, for predictions."""
        with np.load(directory / ESTIMATOR, allow_pickle=False) as arrays:
            layers = range(sum(name.startswith(_WEIGHTS[0]) for name in arrays))
            self.restore([arrays[f"{name}{layer}"] for name in _WEIGHTS for layer in layers])

    def train_epoch(self, epoch: Epoch) -> dict[str, float]:
        """Loss and accuracy are those after the epoch. Its learning rate is ignored: it is constant here."""
        pixels = self._pixels(epoch.images[epoch.rows])
        self.estimator.partial_fit(pixels, epoch.labels, classes=self.classes, sample_weight=epoch.weights)
        return {"loss": float(self.estimator.loss_), "accuracy": float(self.estimator.score(pixels, epoch.labels))}

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.asarray(self.estimator.predict_proba(self._pixels(images)), np.float32)

    def snapshot(self) -> Snapshot:
        """The layers' kernels and then their biases."""
        return [array.copy() for name in _WEIGHTS for array in getattr(self.estimator, name, ())]

    def restore(self, snapshot: Snapshot) -> None:
        layers = len(snapshot) // 2
        names = [f"{name}{layer}" for name in _WEIGHTS for layer in range(layers)]
        self._set(dict(zip(names, snapshot, strict=True)))

    def state(self) -> Arrays:
        """The weights, the estimator's counters, and its optimiser's averages.

        No random numbers: every call of `partial_fit` draws them again from `random_state`, a number.
        """
        return {name: np.array(owner[key]) for name, (owner, key) in _places(self.estimator).items()}

    def restore_state(self, state: Arrays) -> None:
        self._set(state, whole=True)

    def _set(self, state: Arrays, *, whole: bool = False) -> None:
        """Set the estimator to a part of a state, or to a whole one."""
        first = state.get(f"{_WEIGHTS[0]}0", np.empty(0))
        estimator = deepcopy(self.estimator)
        if not hasattr(estimator, "coefs_") and first.size:
            # scikit-learn has no other way to a perceptron's layers than to fit it.
            rows = max(len(self.classes), estimator.batch_size)
            blank = np.zeros((rows, len(first)), np.float32)
            estimator.partial_fit(blank, np.resize(self.classes, rows), classes=self.classes)
        places = _places(estimator)
        expected = {name: np.shape(owner[key]) for name, (owner, key) in places.items() if whole or name in state}
        if not first.size or {name: array.shape for name, array in state.items()} != expected:
            raise ValueError(f"they are {len(state)} arrays that are not those of this model")
        for name, array in state.items():
            owner, key = places[name]
            owner[key] = array.copy() if array.ndim else type(owner[key])(array.item())
        self.estimator = estimator

    def _pixels(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The images as rows of values 0-1; their shape is noted for `save`."""
        self._input_shape = images.shape[1:]
        return images.reshape(len(images), -1).astype(np.float32) / np.float32(255)

    def save(self, directory: Path) -> None:
        """Write the layers' weights (coefs_0, intercepts_0, ...) and the images' shape: arrays, never a pickle."""
        layers = {
            f"{name}{layer}": array for name in _WEIGHTS for layer, array in enumerate(getattr(self.estimator, name))
        }
        np.savez(directory / ESTIMATOR, input_shape=np.array(self._input_shape), **layers)


def _places(estimator: Any) -> dict[str, tuple[Any, Any]]:
    """The owner and key of every number and array of a fitted perceptron that its next epoch depends on."""
    lists = {name: getattr(estimator, name, []) for name in _WEIGHTS}
    numbers = {name: (vars(estimator), name) for name in _COUNTERS if hasattr(estimator, name)}
    optimizer = vars(estimator._optimizer) if hasattr(estimator, "_optimizer") else {}
    lists |= {f"optimizer.{name}": value for name, value in optimizer.items() if isinstance(value, list)}
    numbers |= {
        f"optimizer.{name}": (optimizer, name) for name, value in optimizer.items() if isinstance(value, int | float)
    }
    return {f"{name}{place}": (held, place) for name, held in lists.items() for place in range(len(held))} | numbers
