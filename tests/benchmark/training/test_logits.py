"""Networks are trained on logits: a confident mistake has the loss and the gradient of its formula, on each backend."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmark.training.joint_model import joint_model
from benchmark.training.keras_trainer import KerasTrainer
from benchmark.training.logits import SMALLEST, logits_model
from benchmark.training.trainer import Epoch
from zoo import TrainingSettings

Array = NDArray[np.float64]

LOGITS = np.array([[40, 0, 1, -2], [-3, 25, 0, 60], [0.5, -1, 2, 0], [0, 90, 1, 3], [30, -5, 0, 2]], np.float32)
LABELS = np.array([1, 2, 0, 1, 3])
"""Three confident mistakes, of gaps of 40, 60 and 28, an ordinary image, and one that is right for sure."""

COUNT, CLASSES = LOGITS.shape
LOSSES: dict[str, dict[str, Any]] = {
    "cross_entropy": {},
    "label_smoothing": {"label_smoothing": 0.2},
    "focal": {"focal_gamma": 2.0},
    "symmetric": {"symmetric_alpha": 0.5, "symmetric_beta": 0.7},
    "generalized": {"generalized_q": 0.1},
}


def log_softmax(logits: Array) -> Array:
    shifted = logits - logits.max(axis=1, keepdims=True)
    logarithms: Array = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return logarithms


def loss_in_float64(name: str, logits: Array, labels: Array) -> Array:
    """The loss of each image, from the formulas of `losses`."""
    values, logarithms = LOSSES[name], log_softmax(logits)
    cross_entropy: Array = -(labels * logarithms).sum(axis=1)
    match name:
        case "label_smoothing":
            share = values["label_smoothing"]
            smooth: Array = -((labels * (1 - share) + share / CLASSES) * logarithms).sum(axis=1)
            return smooth
        case "focal":
            focused: Array = -(labels * (1 - np.exp(logarithms)) ** values["focal_gamma"] * logarithms).sum(axis=1)
            return focused
        case "symmetric":
            reverse = -(np.exp(logarithms) * np.log(np.maximum(labels, 1e-4))).sum(axis=1)
            both: Array = values["symmetric_alpha"] * cross_entropy + values["symmetric_beta"] * reverse
            return both
        case "generalized":
            power = values["generalized_q"]
            bounded: Array = (labels * (1 - np.exp(power * logarithms)) / power).sum(axis=1)
            return bounded
    return cross_entropy


def gradient_in_float64(loss: Callable[[Array], float], kernel: Array, step: float = 1e-4) -> Array:
    """By central differences."""
    gradient = np.zeros_like(kernel)
    for place in np.ndindex(*kernel.shape):
        ahead, behind = kernel.copy(), kernel.copy()
        ahead[place] += step
        behind[place] -= step
        gradient[place] = (loss(ahead) - loss(behind)) / (2 * step)
    return gradient


def network(kernel: NDArray[Any] = LOGITS) -> Any:
    """Its logits for the image with a 1 in pixel i are row i of the kernel."""
    inputs = keras.Input((COUNT, 1, 1))
    dense = keras.layers.Dense(CLASSES, activation="softmax", use_bias=False)
    model = keras.Model(inputs, dense(keras.layers.Flatten()(inputs)))
    dense.set_weights([kernel])
    return model


def epoch(weights: NDArray[np.float32] | None = None) -> Epoch:
    images = np.eye(COUNT, dtype=np.float32).reshape(COUNT, COUNT, 1, 1)
    return Epoch(images, np.arange(COUNT), LABELS, weights, 1.0)


def trainer(teacher: Any = None, **settings: Any) -> KerasTrainer:
    """Its first step subtracts the gradient."""
    asked = TrainingSettings(optimizer="sgd", momentum=0.0, batch_size=COUNT, **settings)
    return KerasTrainer(network(), asked, 0, lambda *_: None, teacher=teacher)


def assert_learns(trainer: KerasTrainer, shown: Epoch, loss: Callable[[Array], float]) -> None:
    kernel = LOGITS.astype(np.float64)
    assert trainer.train_epoch(shown)["loss"] == pytest.approx(loss(kernel), rel=1e-5)
    gradient = kernel - trainer.model.get_weights()[0]
    np.testing.assert_allclose(gradient, gradient_in_float64(loss, kernel), atol=2e-5)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_loss_and_gradient_of_confident_mistakes(
    name: str, weighted: bool, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not compiled:
        monkeypatch.setattr("benchmark.training.keras_trainer.compiles", lambda: False)
    weights = np.array([0.4, 2, 1, 0.7, 3], np.float32) if weighted else None
    one_hot = np.eye(CLASSES)[LABELS]

    def loss(kernel: Array) -> float:
        return float(np.mean((1.0 if weights is None else weights) * loss_in_float64(name, kernel, one_hot)))

    assert_learns(trainer(loss=name, **LOSSES[name]), epoch(weights), loss)


@pytest.mark.parametrize("name", LOSSES)
def test_with_mixed_labels(name: str) -> None:
    found, shown = trainer(loss=name, mixup=1.0, **LOSSES[name]), epoch()
    mixing = found._mixed(shown, COUNT).mixing
    assert mixing is not None
    images, labels = (
        mixing.mixed(np.eye(edge, dtype=np.float32)[of]) for edge, of in ((COUNT, shown.rows), (CLASSES, LABELS))
    )
    assert_learns(found, shown, lambda kernel: float(loss_in_float64(name, images @ kernel, labels).mean()))


@pytest.mark.parametrize("name", ["cross_entropy", "focal"])
def test_with_a_teacher(name: str) -> None:
    other = np.random.default_rng(0).normal(0, 2, LOGITS.shape)
    share, temperature = 0.6, 3.0
    target = log_softmax(other / temperature)

    def loss(kernel: Array) -> float:
        own = log_softmax(kernel / temperature)
        divergence = (np.exp(target) * (target - own)).sum(axis=1).mean()
        of_labels = loss_in_float64(name, kernel, np.eye(CLASSES)[LABELS]).mean()
        return float((1 - share) * of_labels + share * temperature**2 * divergence)

    settings = {"distillation": share, "distillation_temperature": temperature, "loss": name, **LOSSES[name]}
    assert_learns(trainer(network(other.astype(np.float32)), **settings), epoch(), loss)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 20.0])
def test_focal_has_a_gradient_where_nothing_is_left_to_learn(gamma: float) -> None:
    """The slope of (1 - p)^g has no bound at p = 1 for g below 1."""
    found = trainer(loss="focal", focal_gamma=gamma)
    found.train_epoch(epoch())
    assert np.isfinite(found.model.get_weights()[0]).all()
    np.testing.assert_allclose(found.model.get_weights()[0][3], LOGITS[3], atol=1e-5)


def hidden() -> tuple[Any, Any]:
    inputs = keras.Input((6,))
    return inputs, keras.layers.BatchNormalization()(keras.layers.Dense(5)(inputs))


def ends_in(last: Callable[[Any], Any]) -> Any:
    inputs, x = hidden()
    return keras.Model(inputs, last(x))


def nested() -> Any:
    """A network as the last layer of another, and called in a mode of its own."""
    inputs = keras.Input((6,))
    return keras.Model(inputs, ends_in(keras.layers.Dense(CLASSES, activation="softmax"))(inputs, training=False))


ENDS: dict[str, Callable[[], Any]] = {
    "dense": lambda: ends_in(keras.layers.Dense(CLASSES, activation="softmax")),
    "without a bias": lambda: ends_in(keras.layers.Dense(CLASSES, activation="softmax", use_bias=False)),
    "activation": lambda: ends_in(lambda x: keras.layers.Activation("softmax")(keras.layers.Dense(CLASSES)(x))),
    "layer": lambda: ends_in(lambda x: keras.layers.Softmax()(keras.layers.Dense(CLASSES)(x))),
    "operation": lambda: ends_in(lambda x: keras.ops.softmax(keras.layers.Dense(CLASSES)(x))),
    "nested": nested,
    "sequential": lambda: keras.Sequential(
        [keras.Input((6,)), keras.layers.Dropout(0.5), keras.layers.Dense(CLASSES, activation="softmax")]
    ),
}


def model_of(end: str) -> Any:
    keras.utils.set_random_seed(0)
    return ENDS[end]()


@pytest.mark.parametrize("end", ENDS)
def test_the_same_network_without_its_softmax(end: str) -> None:
    model, images = model_of(end), np.random.default_rng(0).normal(size=(9, 6)).astype(np.float32)
    before = model.predict(images, verbose=0)
    logits = logits_model(model)
    # Scaled up, the logits pass what probabilities in float32 can hold.
    model.set_weights([1000 * array if array.shape == (5, CLASSES) else array for array in model.get_weights()])
    found = np.asarray(logits.predict(images, verbose=0)).astype(np.float64)
    expected = model.predict(images, verbose=0)
    np.testing.assert_allclose(np.exp(log_softmax(found)), expected, atol=1e-5)
    if end != "sequential":
        assert log_softmax(found).min() < -200
    assert list(map(id, logits.variables)) == list(map(id, model.variables)), "checkpoints count them"
    assert list(map(id, logits.trainable_variables)) == list(map(id, model.trainable_variables)), "optimisers do too"
    assert np.abs(before.sum(axis=1) - 1).max() < 1e-5
    assert type(model).from_config(model.get_config()).count_params() == model.count_params()


def test_a_layer_may_be_called_logits() -> None:
    inputs = keras.Input((4,))
    x = keras.layers.Dense(8, name="logits")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))
    pixels = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    found = keras.ops.softmax(logits_model(model).predict(pixels, verbose=0))
    np.testing.assert_allclose(np.asarray(found), model.predict(pixels, verbose=0), atol=1e-6)


def test_penalties_are_counted_once() -> None:
    penalty = keras.regularizers.L2(0.1)
    model = ends_in(keras.layers.Dense(CLASSES, activation="softmax", kernel_regularizer=penalty))
    kernel = model.get_weights()[-2]
    logits = logits_model(model)
    assert len(logits.losses) == 1
    assert float(logits.losses[0]) == pytest.approx(0.1 * float((kernel**2).sum()), rel=1e-5)


def test_a_mean_of_probabilities_has_their_logarithm() -> None:
    members = {name: ends_in(keras.layers.Dense(CLASSES, activation="softmax")) for name in ("a", "b")}
    parts = [{"network": 0}, {"network": 1}]
    model = joint_model(members, {"kind": "linear", "weights": [0.5, 0.5], "parts": parts}, training=None)
    logits, images = logits_model(model), np.random.default_rng(0).normal(size=(9, 6)).astype(np.float32)
    found = np.asarray(logits.predict(images, verbose=0))
    np.testing.assert_allclose(found, np.log(model.predict(images, verbose=0)), atol=1e-5)
    assert list(map(id, logits.variables)) == list(map(id, model.variables))
    for member in members.values():
        member.layers[-1].bias.assign([0, 1000, 0, 0])
    assert np.asarray(logits.predict(images, verbose=0)).min() == pytest.approx(np.log(SMALLEST), rel=1e-5)


def test_logits_are_float32_in_bfloat16() -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        for end in ("dense", "activation", "nested"):
            logits = logits_model(model_of(end))
            assert logits.outputs[0].dtype == "float32"
            assert logits.predict(np.ones((2, 6), np.float32), verbose=0).dtype == np.float32
    finally:
        keras.config.set_dtype_policy("float32")
