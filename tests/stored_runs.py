"""Fill a store with synthetic runs, for the tests of whatever reads stored runs."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.records import Predictions, RunConfig, RunRecord
from benchmark.store.run_store import RunStore
from benchmark.store.stored_predictions import write_predictions
from benchmark.store.stored_run import StoredRun

# None of them FER-2013's, whose classes have numbers of their own.
CLASS_NAMES = ("apple", "banana", "cherry")
FINGERPRINT = "0a1b2c3d"
DATASET = f"faces-{FINGERPRINT}"
IMAGES = 40
HISTORY_TEXT = "epoch,loss,validation_loss\n1,1.5,nan\n2,1.25,0.75\n"
HISTORY_JSON_TEXT = (
    '[{"epoch": 1, "loss": 1.5, "validation_loss": null}, {"epoch": 2, "loss": 1.25, "validation_loss": 0.75}]'
)
TRIALS_TEXT = "trial,status,dropout,error\n1,ok,0.5,\n2,failed,0.25,OSError: no /srv/data/x.npz left\n"


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


def drawn(skill: float, seed: int, samples: int = 600) -> Predictions:
    """Validation predictions, of three classes, of a classifier whose errors are its own; true labels are the same."""
    generator = np.random.default_rng(seed)
    labels = np.random.default_rng(99).integers(0, 3, samples)
    scores = generator.normal(size=(samples, 3))
    scores[np.arange(samples), labels] += skill
    exponents = np.exp(scores)
    probabilities = (exponents / exponents.sum(axis=1, keepdims=True)).astype(np.float32)
    return Predictions("validation", np.arange(samples).astype(np.str_), ("a", "b", "c"), probabilities, labels)


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


def store_trained(store: RunStore, model: str, hits: int, seed: int = 0, **facts: Any) -> StoredRun:
    """Commit a run with everything that a training leaves; the test labels are sealed."""
    claim = store.claim(config(model), seed)
    assert claim is not None
    with claim:
        for split in ("validation", "test"):
            found = predictions(split, hits, seed=hits + seed, sealed=split == "test")
            write_predictions(claim.path / f"{split}.npz", found)
        texts = {
            "history.csv": HISTORY_TEXT,
            "history.json": HISTORY_JSON_TEXT,
            "log.txt": "in /srv/x",
            "model.keras": "weights",
        }
        for name, text in texts.items():
            (claim.path / name).write_text(text)
        return store.commit(claim, RunRecord(config(model), seed, **facts))


def store_search(store: RunStore, name: str, trials: str = TRIALS_TEXT) -> Path:
    """Write a search for better values of a model, and return its directory."""
    directory = store.root / DATASET / "searches" / name
    directory.mkdir(parents=True, exist_ok=True)
    asked = {"dataset": "faces", "fingerprint": DATASET[-8:], "model": name.partition("-")[0], "kind": "model"}
    (directory / "search.json").write_text(json.dumps(asked, indent=2))
    (directory / "trials.csv").write_text(trials)
    return directory


def content_of(root: Path) -> dict[str, bytes]:
    """Every file under a directory, by its path from there."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
