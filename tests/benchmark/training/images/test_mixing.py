"""Mixup and cutmix: pixels and labels are mixed alike, against NumPy and hand-worked numbers."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.training.compiled import compiled_epochs
from benchmark.training.images import sampling
from benchmark.training.images.mixing import Mixing, epoch_mixing, mixing_model
from benchmark.training.images.sampling import Mixes, epoch_mixes
from benchmark.training.keras_trainer import KerasTrainer
from benchmark.training.trainer import Epoch
from zoo import TrainingSettings

BOTH = TrainingSettings(mixup=0.4, cutmix=1.0)
EDGES = (6, 8)


def test_what_is_drawn_is_up_to_seed_and_epoch() -> None:
    first, again, other, later = (epoch_mixes(9, 1.0, 1.0, *chance) for chance in ((0, 0), (0, 0), (1, 0), (0, 1)))
    np.testing.assert_array_equal(first.shares, again.shares)
    np.testing.assert_array_equal(first.centres, again.centres)
    assert (first.shares != other.shares).all()
    assert (first.shares != later.shares).all()


def test_shares_are_drawn_from_their_beta_distributions() -> None:
    only_mixup, only_cutmix, both = (epoch_mixes(20_000, *pair, 0, 0) for pair in ((0.2, 0), (0, 2.0), (0.2, 2.0)))
    assert not only_mixup.cut.any()
    assert only_cutmix.cut.all()
    assert both.cut.mean() == pytest.approx(0.5, abs=0.015)
    # The variance of Beta(a, a) is 1 / (4 (2 a + 1)).
    assert only_mixup.shares.var() == pytest.approx(1 / (4 * 1.4), rel=0.03)
    assert both.shares[both.cut].var() == pytest.approx(1 / (4 * 5.0), rel=0.05)
    assert both.shares[~both.cut].var() == pytest.approx(1 / (4 * 1.4), rel=0.05)


def by_hand(monkeypatch: pytest.MonkeyPatch, mixes: Mixes, count: int, size: int) -> Mixing:
    monkeypatch.setattr(sampling, "epoch_mixes", lambda *_: mixes)
    return epoch_mixing(BOTH, count, size, EDGES, (0, 0))


def test_a_step_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five images, three a step: the first step is blended, the second has a rectangle that reaches over the edge.

    Its edges are those of the image, 6 and 8, times sqrt(1 - 0.75): 3 and 4, around row 5 and column 4.
    """
    drawn = Mixes(np.array([0.7, 0.75]), np.array([False, True]), np.array([[0.0, 0.0], [0.9, 0.5]]))
    mixing = by_hand(monkeypatch, drawn, 5, 3)
    assert mixing.partners.tolist() == [2, 1, 0, 4, 3]
    assert mixing.shares[:, 0].tolist() == pytest.approx([0.7, 0.7, 0.7, 1, 1])
    assert mixing.boxes.tolist() == [[0, 0, 0, 0]] * 3 + [[3, 2, 6, 6]] * 2
    assert mixing.kept.tolist() == pytest.approx([0.7] * 3 + [1 - 12 / 48] * 2)
    labels = mixing.mixed(np.eye(5, dtype=np.float32))
    np.testing.assert_allclose(labels[0], [0.7, 0, 0.3, 0, 0], atol=1e-6)
    np.testing.assert_allclose(labels[1], [0, 1, 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(labels[3], [0, 0, 0, 0.75, 0.25], atol=1e-6)
    np.testing.assert_allclose(mixing.mixed(np.array([1, 2, 3, 4, 8], np.float32)), [1.6, 2, 2.4, 5, 7], atol=1e-6)


def test_a_rectangle_outside_the_image_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = Mixes(np.array([0.75]), np.array([True]), np.array([[0.99, 0.0]]))
    mixing = by_hand(monkeypatch, drawn, 2, 2)
    assert mixing.boxes[0].tolist() == [3, 0, 6, 2]
    assert mixing.kept[0] == pytest.approx(1 - 6 / 48)


@pytest.mark.parametrize("asked", [{"mixup": 0.4, "cutmix": 1.0}, {"mixup": 1.0}, {"cutmix": 1.0}], ids=str)
def test_pixels_are_mixed_as_labels_are(asked: dict[str, float]) -> None:
    """A white image among black ones: the brightness of its mix is its share of the label."""
    import keras

    inputs = keras.Input((*EDGES, 1))
    unchanged = keras.Model(inputs, keras.layers.Rescaling(1.0)(inputs))
    model = mixing_model((*EDGES, 1), [], unchanged)
    for epoch in range(12):
        mixing = epoch_mixing(TrainingSettings(**asked), 4, 4, EDGES, (0, epoch))
        white = np.array([1, 0, 0, 0], np.float32)
        images = np.broadcast_to(white[:, None, None, None], (4, *EDGES, 1))
        found = keras.ops.convert_to_numpy(model([images, mixing.shares, mixing.boxes]))
        np.testing.assert_allclose(found.mean(axis=(1, 2, 3)), mixing.mixed(white), atol=1e-6)
        assert (found[1:3] == 0).all()


def test_images_are_mixed_after_they_are_augmented() -> None:
    import keras

    inputs = keras.Input((2, 2, 1))
    unchanged = keras.Model(inputs, keras.layers.Rescaling(1.0)(inputs))
    model = mixing_model((2, 2, 1), [keras.layers.Rescaling(3.0)], unchanged)
    images = np.arange(8, dtype=np.float32).reshape(2, 2, 2, 1)
    found = model([images, np.full((2, 1), 0.25, np.float32), np.zeros((2, 4), np.float32)])
    np.testing.assert_allclose(found, 3 * (0.25 * images + 0.75 * images[::-1]), atol=1e-5)


TRAINING = {"mixup": 1.0, "cutmix": 1.0, "ema": 0.9, "clip_norm": 0.5, "weight_decay": 0.01, "optimizer": "sgd"}


def weights_after_training() -> list[Any]:
    """A linear model of known first weights, after two epochs of three steps, the last smaller."""
    import keras

    inputs = keras.Input((4, 4, 1))
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))
    generator = np.random.default_rng(0)
    model.set_weights([generator.normal(size=(16, 3)), np.zeros(3)])
    images, labels = generator.integers(0, 256, (20, 4, 4, 1)).astype(np.uint8), np.arange(20) % 3
    settings = TrainingSettings(**TRAINING, batch_size=8, learning_rate=0.5)
    trainer = KerasTrainer(model, settings, 0, lambda *_: None)
    for number in range(2):
        trainer.train_epoch(Epoch(images, np.arange(20), labels, np.linspace(0.5, 1.5, 20), 0.5, number))
    return [weights.tolist() for weights in trainer.snapshot()]


def test_jax_learns_what_tensorflow_does() -> None:
    pytest.importorskip("jax")
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    script = f"import runpy; print(runpy.run_path({str(Path(__file__))!r}, run_name='elsewhere')['AS_JSON'])"
    made = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert made.returncode == 0, made.stderr
    for here, there in zip(weights_after_training(), json.loads(made.stdout.splitlines()[-1]), strict=True):
        np.testing.assert_allclose(here, there, atol=1e-5)


def test_images_that_come_in_windows_are_mixed_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = weights_after_training()
    monkeypatch.setattr(compiled_epochs, "RESIDENT_BYTES", {"CPU": 0, "accelerator": 0})
    monkeypatch.setattr(compiled_epochs, "WINDOW_BYTES", 16 * 16)  # of 16 images, two steps
    for here, there in zip(whole, weights_after_training(), strict=True):
        np.testing.assert_allclose(here, there, atol=1e-6)


if __name__ == "elsewhere":
    AS_JSON = json.dumps(weights_after_training())
