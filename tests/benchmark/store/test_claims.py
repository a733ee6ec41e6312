"""One process at a time makes a run, and what an interrupted one leaves."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from stored_runs import config, predictions, store_model

from benchmark.records import RunRecord
from benchmark.store.claims import Claim
from benchmark.store.run_store import RunStore
from benchmark.store.stored_predictions import write_predictions
from zoo.errors import UserError


def test_a_run_is_claimed_once(store: RunStore, claimed: Callable[[str], Claim]) -> None:
    claim = claimed("cnn4")
    (claim.path / "half").write_text("a run at work")
    assert store.claim(config("cnn4"), 0) is None
    assert (claim.path / "half").exists()
    with store.claim(config("cnn4"), 1):
        pass
    with pytest.raises(UserError, match="another process"):
        store_model(store, "cnn4", 30, 28)
    claim.release()
    assert list(claimed("cnn4").path.iterdir()) == [], "what an interrupted run left is dropped"


def test_checkpoints_outlive_an_interruption_and_not_the_run(store: RunStore, claimed: Callable[[str], Claim]) -> None:
    claim = claimed("cnn4")
    claim.checkpoints.mkdir()
    (claim.checkpoints / "fold-1-stage-1.npz").write_bytes(b"progress")
    claim.release()
    again = claimed("cnn4")
    assert [path.name for path in again.checkpoints.iterdir()] == ["fold-1-stage-1.npz"]
    write_predictions(again.path / "validation.npz", predictions("validation", 30))
    stored = store.commit(again, RunRecord(config=config("cnn4"), seed=0))
    assert sorted(path.name for path in stored.path.parent.iterdir()) == ["config.json", "seed-0"]
    # A process may die between the two.
    again.checkpoints.mkdir()
    claimed("cnn4").release()
    assert not again.checkpoints.exists()


def test_checkpoints_go_with_a_failure(store: RunStore, claimed: Callable[[str], Claim]) -> None:
    claim = claimed("cnn4")
    claim.checkpoints.mkdir()
    for number in (1, 2):
        failed = RunRecord(config=config("cnn4"), seed=0, status="failed", error=f"reason {number}")
        store.fail(claim if number == 1 else claimed("cnn4"), failed)
    assert not claim.checkpoints.exists()
    last = store.find_failure(config("cnn4"), 0)
    assert last is not None
    assert (last.path.name, last.record.error) == ("seed-0.failed-2", "reason 2")
    assert store.find_failure(config("cnn4"), 1) is None
    assert store.find_failure(config("cnn7"), 0) is None


def test_a_claim_ends_with_its_process(store: RunStore) -> None:
    script = (
        "import os, sys; sys.path[:0] = ['.', 'tests']\n"
        "from pathlib import Path; from stored_runs import config; from benchmark.store.run_store import RunStore\n"
        f"claim = RunStore(Path({str(store.root)!r})).claim(config('cnn4'), 0)\n"
        "print('claimed', flush=True); sys.stdin.read(); os._exit(1)"
    )
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root
    ) as process:
        assert process.stdout.readline() == "claimed\n"
        assert store.claim(config("cnn4"), 0) is None
        process.kill()
        process.wait()
    with store.claim(config("cnn4"), 0) as claim:
        assert claim.path.is_dir()


@pytest.mark.parametrize("name", ["../cnn4", "a/b", "a b", "", ".cnn4", "a" * 101, "cnn4\n", "cnn4."])
def test_names_that_are_no_directory_are_refused(store: RunStore, name: str) -> None:
    with pytest.raises(UserError, match="cannot name a run"):
        store.claim(config(name), 0)
    assert not store.root.exists()
