"""What is probably wrong with predictions that are worse than they could be: the order of their columns or rows."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmark.metrics import confusion_matrix
from benchmark.records import PREDICTED, Predictions
from benchmark.statistics import mcnemar_exact, wilson_interval

SURE: Final = 0.001
"""Another order of the columns is named if chance explains its lead in fewer cases than this."""

FEW: Final = 20
"""Samples from which it is no chance that hard labels are all right."""

MANY: Final = 200
"""Classes up to which another order of the columns is looked for in every import; of more only where it is worse than
always naming the most frequent class."""


def doubts(validation: Predictions, *, columns: bool, rows: bool, labels_given: bool = False) -> list[str]:
    """A sentence on what was assumed of the predictions and is probably not so.

    Another order of the columns is named if it is right more often: the assignment of columns to classes that is right
    most often on one half of the samples, judged on the other half. Else rows may be in another order than the labels
    where always naming the most frequent class would be right more often, and chance does not explain it.

    Args:
        columns: whether the order of the columns was assumed.
        rows: whether that of the rows was.
        labels_given: whether these were labels, so that numbers stand where others have columns.
    """
    labels = validation.labels
    if labels is None or not (columns or rows or labels_given):
        return []
    matrix = confusion_matrix(validation.probabilities, labels)
    count, hits, constant = int(matrix.sum()), int(matrix.trace()), int(matrix.sum(axis=1).max())
    if labels_given and hits == count >= FEW:
        return ["every predicted label is the true one: are these the labels themselves?"]
    right = f"{hits / count:.2%} of validation are right"
    _, high = wilson_interval(hits, count)
    poor = high < constant / count
    if columns and (poor or len(matrix) <= MANY) and _is_better(validation.probabilities, labels):
        order = _best_order(matrix)
        best = int(matrix[order, np.arange(len(order))].sum())
        if best > constant:
            names = _shown([validation.class_names[place] for place in order])
            what, whose = ("numbers", "numbers") if labels_given else ("columns", "columns without names")
            return [
                f"{right}; with the {what} in the order {names} {best / count:.2%} would be: "
                f"--classes gives the order of {whose}"
            ]
    if not (rows and poor):
        return []
    often = f"less than by always naming the most frequent class ({constant / count:.2%})"
    return [f"{right}, {often}: are the rows in the order of the labels?"]


def doubts_of_test(ours: Mapping[str, Predictions], theirs: Mapping[str, Predictions], name: str) -> list[str]:
    """A sentence where two runs agree on validation, and on test no more often than by chance.

    Their rows of test are then not of the same samples. Chance is how often they would agree if each named its classes
    as often as it does, without regard to the other (the expected agreement of Cohen's kappa, Cohen 1960).

    Args:
        ours, theirs: predictions of both splits.
        name: of the other run.
    """
    agreed: dict[str, tuple[float, float, float, float]] = {}
    for split in PREDICTED:
        place = {sample: row for row, sample in enumerate(theirs[split].sample_ids.tolist())}
        rows = [place.get(sample, -1) for sample in ours[split].sample_ids.tolist()]
        if -1 in rows:
            return []
        first, second = ours[split].probabilities.argmax(axis=1), theirs[split].probabilities.argmax(axis=1)[rows]
        shares = [np.bincount(one, minlength=len(ours[split].class_names)) / len(one) for one in (first, second)]
        same = int((first == second).sum())
        agreed[split] = (same / len(first), *wilson_interval(same, len(first)), float(shares[0] @ shares[1]))
    (usual, low, _, chance), (found, found_low, high, found_chance) = agreed["validation"], agreed["test"]
    if not (low > chance and found_low <= found_chance and high < low):
        return []
    return [
        f"on test it names the class that {name} names for {found:.0%}, which chance would give ({found_chance:.0%}), "
        f"on validation for {usual:.0%}: are its rows of test in the order that was taken?"
    ]


def _best_order(matrix: NDArray[np.int64]) -> NDArray[np.intp]:
    """The class of each column, shape (classes,), by which most samples would be right."""
    from scipy.optimize import linear_sum_assignment  # takes half a second to import

    classes, columns = linear_sum_assignment(matrix, maximize=True)
    order: NDArray[np.intp] = classes[np.argsort(columns)]
    return order


def _is_better(probabilities: NDArray[np.floating], labels: NDArray[np.int64]) -> bool:
    """Whether another order of the columns, found on every second sample, is right more often on the others."""
    matrix = confusion_matrix(probabilities[::2], labels[::2])
    if (matrix.diagonal() == matrix.max(axis=0)).all():
        return False  # Every column is right most often as it is: no other order is right more often.
    order = _best_order(matrix)
    likeliest = probabilities[1::2].argmax(axis=1)
    ours, theirs = likeliest == labels[1::2], order[likeliest] == labels[1::2]
    return bool(theirs.sum() > ours.sum()) and mcnemar_exact(theirs, ours) < SURE


def _shown(names: Sequence[str], most: int = 12) -> str:
    return ",".join(names) if len(names) <= most else f"{','.join(names[:most])},... ({len(names)} classes)"
