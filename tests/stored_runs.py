"""Fill a store with synthetic runs, for the tests of whatever reads stored runs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.records import Predictions, RunConfig, RunRecord
from benchmark.store import RunStore
from benchmark.stored_run import StoredRun

# None of them FER-2013's, whose classes have numbers of their own.
CLASS_NAMES = ("apple", "banana", "cherry")
FINGERPRINT = "0a1b2c3d"
DATASET = f"faces-{FINGERPRINT}"
IMAGES = 40


def ids(split: str, count: int = IMAGES) -> NDArray[np.str_]:
    """Sample ids of a split."""
    return np.array([f"{split}-{row:05d}" for row in range(count)])


def true_labels(split: str, count: int = IMAGES, classes: int = len(CLASS_NAMES)) -> NDArray[np.int64]:
    """The same labels for every run of a split."""
    return np.random.default_rng(len(split)).integers(0, classes, count).astype(np.int64)


def probabilities_for(labels: NDArray[np.int64], classes: int, hits: int, seed: int = 0) -> NDArray[np.float32]:
    """Probabilities (n, classes) whose likeliest class is the label in the first `hits` rows and in no other."""
    generator = np.random.default_rng(seed)
    said = np.where(np.arange(len(labels)) < hits, labels, (labels + 1) % classes)
    scores = generator.uniform(0.05, 0.2, (len(labels), classes))
    scores[np.arange(len(labels)), said] = generator.uniform(0.5, 1, len(labels))
    probabilities: NDArray[np.float32] = (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)
    return probabilities


def predictions(
    split: str,
    hits: int,
    *,
    seed: int = 0,
    sealed: bool = False,
    count: int = IMAGES,
    class_names: tuple[str, ...] = CLASS_NAMES,
) -> Predictions:
    """Predictions that are right for `hits` of the samples."""
    labels = true_labels(split, count, len(class_names))
    return Predictions(
        split=split,
        sample_ids=ids(split, count),
        class_names=class_names,
        probabilities=probabilities_for(labels, len(class_names), hits, seed),
        labels=None if sealed else labels,
    )


def config(model: str, **changes: Any) -> RunConfig:
    """A run's configuration on the synthetic dataset."""
    return RunConfig(**{"dataset": "faces", "fingerprint": FINGERPRINT, "model": model, **changes})


def store_run(
    store: RunStore, config: RunConfig, found: Sequence[Predictions], *, seed: int = 0, **facts: Any
) -> StoredRun:
    """Commit a run with the given predictions."""
    known = {"durations": {"train": 12.5, "total": 14.0}, "parameters": 1000, "milliseconds_per_image": 0.25}
    record = RunRecord(config=config, seed=seed, **{**known, **facts})
    return store.put(record, {predicted.split: predicted for predicted in found})


def store_model(store: RunStore, model: str, validation: int, test: int | None, *, seed: int = 0) -> StoredRun:
    """Commit a run that has so many hits among the `IMAGES` of validation and of test (None: no test split)."""
    found = [predictions("validation", validation, seed=seed)]
    if test is not None:
        found.append(predictions("test", test, seed=seed))
    return store_run(store, config(model), found, seed=seed)


def store_failure(store: RunStore, model: str, error: str, *, seed: int = 0) -> StoredRun:
    """Record a failed run."""
    claim = store.claim(config(model), seed)
    assert claim is not None
    record = RunRecord(config=config(model), seed=seed, status="failed", error=error, durations={"train": 3.0})
    return store.fail(claim, record)
