"""Each loss is its formula, against NumPy and hand-worked numbers."""

import numpy as np
import pytest

from benchmark.training.losses import loss_of
from zoo import TrainingSettings

LABELS = np.eye(3, dtype=np.float32)[[0, 2]]
PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4]], np.float32)
CHOSEN = np.array([0.7, 0.4])


def loss(labels: np.ndarray = LABELS, probabilities: np.ndarray = PROBABILITIES, **settings: object) -> float:
    return float(loss_of(TrainingSettings(**settings))(labels, np.log(probabilities)))


def test_losses_are_their_formulas() -> None:
    smooth = LABELS * 0.9 + 0.1 / 3
    expected = {
        "cross_entropy": -np.log(CHOSEN).mean(),
        "label_smoothing": -(smooth * np.log(PROBABILITIES)).sum(axis=1).mean(),
        # Lin et al. 2017, without class weighting.
        "focal": -((1 - CHOSEN) ** 2 * np.log(CHOSEN)).mean(),
        # Wang et al. 2019: whatever is not on the true class counts -log 1e-4.
        "symmetric": (-0.1 * np.log(CHOSEN) + (1 - CHOSEN) * 9.210340).mean(),
        # Zhang and Sabuncu 2018.
        "generalized": ((1 - CHOSEN**0.7) / 0.7).mean(),
    }
    for name, value in expected.items():
        assert loss(loss=name) == pytest.approx(value, rel=1e-5), name
    assert loss(loss="focal", focal_gamma=0.0) == pytest.approx(expected["cross_entropy"], rel=1e-5)


def test_losses_for_noisy_labels_by_hand() -> None:
    # Of 0.3 and 0.6 that are not on the true class: 9.2103 times 0.45 = 4.1447.
    assert loss(loss="symmetric", symmetric_alpha=0.0) == pytest.approx(4.14465, rel=1e-5)
    # -log 0.7 = 0.35667 and -log 0.4 = 0.91629: mean 0.63648, times 2.
    assert loss(loss="symmetric", symmetric_alpha=2.0, symmetric_beta=0.0) == pytest.approx(1.27297, rel=1e-5)
    # At 1 it is the error of the true class: 0.3 and 0.6.
    assert loss(loss="generalized", generalized_q=1.0) == pytest.approx(0.45, rel=1e-5)
    # (1 - sqrt 0.7) / 0.5 = 0.32668 and (1 - sqrt 0.4) / 0.5 = 0.73509.
    assert loss(loss="generalized", generalized_q=0.5) == pytest.approx(0.53088, rel=1e-4)


@pytest.mark.parametrize("name", ["cross_entropy", "label_smoothing", "focal", "generalized"])
def test_the_loss_of_mixed_labels_is_the_mixed_loss(name: str) -> None:
    first, second = np.eye(3, dtype=np.float32)[[[0, 2], [1, 2]]]
    mixed = loss(0.3 * first + 0.7 * second, loss=name)
    assert mixed == pytest.approx(0.3 * loss(first, loss=name) + 0.7 * loss(second, loss=name), rel=1e-5)


@pytest.mark.parametrize("name", ["symmetric", "generalized"])
def test_losses_for_noisy_labels_have_a_bound(name: str) -> None:
    """A label that is surely wrong pulls no harder than others: at a probability of 0 loss and slope are finite."""
    import tensorflow as tf

    logits = tf.Variable([[80.0, 0.0, -80.0]])
    with tf.GradientTape() as tape:
        found = loss_of(TrainingSettings(loss=name, symmetric_alpha=0.0))(LABELS[1:], logits)
    assert float(found) < 10
    assert np.isfinite(tape.gradient(found, logits).numpy()).all()
