"""Small Keras models that say something else of every picture, and runs that keep them."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from stored_runs import CLASS_NAMES, config, predictions

from benchmark.data.faces.generator import generate
from benchmark.data.readers.images import reshaped
from benchmark.files.run_layout import ESTIMATOR, MODEL
from benchmark.records import Predictions, RunRecord
from benchmark.store.run_store import RunStore
from benchmark.store.stored_predictions import write_predictions
from benchmark.store.stored_run import StoredRun
from benchmark.training.sklearn_trainer import SklearnTrainer
from benchmark.training.trainer import Epoch
from zoo import get_model

SMALL: dict[str, dict[str, Any]] = {
    "bayes": {"filters": 8, "dense1": 16, "dense2": 16},
    "resnet18": {"width": 16, "squeeze": 2, "input_size": 32},
    "vggnet": {"width": 4, "dense": 64},
    "inception": {"input_size": 75},
}


def small_hyperparameters(name: str) -> dict[str, Any]:
    """All hyperparameters of a model of the zoo that is made as small as it can be."""
    spec = get_model(name)
    return spec.with_hyperparameters({**({"input_size": 32} if spec.backbone else {}), **SMALL.get(name, {})})


def as_if_trained(model: Any, seed: int = 0) -> Any:
    """The model with statistics in its batch normalisation, and with logits that differ from picture to picture.

    The statistics are those of pictures, nearly: with others the signal would fade from layer to layer, and the logits
    be enlarged rounding errors.
    """
    from keras import layers

    generator = np.random.default_rng(seed)
    pictures = reshaped(generate(40, 7, 0).train.images, model.input_shape[1:])
    normalised = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
    momenta = [layer.momentum for layer in normalised]
    for layer in normalised:
        layer.momentum = 0.0
    model(pictures, training=True)
    for layer, momentum in zip(normalised, momenta, strict=True):
        layer.momentum = momentum
        gamma, beta, mean, variance = layer.get_weights()
        shift = generator.normal(0, 0.1, mean.shape) * np.sqrt(variance)
        layer.set_weights([gamma, beta, mean + shift, variance * generator.uniform(0.5, 2)])
    last = model.get_layer("probabilities")
    before = model.__class__(model.input, last.input)
    kernel = last.get_weights()[0]
    logits = before.predict(pictures, verbose=0) @ kernel
    scale = logits.std(axis=0).mean()
    last.set_weights([kernel / scale, -logits.mean(axis=0) / scale])
    return model


@cache
def tiny(classes: int = len(CLASS_NAMES), shape: tuple[int, int, int] = (12, 10, 1), seed: int = 0) -> Any:
    """A network of one convolution, the same object for the same arguments."""
    import keras

    keras.utils.set_random_seed(seed)
    inputs = keras.Input(shape, name="pixels")
    x = keras.layers.Conv2D(4, 3, activation="relu")(keras.layers.Rescaling(1 / 255)(inputs))
    x = keras.layers.Dense(classes, activation="softmax", name="probabilities")(keras.layers.Flatten()(x))
    return as_if_trained(keras.Model(inputs, x))


def store_trained(
    store: RunStore, name: str, model: Any, *, seed: int = 0, found: Predictions | None = None
) -> StoredRun:
    """Commit a run that kept its model."""
    claim = store.claim(config(name), seed)
    assert claim is not None
    with claim:
        write_predictions(claim.path / "validation.npz", found or predictions("validation", 5))
        model.save(claim.path / MODEL)
        return store.commit(claim, RunRecord(config=config(name), seed=seed))


def trained_perceptron(directory: Path, classes: int, shape: tuple[int, int, int] = (12, 12, 1)) -> tuple[Any, Path]:
    """A scikit-learn classifier that has seen a few pictures, and the file of its arrays."""
    estimator = get_model("mlp").estimator
    assert estimator is not None
    trainer = SklearnTrainer(estimator(alpha=1e-4, batch_size=20, learning_rate=0.01, seed=0), classes)
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (60, *shape), dtype=np.uint8)
    for _ in range(5):
        trainer.train_epoch(Epoch(images, np.arange(60), np.arange(60) % classes, None, 0.01))
    directory.mkdir(exist_ok=True, parents=True)
    trainer.save(directory)
    return trainer, directory / ESTIMATOR
