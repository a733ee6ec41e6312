"""Epochs on stored features against the same epochs end to end, both in one run, in seconds of the processor."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.dataset import Split
from benchmark.training.epoch_loop import fit
from benchmark.training.frozen.feature_trainer import FeatureTrainer, about_features
from benchmark.training.frozen.features import FeatureStore, split_model
from benchmark.training.keras_trainer import KerasTrainer
from zoo import TrainingSettings, get_model

pytestmark = pytest.mark.perf

IMAGES, EPOCHS, SAMPLED = 2000, 30, 2


def split(name: str, count: int) -> Split:
    images = np.random.default_rng(count).integers(0, 256, (count, 48, 48, 1)).astype(np.uint8)
    return Split(name, images, np.arange(count) % 7, np.array([f"{name}-{k}" for k in range(count)]))


def network() -> Any:
    spec = get_model("mobilenet025")
    return spec.build((48, 48, 1), 7, weights="random", **spec.with_hyperparameters({}))


@pytest.mark.timeout(1800)
def test_epochs_on_features_against_epochs_end_to_end(tmp_path: Path) -> None:
    data = split("train", IMAGES), split("validation", 200)
    settings = TrainingSettings(epochs=EPOCHS, patience=0, augmentation="light", views=1)
    model = network()
    frozen = split_model(model)
    assert frozen is not None
    about = about_features("MobileNet", {"input_size": 224})

    started = time.process_time()
    store = FeatureStore(tmp_path, frozen.base, about, lambda done, total: None)
    trainer = FeatureTrainer(model, frozen, settings, 0, store)
    samples = trainer.samples(*data)
    features = time.process_time() - started
    fit(trainer, settings, samples, 0)
    with_features = time.process_time() - started

    end_to_end, ends = KerasTrainer(network(), settings, 0, lambda done, total: None), []
    sampled = TrainingSettings(epochs=SAMPLED + 1, patience=0, augmentation="light")
    fit(end_to_end, sampled, data, 0, lambda row: ends.append(time.process_time()))
    # All epochs after the first, which compiles, take the same; the first is not held against it.
    whole = EPOCHS * (ends[-1] - ends[0]) / SAMPLED
    print(f"\n{EPOCHS} epochs of mobilenet025 at 224 on {IMAGES} images, views=1, features and compilation included:")
    print(f"{with_features:.1f} s, {features:.1f} s of them features; end to end {whole:.0f} s, of {SAMPLED} measured")
    print(f"{whole / with_features:.1f} x")
    assert whole >= 10 * with_features
