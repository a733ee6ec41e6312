"""Predictions in half precision: the same classes are the likeliest, and the scores stay what they were."""

from dataclasses import replace
from typing import Final

import numpy as np

from benchmark.metrics import log_loss
from benchmark.records import Predictions

LARGEST_CHANGE: Final = 1e-3
"""Of the log loss, in nats."""


def halved(predictions: Predictions) -> Predictions:
    """The predictions with every probability one that float16 holds; those that are so already are returned as such.

    Rounding may make two classes equal, of which the first would win. Then the one that was the likeliest gets the
    next larger number: no sample changes its class. Where rows would no longer sum to 1, or the log loss would change
    by more than `LARGEST_CHANGE`, the predictions are returned as they are. (float16 has no number between 0 and 6e-8;
    that matters where many labels have a probability of about that size.)
    """
    exact = predictions.probabilities
    rounded = exact.astype(np.float16)
    likeliest = exact.argmax(axis=1)
    tied = np.flatnonzero(rounded.argmax(axis=1) != likeliest)
    rounded[tied, likeliest[tied]] = np.nextafter(rounded[tied].max(axis=1), np.float16(np.inf))
    try:
        found = replace(predictions, probabilities=rounded.astype(np.float32))
    except ValueError:
        return predictions
    if predictions.labels is not None and predictions.labels.size:
        change = log_loss(found.probabilities, predictions.labels) - log_loss(exact, predictions.labels)
        if abs(change) > LARGEST_CHANGE:
            return predictions
    return found


def is_halved(predictions: Predictions) -> bool:
    """Whether float16 holds every probability as it is."""
    return np.array_equal(predictions.probabilities.astype(np.float16), predictions.probabilities)
