"""Each optimiser does what its name claims, against NumPy and PyTorch's rule."""

from typing import Any

import numpy as np
import pytest

from benchmark.training.optimizers import begin_steps, end_epoch, images_a_step, optimizer_of
from zoo import TrainingSettings


def steps(gradients: list[float], start: float = 1.0, **settings: object) -> float:
    """The value of one weight after a step with each gradient."""
    import keras

    optimizer = optimizer_of(TrainingSettings(**settings))
    weight = keras.Variable(np.float32(start))
    optimizer.build([weight])
    for gradient in gradients:
        optimizer.apply_gradients([(keras.ops.convert_to_tensor(np.float32(gradient)), weight)])
    return float(keras.ops.convert_to_numpy(weight))


def test_sgd_with_weight_decay_is_pytorchs() -> None:
    # FIELD: 200 steps without gradient at rate 0.01, decay 0.01, momentum 0.9 leave 0.824 (Keras' own decay: 0.980).
    value = steps([0.0] * 200, optimizer="sgd", learning_rate=0.01, weight_decay=0.01, momentum=0.9)
    assert value == pytest.approx(0.824, abs=2e-3)


def test_sgd_steps_are_nesterovs() -> None:
    weight, velocity = 1.0, 0.0
    for gradient in (0.5, -0.2, 0.1):
        decayed = gradient + 0.1 * weight
        velocity = 0.9 * velocity - 0.01 * decayed
        weight += 0.9 * velocity - 0.01 * decayed
    settings = {"optimizer": "sgd", "learning_rate": 0.01, "weight_decay": 0.1, "momentum": 0.9}
    assert steps([0.5, -0.2, 0.1], **settings) == pytest.approx(weight, rel=1e-5)


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_adam_has_the_decay_in_the_gradient(decay: float) -> None:
    weight, mean, square = 1.0, 0.0, 0.0
    for step, gradient in enumerate((0.5, -0.2, 0.1), start=1):
        decayed = gradient + decay * weight
        mean = 0.9 * mean + 0.1 * decayed
        square = 0.999 * square + 0.001 * decayed**2
        corrected = mean / (1 - 0.9**step), square / (1 - 0.999**step)
        weight -= 0.01 * corrected[0] / (np.sqrt(corrected[1]) + 1e-7)
    settings = {"optimizer": "adam", "learning_rate": 0.01, "weight_decay": decay}
    assert steps([0.5, -0.2, 0.1], **settings) == pytest.approx(weight, rel=1e-4)


def test_adamw_decays_the_weight_itself() -> None:
    decayed = steps([0.0] * 10, optimizer="adamw", learning_rate=0.01, weight_decay=0.1)
    assert decayed == pytest.approx((1 - 0.001) ** 10, rel=1e-5)


def test_rmsprop_divides_by_the_running_root() -> None:
    weight, square = 1.0, 0.0
    for gradient in (0.5, -0.2):
        square = 0.9 * square + 0.1 * gradient**2
        weight -= 0.01 * gradient / np.sqrt(square + 1e-7)
    assert steps([0.5, -0.2], optimizer="rmsprop", learning_rate=0.01) == pytest.approx(weight, rel=1e-5)


def test_the_gradient_of_all_weights_together_is_clipped_before_the_decay_is_added() -> None:
    """As in PyTorch: (3, 4) of norm 5 becomes (0.6, 0.8), and only then 0.5 times the weights is added."""
    import keras

    settings = TrainingSettings(optimizer="sgd", momentum=0.0, learning_rate=1.0, weight_decay=0.5, clip_norm=1.0)
    weights = [keras.Variable(np.float32(start)) for start in (2.0, -1.0)]
    optimizer = optimizer_of(settings)
    optimizer.build(weights)
    gradients = [keras.ops.convert_to_tensor(np.float32(gradient)) for gradient in (3.0, 4.0)]
    optimizer.apply_gradients(zip(gradients, weights, strict=True))
    assert [float(weight.numpy()) for weight in weights] == pytest.approx([2 - (0.6 + 1.0), -1 - (0.8 - 0.5)])


def test_a_short_gradient_is_not_clipped() -> None:
    gentle = {"optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.0}
    assert steps([0.5, -0.2], **gentle, clip_norm=0.6) == pytest.approx(steps([0.5, -0.2], **gentle))
    assert steps([0.5], **gentle, clip_norm=0.1) == pytest.approx(0.99)


def test_with_accumulation_the_mean_gradient_is_clipped() -> None:
    import keras

    settings = TrainingSettings(optimizer="sgd", learning_rate=1.0, momentum=0.0, clip_norm=1.0)
    settings = settings.with_changes({"batch_size": 2})
    optimizer, weight = optimizer_of(settings, accumulation=2), keras.Variable(np.float32(0.0))
    optimizer.build([weight])
    begin_steps(optimizer, 1)
    for gradient in (4.0, -3.0):
        optimizer.apply_gradients([(keras.ops.convert_to_tensor(np.float32(gradient)), weight)])
    assert float(weight.numpy()) == pytest.approx(-0.5), "each alone would have been 1 and -1"


def test_with_accumulation_a_weight_may_have_no_gradient() -> None:
    import keras

    settings = TrainingSettings(optimizer="sgd", learning_rate=0.5, momentum=0.0, batch_size=4)
    optimizer, weights = optimizer_of(settings, 2), [keras.Variable(np.float32(1.0)) for _ in range(2)]
    optimizer.build(weights)
    begin_steps(optimizer, 2)
    for _ in range(2):
        optimizer.apply([keras.ops.convert_to_tensor(np.float32(1.0)), None], weights)
    assert [float(keras.ops.convert_to_numpy(weight)) for weight in weights] == [0.5, 1.0]


@pytest.mark.parametrize("accumulation", [1, 3])
def test_an_average_follows_the_weight(accumulation: int) -> None:
    import keras

    settings = TrainingSettings(optimizer="sgd", learning_rate=1.0, momentum=0.0, ema=0.15, batch_size=12)
    optimizer, weight = optimizer_of(settings, accumulation), keras.Variable(np.float32(5.0))
    optimizer.build([weight])
    begin_steps(optimizer, 12 // accumulation)
    (average,) = optimizer.averages
    assert float(average.numpy()) == 5.0
    seen = []
    for gradient in (1.0, 2.0, -1.0):
        for _ in range(accumulation):
            optimizer.apply_gradients([(keras.ops.convert_to_tensor(np.float32(gradient)), weight)])
        seen.append(float(average.numpy()))
    # Weights 4, 2, 3; the shares kept are 0, 1/10, and 0.15 in place of 2/11.
    first, second = 4.0, 0.1 * 4 + 0.9 * 2
    assert seen == pytest.approx([first, second, 0.15 * second + 0.85 * 3])
    optimizer.exchange()
    assert (float(weight.numpy()), float(average.numpy())) == pytest.approx((seen[-1], 3.0))


@pytest.mark.parametrize(
    ("batch_size", "accumulation", "expected"),
    [(64, 1, 64), (64, 2, 32), (64, 4, 16), (10, 4, 2), (9, 2, 3), (7, 2, 1), (1, 4, 1), (3, 4, 1)],
)
def test_steps_divide_a_batch_without_a_rest(batch_size: int, accumulation: int, expected: int) -> None:
    assert images_a_step(batch_size, accumulation) == expected


def test_each_image_counts_the_same_and_nothing_is_left_for_the_next_epoch() -> None:
    import keras

    settings = TrainingSettings(optimizer="sgd", learning_rate=1.0, momentum=0.0, batch_size=4)
    optimizer, weight = optimizer_of(settings, accumulation=2), keras.Variable(np.float32(0.0))
    optimizer.build([weight])
    end_epoch(optimizer)
    assert (float(weight.numpy()), int(optimizer.iterations)) == (0.0, 0), "there was nothing to change it by"
    seen = []
    for images, gradient in ((2, 1.0), (2, 2.0), (2, 3.0), (1, 9.0)):
        begin_steps(optimizer, images)
        optimizer.apply_gradients([(keras.ops.convert_to_tensor(np.float32(gradient)), weight)])
        seen.append(float(weight.numpy()))
    assert seen == pytest.approx([0, -1.5, -1.5, -1.5])
    end_epoch(optimizer)
    assert float(weight.numpy()) == pytest.approx(-1.5 - (2 * 3.0 + 9.0) / 3)
    assert int(optimizer.iterations) == 2
    end_epoch(optimizer)
    assert int(optimizer.iterations) == 2


def updating(optimizer: Any, weight: Any) -> Any:
    """A graph of TensorFlow's that updates a weight by a gradient."""
    import tensorflow as tf

    return tf.function(lambda gradient: optimizer.apply_gradients([(gradient, weight)]), autograph=False)


@pytest.mark.parametrize(
    ("name", "settings"),
    [("Adam", {}), ("AdamW", {"optimizer": "adamw"}), ("SGD", {"optimizer": "sgd"})],
)
@pytest.mark.parametrize("momentum", [0.9, 0.0])
def test_the_update_is_that_of_keras_in_fewer_operations(name: str, settings: dict[str, str], momentum: float) -> None:
    import keras
    import tensorflow as tf

    generator = np.random.default_rng(0)
    start, gradients = (generator.normal(size=size).astype(np.float32) for size in ((3, 5), (4, 3, 5)))
    options = {"momentum": momentum, "nesterov": momentum > 0} if name == "SGD" else {}
    options |= {"weight_decay": 0.0} if name == "AdamW" else {}
    found, sizes = [], []
    for optimizer in (
        optimizer_of(TrainingSettings(**settings, learning_rate=0.1, momentum=momentum)),
        getattr(keras.optimizers, name)(0.1, **options),
    ):
        weight = keras.Variable(start)
        optimizer.build([weight])
        graph = updating(optimizer, weight)
        for gradient in gradients:
            graph(tf.constant(gradient))
        found.append(weight.numpy())
        sizes.append(len(graph.get_concrete_function(tf.constant(gradient)).graph.get_operations()))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5, atol=1e-6)
    assert np.abs(found[0] - start).max() > 0.1
    assert sizes[0] < sizes[1]
