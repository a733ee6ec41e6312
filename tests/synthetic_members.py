"""Probabilities of members of different quality and confidence that share some of their errors."""

import numpy as np
from numpy.typing import NDArray

from ensembles.members import Members


def synthetic(
    members: int, samples: int, classes: int = 7, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Probabilities (members, samples, classes), as float32 would hold them, and labels (samples,)."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, samples)
    shared = 0.6 * generator.normal(size=(samples, classes))
    found = np.empty((members, samples, classes))
    for member in range(members):
        scores = shared + generator.normal(size=(samples, classes))
        scores[np.arange(samples), labels] += generator.uniform(0.3, 1.6)
        powers = np.exp(scores * generator.uniform(0.5, 3))
        found[member] = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return found, labels


def as_members(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64] | None, split: str = "validation"
) -> Members:
    """The same as `Members`."""
    count, samples, classes = probabilities.shape
    return Members(
        split=split,
        names=tuple(f"member{number}" for number in range(count)),
        sample_ids=np.array([f"{row:05d}" for row in range(samples)]),
        class_names=tuple(f"class{number}" for number in range(classes)),
        probabilities=probabilities,
        labels=labels,
    )
