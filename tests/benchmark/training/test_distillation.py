"""A network that learns from a teacher: the loss by hand, what the teacher sees, and what stays as it is."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmark.training import keras_trainer
from benchmark.training.compiled import compiled_epochs
from benchmark.training.compiled.compiled_predictions import CompiledPredictions
from benchmark.training.distillation import Teacher, teacher_model
from benchmark.training.images.mixing import epoch_mixing
from benchmark.training.joint_model import joint_model
from benchmark.training.keras_trainer import KerasTrainer
from benchmark.training.trainer import Epoch
from zoo import TrainingSettings

COUNT, CLASSES, STILL = 24, 3, 1e-12


def network(seed: int) -> Any:
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((4, 4, 1))
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    return keras.Model(inputs, keras.layers.Dense(CLASSES, activation="softmax")(x))


def noisy_teacher(seed: int = 7) -> Any:
    """One that would say something else each time, were it called as in training."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((4, 4, 1))
    x = keras.layers.BatchNormalization()(keras.layers.Rescaling(1 / 255)(inputs))
    x = keras.layers.Dropout(0.5)(keras.layers.Flatten()(x))
    return joint_model(
        {"one": keras.Model(inputs, keras.layers.Dense(CLASSES, activation="softmax")(x)), "other": network(8)},
        {"kind": "linear", "weights": [0.7, 0.3], "parts": [{"network": 0}, {"network": 1}]},
    )


def epoch(rate: float = STILL, labels: NDArray[np.int64] | None = None, number: int = 0) -> Epoch:
    images = np.random.default_rng(1).integers(0, 256, (COUNT, 4, 4, 1)).astype(np.uint8)
    found = np.arange(COUNT) % CLASSES if labels is None else labels
    return Epoch(images, np.arange(COUNT)[::-1], found[::-1], None, rate, number)


def trainer(teacher: Any, seed: int = 0, **settings: Any) -> KerasTrainer:
    asked = TrainingSettings(optimizer="sgd", batch_size=8, **settings)
    return KerasTrainer(network(seed), asked, 0, lambda *_: None, teacher=teacher)


def divergence(teacher: NDArray[Any], own: NDArray[Any], temperature: float) -> float:
    """Mean KL(q_T || p_T), from the definition."""
    q, p = (said.astype(np.float64) ** (1 / temperature) for said in (teacher, own))
    q, p = q / q.sum(axis=1, keepdims=True), p / p.sum(axis=1, keepdims=True)
    return float((q * np.log(q / p)).sum(axis=1).mean())


@pytest.mark.parametrize("images_of_teacher", ["augmented", "plain"])
@pytest.mark.parametrize(("share", "temperature"), [(0.5, 2.0), (0.9, 1.0), (0.0, 4.0), (1.0, 3.0)])
def test_the_loss_by_hand(share: float, temperature: float, images_of_teacher: str) -> None:
    teacher, shown = noisy_teacher(), epoch()
    asked = {"distillation": share, "distillation_temperature": temperature, "distillation_images": images_of_teacher}
    found = trainer(teacher, **asked)
    images = shown.images[shown.rows].astype(np.float32)
    own, other = found.predict(images), np.asarray(teacher.predict(images, verbose=0))
    cross_entropy = -np.log(own[np.arange(COUNT), shown.labels]).mean()
    expected = (1 - share) * cross_entropy + share * temperature**2 * divergence(other, own, temperature)
    seen = found.train_epoch(shown)
    assert seen["loss"] == pytest.approx(expected, rel=1e-4)
    assert seen["accuracy"] == pytest.approx((own.argmax(axis=1) == shown.labels).mean())


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled calls", "steps of Keras"])
def test_of_mixed_images_the_plain_predictions_are_mixed(compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras_trainer, "compiles", lambda: compiled)
    teacher, shown, asked = noisy_teacher(), epoch(), {"mixup": 0.5, "distillation_images": "plain"}
    found = trainer(teacher, **asked)
    images = shown.images[shown.rows].astype(np.float32)
    mixing = epoch_mixing(found.settings, COUNT, 8, (4, 4), (0, 0))
    shares = mixing.shares[:, :, None, None]
    own = found.predict(shares * images + (1 - shares) * images[mixing.partners])
    other = mixing.mixed(np.asarray(teacher.predict(images, verbose=0)))
    labels = mixing.mixed(np.eye(CLASSES, dtype=np.float32)[shown.labels])
    expected = 0.5 * -(labels * np.log(own)).sum(axis=1).mean() + 0.5 * 4 * divergence(other, own, 2.0)
    assert found.train_epoch(shown)["loss"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("windows", [False, True], ids=["on the device", "in windows"])
def test_each_image_has_its_own_prediction_however_often_it_is_shown(
    windows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if windows:
        monkeypatch.setattr(compiled_epochs, "RESIDENT_BYTES", {"CPU": 0, "accelerator": 0})
        monkeypatch.setattr(compiled_epochs, "WINDOW_BYTES", 16 * 16)  # of 16 images, two steps
    rows = np.random.default_rng(5).integers(0, COUNT, 21)
    teacher, shown = noisy_teacher(), replace(epoch(), rows=rows, labels=rows % CLASSES)
    found = trainer(teacher, distillation=1.0, distillation_images="plain")
    images = shown.images[rows].astype(np.float32)
    said = [found.predict(images), np.asarray(teacher.predict(images, verbose=0))]
    assert found.train_epoch(shown)["loss"] == pytest.approx(4 * divergence(said[1], said[0], 2.0), rel=1e-4)


def test_plain_images_are_predicted_once_and_not_augmented(monkeypatch: pytest.MonkeyPatch) -> None:
    predicted: list[Any] = []

    class Counted(CompiledPredictions):
        def __init__(self, model: Any, batch: int) -> None:
            predicted.append(model)
            super().__init__(model, batch)

    monkeypatch.setattr(keras_trainer, "CompiledPredictions", Counted)
    teacher, shown, steps = network(0), epoch(), list[tuple[int, int]]()
    found = trainer(teacher, distillation=1.0, distillation_images="plain", augmentation="strong")
    found.on_step = lambda *step: steps.append(step)
    steps.clear()
    found.ask_teacher(shown.images)
    assert steps[-1] == (COUNT, COUNT)
    losses = [found.train_epoch(replace(shown, number=number))["loss"] for number in range(3)]
    assert predicted == [teacher]
    with pytest.raises(ValueError, match="has predicted 24 images, not these 23"):
        found.ask_teacher(shown.images[1:])
    # It says what the network says of a plain image, and so not what that says of the augmented one.
    assert min(losses) > 1e-3


def test_weights_of_samples_and_smoothed_labels_are_the_labels_own() -> None:
    teacher, shown = noisy_teacher(), epoch()
    weights = np.random.default_rng(2).uniform(0.2, 3, COUNT).astype(np.float32)
    images = shown.images[shown.rows].astype(np.float32)
    found = trainer(teacher, loss="label_smoothing", label_smoothing=0.3)
    own, other = found.predict(images), np.asarray(teacher.predict(images, verbose=0))
    smoothed = 0.7 * np.eye(CLASSES)[shown.labels] + 0.3 / CLASSES
    of_labels = -(smoothed * np.log(own)).sum(axis=1)
    # A step's loss is the mean over its images, weighed or not, and steps have eight each.
    expected = 0.5 * (weights * of_labels).mean() + 0.5 * 4 * divergence(other, own, 2.0)
    assert found.train_epoch(replace(shown, weights=weights))["loss"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    "settings", [{"augmentation": "strong"}, {"mixup": 0.5}, {"augmentation": "crop", "cutmix": 1.0}]
)
def test_the_teacher_sees_the_very_image_that_the_network_sees(settings: dict[str, Any]) -> None:
    # It says what the network says only if it sees the same: then it adds nothing to the loss.
    alike = trainer(network(0), distillation=1.0, **settings).train_epoch(epoch())
    assert alike["loss"] == pytest.approx(0, abs=1e-6)
    assert trainer(network(7), distillation=1.0, **settings).train_epoch(epoch())["loss"] > 1e-3


def test_with_the_teacher_alone_labels_do_not_matter_and_the_network_comes_to_say_what_it_says() -> None:
    teacher, said = noisy_teacher(), []
    images = epoch().images.astype(np.float32)
    taught = np.asarray(teacher.predict(images, verbose=0))
    for labels in (np.arange(COUNT) % CLASSES, np.zeros(COUNT, np.int64)):
        found = trainer(teacher, distillation=1.0)
        before = divergence(taught, found.predict(images), 1.0)
        for number in range(20):
            found.train_epoch(epoch(0.1, labels, number))
        said.append(found.predict(images))
        assert divergence(taught, said[-1], 1.0) < before / 10
    np.testing.assert_array_equal(*said)


def test_the_teacher_stays_what_it_is_and_is_in_nothing_that_is_kept() -> None:
    teacher, alone = noisy_teacher(), KerasTrainer(network(0), TrainingSettings(optimizer="sgd"), 0, lambda *_: None)
    before = [np.array(weights) for weights in teacher.get_weights()]
    found = trainer(teacher)
    for one in (found, alone):
        one.train_epoch(epoch(0.5))
    np.testing.assert_equal(teacher.get_weights(), before)

    def shapes(of: KerasTrainer) -> list[tuple[int, ...]]:
        return sorted(array.shape for array in of.state().values())

    assert shapes(found) == shapes(alone)


@pytest.mark.parametrize("images_of_teacher", ["augmented", "plain"])
def test_an_interrupted_training_goes_on_as_if_nothing_had_been(images_of_teacher: str) -> None:
    asked = {"augmentation": "flip", "ema": 0.9, "distillation_images": images_of_teacher}

    def trained(found: KerasTrainer, numbers: Sequence[int]) -> KerasTrainer:
        for number in numbers:
            found.train_epoch(epoch(0.1, number=number))
        return found

    first = trained(trainer(noisy_teacher(), **asked), [0])
    second = trainer(noisy_teacher(), seed=3, **asked)
    second.restore_state(first.state())
    whole = trained(trainer(noisy_teacher(), **asked), [0, 1])
    for ours, theirs in zip(trained(second, [1]).snapshot(), whole.snapshot(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("images_of_teacher", ["augmented", "plain"])
def test_smaller_steps_make_the_same_step(images_of_teacher: str) -> None:
    found = []
    for accumulation in (1, 2):
        settings = TrainingSettings(optimizer="sgd", batch_size=8, distillation_images=images_of_teacher)
        one = KerasTrainer(network(0), settings, 0, lambda *_: None, accumulation, noisy_teacher())
        one.train_epoch(epoch(0.5))
        found.append(one.snapshot())
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_the_teacher_is_float32_whatever_learns(tmp_path: Path) -> None:
    paths = []
    for seed in (7, 8):
        paths.append((str(seed), tmp_path / f"{seed}.keras"))
        network(seed).save(paths[-1][1])
    tree = {"kind": "geometric", "weights": [0.5, 0.5], "parts": [{"network": 0}, {"network": 1}]}
    images = epoch().images.astype(np.float32)
    said = []
    for policy in ("float32", "mixed_bfloat16"):
        keras.config.set_dtype_policy(policy)
        try:
            said.append(np.asarray(teacher_model(Teacher(tuple(paths), tree)).predict(images, verbose=0)))
            assert keras.config.dtype_policy().name == policy
        finally:
            keras.config.set_dtype_policy("float32")
    np.testing.assert_array_equal(*said)
