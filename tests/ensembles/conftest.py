"""A store with four models."""

from pathlib import Path

import pytest
from stored_runs import store_model

from benchmark.store import RunStore


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    """`mlp`, `cnn4` (three seeds), `cnn7`, and `blind`, which has no test predictions."""
    found = RunStore(tmp_path / "runs")
    store_model(found, "mlp", 20, 18)
    for seed in range(3):
        store_model(found, "cnn4", 28 + seed, 27 - seed, seed=seed)
    store_model(found, "cnn7", 31, 30, seed=0)
    store_model(found, "blind", 25, None)
    return found
