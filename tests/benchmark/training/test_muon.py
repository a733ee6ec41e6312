"""Muon: orthogonal steps for kernels of convolutions, AdamW's for all other weights."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmark.training.optimizers import optimizer_of
from zoo import TrainingSettings

RATE, RMS = 0.01, 0.2

Array = NDArray[Any]


def stepped(start: Array, gradients: list[Array], **settings: Any) -> Array:
    """The weight after a step with each gradient."""
    import keras

    optimizer = optimizer_of(TrainingSettings(**{"optimizer": "muon", "learning_rate": RATE, **settings}))
    weight = keras.Variable(start)
    optimizer.build([weight])
    for gradient in gradients:
        optimizer.apply_gradients([(keras.ops.convert_to_tensor(gradient), weight)])
    return np.asarray(keras.ops.convert_to_numpy(weight))


def normal(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(3, 3, 4, 6), (1, 1, 3, 8), (3, 5, 7)])
def test_the_step_of_a_kernel_is_the_nearest_orthogonal_matrix(shape: tuple[int, ...]) -> None:
    start, gradient = normal(*shape), normal(*shape, seed=1)
    gradient *= np.geomspace(1, 8, shape[-1], dtype=np.float32)
    flat = (-1, shape[-1])
    left, _, right = np.linalg.svd(gradient.reshape(flat), full_matrices=False)
    step = (start - stepped(start, [gradient])).reshape(flat) / (RATE * RMS * np.sqrt(max(left.shape[0], shape[-1])))
    among_vectors = left.T @ step @ right.T
    values = np.diag(among_vectors)
    # With the coefficients of Jordan 2024 singular values come to lie about 1, wherever they start.
    assert 0.6 < values.min() <= values.max() < 1.3
    np.testing.assert_allclose(among_vectors, np.diag(values), atol=1e-3)
    np.testing.assert_allclose(left @ among_vectors @ right, step, atol=1e-3)


def test_a_step_is_as_large_as_adamws() -> None:
    start = normal(3, 3, 16, 16)
    step = start - stepped(start, [normal(3, 3, 16, 16, seed=1)])
    assert np.sqrt((step**2).mean()) == pytest.approx(RATE * RMS, rel=0.3)


def test_the_step_is_that_of_the_momentum() -> None:
    """Nesterov's: the gradient and 0.5 times the sum of past ones, of which the older count half."""
    start, first, second = normal(3, 3, 2, 4), normal(3, 3, 2, 4, seed=1), normal(3, 3, 2, 4, seed=2)
    before = stepped(start, [first], momentum=0.5)
    after = stepped(start, [first, second], momentum=0.5)
    alone = stepped(before, [second + 0.5 * (second + 0.5 * first)], momentum=0.0)
    np.testing.assert_allclose(after, alone, atol=1e-5)


@pytest.mark.parametrize("shape", [(5,), (4, 3), (3, 3, 6, 1)], ids=["bias", "matrix", "depthwise"])
def test_other_weights_follow_adamw(shape: tuple[int, ...]) -> None:
    start, gradients = normal(*shape), [normal(*shape, seed=1), normal(*shape, seed=2)]
    found, expected = (stepped(start, gradients, optimizer=name, weight_decay=0.1) for name in ("muon", "adamw"))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert np.abs(found - start).max() > RATE


def test_decay_is_decoupled() -> None:
    start = normal(3, 3, 2, 4)
    decayed = stepped(start, [np.zeros_like(start)] * 10, weight_decay=0.1)
    np.testing.assert_allclose(decayed, start * (1 - RATE * 0.1) ** 10, rtol=1e-5)


def test_a_network_learns_with_it_in_bfloat16_too() -> None:
    import keras

    images, labels = normal(64, 8, 8, 1), np.arange(64) % 2
    images[labels == 1, 2:5] += 1
    policy = keras.config.dtype_policy()
    keras.utils.set_random_seed(0)
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        x = inputs = keras.Input((8, 8, 1))
        for _ in range(2):
            x = keras.layers.Conv2D(8, 3, activation="relu")(x)
        x = keras.layers.Dense(2, activation="softmax", dtype="float32")(keras.layers.GlobalAveragePooling2D()(x))
        model = keras.Model(inputs, x)
        settings = TrainingSettings(optimizer="muon", learning_rate=0.02, ema=0.5)
        model.compile(optimizer_of(settings), "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(images, labels, epochs=20, verbose=0)
        assert model.evaluate(images, labels, verbose=0)[1] > 0.9
    finally:
        keras.config.set_dtype_policy(policy)
