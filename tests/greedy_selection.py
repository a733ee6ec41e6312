"""Greedy selection in one call, for tests of it and of its speed."""

import numpy as np
from numpy.typing import NDArray

from ensembles.methods.greedy import judge_of, selected_weights
from ensembles.methods.options import Options


def greedy_weights(
    probabilities: NDArray[np.floating], labels: NDArray[np.int64], options: Options
) -> NDArray[np.float64]:
    """Each member's share of the picks, from probabilities (members, n, classes) and labels (n,)."""
    return selected_weights(judge_of(probabilities, labels, options.metric), options)
