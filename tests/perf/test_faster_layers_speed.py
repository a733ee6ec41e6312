"""Batch normalisation in one operation is faster than Keras' own. A ratio, both measured in turn in one run."""

import statistics
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import keras
import pytest
import sizing

from benchmark.hardware import backend
from benchmark.training.compiled import tensorflow_calls
from benchmark.training.epoch_loop import fit
from benchmark.training.faster_layers import faster_layers
from benchmark.training.keras_trainer import KerasTrainer
from zoo import TrainingSettings, get_model

pytestmark = [
    pytest.mark.perf,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        keras.backend.backend() != "tensorflow" or not backend.on_cpu(), reason="of TensorFlow on a CPU"
    ),
]

TURNS = 7
SETTINGS = TrainingSettings(epochs=1, augmentation="light", batch_size=sizing.BATCH)


def test_dinh_with_one_operation_and_with_keras_own(monkeypatch: pytest.MonkeyPatch) -> None:
    train, validation = sizing.split("train", sizing.MOST), sizing.split("validation", sizing.BATCH)
    first = sizing.beginnings(train)
    spec = get_model("dinh")

    def trained_in(context: Callable[[], AbstractContextManager[None]]) -> Callable[[int], float]:
        """An epoch's seconds of a network whose graphs are traced in the context; each number of images has its own."""
        network = spec.build((48, 48, 1), 7, **spec.with_hyperparameters({}))
        trainer = KerasTrainer(network, SETTINGS, 0, lambda *_: None)

        def epoch(images: int) -> float:
            monkeypatch.setattr(tensorflow_calls, "faster_layers", context)
            return float(fit(trainer, SETTINGS, (first(images), validation), 0).rows[0]["train_seconds"])

        epoch(sizing.TRIAL)
        return epoch

    fused, plain = trained_in(faster_layers), trained_in(nullcontext)
    images = sizing.images_an_epoch(plain, 2 * TURNS)
    fused(images), plain(images)
    pairs = [(fused(images), plain(images)) for _ in range(TURNS)]
    ours, theirs = (statistics.median(seconds) for seconds in zip(*pairs, strict=True))
    print(f"\ndinh: {ours / theirs:.2f} of the time with Keras' own, {images / ours:.0f} images/s")
    assert ours < 0.95 * theirs
