"""Learning rates, the best epoch and early stopping, against hand-worked numbers and Keras' own."""

import math

import pytest

from benchmark.training.schedules import best_epoch, learning_rate, should_stop
from zoo import TrainingSettings

FALLING = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5]


def rates(losses: list[float], **settings: object) -> list[float]:
    chosen = TrainingSettings(learning_rate=1.0, **settings)
    return [learning_rate(chosen, losses[:epoch]) for epoch in range(len(losses) + 1)]


def test_none_keeps_the_rate() -> None:
    assert rates(FALLING) == [1.0] * 7


def test_cosine_falls_from_the_rate_to_nothing() -> None:
    expected = [1.0, (1 + math.sqrt(0.5)) / 2, 0.5, (1 - math.sqrt(0.5)) / 2, 0.0]
    assert rates(FALLING[:4], schedule="cosine", epochs=4) == pytest.approx(expected)


def test_cosine_restarts_doubles_its_period() -> None:
    # Periods of 1, 2 and 4 epochs: each starts at the full rate.
    expected = [1.0, 1.0, 0.5, 1.0, (1 + math.sqrt(0.5)) / 2, 0.5, (1 - math.sqrt(0.5)) / 2]
    assert rates(FALLING, schedule="cosine_restarts", schedule_patience=1) == pytest.approx(expected)


def test_exponential_and_step() -> None:
    assert rates(FALLING[:3], schedule="exponential", schedule_factor=0.5) == [1.0, 0.5, 0.25, 0.125]
    assert rates(FALLING[:4], schedule="step", schedule_factor=0.1, schedule_patience=2) == pytest.approx(
        [1.0, 1.0, 0.1, 0.1, 0.01]
    )


def test_a_warm_up_rises_to_what_the_schedule_says() -> None:
    assert rates(FALLING[:4], warmup=3) == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0])
    falling = rates(FALLING[:3], schedule="exponential", schedule_factor=0.5, warmup=1)
    assert falling == pytest.approx([0.5, 0.5, 0.25, 0.125])
    assert rates(FALLING[:4], schedule="cosine", epochs=4, warmup=2)[-1] == pytest.approx(0.0)
    # A loss that does not fall while the rate still rises counts as any other.
    assert rates([1.0] * 3, schedule="plateau", schedule_patience=2, warmup=1) == pytest.approx([0.5, 1.0, 1.0, 0.5])


def test_plateau_is_keras_reduce_lr_on_plateau() -> None:
    import keras

    losses = [1.0, 1.1, 1.2, 0.9, 0.95, 0.90005, 0.97, 0.8, 0.9, 0.9, 0.9, 0.9, 0.9]
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1.0), "mse")
    callback = keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=2, min_delta=1e-4, min_lr=0)
    callback.set_model(model)
    callback.on_train_begin()
    expected = [1.0]
    for epoch, loss in enumerate(losses):
        callback.on_epoch_end(epoch, {"val_loss": loss})
        expected.append(float(model.optimizer.learning_rate.numpy()))
    assert rates(losses, schedule="plateau", schedule_factor=0.5, schedule_patience=2) == pytest.approx(expected)
    assert expected[-1] < 0.1


def test_best_epoch_is_the_first_of_the_lowest_and_never_nan() -> None:
    assert best_epoch([3.0, math.nan, 1.0, 1.0, 2.0]) == 2
    with pytest.raises(FloatingPointError, match="diverged"):
        best_epoch([math.nan, math.inf])


def test_training_stops_after_patience_or_all_epochs_or_divergence() -> None:
    patient = TrainingSettings(patience=2, epochs=100)
    falling = [9.0 - 0.1 * epoch for epoch in range(51)]
    assert not should_stop(patient, [1.0, 2.0], falling)
    assert should_stop(patient, [1.0, 2.0, 3.0], falling)
    assert not should_stop(TrainingSettings(patience=0, epochs=100), [1.0] + [2.0] * 50, falling)
    assert should_stop(TrainingSettings(epochs=2), [2.0, 1.0], falling)
    assert should_stop(patient, [1.0, math.nan], falling)


def test_training_may_stop_on_the_training_loss() -> None:
    settings = TrainingSettings(patience=2, epochs=100, stop_on="training_loss")
    assert not should_stop(settings, [1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0])
    assert should_stop(settings, [4.0, 3.0, 2.0, 1.0], [1.0, 0.5, 0.5, 2.0])


def test_training_stops_where_no_training_loss_is_finite() -> None:
    settings = TrainingSettings(patience=2, epochs=100, stop_on="training_loss")
    # The validation losses are finite, so that one of the epochs can be kept: that is no divergence.
    assert should_stop(settings, [0.7], [math.nan])
    assert should_stop(settings, [0.7, 0.6], [math.inf, math.nan])
    # Epochs without a finite loss are epochs without a lower one.
    assert not should_stop(settings, [0.7, 0.6], [1.0, math.nan])
    assert should_stop(settings, [0.7, 0.6, 0.5], [1.0, math.nan, math.nan])
    never = TrainingSettings(patience=0, epochs=100, stop_on="training_loss")
    assert not should_stop(never, [0.7], [math.nan])
