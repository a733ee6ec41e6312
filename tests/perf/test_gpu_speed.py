"""Training and features on one GPU: images a second, share of the GPU's peak, and against a plain `model.fit`.

`python -m pytest -m perf -s tests/perf/test_gpu_speed.py` where there is a GPU; elsewhere there is nothing to measure.
`PERF_IMAGES=128` takes so few images and goes through all of it on a CPU, without targets, to see that it works.
"""

import os
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.dataset import Split
from benchmark.hardware import backend
from benchmark.training.epoch_loop import fit
from benchmark.training.flops import model_flops
from benchmark.training.frozen.feature_trainer import about_features
from benchmark.training.frozen.features import FeatureStore, split_model
from benchmark.training.images.augmentation import layers_of
from benchmark.training.keras_trainer import KerasTrainer
from zoo import ModelSpec, get_model

pytestmark = [pytest.mark.perf, pytest.mark.timeout(3600)]

PEAKS = {"H100 PCIe": 756e12, "H100": 989e12, "H200": 989e12, "A100": 312e12, "L40S": 362e12, "L4": 121e12}
"""Operations a second in bfloat16, dense, from NVIDIA's data sheets, by part of the device's name."""

FEW = os.environ.get("PERF_IMAGES")
IMAGES = {"small": int(FEW or 28_709), "vgg": int(FEW or 4096), "features": int(FEW or 8192)}
EPOCHS = 3
"""Measured, after a first one that compiles."""

BACKWARD = 2
"""Operations of the way back through a network, in ways forward: for its weights and for its inputs."""

SMALL = ("cnn4", "cnn7", "bayes")


def peak() -> float | None:
    """Of the GPU in use; None where it is not among those known."""
    name = backend.device()["device"]
    return next((rate for part, rate in PEAKS.items() if part in name), None)


def share(rate: float, flops: float | None) -> float | None:
    """Of the peak, given images a second and flops an image; None where either is unknown."""
    most = peak()
    return None if most is None or flops is None else rate * flops / most


def written(value: float | None) -> str:
    return "      -" if value is None else f"{100 * value:6.1f}%"


def split(name: str, count: int) -> Split:
    images = np.random.default_rng(count).integers(0, 256, (count, 48, 48, 1)).astype(np.uint8)
    return Split(name, images, np.arange(count) % 7, np.array([f"{name}-{k}" for k in range(count)]))


def network(spec: ModelSpec, **changes: Any) -> Any:
    weights = {"weights": "random"} if spec.backbone else {}
    return spec.build((48, 48, 1), 7, **weights, **spec.with_hyperparameters(changes))


def harness_rate(spec: ModelSpec, train: Split, **changes: Any) -> tuple[float, float | None, float]:
    """Images a second, operations that an image's training takes, and seconds that compiling took."""
    settings = spec.training.with_changes({"epochs": EPOCHS + 1, "patience": 0, "views": 0})
    trainer = KerasTrainer(network(spec, **changes), settings, 0, lambda *_: None)
    rows = fit(trainer, settings, (train, split("validation", 64)), 0).rows
    rate = len(train.images) / statistics.median(row["train_seconds"] for row in rows[1:])
    forward = trainer.size().flops
    return rate, forward and (1 + BACKWARD) * forward, trainer.compile_seconds


def plain_rate(spec: ModelSpec, train: Split, **changes: Any) -> float:
    """Images a second of Keras' own `fit`, with the same augmentation in the network."""
    import keras

    settings = spec.training
    layers = layers_of(settings.augmentation, 0)
    model = keras.Sequential([keras.Input((48, 48, 1)), *layers, network(spec, **changes)])
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    one_hot = np.eye(7, dtype=np.float32)[train.labels]

    def epoch() -> float:
        started = time.perf_counter()
        model.fit(train.images, one_hot, batch_size=settings.batch_size, epochs=1, verbose=0)
        return time.perf_counter() - started

    epoch()
    return len(train.images) / min(epoch() for _ in range(2))


@pytest.fixture(autouse=True)
def on_gpu() -> None:
    backend.start(0)
    if backend.on_cpu() and not FEW:
        pytest.skip("there is no GPU")


@pytest.mark.parametrize("name", [*SMALL, "vggnet", "resnet18", "vgg"])
def test_training(name: str) -> None:
    spec = get_model(name)
    changes = {"train_base": True, "input_size": 32 if FEW else 224} if name == "vgg" else {}
    train = split("train", IMAGES["vgg" if changes else "small"])
    backend.start(0, precision=backend.AUTO)
    rate, flops, compiling = harness_rate(spec, train, **changes)
    same_precision = plain_rate(spec, train, **changes)
    backend.start(0, precision=backend.FLOAT32)
    plain = plain_rate(spec, train, **changes)
    reached = share(rate, flops)
    print(
        f"\n{name:<9}{backend.device()['device']}: {rate:8.0f} images/s, {written(reached)} of the peak, compiled in "
        f"{compiling:.0f} s; {rate / plain:.1f} x plain fit ({plain:.0f}), {rate / same_precision:.1f} x it in the "
        f"precision of the harness ({same_precision:.0f})"
    )
    if not FEW:
        assert name not in SMALL or rate >= 10 * plain
        assert name != "vgg" or reached is None or reached > 0.4


def test_features_of_vgg(tmp_path: Path) -> None:
    backend.start(0, precision=backend.AUTO)
    size = 32 if FEW else 224
    frozen = split_model(network(get_model("vgg"), input_size=size))
    assert frozen is not None
    store = FeatureStore(tmp_path, frozen.base, about_features("VGG16", {"input_size": size}), lambda *_: None)
    store.of(split("train", 2 * IMAGES["features"]).images)  # compiles
    images = split("validation", IMAGES["features"]).images
    taken = {}
    for views in (0, 1):
        started, compiled = time.perf_counter(), store.compile_seconds
        store.of(images, "light", views)  # with a view, the plain ones are there already
        taken[views] = time.perf_counter() - started - (store.compile_seconds - compiled)
    rates = {views: len(images) / seconds for views, seconds in taken.items()}
    reached = share(rates[0], model_flops(frozen.base))
    print(f"\nfeatures of vgg at {size}: {rates[0]:.0f} images/s onto the disk, {written(reached)} of the peak")
    print(f"augmented: {rates[1]:.0f} images/s, with what compiling that took")
    if not FEW:
        assert reached is None or reached > 0.4
