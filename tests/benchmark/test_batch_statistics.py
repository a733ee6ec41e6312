"""Statistics of batch normalisation that belong to the weights that are judged."""

from typing import Any

import keras
import numpy as np
import pytest

from benchmark import batch_statistics
from benchmark.batch_statistics import BatchStatistics
from benchmark.keras_learner import KerasLearner
from benchmark.learning import Epoch
from zoo import TrainingSettings

COUNT, SIZE = 40, 8


def network(momentum: float = 0.9) -> Any:
    """A normalised layer within a model of its own, in front of a second one."""
    keras.utils.set_random_seed(0)
    inner = keras.Sequential(
        [keras.Input((5,)), keras.layers.Dense(4), keras.layers.BatchNormalization(momentum=momentum)]
    )
    inputs = keras.Input((5,))
    x = keras.layers.BatchNormalization(momentum=momentum)(keras.layers.Dense(3)(inner(inputs)))
    return keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(x))


def epoch(count: int = COUNT) -> Epoch:
    images = np.random.default_rng(1).normal(3, 2, (count, 5)).astype(np.float32)
    return Epoch(images, np.arange(count)[::-1], np.arange(count) % 2, None, 0.1)


def normalised(model: Any) -> list[Any]:
    return [model.layers[1].layers[1], model.layers[3]]


def inputs_of(model: Any, images: np.ndarray) -> list[np.ndarray]:
    """What the two layers normalise in training mode, for one batch."""
    first, _ = normalised(model)
    kernel, bias = model.layers[1].layers[0].get_weights()
    into_first = images @ kernel + bias
    out = (into_first - into_first.mean(0)) / np.sqrt(into_first.var(0) + first.epsilon)
    gamma, beta = first.get_weights()[:2]
    kernel, bias = model.layers[2].get_weights()
    return [into_first, (out * gamma + beta) @ kernel + bias]


@pytest.mark.parametrize("momentum", [0.9, 0.5])
def test_they_are_means_over_batches_whatever_stood_there_before(momentum: float) -> None:
    model, shown = network(momentum), epoch()
    for layer in normalised(model):
        layer.moving_mean.assign(np.full(layer.moving_mean.shape, 50.0))
    weights = model.trainable_variables[0].numpy()
    BatchStatistics(model, model).compute(shown, SIZE)
    batches = shown.images[shown.rows].reshape(-1, SIZE, 5)
    share = np.array([momentum**later for later in range(len(batches))][::-1])
    share /= share.sum()
    seen = [inputs_of(model, batch) for batch in batches]
    for place, layer in enumerate(normalised(model)):
        mean = sum(part * found[place].mean(0) for part, found in zip(share, seen, strict=True))
        variance = sum(part * found[place].var(0) for part, found in zip(share, seen, strict=True))
        np.testing.assert_allclose(layer.moving_mean.numpy(), mean, atol=2e-4)
        np.testing.assert_allclose(layer.moving_variance.numpy(), variance, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(model.trainable_variables[0].numpy(), weights)


def test_at_most_so_many_images_and_no_broken_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(batch_statistics, "IMAGES", 20)
    for count in (40, 17, 5):
        model = network()
        statistics = BatchStatistics(model, model)
        monkeypatch.setattr(statistics, "_forward", lambda images: seen.append(len(images)))
        statistics.compute(epoch(count), SIZE)
    assert seen == [8, 8, 8, 8, 5]


def test_a_frozen_layer_keeps_its_own() -> None:
    model = network()
    model.layers[1].trainable = False
    frozen, free = normalised(model)
    before = frozen.moving_mean.numpy(), free.moving_mean.numpy()
    BatchStatistics(model, model).compute(epoch(), SIZE)
    np.testing.assert_array_equal(frozen.moving_mean.numpy(), before[0])
    assert np.abs(free.moving_mean.numpy() - before[1]).max() > 0.01


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_after_an_epoch_they_belong_to_the_weights_that_are_judged(ema: float) -> None:
    """One batch: with the running statistics both layers would be those of weights before the last step."""
    settings = TrainingSettings(batch_size=COUNT, learning_rate=0.1, ema=ema)
    shown = epoch()
    found = {}
    for chosen in ("running", "plain"):
        learner = KerasLearner(network(), settings.with_changes({"batch_norm": chosen}), 0, lambda *_: None)
        for _ in range(3):
            learner.train_epoch(shown)
        expected = inputs_of(learner.model, shown.images)
        layers = normalised(learner.model)
        found[chosen] = max(
            np.abs(layer.moving_mean.numpy() - inputs.mean(0)).max()
            for layer, inputs in zip(layers, expected, strict=True)
        )
    assert found["plain"] < 1e-4
    assert found["running"] > 0.01


def test_augmented_images_have_other_statistics() -> None:
    images = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 1)).astype(np.uint8)
    shown = Epoch(images, np.arange(32), np.arange(32) % 2, None, 0.01)
    found = []
    for chosen in ("plain", "augmented"):
        keras.utils.set_random_seed(0)
        layers = [
            keras.layers.Flatten(),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(2, activation="softmax"),
        ]
        settings = TrainingSettings(batch_size=32, augmentation="field", batch_norm=chosen)
        learner = KerasLearner(keras.Sequential([keras.Input((8, 8, 1)), *layers]), settings, 0, lambda *_: None)
        learner.train_epoch(shown)
        found.append(layers[1].moving_mean.numpy())
    np.testing.assert_allclose(found[0], images.reshape(32, -1).mean(0), rtol=1e-3)
    assert found[1].mean() < 0.95 * found[0].mean(), "black comes into view"
