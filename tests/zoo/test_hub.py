"""Presets of Keras Hub by name: with a stand-in for keras-hub, and with keras-hub itself where it is installed."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from benchmark.running.planning import plan
from benchmark.training.frozen.features import split_model
from zoo import UserError, get_model, hub as zoo_hub
from zoo.hub import preset_base, preset_scaling, preset_spec, presets_in

LISTING = """\
backbone_presets = {
    "small_imagenet": {
        "metadata": {"params": 12},
        "kaggle_handle": "kaggle://keras/small/keras/small_imagenet/3",
    },
    "text_en": {
        "metadata": {},
    },
}
"""


@dataclass
class Converter:
    """As `keras_hub.layers.ImageConverter`, on images of its own size."""

    scale: Any = 1 / 127.5
    offset: Any = (-1.0, -0.9, -0.8)
    image_size: Any = (None, None)
    power: int = 1

    def __call__(self, pixels: Any) -> Any:
        scale = 1.0 if self.scale is None else np.asarray(self.scale, np.float32)
        return keras.ops.convert_to_tensor(
            (pixels * scale + (0.0 if self.offset is None else self.offset)) ** self.power
        )


def network(edge: int | None = None, rank: int = 4) -> Any:
    inputs = keras.Input((edge, edge, 3))
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same", activation="relu", name="first")(inputs)
    x = keras.layers.MaxPooling2D(name="pool")(x)
    x = keras.layers.Conv2D(5, 3, padding="same", name="last")(x)
    return keras.Model(inputs, keras.layers.Reshape((-1, 5))(x) if rank == 3 else x)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[SimpleNamespace]:
    """A package keras_hub with two presets; `network` and `converter` of the namespace are what it gives."""
    given = SimpleNamespace(network=network(), converter=Converter(), asked=[])

    def from_preset(preset: str, load_weights: bool) -> Any:
        given.asked.append((preset, load_weights))
        if isinstance(given.network, Exception):
            raise given.network
        return given.network

    package = ModuleType("keras_hub")
    package.models = SimpleNamespace(Backbone=SimpleNamespace(from_preset=from_preset))
    layers = ModuleType("keras_hub.layers")
    layers.ImageConverter = SimpleNamespace(from_preset=lambda preset: given.converter)
    monkeypatch.setitem(sys.modules, "keras_hub", package)
    monkeypatch.setitem(sys.modules, "keras_hub.layers", layers)
    models = tmp_path / "keras_hub" / "src" / "models" / "small"
    models.mkdir(parents=True)
    (models / "small_presets.py").write_text(LISTING)
    found = SimpleNamespace(origin=str(tmp_path / "keras_hub" / "__init__.py"))
    monkeypatch.setattr(zoo_hub, "find_spec", lambda name: found)
    preset_spec.cache_clear()
    yield given
    preset_spec.cache_clear()


def test_without_keras_hub_a_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoo_hub, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="hub:resnet_50_imagenet needs keras-hub: pip install keras-hub"):
        get_model("hub:resnet_50_imagenet")


def test_names_are_those_of_the_package(hub: SimpleNamespace, tmp_path: Path) -> None:
    assert presets_in(tmp_path / "keras_hub") == ["small_imagenet", "text_en"]
    with pytest.raises(UserError, match="unknown preset of Keras Hub 'smal_imagenet': did you mean small_imagenet"):
        get_model("hub:smal_imagenet")
    with pytest.raises(UserError, match=r"unknown preset of Keras Hub 'xyz': its 2 presets are on keras\.io"):
        get_model("hub:xyz")
    assert hub.asked == [], "no name is looked up by reading the preset"


@pytest.mark.parametrize("rank", [4, 3])
def test_a_preset_is_a_transfer_model(hub: SimpleNamespace, rank: int) -> None:
    hub.network = network(rank=rank)
    spec = get_model("hub:small_imagenet")
    values = spec.with_hyperparameters({"input_size": 32})
    model = spec.build((24, 20, 1), 3, **values, weights=spec.weights)
    assert hub.asked == [("small_imagenet", True)]
    pixels = np.random.default_rng(0).integers(0, 256, (2, 24, 20, 1)).astype(np.float32)
    probabilities = model.predict(pixels, verbose=0)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    frozen = split_model(model)
    assert frozen.base.trainable_variables == []
    features = frozen.base.predict(pixels, verbose=0)
    np.testing.assert_allclose(frozen.head.predict(features, verbose=0), probabilities, atol=1e-5)


def test_images_are_scaled_as_the_preset_says(hub: SimpleNamespace) -> None:
    spec = get_model("hub:small_imagenet")
    model = spec.build((32, 32, 3), 3, **spec.with_hyperparameters({"input_size": 32}), weights="random")
    assert hub.asked == [("small_imagenet", False)]
    pixels = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)).astype(np.float32)
    (scaled,) = [layer for layer in model.layers if isinstance(layer, keras.layers.Rescaling)]
    np.testing.assert_allclose(scaled(pixels), hub.converter(pixels), atol=1e-5)
    hub.converter = Converter(None, None)
    assert preset_scaling("small_imagenet") == (1.0, 0.0)
    hub.converter = Converter(power=2)
    with pytest.raises(UserError, match="does more than scale: write a function"):
        preset_scaling("small_imagenet")


def test_what_cannot_be_used_is_one_line(hub: SimpleNamespace) -> None:
    hub.network = network(edge=64)
    with pytest.raises(UserError, match="takes images of 64x64 alone: --set input_size=64"):
        preset_base("small_imagenet", 32, "preset")
    assert preset_base("small_imagenet", 64, "preset").input_shape == (None, 64, 64, 3)
    hub.network = keras.Sequential([keras.Input((8,)), keras.layers.Dense(2)])
    with pytest.raises(UserError, match="hub:text_en is not a network from RGB images to features"):
        preset_base("text_en", 32, "preset")
    hub.network = ConnectionError("no\nroute")
    with pytest.raises(UserError, match=r"cannot be read \(ConnectionError: no route\): .* cache of kagglehub"):
        preset_base("small_imagenet", 32, "preset")


def test_plans_take_the_weights_of_the_preset(hub: SimpleNamespace) -> None:
    from benchmark.data.faces.generator import generate

    dataset, spec = generate(14, 7, 0), get_model("hub:small_imagenet")
    (config,) = plan([spec], dataset, "quick", (0,), {}).configs
    assert (config.model, config.weights, config.hyperparameters["train_base"]) == (spec.name, "preset", False)
    (random,) = plan([spec], dataset, "paper", (0,), {"weights": "random"}).configs
    assert random.weights == "random"
    for model, weights in ((spec, "imagenet"), (get_model("keras:MobileNetV2"), "preset")):
        with pytest.raises(UserError, match=f"its weights are {model.weights}, random or a file, not {weights}"):
            plan([model], dataset, "paper", (0,), {"weights": weights})


def test_keras_hub_itself(tmp_path: Path) -> None:
    keras_hub = pytest.importorskip("keras_hub")
    preset_spec.cache_clear()
    with pytest.raises(UserError, match="did you mean resnet_50_imagenet"):
        get_model("hub:resnet50_imagenet")
    shape = {"input_conv_filters": [64], "input_conv_kernel_sizes": [3], "block_type": "basic_block"}
    stacks = {"stackwise_num_filters": [64, 64], "stackwise_num_blocks": [1, 1], "stackwise_num_strides": [1, 2]}
    saved = keras_hub.models.ResNetBackbone(**shape, **stacks)
    converter = keras_hub.layers.ResNetImageConverter(scale=[0.01, 0.02, 0.03], offset=[-1.0, 0.0, 1.0])
    saved.save_to_preset(str(tmp_path / "preset"))
    converter.save_to_preset(str(tmp_path / "preset"))
    base = preset_base(str(tmp_path / "preset"), 32, "preset")
    pixels = np.random.default_rng(0).uniform(0, 1, (1, 32, 32, 3)).astype(np.float32)
    np.testing.assert_allclose(base(pixels), saved(pixels), atol=1e-6)
    scale, offset = preset_scaling(str(tmp_path / "preset"))
    np.testing.assert_allclose(pixels * scale + offset, converter(pixels), atol=1e-5)
    assert {type(layer).__module__.partition(".")[0] for layer in base.layers} == {"keras"}
