"""A store to be filled, and claims on it that end with the test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from stored_runs import config

from benchmark.store.claims import Claim
from benchmark.store.run_store import RunStore


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


@pytest.fixture
def claimed(store: RunStore) -> Iterator[Callable[[str], Claim]]:
    """Claims seed 0 of a model; released when the test is over."""
    claims: list[Claim] = []

    def make(model: str) -> Claim:
        claim = store.claim(config(model), 0)
        assert claim is not None
        claims.append(claim)
        return claim

    yield make
    for claim in claims:
        claim.release()
