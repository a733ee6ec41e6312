"""Which of several likeliest classes counts is arbitrary, and said where it matters."""

import numpy as np

from benchmark.nouns import SAMPLES
from benchmark.ties import tie_sentence

LABELS = np.array([0, 1, 0, 1], np.int64)


def test_the_range_of_accuracies_is_said() -> None:
    probabilities = np.array([[0.5, 0.5], [0.5, 0.5], [0.9, 0.1], [0.8, 0.2]])
    assert tie_sentence([(probabilities, LABELS)], SAMPLES) == (
        "50.0% of the samples have several likeliest classes, of which the first counts: with others accuracy is "
        "25.00% to 75.00%"
    )
    # Of several seeds it is the mean.
    whole = np.array([[0.9, 0.1], [0.1, 0.9], [0.9, 0.1], [0.1, 0.9]])
    said = tie_sentence([(probabilities, LABELS), (whole, LABELS)], SAMPLES)
    assert said.startswith("25.0% of")
    assert said.endswith("62.50% to 87.50%")


def test_ties_of_half_precision_are_not_said() -> None:
    """As published runs have them; the exact ones are not tied."""
    labels = np.arange(400) % 2
    exact = 0.5 + np.random.default_rng(0).normal(0, 1e-4, 400)
    probabilities = np.stack([exact, 1 - exact], axis=1)
    assert tie_sentence([(probabilities, labels)], SAMPLES) == ""
    halves = probabilities.astype(np.float16).astype(np.float32)
    assert (halves[:, 0] == halves[:, 1]).mean() > 0.1
    assert tie_sentence([(halves, labels)], SAMPLES) == ""


def test_ties_that_cannot_matter_are_not_said() -> None:
    labels = np.zeros(300, np.int64)
    probabilities = np.tile([0.6, 0.3, 0.1], (300, 1))
    assert tie_sentence([(probabilities, labels)], SAMPLES) == ""
    probabilities[0] = [0.5, 0.5, 0]  # one of 300
    assert tie_sentence([(probabilities, labels)], SAMPLES) == ""
    probabilities[:] = [0.2, 0.4, 0.4]  # always wrong
    assert tie_sentence([(probabilities, labels)], SAMPLES) == ""
    assert tie_sentence([(probabilities[:0], labels[:0])], SAMPLES) == ""
