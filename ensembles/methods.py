"""How the members' probabilities become one: each method by its name."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from zoo.errors import unknown_name

Method = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Takes probabilities (members, n, classes), 0-1, and returns scores (n, classes), not negative."""


def average(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean over members, of shape (n, classes): the `Average` layer of a Keras ensemble."""
    mean: NDArray[np.float64] = probabilities.mean(axis=0)
    return mean


METHODS: Final[Mapping[str, Method]] = {"average": average}


def combine(method: str, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """What `method` makes of the members' probabilities.

    Args:
        method: a name in `METHODS`.
        probabilities: float64, shape (members, n, classes), 0-1.

    Returns:
        float64, shape (n, classes), 0-1; every row is divided by its sum, so that float32's rounding in the stored
        members does not add up.

    Raises:
        UserError: there is no such method.
    """
    if method not in METHODS:
        raise unknown_name("ensemble method", method, METHODS)
    scores = METHODS[method](probabilities)
    total: NDArray[np.float64] = scores.sum(axis=1, keepdims=True)
    return scores / total
