"""Labels that are stored with a dataset's runs, to score a file with: of open test sets, of validation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.data.merging import own_ids
from benchmark.nouns import Noun
from benchmark.records import PREDICTED, Predictions
from benchmark.store.snapshot import Snapshot


@dataclass(frozen=True, eq=False)
class StoredLabels:
    """The labels of a split.

    Attributes:
        dataset: `name-fingerprint`.
        split: "test" or "validation".
        class_names: in label order.
        sample_ids: as the dataset's own files have them, n.
        labels: shape (n,), positions in class_names.
        others: gives the ids of the other split's samples.
        noun: what the samples are called.
    """

    dataset: str
    split: str
    class_names: tuple[str, ...]
    sample_ids: Sequence[str]
    labels: NDArray[np.int64]
    others: Callable[[], Sequence[str]]
    noun: Noun


def stored_labels(snapshot: Snapshot) -> list[StoredLabels]:
    """The labels that any run has, those of test first; empty where none has."""
    known = {split: _known(snapshot, split) for split in reversed(PREDICTED)}
    name = snapshot.dataset.rpartition("-")[0]

    def ids(split: str) -> list[str]:
        found = known[split]
        return [] if found is None else own_ids(name, found.sample_ids).tolist()

    def others(split: str) -> Callable[[], Sequence[str]]:
        return lambda: [one for other in known if other != split for one in ids(other)]

    return [
        StoredLabels(snapshot.dataset, split, found.class_names, ids(split), found.labels, others(split), snapshot.noun)
        for split, found in known.items()
        if found is not None and found.labels is not None and found.labels.size
    ]


def _known(snapshot: Snapshot, split: str) -> Predictions | None:
    """Predictions of the split: with labels if any has them, and of the fewest samples, since folds count train."""
    found = [predicted for run in snapshot.runs if (predicted := run.predictions(split)) is not None]
    return min(found, key=lambda one: (one.labels is None, len(one.sample_ids)), default=None)
