"""Several networks as one: its size, its parts, and the mode they are called in."""

import numpy as np
import pytest
from trained_models import tiny

from benchmark.training.joint_model import joint_model
from zoo import get_model

AVERAGE = {"kind": "linear", "weights": [0.5, 0.5], "parts": [{"network": 0}, {"network": 1}]}


def test_the_published_ensemble_has_its_size() -> None:
    networks = {}
    for name in ("resnet", "bayes", "vgg"):
        spec = get_model(name)
        assert spec.build is not None
        weights = {"weights": "random"} if spec.backbone else {}
        networks[name] = spec.build((48, 48, 1), 7, **spec.with_hyperparameters({}), **weights)
    parts = [{"network": position} for position in range(3)]
    model = joint_model(networks, {"kind": "linear", "weights": [1 / 3] * 3, "parts": parts})
    assert model.count_params() == 42_636_501
    assert model.input_shape == (None, 48, 48, 1)
    assert type(model.layers[-1]).__name__ == "Average"


def test_weights_may_differ() -> None:
    networks = {f"seed {seed}": tiny(seed=seed) for seed in (0, 1)}
    images = np.random.default_rng(0).uniform(0, 255, (5, 12, 10, 1)).astype(np.float32)
    said = [network.predict(images, verbose=0) for network in networks.values()]
    model = joint_model(networks, {**AVERAGE, "weights": [0.9, 0.1]})
    np.testing.assert_allclose(model.predict(images, verbose=0), 0.9 * said[0] + 0.1 * said[1], atol=1e-6)
    assert np.abs(said[0] - said[1]).max() > 0.1


def test_called_without_a_mode_it_is_in_inference() -> None:
    """Behind `Resizing`, Keras would normalise with the statistics of the pictures at hand."""
    import keras
    from keras import layers

    inputs = keras.Input((8, 8, 1))
    x = layers.Flatten()(layers.BatchNormalization()(layers.Resizing(4, 4)(inputs)))
    networks = {"a": keras.Model(inputs, layers.Softmax()(x))}
    images = np.random.default_rng(0).uniform(0, 255, (5, 8, 8, 1)).astype(np.float32)
    expected = networks["a"].predict(images, verbose=0)
    np.testing.assert_allclose(joint_model(networks, {"network": 0})(images), expected, atol=1e-6)
    whole = joint_model(networks, {"network": 0}, training=None)
    assert np.abs(np.asarray(whole(images, training=True)) - expected).max() > 0.1


def test_networks_of_different_pixels() -> None:
    with pytest.raises(ValueError, match="pixels of one shape"):
        joint_model({"a": tiny(), "b": tiny(shape=(9, 9, 3))}, AVERAGE)


def test_an_unknown_pool() -> None:
    with pytest.raises(ValueError, match="no layers are known for the pool 'median'"):
        joint_model({"a": tiny(), "b": tiny(seed=1)}, {**AVERAGE, "kind": "median"})
