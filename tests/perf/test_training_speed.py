"""The harness costs next to nothing beside a plain `model.fit`. Ratios, each pair measured in turn in one run."""

import json
import os
import statistics
import time

import numpy as np
import pytest
import sizing

from benchmark.dataset import Split
from benchmark.training.epoch_loop import fit
from benchmark.training.images.augmentation import layers_of
from benchmark.training.keras_trainer import KerasTrainer
from zoo import TrainingSettings, get_model

pytestmark = [pytest.mark.perf, pytest.mark.timeout(1200)]

TURNS = 11
SETTINGS = TrainingSettings(epochs=1, augmentation="light", batch_size=64)


def split(name: str, count: int) -> Split:
    generator = np.random.default_rng(count)
    images = generator.integers(0, 256, (count, 48, 48, 1)).astype(np.uint8)
    return Split(name, images, np.arange(count) % 7, np.array([f"{name}-{k}" for k in range(count)]))


def test_cnn4_through_the_harness_against_plain_fit() -> None:
    import keras

    train, validation = split("train", sizing.MOST), split("validation", 64)
    spec = get_model("cnn4")

    def network() -> keras.Model:
        return spec.build((48, 48, 1), 7, **spec.with_hyperparameters({}))

    # What a worker does with each step: a line of JSON into a pipe.
    reader, writer = os.pipe()
    os.set_blocking(reader, False)

    def report(done: int, total: int) -> None:
        os.write(writer, f"{json.dumps({'event': 'step', 'done': done, 'total': total})}\n".encode())

    first = sizing.beginnings(train)

    def harness(images: int) -> float:
        seconds = fit(trainer, SETTINGS, (first(images), validation), 0).rows[0]["train_seconds"]
        os.read(reader, 1 << 20)
        return seconds

    trainer = KerasTrainer(network(), SETTINGS, 0, report)
    plain = keras.Sequential([keras.Input((48, 48, 1)), *layers_of("light", 0), network()])
    plain.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    one_hot = np.eye(7, dtype=np.float32)[train.labels]

    def plain_fit(images: int) -> float:
        started = time.perf_counter()
        plain.fit(train.images[:images], one_hot[:images], batch_size=64, epochs=1, verbose=0)
        return time.perf_counter() - started

    harness(sizing.TRIAL), plain_fit(sizing.TRIAL)  # the first epoch of each traces its graph
    images = sizing.images_an_epoch(harness, 2 * TURNS)
    pairs = [(harness(images), plain_fit(images)) for _ in range(TURNS)]
    # The median of each: single epochs of the very same work differ by a factor of two on a shared machine.
    median, median_plain = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratio, rate = median_plain / median, images / median
    print(
        f"\n{images} images an epoch; seconds, harness and plain:",
        *(f"{ours:.2f} {theirs:.2f}," for ours, theirs in pairs),
    )
    print(f"cnn4 through the harness: {ratio:.3f} x the images a second of plain fit, {rate:.0f} images/s")
    os.close(reader)
    os.close(writer)
    assert ratio >= 0.95
