"""Several networks as one Keras model: each predicts the same pixels, and layers combine their probabilities.

A tree of JSON objects says how. A leaf, `{"network": 2}`, is a network by its position. Any other node has `parts`,
which are nodes, and either `{"kind": "linear" | "geometric" | "vote", "weights": [...]}` or the `{"coefficients":
[...], "intercepts": [...]}` of a logistic regression, and optionally a `temperature`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmark.metrics import SMALLEST_PROBABILITY

Tree = Mapping[str, Any]


def joint_model(networks: Mapping[str, Any], tree: Tree, *, training: bool | None = False) -> Any:
    """One model with several networks as its layers: shared, not copied.

    Args:
        networks: built models from raw pixels (n, height, width, channels) to probabilities (n, classes), by name. They
            are renamed after these names.
        tree: how their probabilities are combined.
        training: the networks' mode where the whole is called without one. With False they are in inference mode, which
            they otherwise lose: Keras' `Resizing` puts everything after it into training mode. With None, needed for
            training, they have the mode of the whole. A mode that the whole is called with overrides both.

    Raises:
        ValueError: networks of different inputs.
    """
    import keras

    shapes = {tuple(network.input_shape[1:]) for network in networks.values()}
    if len(shapes) != 1:
        raise ValueError(f"the networks must take pixels of one shape, got {sorted(shapes)}")
    mode = {} if training is None else {"training": training}
    inputs = keras.Input(shapes.pop(), name="pixels")
    outputs = []
    for position, (name, network) in enumerate(networks.items()):
        # Two seeds of a model have the same name, and in one model names must differ.
        network.name = f"member_{position}_{re.sub('[^A-Za-z0-9]+', '_', name)}"
        outputs.append(network(inputs, **mode))
    return keras.Model(inputs, _combined(tree, outputs), name="joint")


def _combined(tree: Tree, outputs: Sequence[Any]) -> Any:
    from keras import ops

    if "network" in tree:
        return outputs[tree["network"]]
    parts = [_combined(part, outputs) for part in tree["parts"]]
    combined = _regression(tree, parts) if "coefficients" in tree else _pool(tree["kind"], tree["weights"], parts)
    temperature = tree.get("temperature", 1.0)
    return combined if temperature == 1 else ops.softmax(_logarithm(combined) * (1 / temperature))


def _pool(kind: str, weights: Sequence[float], parts: Sequence[Any]) -> Any:
    from keras import layers, ops

    if kind == "linear":
        return _mean(parts, weights)
    if kind == "geometric":
        return ops.softmax(_mean([_logarithm(part) for part in parts], weights))
    if kind != "vote":
        raise ValueError(f"no layers are known for the pool {kind!r}")
    # One ballot each, and the mean as one ballot more, as in `ensembles.methods.pooling.vote`. The first of equals
    # wins. Not `argmax`, which treats negative zeros with operations that LiteRT does not have.
    ballots = [ops.sum(ops.one_hot(ops.top_k(part, 1)[1], part.shape[-1]), axis=1) for part in parts]
    return _mean([*ballots, layers.Average()(parts) if len(parts) > 1 else parts[0]], [1.0] * (len(parts) + 1))


def _mean(parts: Sequence[Any], weights: Sequence[float]) -> Any:
    from keras import layers

    if len(parts) == 1:
        return parts[0]
    if len(set(weights)) == 1:
        return layers.Average()(parts)
    return layers.Add()([layers.Rescaling(weight)(part) for part, weight in zip(parts, weights, strict=True)])


def _logarithm(probabilities: Any) -> Any:
    from keras import ops

    return ops.log(ops.maximum(probabilities, SMALLEST_PROBABILITY))


def _regression(tree: Tree, parts: Sequence[Any]) -> Any:
    """Multinomial logistic regression on the parts' probabilities, one part's classes after the other's."""
    from keras import layers

    dense = layers.Dense(len(tree["intercepts"]), activation="softmax", trainable=False)
    outputs = dense(layers.Concatenate()(parts))
    dense.set_weights([np.array(tree["coefficients"], np.float32).T, np.array(tree["intercepts"], np.float32)])
    return outputs
