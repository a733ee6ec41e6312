"""From the same weights, on the same images, TensorFlow and JAX train to the same network."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[3]

PROGRAM = """
import sys
import keras, numpy as np
from keras import layers
from benchmark.training.keras_trainer import KerasTrainer
from benchmark.training.trainer import Epoch
from zoo.settings import TrainingSettings

draw = np.random.default_rng(0)
images, labels = draw.integers(0, 256, (40, 12, 12, 1)).astype(np.uint8), draw.integers(0, 3, 40)
found = {}
# No biases before batch normalisation: their gradient is rounding error alone, which Adam makes a whole step of.
for optimizer in ("sgd", "adamw", "muon"):
    network = keras.Sequential([
        keras.Input((12, 12, 1)), layers.Rescaling(1 / 255),
        layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False),
        layers.BatchNormalization(), layers.Activation("relu"),
        layers.SeparableConv2D(5, 3, padding="same", use_bias=False), layers.MaxPooling2D(3, strides=2, padding="same"),
        layers.BatchNormalization(momentum=0.9), layers.Activation("elu"),
        layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax"),
    ])
    weights = np.random.default_rng(1)
    network.set_weights([
        np.abs(weights.normal(1, 0.1, w.shape)) if w.ndim == 1 else weights.normal(0, 0.4, w.shape)
        for w in network.get_weights()
    ])
    settings = TrainingSettings(optimizer=optimizer, learning_rate=0.01, batch_size=16, weight_decay=1e-3,
                                clip_norm=1.0, ema=0.9, loss="label_smoothing")
    trainer = KerasTrainer(network, settings, 0, lambda *_: None)
    losses = [
        trainer.train_epoch(Epoch(images, draw_rows, labels[draw_rows], None, 0.01, number=number))["loss"]
        for number, draw_rows in enumerate([np.arange(40), np.arange(40)[::-1]])
    ]
    found[f"{optimizer}/losses"] = np.array(losses)
    found[f"{optimizer}/probabilities"] = trainer.predict(images)
    for place, value in enumerate(trainer.state().values()):
        found[f"{optimizer}/{place}"] = value
np.savez(sys.argv[1], **found)
"""


def test_losses_weights_statistics_and_moments_are_the_same(tmp_path: Path) -> None:
    pytest.importorskip("jax")
    started = {
        backend: subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tmp_path / f"{backend}.npz")],
            cwd=ROOT,
            env={**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT)},
        )
        for backend in ("tensorflow", "jax")
    }
    assert [process.wait(timeout=240) for process in started.values()] == [0, 0]
    tensorflow, jax = (np.load(tmp_path / f"{backend}.npz") for backend in started)
    assert tensorflow.files == jax.files
    for name in tensorflow.files:
        if tensorflow[name].dtype != np.uint32:  # seeds of layers that draw
            np.testing.assert_allclose(tensorflow[name], jax[name], rtol=2e-4, atol=2e-5, err_msg=name)
