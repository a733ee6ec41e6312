"""Samples with several likeliest classes, as rounded probabilities have them: which of these counts is arbitrary."""

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmark.nouns import Noun

WORTH_SAYING: Final = 0.005
"""What another choice among the likeliest classes must be able to change of an accuracy, 0-1, to be said."""


def tie_sentence(predicted: Iterable[tuple[NDArray[np.floating], NDArray[np.int64]]], noun: Noun) -> str:
    """That accuracy depends on which of the likeliest classes is taken; empty where that matters little.

    Nothing is said of probabilities in half precision, as published runs have them: their ties come from that, and the
    first of the likeliest classes is the one that was the likeliest.

    Args:
        predicted: probabilities, shape (n, classes), and labels, shape (n,), of each seed.
        noun: what the samples are called.
    """
    counted = [_tied(found, labels) for found, labels in predicted if len(labels) and not _is_half(found)]
    if not counted:
        return ""
    several, low, high = np.mean(counted, axis=0).tolist()
    if high - low < WORTH_SAYING:
        return ""
    return (
        f"{several:.1%} of the {noun.many} have several likeliest classes, of which the first counts: with others "
        f"accuracy is {low:.2%} to {high:.2%}"
    )


def _is_half(probabilities: NDArray[np.floating]) -> bool:
    # Of the first rows, because few arrays are.
    return all(
        (block.astype(np.float16) == block).all() for block in (probabilities[:100], probabilities) if block.size
    )


def _tied(probabilities: NDArray[np.floating], labels: NDArray[np.int64]) -> tuple[float, float, float]:
    """The share of samples with several likeliest classes, and accuracy if all of these are wrong, or right."""
    highest = probabilities.max(axis=1)
    several = (probabilities == highest[:, None]).sum(axis=1) > 1
    can_be_right = probabilities[np.arange(len(labels)), labels] == highest
    return float(several.mean()), float((can_be_right & ~several).mean()), float(can_be_right.mean())
