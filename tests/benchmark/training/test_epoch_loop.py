"""The training loop: what it selects on, what it restores, what each setting changes."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark import metrics
from benchmark.dataset import Split
from benchmark.training.epoch_loop import History, fit
from benchmark.training.keras_trainer import KerasTrainer
from benchmark.training.sklearn_trainer import SklearnTrainer, refusal
from benchmark.training.trainer import Epoch, RefitSchedule
from zoo import TrainingSettings, get_model

SIZE = 8


def split(name: str, count: int = 60, seed: int = 0) -> Split:
    """Images whose brightness tells their class, 0, 1 or 2, from noise; counts of the classes are 3 : 2 : 1."""
    generator = np.random.default_rng([seed, count])
    labels = np.resize([0, 0, 0, 1, 1, 2], count).astype(np.int64)
    pixels = generator.normal(60 + 60 * labels[:, None, None, None], 40, (count, SIZE, SIZE, 1))
    ids = np.array([f"{name}-{k}" for k in range(count)])
    return Split(name, np.clip(pixels, 0, 255).astype(np.uint8), labels, ids)


class Scripted:
    """A trainer whose validation log loss follows a script; its weight is the epoch."""

    compile_seconds = 0.0

    def __init__(self, losses: list[float]) -> None:
        self.losses, self.epoch, self.rates, self.seen = losses, -1, [], []

    def train_epoch(self, epoch: Epoch) -> dict[str, float]:
        self.epoch += 1
        self.rates.append(epoch.learning_rate)
        self.seen.append(epoch.labels)
        return {"loss": 0.0, "accuracy": 0.0}

    def predict(self, images: Any) -> np.ndarray:
        right = np.exp(-self.losses[self.epoch])
        probabilities = np.full((len(images), 3), (1 - right) / 2, np.float32)
        probabilities[np.arange(len(images)), split("validation", len(images)).labels] = right
        return probabilities

    def snapshot(self) -> int:
        return self.epoch

    def restore(self, snapshot: int) -> None:
        self.epoch = snapshot

    def save(self, directory: Path) -> None: ...


def fit_script(losses: list[float], **settings: Any) -> tuple[Scripted, History]:
    trainer = Scripted(losses)
    history = fit(trainer, TrainingSettings(**settings), (split("train"), split("validation")), 0)
    return trainer, history


def test_the_epoch_of_lowest_validation_loss_is_put_back() -> None:
    trainer, history = fit_script([2.0, 0.5, 0.7, 0.6], epochs=4)
    assert trainer.epoch == 1
    assert history.validation_losses == pytest.approx([2.0, 0.5, 0.7, 0.6], rel=1e-3)
    np.testing.assert_array_equal(history.probabilities, trainer.predict(split("validation").images))


def test_early_stopping_and_schedule_follow_the_validation_loss() -> None:
    trainer, history = fit_script([2.0, 0.5] + [0.7] * 50, epochs=50, patience=3, schedule="step", schedule_patience=2)
    assert len(history.rows) == 5
    assert trainer.rates == pytest.approx([1e-3, 1e-3, 5e-4, 5e-4, 2.5e-4])


def test_nan_ends_training_and_keeps_the_last_good_epoch() -> None:
    trainer, history = fit_script([2.0, 1.0, np.nan, 0.1], epochs=4)
    assert len(history.rows) == 3
    assert trainer.epoch == 1


def test_divergence_from_the_start_is_an_error() -> None:
    with pytest.raises(FloatingPointError, match="diverged"):
        fit_script([np.nan])


@pytest.mark.parametrize("names", [("train", "test"), ("test", "validation"), ("validation", "train")])
def test_test_data_is_refused(names: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="train and validation only"):
        fit(Scripted([1.0]), TrainingSettings(epochs=1), (split(names[0]), split(names[1])), 0)


def test_a_refit_repeats_rates_and_judges_nothing() -> None:
    trainer = Scripted([])  # which could not predict
    rates = (0.1, 0.05, 0.025)
    history = fit(trainer, TrainingSettings(epochs=50), (split("train"), RefitSchedule(rates)), 0)
    assert tuple(trainer.rates) == rates
    assert trainer.epoch == 2, "the last epoch is kept"
    assert [row["learning_rate"] for row in history.rows] == list(rates)
    assert not any(name.startswith("validation") for row in history.rows for name in row)
    assert history.probabilities is None
    with pytest.raises(ValueError, match="train and validation only"):
        fit(trainer, TrainingSettings(), (split("validation"), RefitSchedule(rates)), 0)


def test_oversampling_reaches_the_trainer() -> None:
    trainer, _ = fit_script([1.0], epochs=1, balance="oversample")
    assert np.bincount(trainer.seen[0]).tolist() == [30, 30, 30]


def test_history_as_csv(tmp_path: Path) -> None:
    _, history = fit_script([2.0, 1.0], epochs=2)
    history.write(tmp_path / "history.csv")
    rows = list(csv.DictReader((tmp_path / "history.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert float(rows[1]["validation_loss"]) == pytest.approx(1.0, rel=1e-3)


def small_model(seed: int = 0) -> Any:
    import keras

    keras.utils.set_random_seed(seed)
    inputs = keras.Input((SIZE, SIZE, 1))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Dense(8, activation="relu")(keras.layers.Flatten()(x))
    return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))


def trained(settings: TrainingSettings, train: Split | None = None, seed: int = 0) -> tuple[KerasTrainer, History]:
    steps: list[tuple[int, int]] = []
    trainer = KerasTrainer(small_model(), settings, seed, lambda done, total: steps.append((done, total)))
    history = fit(trainer, settings, (train or split("train"), split("validation", 30, seed=1)), 0)
    done, total = steps[-1]
    assert done == total
    assert (total > 60) == (settings.balance == "oversample")
    return trainer, history


BASE = TrainingSettings(epochs=3, batch_size=16, learning_rate=0.01)


def test_a_keras_model_learns_and_keeps_its_best_epoch() -> None:
    settings = BASE.with_changes({"epochs": 30, "learning_rate": 0.03})
    trainer, history = trained(settings)
    validation = split("validation", 30, seed=1)
    probabilities = trainer.predict(validation.images)
    assert metrics.log_loss(probabilities, validation.labels) == pytest.approx(min(history.validation_losses), rel=1e-4)
    assert metrics.accuracy(probabilities, validation.labels) > 0.8


@pytest.fixture(scope="module")
def base_probabilities() -> np.ndarray:
    """What the base settings lead to."""
    return trained(BASE)[0].predict(split("validation").images)


def test_training_is_repeatable(base_probabilities: np.ndarray) -> None:
    np.testing.assert_allclose(trained(BASE)[0].predict(split("validation").images), base_probabilities, atol=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        {"optimizer": "sgd"},
        {"optimizer": "adamw", "weight_decay": 0.1},
        {"optimizer": "rmsprop"},
        {"weight_decay": 0.1},
        {"learning_rate": 0.02},
        {"schedule": "cosine"},
        {"loss": "focal"},
        {"loss": "label_smoothing"},
        {"loss": "label_smoothing", "label_smoothing": 0.4},
        {"loss": "symmetric"},
        {"loss": "generalized"},
        {"warmup": 2},
        {"clip_norm": 0.01},
        {"ema": 0.9},
        {"balance": "class_weight"},
        {"balance": "oversample"},
        {"augmentation": "flip"},
        {"augmentation": "affine"},
        {"mixup": 1.0},
        {"cutmix": 1.0},
        {"batch_size": 32},
        {"epochs": 2},
    ],
    ids=str,
)
def test_each_setting_changes_what_is_learnt(change: dict[str, Any], base_probabilities: np.ndarray) -> None:
    changed = trained(BASE.with_changes(change))[0].predict(split("validation").images)
    assert np.abs(changed - base_probabilities).max() > 1e-4


@pytest.mark.parametrize("beforehand", [{"copies": 2}, {"balance": "copies"}], ids=str)
def test_with_copies_made_beforehand_nothing_is_augmented_on_the_fly(
    beforehand: dict[str, Any], base_probabilities: np.ndarray
) -> None:
    changed = trained(BASE.with_changes({"augmentation": "affine", **beforehand}))[0]
    np.testing.assert_allclose(changed.predict(split("validation").images), base_probabilities, atol=1e-6)


def test_the_seed_reaches_augmentation() -> None:
    images, settings = split("validation").images, BASE.with_changes({"augmentation": "affine", "epochs": 1})
    zero, again, one = (trained(settings, seed=seed)[0].predict(images) for seed in (0, 0, 1))
    np.testing.assert_allclose(zero, again, atol=1e-6)
    assert np.abs(zero - one).max() > 1e-5


@pytest.mark.parametrize(
    "change",
    [
        {"optimizer": "sgd", "weight_decay": 0.1, "clip_norm": 0.2, "ema": 0.5},
        {},
        {"optimizer": "adamw"},
    ],
    ids=str,
)
def test_steps_whose_gradients_are_added_up_learn_what_their_batch_does(change: dict[str, Any]) -> None:
    """Epochs of 50 images end with a batch of 10, whose last step is smaller than the others."""
    settings, train = BASE.with_changes({"batch_size": 20, **change}), split("train")
    found = []
    for accumulation in (1, 2, 4):
        steps: list[tuple[int, int]] = []
        trainer = KerasTrainer(small_model(), settings, 0, lambda *step: steps.append(step), accumulation)  # noqa: B023
        for first in (0, 10):
            trainer.train_epoch(Epoch(train.images, np.arange(first, first + 50), train.labels[first:], None, 0.01))
            assert steps[-1] == (50, 50)
        assert int(trainer._optimizer.iterations) == 6
        found.append(trainer.snapshot())
    for one, two, four in zip(*found, strict=True):
        np.testing.assert_allclose(one, two, atol=2e-5)
        np.testing.assert_allclose(one, four, atol=2e-5)


@pytest.mark.parametrize(("count", "expected"), [(130, [3, 6, 9]), (20, [1, 2, 3])])
def test_divided_batches_make_as_many_updates_as_whole_ones(count: int, expected: list[int]) -> None:
    rows = np.random.default_rng(0).integers(0, 60, count)
    train, settings = split("train"), BASE.with_changes({"batch_size": 64})
    trainer = KerasTrainer(small_model(), settings, 0, lambda *_: None, accumulation=2)
    updates = []
    for _ in range(3):
        trainer.train_epoch(Epoch(train.images, rows, train.labels[rows], None, 0.01))
        updates.append(int(trainer._optimizer.iterations))
    assert updates == expected


def one_epoch(trainer: KerasTrainer, train: Split) -> None:
    trainer.train_epoch(Epoch(train.images, np.arange(60), train.labels, None, 0.01))


def test_an_average_is_judged_and_kept_while_training_goes_on_from_the_weights() -> None:
    train = split("train")
    plain, averaged = (
        KerasTrainer(small_model(), BASE.with_changes({"ema": ema}), 0, lambda *_: None) for ema in (0.0, 0.9)
    )
    trajectory = []
    for _ in range(3):
        one_epoch(plain, train)
        one_epoch(averaged, train)
        trajectory.append(plain.snapshot())
    kept = averaged.snapshot()
    # Of four steps an epoch, all after the first keep n / (9 + n) of the average: it is behind, between the epochs.
    assert np.abs(kept[0] - trajectory[-1][0]).max() > 1e-3
    assert np.linalg.norm(kept[0] - trajectory[-1][0]) < np.linalg.norm(kept[0] - trajectory[0][0])
    probabilities = averaged.predict(train.images)
    averaged._optimizer.exchange()
    for weight, expected in zip(averaged.snapshot(), trajectory[-1], strict=True):
        np.testing.assert_allclose(weight, expected, atol=1e-6)
    assert np.abs(averaged.predict(train.images) - probabilities).max() > 1e-4
    averaged.restore(kept)
    np.testing.assert_allclose(averaged.predict(train.images), probabilities, atol=1e-6)


def test_the_average_of_the_best_epoch_is_put_back() -> None:
    settings = BASE.with_changes({"ema": 0.8, "epochs": 12, "learning_rate": 0.3, "optimizer": "sgd"})
    trainer, history = trained(settings)
    validation = split("validation", 30, seed=1)
    found = metrics.log_loss(trainer.predict(validation.images), validation.labels)
    assert found == pytest.approx(min(history.validation_losses), rel=1e-4)


@pytest.mark.parametrize(
    "change",
    [
        {"augmentation": "affine"},
        {"augmentation": "none"},
        {"augmentation": "field", "ema": 0.9},
        {"optimizer": "sgd", "weight_decay": 0.01},
        {"augmentation": "flip", "copies": 2},
        {"augmentation": "flip", "balance": "copies"},
    ],
    ids=str,
)
def test_neither_augmentation_nor_optimiser_is_part_of_the_stored_model(change: dict[str, Any], tmp_path: Path) -> None:
    import keras

    trainer, _ = trained(BASE.with_changes({"epochs": 1, **change}))
    trainer.save(tmp_path)
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    assert getattr(loaded, "optimizer", None) is None
    assert not [layer for layer in loaded.layers if type(layer).__name__.startswith("Random")]
    images = split("validation").images
    np.testing.assert_allclose(loaded.predict(images, verbose=0), trainer.predict(images), atol=1e-6)


def estimator(settings: TrainingSettings) -> SklearnTrainer:
    spec = get_model("mlp")
    made = spec.estimator(
        **spec.with_hyperparameters({}), batch_size=settings.batch_size, learning_rate=settings.learning_rate, seed=0
    )
    return SklearnTrainer(made, 3)


def test_a_scikit_learn_model_goes_through_the_same_loop(tmp_path: Path) -> None:
    settings = TrainingSettings(epochs=15, batch_size=16)
    trainer, validation = estimator(settings), split("validation", 30, seed=1)
    history = fit(trainer, settings, (split("train"), validation), 0)
    probabilities = trainer.predict(validation.images)
    assert metrics.log_loss(probabilities, validation.labels) == pytest.approx(min(history.validation_losses), rel=1e-4)
    assert metrics.accuracy(probabilities, validation.labels) > 0.8
    assert trainer.size().parameters == (64 * 128 + 128) + (128 * 64 + 64) + (64 * 3 + 3)
    trainer.save(tmp_path)
    with np.load(tmp_path / "model.npz", allow_pickle=False) as arrays:
        assert sum(arrays[name].size for name in arrays if name != "input_shape") == trainer.size().parameters


def test_a_scikit_learn_model_honours_class_weights() -> None:
    settings = TrainingSettings(epochs=3, batch_size=16)
    images = split("validation").images
    predictions = []
    for balance in ("none", "class_weight"):
        changed = settings.with_changes({"balance": balance})
        trainer = estimator(changed)
        fit(trainer, changed, (split("train"), split("validation", 30)), 0)
        predictions.append(trainer.predict(images))
    assert np.abs(predictions[0] - predictions[1]).max() > 1e-4


def test_what_scikit_learn_cannot_do_is_refused() -> None:
    assert refusal(TrainingSettings(optimizer="sgd", loss="focal")) == "a scikit-learn model has no loss, optimizer"
    assert "offline copies" in refusal(TrainingSettings(augmentation="flip"))
    assert refusal(TrainingSettings(augmentation="flip", copies=2, balance="oversample")) is None
