"""`cnn4` trained on the CPU through the harness, by TensorFlow's own `fit` and by PyTorch: one network, in one run.

All three in float32 with the settings they come with, batches of 64, Adam, nothing augmented; in turn, median of each.
Without PyTorch (`pip install torch`) there is nothing to measure.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sizing

from benchmark.dataset import Split
from benchmark.training.epoch_loop import fit
from benchmark.training.keras_trainer import KerasTrainer
from zoo import TrainingSettings, get_model

pytestmark = [pytest.mark.perf, pytest.mark.timeout(1200)]

TURNS, BATCH = 7, 64
SETTINGS = TrainingSettings(epochs=1, batch_size=BATCH)

Epoch = Callable[[int], float]
"""Trains an epoch of so many images and says how many seconds it took."""


def split(name: str, count: int) -> Split:
    generator = np.random.default_rng(count)
    images = generator.integers(0, 256, (count, 48, 48, 1)).astype(np.uint8)
    return Split(name, images, np.arange(count) % 7, np.array([f"{name}-{k}" for k in range(count)]))


def keras_network() -> Any:
    spec = get_model("cnn4")
    return spec.build((48, 48, 1), 7, **spec.with_hyperparameters({}))


def torch_network(torch: Any) -> Any:
    """The same in PyTorch: as many weights, the statistics of batch normalisation among them."""
    nn, layers, channels = torch.nn, [], 1
    for filters in (64, 128, 256, 512):
        layers += [nn.Conv2d(channels, filters, 3, padding=1), nn.BatchNorm2d(filters), nn.ReLU(), nn.MaxPool2d(2)]
        layers.append(nn.Dropout(0.25))
        channels = filters
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    for units in (512, 256):
        layers += [nn.Linear(channels, units), nn.ReLU(), nn.Dropout(0.25)]
        channels = units
    network = nn.Sequential(*layers, nn.Linear(channels, 7))
    state = network.state_dict().items()
    assert sum(value.numel() for name, value in state if "num_batches" not in name) == keras_network().count_params()
    return network


def through_the_harness(train: Split) -> Epoch:
    trainer = KerasTrainer(keras_network(), SETTINGS, 0, lambda *_: None)
    validation, first = split("validation", 64), sizing.beginnings(train)
    return lambda images: fit(trainer, SETTINGS, (first(images), validation), 0).rows[0]["train_seconds"]


def tensorflow_fit(train: Split) -> Epoch:
    network = keras_network()
    network.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    one_hot = np.eye(7, dtype=np.float32)[train.labels]

    def epoch(count: int) -> None:
        network.fit(train.images[:count], one_hot[:count], batch_size=BATCH, epochs=1, verbose=0)

    return timed(epoch)


def torch_loop(torch: Any, train: Split) -> Epoch:
    network = torch_network(torch).train()
    optimizer, loss_of = torch.optim.Adam(network.parameters()), torch.nn.CrossEntropyLoss()
    images = torch.from_numpy(train.images.transpose(0, 3, 1, 2).copy())
    labels = torch.from_numpy(train.labels)

    def epoch(count: int) -> None:
        for chosen in torch.randperm(count).split(BATCH):
            optimizer.zero_grad()
            loss_of(network(images[chosen].float() / 255), labels[chosen]).backward()
            optimizer.step()

    return timed(epoch)


def timed(work: Callable[[int], object]) -> Epoch:
    def epoch(images: int) -> float:
        started = time.perf_counter()
        work(images)
        return time.perf_counter() - started

    return epoch


def test_cnn4_on_the_cpu_against_tensorflow_and_torch() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: `pip install torch`")
    train = split("train", sizing.MOST)
    epochs = {
        "harness": through_the_harness(train),
        "TensorFlow fit": tensorflow_fit(train),
        "PyTorch": torch_loop(torch, train),
    }
    for epoch in epochs.values():  # the first one compiles
        epoch(sizing.TRIAL)
    images = sizing.images_an_epoch(epochs["harness"], len(epochs) * TURNS)
    taken: dict[str, list[float]] = {name: [] for name in epochs}
    for _ in range(TURNS):
        for name, epoch in epochs.items():
            taken[name].append(epoch(images))
    rates = {name: images / statistics.median(seconds) for name, seconds in taken.items()}
    print(f"\ncnn4, images a second, {images} an epoch, {torch.get_num_threads()} threads:")
    for name, seconds in taken.items():
        print(f"  {name:<15}{rates[name]:8.0f}   seconds an epoch:", *(f"{one:.2f}" for one in seconds))
    fastest = max(rate for name, rate in rates.items() if name != "harness")
    print(f"  the harness has {rates['harness'] / fastest:.3f} x the faster of the others")
    assert rates["harness"] >= 0.95 * fastest
