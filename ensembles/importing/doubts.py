"""What is probably wrong with predictions that are worse than chance: the order of their columns or of their rows."""

from collections.abc import Sequence

import numpy as np

from benchmark.metrics import confusion_matrix
from benchmark.records import Predictions
from benchmark.statistics import wilson_interval


def doubts(validation: Predictions) -> list[str]:
    """A sentence where always naming the most frequent class would be right more often, and chance does not explain it.

    Columns without names may be in another order than the classes, and rows without ids in another than the labels. If
    another order of the columns is right at least twice as often, and more often than the most frequent class, it is
    named (the assignment of columns to classes that is right most often).
    """
    if validation.labels is None:
        return []
    matrix = confusion_matrix(validation.probabilities, validation.labels)
    count, hits, constant = int(matrix.sum()), int(matrix.trace()), int(matrix.sum(axis=1).max())
    _, high = wilson_interval(hits, count)
    if high >= constant / count:
        return []
    from scipy.optimize import linear_sum_assignment  # takes half a second to import

    classes, columns = linear_sum_assignment(matrix, maximize=True)
    best = int(matrix[classes, columns].sum())
    worse = f"{hits / count:.2%} of validation are right, less than by always naming the most frequent class"
    if best < 2 * hits or best <= constant:
        return [f"{worse} ({constant / count:.2%}): are the rows in the order of the labels?"]
    order = [validation.class_names[place] for place in classes[np.argsort(columns)]]
    return [
        f"{worse}; with the columns in the order {_shown(order)} {best / count:.2%} would be: "
        "--classes gives the order of columns without names"
    ]


def _shown(names: Sequence[str], most: int = 12) -> str:
    return ",".join(names) if len(names) <= most else f"{','.join(names[:most])},... ({len(names)} classes)"
