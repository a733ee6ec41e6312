"""Labels that are stored with a dataset's runs, to score a file with: of open test sets, of validation."""

from functools import partial

from benchmark.data.merging import own_ids
from benchmark.records import PREDICTED, Predictions
from benchmark.store.snapshot import Snapshot
from reports.submissions.given_predictions import Truth


def stored_labels(snapshot: Snapshot) -> list[Truth]:
    """The labels that any run has, those of test first; empty where none has."""
    known = {split: _predictions(snapshot, split) for split in reversed(PREDICTED)}
    return [
        Truth(
            dataset=snapshot.dataset,
            split=split,
            class_names=predicted.class_names,
            sample_ids=predicted.sample_ids,
            labels=predicted.labels,
            others=partial(other_ids, snapshot, split),
            noun=snapshot.noun,
        )
        for split, predicted in known.items()
        if predicted is not None and predicted.labels is not None and predicted.labels.size
    ]


def other_ids(snapshot: Snapshot, split: str) -> list[str]:
    """The ids of the samples of the other split, as the dataset's own files have them."""
    (other,) = {*PREDICTED} - {split}
    predicted = _predictions(snapshot, other)
    return [] if predicted is None else own_ids(snapshot.dataset.rpartition("-")[0], predicted.sample_ids).tolist()


def _predictions(snapshot: Snapshot, split: str) -> Predictions | None:
    """Those with labels if any run has them, and of the fewest samples, since folds count train."""
    known = [predicted for run in snapshot.runs if (predicted := run.predictions(split)) is not None]
    return min(known, key=lambda one: (one.labels is None, len(one.sample_ids)), default=None)
