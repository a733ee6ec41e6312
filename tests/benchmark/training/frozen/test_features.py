"""Features of frozen backbones: right, computed once, and never those of something else."""

import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from jobs import job_of

from benchmark.dataset import Split
from benchmark.records import RunConfig
from benchmark.running.trainer_factory import TrainerFactory
from benchmark.training.compiled.compiled_predictions import CompiledPredictions
from benchmark.training.epoch_loop import fit
from benchmark.training.frozen import features
from benchmark.training.frozen.feature_trainer import FeatureTrainer, about_features
from benchmark.training.frozen.features import FeatureStore, Versions, split_model
from benchmark.training.frozen.fine_tuning import second_stage
from benchmark.training.inference.predicting import predict
from benchmark.training.keras_trainer import KerasTrainer
from benchmark.training.trainer import Epoch, RefitSchedule
from zoo import TrainingSettings, UserError, get_model

SHAPE = (32, 32, 1)
SETTINGS = TrainingSettings(epochs=3, batch_size=16, learning_rate=1e-2)


def built(name: str = "mobilenet025", **changes: Any) -> Any:
    keras.utils.set_random_seed(0)
    spec = get_model(name)
    values = {"input_size": spec.hyperparameters["input_size"].low, "train_base": False, **changes}
    return spec.build(SHAPE, 3, weights="random", **spec.with_hyperparameters(values))


def images(count: int = 40, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *SHAPE)).astype(np.uint8)


def test_features_of_patches_are_pooled() -> None:
    inputs = keras.Input(SHAPE)
    base = keras.Sequential([keras.Input(SHAPE), keras.layers.Reshape((16, 64)), keras.layers.Dense(5)])
    base.trainable = False
    x = keras.layers.GlobalAveragePooling1D()(base(inputs))
    frozen = split_model(keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x)))
    assert frozen is not None
    assert frozen.base.output_shape == (None, 5)


@pytest.mark.parametrize("by_operation", [False, True])
def test_layers_without_weights_are_part_of_an_entrys_name(by_operation: bool, tmp_path: Path) -> None:
    def network(factor: float) -> Any:
        keras.utils.set_random_seed(0)
        inputs = keras.Input(SHAPE)
        x = inputs * factor if by_operation else keras.layers.Rescaling(factor)(inputs)
        base = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(5)])
        base.trainable = False
        return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(base(x)))

    # The second has other names, since Keras numbers them through a process.
    for factor, count in ((1 / 255, 1), (1 / 255, 1), (1 / 127.5, 2)):
        made = store(tmp_path, network(factor)).of(images())
        assert len(list(tmp_path.glob("*"))) == count
        expected = split_model(network(factor)).base.predict(images(), verbose=0)
        np.testing.assert_allclose(made.sets[0], expected, rtol=1e-4, atol=1e-4)


def split(name: str, count: int = 40, seed: int = 0) -> Split:
    ids = np.array([f"{name}-{k}" for k in range(count)])
    return Split(name, images(count, seed), np.arange(count) % 3, ids)


def store(directory: Path, model: Any, **about: Any) -> FeatureStore:
    frozen = split_model(model)
    assert frozen is not None
    known = about_features("MobileNet", {"input_size": 32})
    return FeatureStore(directory, frozen.base, {**known, **about}, lambda done, total: None)


def trainer(directory: Path, model: Any, settings: TrainingSettings = SETTINGS) -> FeatureTrainer:
    frozen = split_model(model)
    assert frozen is not None
    return FeatureTrainer(model, frozen, settings, 0, store(directory, model))


@pytest.mark.parametrize("name", ["mobilenet025", "vgg", "cue_vgg"])
def test_base_and_head_are_the_model(name: str) -> None:
    model = built(name)
    frozen = split_model(model)
    assert frozen is not None
    assert len(frozen.base.output_shape) == 2
    assert not frozen.base.trainable_weights
    seen = frozen.head.predict(frozen.base.predict(images(4), verbose=0), verbose=0)
    np.testing.assert_allclose(seen, model.predict(images(4), verbose=0), atol=1e-6)
    assert [weight.path for weight in frozen.head.trainable_weights] == [w.path for w in model.trainable_weights]


def test_what_is_not_frozen_is_not_cut() -> None:
    assert split_model(built(train_base=True)) is None
    assert split_model(get_model("cnn4").build((48, 48, 1), 3, **get_model("cnn4").with_hyperparameters({}))) is None


def test_features_are_computed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = built()
    first = store(tmp_path, model).of(images(), "flip", views=2)
    expected = split_model(model).base.predict(images(), verbose=0)
    np.testing.assert_allclose(first.sets[0], expected, atol=1e-5)
    assert len(first) == 120
    assert len(list(tmp_path.glob("*.npy"))) == 3

    again = store(tmp_path, model)
    monkeypatch.setattr(features.CompiledPredictions, "stream", lambda *_: pytest.fail("computed again"))
    # More views take what is there already; a view less as well.
    for mapped, known in zip(again.of(images(), "flip", views=1).sets, first.sets, strict=False):
        assert isinstance(mapped, np.memmap)
        np.testing.assert_array_equal(mapped, known)


def test_views_are_augmented_and_differ(tmp_path: Path) -> None:
    own, one, two = store(tmp_path, built()).of(images(), "affine", views=2).sets
    assert np.abs(one - own).max() > 1e-3
    assert np.abs(two - one).max() > 1e-3


def test_where_memory_lacked_the_backbone_takes_fewer_images_and_sees_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, pictures, taken = built(), images(150), []
    usual = store(tmp_path / "usual", model).of(pictures, "light", 1)

    def noted(self: CompiledPredictions, parts: Iterable[np.ndarray], length: int) -> Iterator[np.ndarray]:
        def seen() -> Iterator[np.ndarray]:
            for part in parts:
                taken.append(len(part))
                yield part

        return stream(self, seen(), length)

    stream = CompiledPredictions.stream
    monkeypatch.setattr(CompiledPredictions, "stream", noted)
    smaller = replace(store(tmp_path / "smaller", model), accumulation=4).of(pictures, "light", 1)
    assert set(taken) == {features.BATCH["CPU"] // 4, 150 % 16}
    for ours, theirs in zip(smaller.sets, usual.sets, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_whatever_changes_the_features_is_another_entry(tmp_path: Path) -> None:
    model = built()
    known = store(tmp_path, model)
    known.of(images(), "flip", views=1)
    other = built()
    weight = split_model(other).base.weights[0]
    weight.assign(weight + 0.01)
    # Each but the first adds one entry or two.
    for asked, count in (
        (lambda: known.of(images(), "flip", views=1), 2),
        (lambda: known.of(images(seed=1)), 3),
        (lambda: known.of(images(), "crop", views=1), 4),
        (lambda: store(tmp_path, other).of(images()), 5),
        (lambda: store(tmp_path, model, precision="mixed_bfloat16").of(images()), 6),
        (lambda: store(tmp_path, model, input_size=33).of(images()), 7),
        (lambda: store(tmp_path, model, backbone="VGG16").of(images()), 8),
        (lambda: store(tmp_path, model, backend="jax").of(images()), 9),
    ):
        asked()
        assert len(list(tmp_path.glob("*"))) == count


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY rubbish", None])
def test_a_damaged_entry_is_made_again(damage: bytes | None, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    known = store(tmp_path, built())
    expected = np.array(known.of(images()).sets[0])
    (path,) = tmp_path.glob("*.npy")
    path.write_bytes(path.read_bytes()[:-100] if damage is None else damage)
    with caplog.at_level(logging.WARNING):
        np.testing.assert_array_equal(known.of(images()).sets[0], expected)
    assert "cannot be used and are made again" in caplog.text


def test_no_room_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features.shutil, "disk_usage", lambda _: type("usage", (), {"free": 10}))
    with pytest.raises(UserError, match=r"cannot be kept in .*make room there or set BENCHMARK_CACHE"):
        store(tmp_path, built()).of(images())
    assert not list(tmp_path.glob("*"))


def test_the_longest_unused_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = store(tmp_path, built())
    size = 40 * 256 * 4 + 1000  # three entries of features and their headers are too much
    known.of(images(seed=1))
    known.of(images(seed=2))
    for path in tmp_path.glob("*.npy"):
        os.utime(path, (0, 0))  # a disk's clock may tell both uses the same time
    known.of(images(seed=1))
    monkeypatch.setattr(features, "LARGEST_STORE", 2 * size)
    known.of(images(seed=3))
    assert len(list(tmp_path.glob("*.npy"))) == 2
    monkeypatch.setattr(features.CompiledPredictions, "stream", lambda *_: pytest.fail("the wrong one is gone"))
    known.of(images(seed=1))


def test_two_runs_make_room_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store(tmp_path, built()).of(images(seed=1))
    (gone,) = tmp_path.glob("*.npy")

    class Both(type(tmp_path)):  # type: ignore[misc]  # a directory in which the other run removes what is listed
        def glob(self, pattern: str, **_: Any) -> Iterator[Path]:
            yield from list(super().glob(pattern))
            yield tmp_path / "gone.npy"

    monkeypatch.setattr(features, "LARGEST_STORE", 0)
    features._make_room(Both(tmp_path), 0)
    assert not gone.exists()


def test_rows_are_gathered_across_versions() -> None:
    versions = Versions([np.arange(8, dtype=np.float32).reshape(4, 2) + 100 * k for k in range(3)])
    assert versions[np.array([0, 11, 5, 4, 3])][:, 0].tolist() == [0, 206, 102, 100, 6]
    assert versions.nbytes == 3 * 8 * 4


def test_the_head_learns_what_the_whole_network_then_says(tmp_path: Path) -> None:
    model = built("vgg")
    before = features.frozen_backbone(model).get_weights()
    ours = trainer(tmp_path, model)
    history = fit(ours, SETTINGS, ours.samples(split("train"), split("validation", 20, 1)), 0)
    assert len(history.rows) == 3
    test = images(20, 2)
    whole = model.predict(test, verbose=0)
    np.testing.assert_allclose(ours.predict(test), whole, atol=1e-4)
    for old, new in zip(before, features.frozen_backbone(model).get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    ours.save(tmp_path)
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict(test, verbose=0), whole, atol=1e-6)
    assert ours.size().parameters == model.count_params()


def test_without_augmentation_it_is_the_same_training(tmp_path: Path) -> None:
    ours = trainer(tmp_path, built(dropout=0.0))
    fit(ours, SETTINGS, ours.samples(split("train"), split("validation", 20, 1)), 0)
    end_to_end = KerasTrainer(built(dropout=0.0), SETTINGS, 0, lambda done, total: None)
    fit(end_to_end, SETTINGS, (split("train"), split("validation", 20, 1)), 0)
    np.testing.assert_allclose(ours.predict(images(20, 2)), end_to_end.predict(images(20, 2)), atol=1e-4)


def test_views_reach_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[np.ndarray] = []
    settings = TrainingSettings(epochs=4, batch_size=16, views=2, augmentation="flip", balance="class_weight")
    ours = trainer(tmp_path, built(), settings)

    def spied(epoch: Epoch) -> dict[str, float]:
        seen.append(epoch.rows)
        return ours.head.train_epoch(epoch)

    monkeypatch.setattr(ours, "train_epoch", spied)
    fit(ours, settings, ours.samples(split("train"), split("validation", 20, 1)), 0)
    versions = np.array(seen) // 40
    assert set(versions.ravel()) == {0, 1, 2}
    # Every image once an epoch, in a version that changes from epoch to epoch.
    for rows in seen:
        assert sorted(rows % 40) == list(range(40))
    shown = np.take_along_axis(versions, np.argsort(np.array(seen) % 40, axis=1), axis=1)
    assert (shown[0] != shown[1]).any()


def test_damaged_features_do_not_pass(tmp_path: Path) -> None:
    ours = trainer(tmp_path, built())
    validation = images(40, 1)
    assert ours.check(validation)[0] > 0
    (path,) = tmp_path.glob("*.npy")
    entry = np.load(path, mmap_mode="r+")
    entry[:] = np.random.default_rng(0).random(entry.shape)
    entry.flush()
    with pytest.raises(RuntimeError, match="remove that directory and run again"):
        ours.check(validation)


def test_views_at_test_time_leave_no_features_behind(tmp_path: Path) -> None:
    """They are read once; and what is said of them is what the whole network says."""
    one, test = trainer(tmp_path, built()), split("test", 8)
    (plain,) = predict(one, [test], ("a", "b", "c"), "none").predictions
    kept = sorted(tmp_path.iterdir())
    (flipped,) = predict(one, [test], ("a", "b", "c"), "flip").predictions
    assert sorted(tmp_path.iterdir()) == kept
    mirrored = one.network.predict(np.ascontiguousarray(test.images[:, :, ::-1]))
    np.testing.assert_allclose(flipped.probabilities, (plain.probabilities + mirrored) / 2, atol=1e-4)


def test_a_refit_takes_features_too(tmp_path: Path) -> None:
    one = trainer(tmp_path, built())
    history = fit(one, SETTINGS, one.samples(split("train"), RefitSchedule((0.01, 0.005))), 0)
    assert [row["learning_rate"] for row in history.rows] == [0.01, 0.005]
    assert one.size() == one.network.size()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"augmentation": "none"}, FeatureTrainer),
        ({"augmentation": "flip"}, KerasTrainer),
        ({"mixup": 1.0}, KerasTrainer),
        ({"augmentation": "flip", "views": 1}, FeatureTrainer),
        ({"augmentation": "flip", "copies": 1}, FeatureTrainer),
        ({"augmentation": "flip", "balance": "copies"}, FeatureTrainer),
    ],
    ids=str,
)
def test_features_do_unless_each_epoch_sees_other_images(
    change: dict[str, Any], expected: type, tmp_path: Path
) -> None:
    spec = get_model("mobilenet025")
    asked = spec.with_hyperparameters({"input_size": 32, "train_base": False})
    training = TrainingSettings(**change)
    config = RunConfig("tiny", "0a1b2c3d", spec.name, hyperparameters=asked, training=training)
    factory = TrainerFactory(job_of(config, tmp_path, "nowhere"))
    assert type(factory.for_network(spec, built(), lambda done, total: None)) is expected


def test_a_second_stage_augments_what_goes_through_the_backbone(tmp_path: Path) -> None:
    """The head sees features, which nothing augments; the whole network, which is trained later, sees pictures."""
    settings = TrainingSettings(epochs=1, views=1, augmentation="flip", fine_tune_blocks=1)
    ours = trainer(tmp_path, built(), settings)
    assert ours.head.settings.augmentation == "none"
    assert second_stage(ours.network.settings).augmentation == "flip"
