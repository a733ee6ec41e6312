"""Training in bfloat16: what computes in it and what does not, and that what is stored is float32."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jobs import changed, job_of

from benchmark import ReadOptions, RunOptions, cli
from benchmark.data import load
from benchmark.hardware import backend
from benchmark.metrics import accuracy
from benchmark.records import RunConfig, RunRecord
from benchmark.running import network_training, trainer_factory
from benchmark.running.job import Job
from benchmark.running.network_training import identity
from benchmark.running.train_and_predict import train_and_predict
from benchmark.running.trainer_factory import TrainerFactory
from benchmark.store.stored_models import load_model, predict
from benchmark.store.stored_run import StoredRun
from benchmark.training.frozen.feature_trainer import about_features
from benchmark.training.images import augmentation
from benchmark.training.inference.predicting import in_float32
from zoo import ModelSpec, TrainingSettings, UserError, all_models, get_model
from zoo.layers import batch_norm, pixels, softmax
from zoo.model_files import models_in
from zoo.settings import CHOICES

NETWORKS = [name for name, spec in all_models().items() if spec.build is not None]
LOW = "mixed_bfloat16"


@pytest.fixture(autouse=True)
def float32_again() -> Iterator[None]:
    yield
    import keras

    keras.config.set_dtype_policy("float32")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An .npz of 8x8 images whose brightness tells their class, mostly."""
    generator = np.random.default_rng(0)
    arrays = {}
    for split, count in (("train", 240), ("validation", 150), ("test", 90)):
        labels = np.arange(count) % 3
        images = generator.normal(70 + 55 * labels[:, None, None], 30, (count, 8, 8)) + generator.normal(
            0, 20, (count, 1, 1)
        )
        arrays[f"{split}_images"] = np.clip(images, 0, 255).astype(np.uint8)
        arrays[f"{split}_labels"] = labels
    np.savez(tmp_path / "tiny.npz", **arrays)
    return tmp_path / "tiny.npz"


def small(input_shape: tuple[int, int, int], classes: int) -> Any:
    """`cnn4` in little: convolution, batch normalisation, dropout, a dense layer."""
    from keras import Model, layers

    inputs, x = pixels(input_shape)
    for filters in (8, 16):
        x = layers.Activation("relu")(batch_norm()(layers.Conv2D(filters, 3, padding="same")(x)))
        x = layers.Dropout(0.1)(layers.MaxPooling2D()(x))
    return Model(inputs, softmax(layers.Dense(16, activation="relu")(layers.Flatten()(x)), classes, l2=1e-3))


def job(data: Path, directory: str, **changes: Any) -> Job:
    dataset = load(data, ReadOptions(), None)
    training = TrainingSettings(epochs=4, batch_size=16, learning_rate=3e-3, augmentation="flip")
    config = RunConfig(dataset.name, dataset.fingerprint, "small", training=training)
    (data.parent / directory).mkdir()
    return changed(job_of(config, data.parent / directory, str(data)), **changes)


def stored(record: RunRecord, of: Job) -> dict[str, Any]:
    found = StoredRun(of.outputs.directory, replace(record, files={})).predictions("validation")
    assert found is not None
    return {"accuracy": accuracy(found.probabilities, found.labels), "probabilities": found.probabilities}


def test_bfloat16_trains_as_well_and_stores_float32(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        trainer_factory, "get_model", lambda name, *_: ModelSpec(name, "here", 0, build=small, smallest=8)
    )
    seen: list[str] = []
    real = network_training.fit

    def spied(trainer: Any, *arguments: Any, **rest: Any) -> Any:
        seen.extend(layer.compute_dtype for layer in trainer.model.layers if "conv" in layer.name)
        return real(trainer, *arguments, **rest)

    monkeypatch.setattr(network_training, "fit", spied)
    made = {}
    for precision in ("float32", "bfloat16"):
        seen.clear()
        asked = job(data, precision, precision=precision, views=(("flip", data.parent / f"{precision}-flip"),))
        asked.directories["flip"].mkdir()
        record = train_and_predict(asked)
        assert record.provenance["precision"] == precision
        assert set(seen) == {precision}
        made[precision] = stored(record, asked)
    low, full = made["bfloat16"], made["float32"]
    assert full["accuracy"] > 0.75
    # Two shares of 150 images: 95 % of their differences are within 1.96 standard errors, were they independent.
    assert abs(low["accuracy"] - full["accuracy"]) < 1.96 * np.sqrt(2 * 0.25 * 0.75 / 150)
    assert np.abs(low["probabilities"] - full["probabilities"]).max() > 1e-4, "the two trainings differ"
    assert low["probabilities"].dtype == np.float32
    # What is stored is a float32 network, and what it predicts.
    model = load_model(data.parent / "bfloat16" / "model.keras")
    assert {layer.compute_dtype for layer in _leaves(model)} == {"float32"}
    np.testing.assert_allclose(
        predict(model, load(data, ReadOptions(), None).validation.images), low["probabilities"], atol=1e-5
    )


def test_a_frozen_base_in_bfloat16(data: Path) -> None:
    """Features are computed in bfloat16, and kept apart from those in float32; what predicts is float32."""
    spec = get_model("mobilenet025")
    asked = job(data, "frozen", precision="bfloat16")
    config = replace(
        asked.variant.config,
        model="mobilenet025",
        hyperparameters=spec.with_hyperparameters({"input_size": 32}),
        training=TrainingSettings(epochs=1, batch_size=32, images=60),
        weights="random",
    )
    asked = changed(asked, config=config, cache=data.parent / "cache")
    record = train_and_predict(asked)
    assert (record.provenance["precision"], about_features("MobileNet", {"input_size": 32})["precision"]) == (
        "bfloat16",
        LOW,
    )
    assert len(list((data.parent / "cache" / "features").iterdir())) == 2, "train and validation"
    model = load_model(asked.outputs.directory / "model.keras")
    validation = load(data, ReadOptions(), None).validation
    np.testing.assert_allclose(predict(model, validation.images), stored(record, asked)["probabilities"], atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_takes_pixels_and_gives_probabilities_in_float32(name: str) -> None:
    import keras

    spec = get_model(name)
    values = spec.with_hyperparameters({})
    start: dict[str, Any] = {}
    if spec.backbone is not None:
        values, start = {**values, "input_size": 75}, {"weights": "random"}
    keras.config.set_dtype_policy(LOW)
    model = spec.build((48, 48, 1), 3, **values, **start)
    assert model.output.dtype == "float32"
    assert {weight.dtype for weight in model.weights} == {"float32"}
    computed = {type(layer).__name__: layer.compute_dtype for layer in model.layers if layer.name != "probabilities"}
    assert {computed[kind] for kind in ("Rescaling", "Resizing") if kind in computed} <= {"float32"}
    assert "bfloat16" in computed.values()
    assert {layer.dtype_policy.name for layer in _leaves(in_float32(model))} == {"float32"}


def _leaves(model: Any) -> list[Any]:
    import keras

    neither = (keras.Model, keras.layers.InputLayer)
    layers = [layer for layer in model._flatten_layers(include_self=False) if not isinstance(layer, neither)]
    assert len(layers) > 3
    return layers


def test_the_copy_in_float32_is_the_same_network() -> None:
    """With frozen layers, a nested backbone and statistics of batch normalisation."""
    import keras

    spec = get_model("mobilenet025")
    values = {**spec.with_hyperparameters({}), "input_size": 32}
    keras.utils.set_random_seed(0)
    full = spec.build((8, 8, 1), 3, **values, weights="random")
    keras.config.set_dtype_policy(LOW)
    low = spec.build((8, 8, 1), 3, **values, weights="random")
    low.set_weights(full.get_weights())
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1)).astype(np.uint8)
    copy = in_float32(low)
    np.testing.assert_array_equal(copy.predict_on_batch(images), full.predict_on_batch(images))
    assert np.abs(low.predict_on_batch(images) - full.predict_on_batch(images)).max() > 1e-6
    assert [layer.trainable for layer in copy.layers] == [layer.trainable for layer in low.layers]


OWN_LAYER = """
import keras


class Gate(keras.layers.Layer):
    def __init__(self, units=3, **options):
        super().__init__(**options)
        self.units = units
        self.inner = keras.layers.Dense(units)

    def build(self, shape):
        self.inner.build(shape)

    def call(self, inputs):
        return keras.ops.tanh(self.inner(inputs))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def net(input_shape, classes):
    inputs = keras.Input(input_shape)
    x = Gate(5)(keras.layers.Flatten()(inputs))
    return keras.Model(inputs, keras.layers.Dense(classes, activation="softmax", dtype="float32")(x))
"""


def test_the_copy_in_float32_of_layers_of_ones_own() -> None:
    """Which only their file defines, and which build others that their configuration does not have."""
    import keras

    (spec,) = models_in(OWN_LAYER).values()
    keras.config.set_dtype_policy(LOW)
    low = spec.build((6, 5, 1), 3)
    copy = in_float32(low, [OWN_LAYER])
    assert keras.config.dtype_policy().name == LOW
    inner = next(layer for layer in copy.layers if type(layer).__name__ == "Gate").inner
    assert inner.dtype_policy.name == "float32"
    keras.config.set_dtype_policy("float32")
    full = spec.build((6, 5, 1), 3)
    full.set_weights(low.get_weights())
    images = np.random.default_rng(0).random((4, 6, 5, 1)).astype(np.float32)
    np.testing.assert_array_equal(copy.predict_on_batch(images), full.predict_on_batch(images))


def test_augmentation_is_float32() -> None:
    import keras

    keras.config.set_dtype_policy(LOW)
    for policy in CHOICES["augmentation"]:
        assert {layer.compute_dtype for layer in augmentation.layers_of(policy, 0)} <= {"float32"}


@pytest.mark.parametrize(
    ("capability", "policy"), [((9, 0), LOW), ((8, 0), LOW), ((7, 5), "float32"), (None, "float32")]
)
def test_auto_is_bfloat16_on_gpus_that_have_it(
    capability: tuple[int, int] | None, policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras
    import tensorflow as tf

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: ["a GPU"] if capability else [])
    monkeypatch.setattr(
        tf.config.experimental, "get_device_details", lambda _: {"compute_capability": capability, "device_name": "it"}
    )
    backend.start(0, precision="auto")
    assert keras.config.dtype_policy().name == policy
    assert backend.device()["precision"] == ("bfloat16" if policy == LOW else "float32")
    backend.start(0)
    assert keras.config.dtype_policy().name == "float32"


def test_capabilities_as_frameworks_give_them() -> None:
    assert backend._capability("9.0") == (9, 0) >= backend.BFLOAT16_SINCE
    assert backend._capability("10.0") >= backend.BFLOAT16_SINCE
    for lacking in ("7.5", "gfx90a", "", None, (7, 0)):
        assert not backend._capability(lacking) >= backend.BFLOAT16_SINCE


def test_a_perceptron_is_float32(data: Path) -> None:
    asked = job(data, "mlp", precision="bfloat16")
    training = TrainingSettings(epochs=1, copies=1, augmentation="flip")  # Keras makes the copies
    config = replace(asked.variant.config, model="mlp", hyperparameters={"alpha": 1e-4}, training=training)
    assert train_and_predict(changed(asked, config=config)).provenance["precision"] == "float32"


def test_an_interrupted_training_does_not_go_on_in_another_precision(data: Path) -> None:
    asked = job(data, "identity")
    asked = changed(asked, config=replace(asked.variant.config, model="cnn4"))
    identities = []
    for precision in ("float32", "bfloat16"):
        TrainerFactory(changed(asked, precision=precision)).start()
        identities.append(identity(asked))
    assert [name for name in identities[0] if identities[0][name] != identities[1][name]] == ["precision"]


def test_an_unknown_precision_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match="unknown precision 'float16'"):
        RunOptions(precision="float16")
    assert cli.main(["run", "mlp", "--precision", "half"]) == 2
    expected = "error: unknown precision 'half': expected one of auto, bfloat16, float32\n"
    assert capsys.readouterr().err == expected
