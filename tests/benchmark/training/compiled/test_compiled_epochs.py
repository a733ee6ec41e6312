"""Compiled epochs and predictions do what Keras' own loops do. Again on JAX, in a process of its own."""

import gc
from itertools import pairwise
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from benchmark.hardware import backend
from benchmark.training import keras_trainer
from benchmark.training.compiled import compiled_epochs, compiled_predictions
from benchmark.training.compiled.compiled_epochs import Resident
from benchmark.training.compiled.compiled_predictions import CompiledPredictions
from benchmark.training.frozen.features import Versions
from benchmark.training.images import augmentation
from benchmark.training.keras_trainer import KerasTrainer
from benchmark.training.trainer import Epoch
from zoo import TrainingSettings

COUNT, CLASSES = 42, 3
BASE = TrainingSettings(batch_size=8, learning_rate=0.02)


def network(shape: tuple[int, ...]) -> Any:
    """Dropout, batch normalisation, and a convolution where there are pictures."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input(shape)
    x = inputs
    if len(shape) == 3:
        x = keras.layers.Flatten()(keras.layers.Conv2D(4, 3, activation="relu")(keras.layers.Rescaling(1 / 255)(x)))
    x = keras.layers.BatchNormalization()(keras.layers.Dropout(0.3)(x))
    return keras.Model(inputs, keras.layers.Dense(CLASSES, activation="softmax")(x))


def pictures(count: int = COUNT, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 6, 6, 1)).astype(np.uint8)


def features(versions: int = 2) -> Versions:
    return Versions(list(np.random.default_rng(1).normal(size=(versions, COUNT, 5)).astype(np.float32)))


def epochs(images: Any, weighted: bool = False, count: int = 2) -> list[Epoch]:
    """Rows in another order each time, some twice; the last step of an epoch is smaller than the others."""
    generator = np.random.default_rng(2)
    weights = generator.uniform(0.5, 2, COUNT).astype(np.float32) if weighted else None
    rows = [generator.integers(0, len(images), COUNT) for _ in range(count)]
    return [Epoch(images, shown, shown % CLASSES, weights, 0.02 / (1 + place)) for place, shown in enumerate(rows)]


def trained(asked: list[Epoch], settings: TrainingSettings = BASE, accumulation: int = 1) -> Any:
    """The trainer, what it says of each epoch, and the steps that it told."""
    steps: list[tuple[int, int]] = []
    shape = asked[0].images[np.array([0])].shape[1:]
    trainer = KerasTrainer(network(shape), settings, 0, lambda *step: steps.append(step), accumulation)
    if not backend.on_cpu():
        trainer._wrapper.jit_compile = True
    return trainer, [trainer.train_epoch(epoch) for epoch in asked], steps


def assert_as_fit(
    monkeypatch: pytest.MonkeyPatch, asked: list[Epoch], settings: TrainingSettings = BASE, accumulation: int = 1
) -> None:
    ours, seen, steps = trained(asked, settings, accumulation)
    assert ours.compile_seconds > 0
    with monkeypatch.context() as patched:
        patched.setattr(keras_trainer, "compiles", lambda: False)
        plain, expected, _ = trained(asked, settings, accumulation)
    for found, wanted in zip(seen, expected, strict=True):
        assert found == pytest.approx(wanted, abs=1e-5)
    state, wanted_state = ours.state(), plain.state()
    assert state.keys() == wanted_state.keys()
    for name, array in state.items():
        np.testing.assert_allclose(array, wanted_state[name], atol=2e-5, err_msg=name)
    done = [place for place, total in steps if total == COUNT]
    assert done.count(COUNT) == len(asked)
    assert all(later > before or before == COUNT for before, later in pairwise(done))


@pytest.mark.parametrize("on_cpu", [True, False])
def test_everything_at_once(on_cpu: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dropout, batch normalisation, augmentation, sample weights, momentum and L2; also as on a GPU."""
    monkeypatch.setattr(backend, "on_cpu", lambda: on_cpu)
    settings = BASE.with_changes({"augmentation": "flip", "optimizer": "sgd", "weight_decay": 0.01})
    assert_as_fit(monkeypatch, epochs(pictures(), weighted=True), settings)


@pytest.mark.parametrize("on_cpu", [True, False])
def test_mixed_images_and_averages(on_cpu: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "on_cpu", lambda: on_cpu)
    settings = BASE.with_changes({"mixup": 1.0, "cutmix": 1.0, "ema": 0.9, "clip_norm": 0.5, "augmentation": "flip"})
    assert_as_fit(monkeypatch, epochs(pictures(), weighted=True), settings)


@pytest.mark.parametrize("on_cpu", [True, False])
def test_statistics_computed_anew(on_cpu: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "on_cpu", lambda: on_cpu)
    settings = BASE.with_changes({"ema": 0.9, "batch_norm": "augmented"})
    assert_as_fit(monkeypatch, epochs(pictures()), settings.with_changes({"augmentation": "flip"}))
    if on_cpu:
        assert_as_fit(monkeypatch, epochs(features()), settings, accumulation=2)


@pytest.mark.parametrize("accumulation", [1, 2])
def test_features(accumulation: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the device; and gathered by the host in windows of two steps, of which the last is not full."""
    if accumulation == 2:
        monkeypatch.setattr(compiled_epochs, "RESIDENT_BYTES", {"CPU": 0, "accelerator": 0})
        monkeypatch.setattr(compiled_epochs, "WINDOW_BYTES", 2 * 4 * 5 * 4)
    assert_as_fit(monkeypatch, epochs(features()), BASE.with_changes({"optimizer": "adamw"}), accumulation)


def test_fewer_images_than_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    assert_as_fit(monkeypatch, epochs(features(), count=1), BASE.with_changes({"batch_size": 64}))


@pytest.mark.parametrize("batches", [1, 2])
def test_predictions(batches: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled_predictions, "MOST_BATCHES", {"CPU": batches, "accelerator": batches})
    model = network((6, 6, 1))
    predict = CompiledPredictions(model, 8)
    for seed, count in enumerate((1, 9, 42)):
        images = pictures(count, seed)
        expected = model.predict(images, verbose=0)
        np.testing.assert_allclose(predict(images), expected, atol=1e-6)
        np.testing.assert_allclose(predict(images), expected, atol=1e-6)
    # The model as it is now, not as it was.
    model.layers[-1].bias.assign(np.arange(CLASSES))
    found = predict(images)
    np.testing.assert_allclose(found, model.predict(images, verbose=0), atol=1e-6)
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() > 0.1


def test_a_last_batch_is_padded_only_where_it_would_be_compiled_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    predict, images, counts = CompiledPredictions(network((6, 6, 1)), 8), pictures(21), []
    put = predict._calls.put

    def counted(array: np.ndarray) -> Any:
        counts.append(len(array))
        return put(array)

    monkeypatch.setattr(predict._calls, "put", counted)
    assert len(predict(images)) == 21
    assert counts == [8, 8, 5 if keras.backend.backend() == "tensorflow" else 8]


def test_outputs_part_by_part() -> None:
    """What lies on the device for a moment only, such as the images whose features are asked for."""
    model, images = network((6, 6, 1)), pictures(21)
    predict = CompiledPredictions(model, 8)
    length = predict.images_a_call(images)
    assert length == 8
    found = list(predict.stream((images[start : start + length] for start in range(0, 21, length)), length))
    assert [len(part) for part in found] == [8, 8, 5]
    np.testing.assert_allclose(np.concatenate(found), model.predict(images, verbose=0), atol=1e-6)


def test_calls_are_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many images, steps and calls there are."""
    predict = CompiledPredictions(network((6, 6, 1)), 8)
    predict(pictures(42))
    compiled = predict.compile_seconds
    assert compiled > 0
    for count in (42, 17, 9):
        predict(pictures(count))
    assert predict.compile_seconds == compiled
    asked = epochs(pictures(), count=3)
    trainer, *_ = trained(asked[:1])
    compiled = trainer.compile_seconds
    for seconds in (1e-9, 1e9):  # a call a step, and a call an epoch
        monkeypatch.setattr(compiled_epochs, "SECONDS_A_CALL", seconds)
        trainer.train_epoch(asked[1])
        trainer.train_epoch(asked[2])
    assert trainer.compile_seconds == compiled


def test_calls_follow_the_time_that_steps_take(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = epochs(pictures(), count=4)
    trainer, _, steps = trained(asked[:1])
    monkeypatch.setattr(compiled_epochs, "SECONDS_A_CALL", 1e-9)
    trainer.train_epoch(asked[1])
    steps.clear()
    trainer.train_epoch(asked[1])
    assert steps == [(8, 42), (16, 42), (24, 42), (32, 42), (40, 42), (42, 42)]
    monkeypatch.setattr(compiled_epochs, "SECONDS_A_CALL", 1e9)
    trainer.train_epoch(asked[2])
    steps.clear()
    trainer.train_epoch(asked[3])
    assert steps == [(40, 42), (42, 42)]


def test_what_lies_on_the_device() -> None:
    """Of these very images, while they are alive, and of one set at a time."""
    resident, images, others = Resident(), pictures(), pictures()
    asked: list[str] = []

    def put(name: str) -> str:
        asked.append(name)
        return name

    assert resident.of(images, lambda: put("images")) == "images"
    assert resident.of(images, lambda: put("again")) == "images"
    assert resident.of(others, lambda: put("others")) == "others"
    assert asked == ["images", "others"]
    del others
    gc.collect()
    assert resident._kept is None
    assert Resident().of(np.broadcast_to(np.uint8(0), (2**20, 2**15)), lambda: put("too many")) is None
    assert asked == ["images", "others"]


@pytest.mark.parametrize("on_cpu", [True, False])
def test_pictures_augmented_beforehand(on_cpu: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled or not, call after call draws what the layers draw one by one; of any number of images."""
    monkeypatch.setattr(backend, "on_cpu", lambda: on_cpu)
    augment = augmentation.augmenter((6, 6, 1), "light", 3)
    layers = keras.Sequential([keras.Input((6, 6, 1)), *augmentation.layers_of("light", 3)])
    calls = [pictures(count) for count in (8, 8, 3)]
    found = [augment(images) for images in calls]
    for images, made in zip(calls, found, strict=True):
        expected = keras.ops.convert_to_numpy(layers(images.astype(np.float32), training=True))
        np.testing.assert_allclose(made, expected, atol=0.51)
    assert (found[0] != found[1]).any()


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="JAX alone keeps what it compiles")
def test_another_seed_finds_what_was_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import jax

    monkeypatch.setattr(backend, "on_cpu", lambda: False)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    found = []
    try:
        for seed in (0, 1):
            keras.utils.set_random_seed(seed)
            jax.clear_caches()
            backend.keep_compiled(tmp_path / "compiled")
            settings = BASE.with_changes({"augmentation": "flip"})
            trainer = KerasTrainer(network((6, 6, 1)), settings, seed, lambda *_: None)
            trainer.train_epoch(epochs(pictures())[0])
            found.append({path.name for path in (tmp_path / "compiled").glob("jit__steps*-cache")})
    finally:
        jax.config.update("jax_compilation_cache_dir", None)
    assert found[0] == found[1] != set()
