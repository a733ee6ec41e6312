"""Transfer models: what the base is given, what training may touch, where its weights come from."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from benchmark.training.keras_trainer import KerasTrainer
from benchmark.training.trainer import Epoch
from zoo import ModelSpec, TrainingSettings, UserError, all_models, get_model, pretrained_weights
from zoo.backbones import INCEPTION_V3, MOBILENET_QUARTER, MOBILENET_V2, RESNET50, VGG16, Backbone
from zoo.transfer import as_trained_on

SPECS = [spec for spec in all_models().values() if spec.backbone]
SMALL = (32, 32, 1)


def built(name: str, shape: tuple[int, int, int] = SMALL, weights: str | Path = "random", **changes: Any) -> Any:
    spec = get_model(name)
    smallest = {"input_size": spec.hyperparameters["input_size"].low}
    return spec.build(shape, 3, weights=weights, **spec.with_hyperparameters({**smallest, **changes}))


def base_of(model: Any) -> Any:
    (base,) = [layer for layer in model.layers if isinstance(layer, keras.Model)]
    return base


def bare(alpha: float = 0.25) -> Any:
    return keras.applications.MobileNet(include_top=False, weights=None, input_shape=(32, 32, 3), alpha=alpha)


def pixels(count: int = 4, shape: tuple[int, int, int] = SMALL) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, *shape)).astype(np.float32)


def by_name(value: ModelSpec | Backbone) -> str:
    return value.name if isinstance(value, ModelSpec) else value.application


@pytest.mark.parametrize("backbone", [RESNET50, INCEPTION_V3, VGG16, MOBILENET_V2, MOBILENET_QUARTER], ids=by_name)
def test_the_base_sees_what_it_was_trained_on(backbone: Backbone) -> None:
    inputs = keras.Input((8, 8, 3))
    seen = keras.Model(inputs, as_trained_on(backbone, inputs)).predict(pixels(shape=(8, 8, 3)), verbose=0)
    expected = getattr(keras.applications, backbone.module).preprocess_input(pixels(shape=(8, 8, 3)))
    np.testing.assert_allclose(seen, expected, atol=2e-5)


def test_grey_becomes_rgb_and_is_preprocessed() -> None:
    model = built("mobilenet025")
    rgb = np.repeat(pixels(), 3, axis=-1)
    maps = base_of(model)(keras.applications.mobilenet.preprocess_input(rgb), training=False)
    expected = model.get_layer("probabilities")(keras.ops.mean(maps, axis=(1, 2)))
    np.testing.assert_allclose(model.predict(pixels(), verbose=0), expected, atol=1e-5)


def test_images_are_resized_to_the_input_size() -> None:
    model = built("mobilenet025", (48, 40, 3), input_size=64)
    assert base_of(model).input_shape == (None, 64, 64, 3)
    assert model.predict(pixels(2, (48, 40, 3)), verbose=0).shape == (2, 3)


@pytest.mark.parametrize("spec", SPECS, ids=by_name)
def test_what_is_frozen_is_what_was_declared(spec: ModelSpec) -> None:
    model = built(spec.name)
    base = base_of(model)
    assert base.count_params() == spec.backbone.parameters
    assert bool(base.trainable_variables) == spec.hyperparameters["train_base"].default
    assert [spec.hyperparameters["train_base"].default] == [
        spec.name in ("mobilenet", "cue_vgg", "cue_vgg_beta", "efficientnet_lite0")
    ]
    assert {"input_size", "train_base"} <= set(spec.hyperparameters)
    penalised = [layer.name for layer in model.layers if _penalty(layer)]
    assert bool(penalised) == (spec.name in ("cue_vgg", "mobilenet")), "where the sources have penalties"
    assert penalised == ["probabilities"] or spec.name != "mobilenet"


@pytest.mark.parametrize("train_base", [False, True])
def test_training_touches_the_base_only_where_it_may(train_base: bool) -> None:
    model = built("mobilenet025", train_base=train_base)
    base, head = base_of(model), model.get_layer("probabilities")
    before, head_before = base.get_weights(), head.get_weights()
    trainer = KerasTrainer(model, TrainingSettings(batch_size=4), 0, lambda done, total: None)
    trainer.train_epoch(Epoch(pixels().astype(np.uint8), np.arange(4), np.array([0, 1, 2, 0]), None, 1e-2))
    assert not np.array_equal(head.get_weights()[0], head_before[0])
    changed = [not np.array_equal(old, new) for old, new in zip(before, base.get_weights(), strict=True)]
    statistics = ["moving" in variable.path for variable in base.weights]
    for group in (True, False):
        of_group = [was for was, moving in zip(changed, statistics, strict=True) if moving is group]
        assert of_group
        assert all(of_group) if train_base and group else any(of_group) == train_base


@pytest.mark.parametrize("name", ["mobilenet025", "vgg", "cue_vgg"])
def test_saved_and_loaded_in_safe_mode(name: str, tmp_path: Path) -> None:
    model = built(name)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_allclose(loaded.predict(pixels(), verbose=0), model.predict(pixels(), verbose=0), atol=1e-6)
    assert len(loaded.trainable_variables) == len(model.trainable_variables)


def _penalty(layer: Any) -> bool:
    return getattr(layer, "kernel_regularizer", None) is not None


def written_as_of_old(base: Any, path: Path) -> None:
    """HDF5 by topology, as Keras 2 wrote it and keras.applications' files are."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in base.layers]
        for layer in base.layers:
            group = file.create_group(layer.name)
            values = layer.get_weights()
            group.attrs["weight_names"] = [f"{layer.name}/{k}".encode() for k in range(len(values))]
            for k, value in enumerate(values):
                group[f"{layer.name}/{k}"] = value


@pytest.fixture(params=["new", "old"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, list[np.ndarray]]:
    """A file of weights of the quarter-width MobileNet, and the arrays in it."""
    base = bare()
    base.set_weights([np.full_like(array, 0.5) + 0.1 * k for k, array in enumerate(base.get_weights())])
    if request.param == "old":
        written_as_of_old(base, tmp_path / "old.h5")
        return tmp_path / "old.h5", base.get_weights()
    base.save_weights(tmp_path / "new.weights.h5")
    return tmp_path / "new.weights.h5", base.get_weights()


def test_weights_from_a_file(file: tuple[Path, list[np.ndarray]]) -> None:
    path, arrays = file
    # A backbone's weights do not depend on the size it looks at.
    for loaded, expected in zip(
        base_of(built("mobilenet025", weights=path, input_size=48)).get_weights(), arrays, strict=True
    ):
        np.testing.assert_array_equal(loaded, expected)


@pytest.mark.parametrize("broken", ["other width", "other network", "rubbish", "torn", "missing"])
def test_weights_that_do_not_fit_are_one_line(broken: str, tmp_path: Path) -> None:
    path = tmp_path / "some.weights.h5"
    if broken == "other network":
        keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save_weights(path)
    elif broken == "rubbish":
        path.write_bytes(b"no HDF5")
    elif broken != "missing":
        bare(0.5 if broken == "other width" else 0.25).save_weights(path)
    if broken == "torn":
        path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(UserError, match=r"some\.weights\.h5 does not have the weights of MobileNet") as caught:
        built("mobilenet025", weights=path)
    assert "\n" not in str(caught.value)


@pytest.fixture
def keras_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Keras home and no network."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))

    def get_file(*arguments: Any, **options: Any) -> str:
        raise Exception("URL fetch failure")  # as Keras does

    monkeypatch.setattr(keras.utils, "get_file", get_file)
    return tmp_path / "home"


@pytest.mark.parametrize("name", ["resnet", "mobilenet025"])
def test_missing_imagenet_weights_are_one_line_with_the_ways_on(name: str, keras_home: Path) -> None:
    file = get_model(name).backbone.file
    with pytest.raises(UserError, match="ImageNet weights are missing") as caught:
        built(name, weights="imagenet")
    for said in (file, str(keras_home / "models"), "--set weights=PATH", "--set weights=random"):
        assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_imagenet_weights_come_from_keras_cache(keras_home: Path) -> None:
    assert pretrained_weights.cached(MOBILENET_QUARTER) is None
    (keras_home / "models").mkdir(parents=True)
    base = bare()
    written_as_of_old(base, keras_home / "models" / MOBILENET_QUARTER.file)
    assert pretrained_weights.cached(MOBILENET_QUARTER) == keras_home / "models" / MOBILENET_QUARTER.file
    loaded = base_of(built("mobilenet025", weights="imagenet"))
    np.testing.assert_array_equal(loaded.get_weights()[0], base.get_weights()[0])


def test_what_is_not_in_the_cache_is_downloaded_there(keras_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}

    def get_file(name: str, url: str, **options: Any) -> str:
        asked.update(options, name=name, url=url)
        return str(keras_home / "models" / name)

    monkeypatch.setattr(keras.utils, "get_file", get_file)
    assert pretrained_weights.imagenet_file(VGG16) == keras_home / "models" / VGG16.file
    assert asked["url"].endswith(asked["name"])
    assert (asked["cache_dir"], asked["cache_subdir"]) == (str(keras_home), "models")
    assert asked["file_hash"] == VGG16.md5


def test_a_damaged_file_in_the_cache_is_named_and_kept(keras_home: Path) -> None:
    (keras_home / "models").mkdir(parents=True)
    path = keras_home / "models" / VGG16.file
    path.write_bytes(b"half of it")
    with pytest.raises(UserError, match="is damaged or another file"):
        pretrained_weights.imagenet_file(VGG16)
    assert path.read_bytes() == b"half of it"
    whole = replace(VGG16, md5=hashlib.md5(b"half of it", usedforsecurity=False).hexdigest())
    assert pretrained_weights.imagenet_file(whole) == path


def test_addresses_are_those_that_keras_uses() -> None:
    for backbone in (RESNET50, INCEPTION_V3, VGG16, MOBILENET_V2, MOBILENET_QUARTER):
        assert backbone.url.startswith("https://storage.googleapis.com/tensorflow/keras-applications/")
        asked: dict[str, Any] = {}

        def get_file(name: str, url: str, asked: dict[str, Any] = asked, **options: Any) -> str:
            asked.update(options, name=name, url=url)
            raise ConnectionError

        application = getattr(keras.applications, backbone.application)
        source = __import__(application.__module__, fromlist=["file_utils"])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(source.file_utils, "get_file", get_file)
            with pytest.raises(ConnectionError):
                application(include_top=False, input_shape=(224, 224, 3), **backbone.options)
        assert (asked["name"], asked["url"], asked.get("file_hash")) == (backbone.file, backbone.url, backbone.md5)
