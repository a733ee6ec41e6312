"""The coursework's baseline: a perceptron on flattened pixels."""

from typing import Any

from zoo.settings import TrainingSettings
from zoo.spec import ModelSpec, Real


def mlp(*, alpha: float, batch_size: int, learning_rate: float, seed: int) -> Any:
    """scikit-learn's MLPClassifier, hidden layers of 128 and 64 units."""
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier(
        (128, 64), alpha=alpha, batch_size=batch_size, learning_rate_init=learning_rate, random_state=seed
    )


MODELS = (
    ModelSpec(
        name="mlp",
        estimator=mlp,
        reference="CS985 coursework: the baseline",
        parameters=303_751,
        hyperparameters={"alpha": Real(1e-4, 0.0, 10.0)},
        search_space={"alpha": Real(1e-4, 1e-6, 1.0, log=True), "learning_rate": Real(1e-3, 1e-4, 1e-2, log=True)},
        training=TrainingSettings(batch_size=200, epochs=200),
        quick={"epochs": 40},
        note="published as MSE 0.1439, not comparable (uniform: 0.1224, all zero: 0.1429)",
    ),
)
