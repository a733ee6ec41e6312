"""Each optimiser and loss does what its name claims, against NumPy and PyTorch's rule."""

import numpy as np
import pytest

from benchmark.optimizers import loss_of, optimizer_of
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


def test_losses_are_their_formulas() -> None:
    labels = np.eye(3, dtype=np.float32)[[0, 2]]
    probabilities = np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4]], np.float32)
    chosen = np.array([0.7, 0.4])
    smooth = labels * 0.9 + 0.1 / 3
    expected = {
        "cross_entropy": -np.log(chosen).mean(),
        "label_smoothing": -(smooth * np.log(probabilities)).sum(axis=1).mean(),
        # Lin et al. 2017, without class weighting.
        "focal": -((1 - chosen) ** 2 * np.log(chosen)).mean(),
    }
    for name, value in expected.items():
        found = float(loss_of(TrainingSettings(loss=name))(labels, probabilities))
        assert found == pytest.approx(value, rel=1e-5), name
    gentle = float(loss_of(TrainingSettings(loss="focal", focal_gamma=0.0))(labels, probabilities))
    assert gentle == pytest.approx(expected["cross_entropy"], rel=1e-5)
