"""Statistics of batch normalisation that belong to the weights that are judged."""

from typing import Any

import keras
import numpy as np
import pytest

from benchmark.hardware import backend
from benchmark.training import batch_statistics
from benchmark.training.batch_statistics import BatchStatistics
from benchmark.training.keras_trainer import KerasTrainer
from benchmark.training.trainer import Epoch
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


@pytest.mark.parametrize(("momentum", "before"), [(0.9, 50.0), (0.5, np.inf)])
def test_they_are_means_over_batches_whatever_stood_there_before(momentum: float, before: float) -> None:
    model, shown = network(momentum), epoch()
    for layer in normalised(model):
        layer.moving_mean.assign(np.full(layer.moving_mean.shape, before))
        layer.moving_variance.assign(np.full(layer.moving_variance.shape, before))
    weights = model.trainable_variables[0].numpy()
    BatchStatistics(model, model).compute(shown, SIZE)
    batches = shown.images[shown.rows].reshape(-1, SIZE, 5)
    seen = [inputs_of(model, batch) for batch in batches]
    for place, layer in enumerate(normalised(model)):
        # Alike but for a per mille a batch.
        mean, variance = np.mean([(found[place].mean(0), found[place].var(0)) for found in seen], axis=0)
        np.testing.assert_allclose(layer.moving_mean.numpy(), mean, atol=3e-3)
        np.testing.assert_allclose(layer.moving_variance.numpy(), variance, rtol=3e-3)
        assert layer.momentum == momentum
    np.testing.assert_array_equal(model.trainable_variables[0].numpy(), weights)


class Block(keras.layers.Layer):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.normalise = keras.layers.BatchNormalization(momentum=0.9)

    def call(self, x: Any, training: bool | None = None) -> Any:
        return self.normalise(x, training=training)


@pytest.mark.parametrize("kind", ["shared", "within a layer"])
def test_layers_used_twice_and_within_layers(kind: str) -> None:
    inputs = keras.Input((5,))
    block = Block() if kind == "within a layer" else keras.layers.BatchNormalization(momentum=0.9)
    layer = block.normalise if kind == "within a layer" else block
    outputs = block(inputs) if kind == "within a layer" else keras.layers.add([block(inputs), block(-inputs)])
    model, shown = keras.Model(inputs, outputs), epoch()
    layer.moving_variance.assign(np.full(5, 99.0))
    for _ in range(2):
        BatchStatistics(model, model).compute(shown, SIZE)
    batches = shown.images[shown.rows].reshape(-1, SIZE, 5)
    mean = np.zeros(5) if kind == "shared" else batches.mean(axis=(0, 1))
    np.testing.assert_allclose(layer.moving_mean.numpy(), mean, atol=3e-3)
    np.testing.assert_allclose(layer.moving_variance.numpy(), batches.var(axis=1).mean(axis=0), rtol=3e-3)


def test_at_most_so_many_images_and_no_broken_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(batch_statistics, "IMAGES", 20)
    for count in (40, 17, 5):
        model = network()
        statistics = BatchStatistics(model, model)
        monkeypatch.setattr(statistics, "_forward", lambda images: seen.append(len(images)))
        statistics.compute(epoch(count), SIZE)
    assert seen == [8, 8, 8, 8, 5]


@pytest.mark.parametrize("how", ["not trainable", "in inference mode"])
def test_a_layer_that_keeps_its_own_in_training_keeps_them(how: str) -> None:
    if how == "not trainable":
        model = network()
        model.layers[1].trainable = False
        kept, free = normalised(model)
    else:

        class Fixed(keras.Model):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__()
                self.normalise = keras.layers.BatchNormalization()

            def call(self, x: Any) -> Any:
                return self.normalise(x, training=False)

        inputs, fixed, free = keras.Input((5,)), Fixed(), keras.layers.BatchNormalization()
        model, kept = keras.Model(inputs, free(fixed(inputs))), fixed.normalise
    for layer in (kept, free):
        layer.moving_mean.assign(np.full(layer.moving_mean.shape, 0.3))
        layer.moving_variance.assign(np.full(layer.moving_variance.shape, 0.7))
    BatchStatistics(model, model).compute(epoch(), SIZE)
    np.testing.assert_allclose(kept.moving_mean.numpy(), 0.3)
    np.testing.assert_allclose(kept.moving_variance.numpy(), 0.7)
    assert np.abs(free.moving_mean.numpy() - 0.3).max() > 0.01
    assert np.abs(free.moving_variance.numpy() - 0.7).max() > 0.01


@pytest.mark.parametrize("on_cpu", [True, False])
@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_after_an_epoch_they_belong_to_the_weights_that_are_judged(
    ema: float, on_cpu: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch is the whole epoch: running statistics would be those of the weights before the last step."""
    settings = TrainingSettings(batch_size=COUNT, learning_rate=0.1, ema=ema)
    monkeypatch.setattr(backend, "on_cpu", lambda: on_cpu)
    shown, found = epoch(), {}
    for chosen in ("running", "plain"):
        trainer = KerasTrainer(network(), settings.with_changes({"batch_norm": chosen}), 0, lambda *_: None)
        for _ in range(3):
            trainer.train_epoch(shown)
        expected = inputs_of(trainer.model, shown.images)
        layers = normalised(trainer.model)
        found[chosen] = max(
            np.abs(layer.moving_mean.numpy() - inputs.mean(0)).max()
            for layer, inputs in zip(layers, expected, strict=True)
        )
    assert found["plain"] < 1e-4
    assert found["running"] > 0.01


@pytest.mark.parametrize("mixup", [0.0, 1.0])
def test_augmented_images_have_other_statistics(mixup: float) -> None:
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
        settings = TrainingSettings(batch_size=32, augmentation="field", mixup=mixup, batch_norm=chosen)
        trainer = KerasTrainer(keras.Sequential([keras.Input((8, 8, 1)), *layers]), settings, 0, lambda *_: None)
        trainer.train_epoch(shown)
        found.append(layers[1].moving_mean.numpy())
    np.testing.assert_allclose(found[0], images.reshape(32, -1).mean(0), rtol=1e-3)
    assert found[1].mean() < 0.95 * found[0].mean(), "black comes into view"
