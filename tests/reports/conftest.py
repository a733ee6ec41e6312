"""A store with models, seeds, a tie and a failure."""

from pathlib import Path

import pytest
from stored_runs import store_failure, store_model

from benchmark.store.run_store import RunStore


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    """Hits among 40 test images: `cnn7` and `vgg` 30, `cnn4` 27, 26, 25 (three seeds), `mlp` 18; `resnet` failed."""
    found = RunStore(tmp_path / "runs")
    store_model(found, "mlp", 20, 18)
    for seed in range(3):
        store_model(found, "cnn4", 28 + seed, 27 - seed, seed=seed)
    store_model(found, "cnn7", 29, 30)
    store_model(found, "vgg", 31, 30)
    store_failure(found, "resnet", "MemoryError: no more")
    return found
