"""A store with four models."""

from pathlib import Path

import pytest
from bright_images import write_bright
from stored_runs import store_model

from benchmark.store.run_store import RunStore


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images to train on, see `bright_images`."""
    return write_bright(tmp_path_factory.mktemp("data"))


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
