"""Labels and predictions of other programs, for the tests of importing."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmark.records import Predictions
from benchmark.store.stored_run import StoredRun

NAMES = ("cat", "dog", "owl")
SAMPLES = 30
TESTED = 20
IDS = [f"{row:04d}.jpg" for row in range(SAMPLES)]
TEST_IDS = [f"{row:04d}.jpg" for row in range(500, 500 + TESTED)]


def truth(count: int = SAMPLES, classes: int = len(NAMES)) -> NDArray[np.int64]:
    """Labels in which every class occurs."""
    return np.arange(count) * 7 % classes


def predicted(count: int = SAMPLES, seed: int = 0, classes: int = len(NAMES)) -> NDArray[np.float64]:
    """Probabilities (count, classes) that are often right."""
    scores = np.random.default_rng(seed).normal(0, 1, (count, classes))
    scores[np.arange(count), truth(count, classes)] += 1.5
    exponents = np.exp(scores)
    return exponents / exponents.sum(axis=1, keepdims=True)


def label_frame(**columns: Any) -> pd.DataFrame:
    """Ids and labels of validation."""
    return pd.DataFrame({"id": IDS, "label": [NAMES[label] for label in truth()], **columns})


def wide_frame(values: NDArray[np.float64], ids: list[str] | None = None) -> pd.DataFrame:
    """One column a class, after the ids."""
    return pd.DataFrame(values, columns=list(NAMES)).assign(id=IDS if ids is None else ids)


def write(path: Path, frame: pd.DataFrame, **options: Any) -> Path:
    """The frame as a CSV file."""
    frame.to_csv(path, index=False, **options)
    return path


def of(run: StoredRun, split: str = "validation") -> Predictions:
    """A run's predictions, which it must have."""
    found = run.predictions(split)
    assert found is not None
    return found
