"""The second stage of transfer learning."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest

from benchmark.dataset import Split
from benchmark.training.epoch_loop import History
from benchmark.training.frozen.features import frozen_backbone
from benchmark.training.frozen.fine_tuning import SECOND_STAGE, fine_tune
from benchmark.training.keras_trainer import KerasTrainer
from benchmark.training.trainer import RefitSchedule
from zoo import TrainingSettings, backbones, get_model
from zoo.backbones import (
    EFFICIENTNET_LITE0,
    INCEPTION_V3,
    MOBILENET_QUARTER,
    MOBILENET_V2,
    RESNET50,
    VGG16,
    Backbone,
)
from zoo.transfer import _base, unfreeze

BACKBONES = [RESNET50, INCEPTION_V3, VGG16, MOBILENET_V2, MOBILENET_QUARTER, EFFICIENTNET_LITE0]
SETTINGS = TrainingSettings(epochs=5, batch_size=8, learning_rate=1e-2, fine_tune_blocks=1, fine_tune_epochs=2)


def split(name: str, count: int = 16) -> Split:
    images = np.random.default_rng(count).integers(0, 256, (count, 32, 32, 1)).astype(np.uint8)
    return Split(name, images, np.arange(count) % 3, np.array([f"{name}-{k}" for k in range(count)]))


def network() -> Any:
    keras.utils.set_random_seed(0)
    spec = get_model("mobilenet025")
    return spec.build((32, 32, 1), 3, weights="random", **spec.with_hyperparameters({"input_size": 32}))


def row(epoch: int, loss: float) -> dict[str, Any]:
    return {"epoch": epoch, "validation_loss": loss}


@pytest.mark.parametrize("backbone", BACKBONES, ids=lambda one: one.application)
def test_blocks_are_layers_from_input_to_output(backbone: Backbone) -> None:
    size = 75 if backbone is INCEPTION_V3 else 32
    base = _base(backbone, size, "random")
    names = [layer.name for layer in base.layers]
    places = [names.index(name) for name in backbone.blocks]
    assert places == sorted(set(places))
    assert places[-1] == len(names) - 1
    base.trainable = False
    unfreeze(base, backbone, 1)
    learning = [
        layer for layer in base.layers if layer.weights and not isinstance(layer, keras.layers.BatchNormalization)
    ]
    assert {layer.name for layer in learning if layer.trainable} == {
        layer.name for layer in learning if layer in base.layers[places[-2] + 1 :]
    }
    # Nothing outside of the top block reads what it makes: the cut goes through one tensor alone.
    below = {id(layer.output) for layer in base.layers[: places[-2]]}
    for layer in base.layers[places[-2] + 1 :]:
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        assert not below & {id(tensor) for tensor in inputs}
    unfreeze(base, backbone, len(backbone.blocks))
    assert all(layer.trainable for layer in learning)


def test_top_blocks_learn_and_statistics_stay() -> None:
    first = KerasTrainer(network(), SETTINGS, 0, lambda done, total: None)
    base = frozen_backbone(first.model)
    before = {weight.path: weight.numpy() for weight in base.weights}
    reports: list[dict[str, Any]] = []
    second, history = fine_tune(
        first, MOBILENET_QUARTER, (split("train"), split("validation", 8)), History([row(1, 99.0)]), reports.append
    )
    changed = {weight.path for weight in base.weights if not np.array_equal(weight.numpy(), before[weight.path])}
    assert changed == {"conv_dw_13/kernel", "conv_pw_13/kernel"}
    assert [entry["stage"] for entry in history.rows] == [1, 2, 2]
    assert [entry["epoch"] for entry in history.rows] == [1, 2, 3]
    assert [entry["epoch"] for entry in reports] == [2, 3]
    assert history.rows[1]["learning_rate"] == pytest.approx(1e-3)
    assert second.model is first.model


def test_the_better_stage_is_kept() -> None:
    first = KerasTrainer(network(), SETTINGS, 0, lambda done, total: None)
    before = first.model.get_weights()
    fine_tune(first, MOBILENET_QUARTER, (split("train"), split("validation", 8)), History([row(1, 0.0)]))
    for old, new in zip(before, first.model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_second_stage_that_diverges_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    first = KerasTrainer(network(), SETTINGS, 0, lambda done, total: None)
    before, data = first.model.get_weights(), (split("train"), split("validation", 8))
    monkeypatch.setattr(KerasTrainer, "predict", lambda self, images: np.full((len(images), 3), np.nan, np.float32))
    _, history = fine_tune(first, MOBILENET_QUARTER, data, History([row(1, 2.0)]))
    assert history.rows == [{"stage": 1, **row(1, 2.0)}]
    for old, new in zip(before, first.model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_second_stage_draws_the_same_whatever_was_drawn_before() -> None:
    counts = []
    for drawn in (0, 1234):
        first = KerasTrainer(network(), SETTINGS, 0, lambda done, total: None)
        (state,) = [one for one in first.model.variables if one.name == "seed_generator_state"]
        state.assign([state.numpy()[0], drawn])
        fine_tune(first, MOBILENET_QUARTER, (split("train"), RefitSchedule((1e-3,))), History([{"epoch": 1}]))
        counts.append(state.numpy()[1] - SECOND_STAGE)
    assert counts[0] == counts[1] > 0


def test_blocks_within_layers_keep_their_statistics() -> None:
    class Block(keras.layers.Layer):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.normalise = keras.layers.BatchNormalization()

        def call(self, x: Any) -> Any:
            return self.normalise(x)

    base = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3), Block(), keras.layers.ReLU()])
    base.trainable = False
    unfreeze(base, replace(MOBILENET_QUARTER, blocks=("relu",)), 1)
    assert base.layers[0].trainable
    assert not base.layers[1].normalise.trainable


def test_a_second_stage_is_repeated_without_validation() -> None:
    first = KerasTrainer(network(), SETTINGS, 0, lambda done, total: None)
    before = first.model.get_weights()
    done = [{"epoch": 1}, {"epoch": 2}]
    _, history = fine_tune(first, MOBILENET_QUARTER, (split("train"), RefitSchedule((1e-3, 1e-4))), History(done))
    assert [entry["epoch"] for entry in history.rows] == [1, 2, 3, 4]
    assert [entry["learning_rate"] for entry in history.rows[2:]] == [1e-3, 1e-4]
    assert any((new != old).any() for old, new in zip(before, first.model.get_weights(), strict=True))


def test_no_backbone_is_left_out() -> None:
    known = [value for value in vars(backbones).values() if isinstance(value, Backbone)]
    assert known == BACKBONES
