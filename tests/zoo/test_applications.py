"""Backbones of `keras.applications` by name: those small enough to build, without ImageNet's weights."""

import hashlib
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from benchmark.running.planning import plan
from benchmark.training.frozen.features import split_model
from zoo import UserError, get_model, pretrained_weights
from zoo.applications import NETWORKS, PIXELS, application_spec
from zoo.backbones import MOBILENET_V2, RESNET50, VGG16
from zoo.transfer import as_trained_on, block_ends, unfreeze

SMALL = ("MobileNetV3Small", "EfficientNetV2B0", "MobileNetV2")


def built(name: str, **changes: Any) -> Any:
    spec = get_model(f"keras:{name}")
    values = spec.with_hyperparameters({"input_size": 32, **changes})
    return spec.build((24, 20, 1), 3, **values, weights="random")


def base_of(model: Any) -> Any:
    return next(layer for layer in model.layers if isinstance(layer, keras.Model))


def test_every_network_of_keras_is_there() -> None:
    rows = [row.split() for row in NETWORKS.splitlines()]
    known = {name for name in dir(keras.applications) if name[0].isupper()}
    assert {row[0] for row in rows} == known
    for name, module, *_ in rows:
        assert getattr(keras.applications, name).__module__.endswith(f".{module}")


@pytest.mark.parametrize("backbone", [RESNET50, VGG16, MOBILENET_V2], ids=lambda backbone: backbone.application)
def test_the_table_agrees_with_the_zoo(backbone: Any) -> None:
    found = application_spec(f"keras:{backbone.application}").backbone
    assert (found.url, found.file, found.md5) == (backbone.url, backbone.file, backbone.md5)
    assert (found.module, found.pixels) == (backbone.module, backbone.pixels)


@pytest.mark.parametrize("name", SMALL)
def test_a_network_is_built_and_its_base_is_frozen(name: str) -> None:
    model = built(name)
    base = base_of(model)
    assert base.trainable_variables == []
    pixels = np.random.default_rng(0).integers(0, 256, (2, 24, 20, 1)).astype(np.float32)
    probabilities = model.predict(pixels, verbose=0)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    frozen = split_model(model)
    features = frozen.base.predict(pixels, verbose=0)
    np.testing.assert_allclose(frozen.head.predict(features, verbose=0), probabilities, atol=1e-5)


def test_one_is_trained_through() -> None:
    assert len(base_of(built("MobileNetV3Small", train_base=True)).trainable_variables) > 50


@pytest.mark.parametrize("module", ["densenet", "resnet_v2", "vgg19", "mobilenet_v3"])
def test_pixels_are_those_of_keras_own_preprocessing(module: str) -> None:
    name = {"densenet": "DenseNet121", "resnet_v2": "ResNet50V2", "vgg19": "VGG19", "mobilenet_v3": "MobileNetV3Small"}
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 4, 4, 3)).astype(np.float32)
    expected = getattr(keras.applications, module).preprocess_input(pixels.copy())
    ours = as_trained_on(application_spec(f"keras:{name[module]}").backbone, keras.ops.convert_to_tensor(pixels))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(ours), expected, atol=1e-4)


@pytest.mark.parametrize(("variances", "by_name"), [("deviations", True), ("variances", False)])
def test_efficientnet_scales_pixels_as_with_keras_weights(
    variances: str, by_name: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weights of "imagenet" hold deviations for variances; by that name Keras has one layer more."""
    from keras.src.applications import efficientnet

    keras.utils.set_random_seed(0)
    shape, file = (32, 32, 3), str(tmp_path / "w.weights.h5")
    made = efficientnet.EfficientNetB0(weights=None, include_top=False, input_shape=shape)
    (normalisation,) = (layer for layer in made.layers if isinstance(layer, keras.layers.Normalization))
    deviations = np.array([0.229, 0.224, 0.225], np.float32)
    held = deviations if variances == "deviations" else deviations**2
    normalisation.set_weights([np.array([0.485, 0.456, 0.406], np.float32), held, *normalisation.get_weights()[2:]])
    made.save_weights(file)
    monkeypatch.setattr(efficientnet.file_utils, "get_file", lambda *_, **__: file)
    weights = "imagenet" if by_name else file
    expected = efficientnet.EfficientNetB0(weights=weights, include_top=False, input_shape=shape)
    pixels = np.random.default_rng(0).integers(0, 256, (2, *shape)).astype(np.float32)
    spec = application_spec("keras:EfficientNetB0")
    built = spec.build(shape, 3, weights=file, input_size=32, train_base=False, dropout=0.0)
    pooling = next(layer for layer in built.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D))
    features = keras.Model(built.input, pooling.input).predict(pixels, verbose=0)
    theirs = expected.predict(pixels, verbose=0)
    np.testing.assert_allclose(features, theirs, atol=1e-4 * np.abs(theirs).max())


def test_networks_of_their_own_scaling_scale_pixels() -> None:
    modules = {row.split()[1] for row in NETWORKS.splitlines()}
    assert set(PIXELS) <= modules
    for module in modules:
        scaled = getattr(keras.applications, module).preprocess_input(np.full((1, 2, 2, 3), 200.0, np.float32))
        assert (PIXELS.get(module) == "own") == bool((scaled == 200).all()), module


@pytest.mark.parametrize("name", ["MobileNetV2", "VGG16"])
def test_blocks_are_read_from_the_network(name: str) -> None:
    network = getattr(keras.applications, name)(include_top=False, weights=None, input_shape=(32, 32, 3))
    ends = block_ends(network)
    assert ends[-1] == network.layers[-1].name
    declared = (MOBILENET_V2 if name == "MobileNetV2" else VGG16).blocks
    # Those of MobileNetV2 without a shortcut join the next.
    assert set(ends) <= set(declared)
    assert len(ends) > len(declared) / 2


def test_the_top_blocks_are_trained_in_the_second_stage() -> None:
    model = built("MobileNetV3Small")
    base, backbone = base_of(model), get_model("keras:MobileNetV3Small").backbone
    ends = block_ends(base)
    unfreeze(base, backbone, 2)
    trained = [layer.name for layer in base.layers if layer.trainable]
    names = [layer.name for layer in base.layers]
    assert names.index(trained[0]) == names.index(ends[-3]) + 1
    unfreeze(base, backbone, 1000)
    assert base.layers[0].trainable


def test_missing_weights_are_one_line_with_the_ways_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(keras.utils, "get_file", lambda *_, **__: (_ for _ in ()).throw(Exception("URL fetch failure")))
    backbone = get_model("keras:MobileNetV3Small").backbone
    with pytest.raises(UserError, match=r"ImageNet weights are missing: .* downloaded from https://.*no_top.*random"):
        pretrained_weights.imagenet_file(backbone)


@pytest.mark.parametrize("name", ["MobileNetV3Small", "NASNetMobile"])
def test_addresses_are_those_that_keras_uses(name: str) -> None:
    backbone, asked = get_model(f"keras:{name}").backbone, dict[str, Any]()

    def get_file(name: str, url: str, **options: Any) -> str:
        asked.update(options, name=name, url=url)
        raise ConnectionError

    network = getattr(keras.applications, name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_module(network.__module__).file_utils, "get_file", get_file)
        with pytest.raises(ConnectionError):
            network(include_top=False, input_shape=(224, 224, 3))
    assert (asked["name"], asked["url"], asked.get("file_hash")) == (backbone.file, backbone.url, backbone.md5)


def test_checksums_of_both_kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    backbone = get_model("keras:ConvNeXtTiny").backbone
    path = tmp_path / "models" / backbone.file
    path.write_bytes(b"weights")
    with pytest.raises(UserError, match="its SHA-256 is not d547"):
        pretrained_weights.imagenet_file(backbone)
    whole = replace(backbone, md5=hashlib.sha256(b"weights").hexdigest())
    assert pretrained_weights.imagenet_file(whole) == path


def test_names_that_keras_does_not_have() -> None:
    with pytest.raises(UserError, match=r"unknown network of keras.applications 'EfficentNetV2B0': did you mean Eff"):
        get_model("keras:EfficentNetV2B0")


def test_quick_takes_random_weights_where_there_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmark.data.faces.generator import generate

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    dataset = generate(14, 7, 0)
    planned = plan([get_model("keras:ConvNeXtTiny")], dataset, "quick", (0,), {})
    (config,) = planned.configs
    assert (config.model, config.weights, config.hyperparameters["train_base"]) == (
        "keras:ConvNeXtTiny",
        "random",
        True,
    )
    assert "random weights" in planned.notes[0]
    (two_stages,) = plan([get_model("keras:ConvNeXtTiny")], dataset, "paper", (0,), {"fine_tune_blocks": 2}).configs
    assert (two_stages.weights, two_stages.training.fine_tune_blocks) == ("imagenet", 2)
