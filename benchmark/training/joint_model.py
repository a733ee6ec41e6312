"""Several networks as one Keras model: the pixels in, every network on them, what they say combined by layers.

How they are combined is a tree of JSON objects. A leaf, `{"network": 2}`, is a network by its position. Any other node
has `parts`, which are nodes, and says what becomes of their probabilities: `{"kind": "linear" | "geometric" | "vote",
"weights": [...]}` or `{"coefficients": [...], "intercepts": [...]}` of a logistic regression, and perhaps a
`temperature`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmark.metrics import SMALLEST_PROBABILITY

Tree = Mapping[str, Any]


def joint_model(networks: Mapping[str, Any], tree: Tree, *, training: bool | None = False) -> Any:
    """One model of several, which it holds as layers: shared, not copied.

    Args:
        networks: built models from raw pixels (n, height, width, channels) to probabilities (n, classes), by name. The
            names, made safe for layers, become theirs.
        tree: how they are combined.
        training: the mode the networks are called in where the whole is called without saying one. False keeps them in
            inference: Keras' `Resizing` would then put all that follows it into training. None leaves the mode to the
            whole, as training needs it. A mode that the whole is called in goes before either.

    Raises:
        ValueError: networks of different inputs.
    """
    import keras

    shapes = {tuple(network.input_shape[1:]) for network in networks.values()}
    if len(shapes) != 1:
        raise ValueError(f"the networks must take pixels of one shape, got {sorted(shapes)}")
    mode = {} if training is None else {"training": training}
    inputs = keras.Input(shapes.pop(), name="pixels")
    said = []
    for position, (name, network) in enumerate(networks.items()):
        # Two seeds of a model have the same name, and in one model names must differ.
        network.name = f"member_{position}_{re.sub('[^A-Za-z0-9]+', '_', name)}"
        said.append(network(inputs, **mode))
    return keras.Model(inputs, _combined(tree, said), name="joint")


def _combined(tree: Tree, said: Sequence[Any]) -> Any:
    from keras import ops

    if "network" in tree:
        return said[tree["network"]]
    parts = [_combined(part, said) for part in tree["parts"]]
    found = _regression(tree, parts) if "coefficients" in tree else _pool(tree["kind"], tree["weights"], parts)
    temperature = tree.get("temperature", 1.0)
    return found if temperature == 1 else ops.softmax(_logarithm(found) * (1 / temperature))


def _pool(kind: str, weights: Sequence[float], parts: Sequence[Any]) -> Any:
    from keras import layers, ops

    if kind == "linear":
        return _mean(parts, weights)
    if kind == "geometric":
        return ops.softmax(_mean([_logarithm(part) for part in parts], weights))
    if kind != "vote":
        raise ValueError(f"no layers are known for the pool {kind!r}")
    # One ballot each, and the mean as one ballot more, as `ensembles.methods.pooling.vote` has it. The first of
    # equals wins; not `argmax`, whose care for negative zeros Keras writes with operations that LiteRT does not have.
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
    found = dense(layers.Concatenate()(parts))
    dense.set_weights([np.array(tree["coefficients"], np.float32).T, np.array(tree["intercepts"], np.float32)])
    return found
