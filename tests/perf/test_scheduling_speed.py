"""What it costs to have many short runs made side by side, on this machine and on a cluster of two workers.

`PERF_RUNS=2000 python -m pytest -m perf -s tests/perf/test_scheduling_speed.py` makes 2,000 runs each way.
"""

import os
import time
from pathlib import Path

import numpy as np
import pytest
import quick_worker
from dask_processes import Dask

import benchmark
from benchmark.running import supervision

pytestmark = [pytest.mark.perf, pytest.mark.timeout(3600)]

RUNS = int(os.environ.get("PERF_RUNS", "100"))
AT_ONCE = 2
EPOCHS = 4
MOST_TIMES = 2
"""What a run on the cluster may cost beside its work, in runs on this machine."""

RUN_SECONDS = EPOCHS * quick_worker.EPOCH_SECONDS


def test_many_short_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setenv(quick_worker.VARIABLE, "")
    quick_worker.set_up(tmp_path / "quick")
    monkeypatch.setattr(supervision, "WORKER", quick_worker.COMMAND)
    generator, arrays = np.random.default_rng(0), {}
    for split in ("train", "validation", "test"):
        arrays[f"{split}_images"] = generator.integers(0, 256, (60, 8, 8)).astype(np.uint8)
        arrays[f"{split}_labels"] = np.arange(60) % 3
    np.savez(tmp_path / "tiny.npz", **arrays)

    def cost(store: str, **how: object) -> float:
        """Seconds that a run takes beside its own 0.2 seconds of work, with two at work at once."""
        options = benchmark.RunOptions(progress=False, keep_model="none", **how)
        started = time.perf_counter()
        settings = {"epochs": EPOCHS}
        where = {"runs": tmp_path / store, "options": options}
        done = benchmark.run("cnn4", tmp_path / "tiny.npz", seeds=RUNS, settings=settings, **where)
        seconds = time.perf_counter() - started
        assert [run.record.status for run in done] == ["ok"] * RUNS
        overhead = seconds * AT_ONCE / RUNS - RUN_SECONDS
        print(f"\n{store}: {RUNS} runs of {RUN_SECONDS:.1f} s in {seconds:.1f} s, {1000 * overhead:.0f} ms more a run")
        return overhead

    here = cost("jobs", jobs=AT_ONCE)
    dask = Dask(tmp_path)
    try:
        there = cost("dask", scheduler=dask.address)
    finally:
        dask.close()
    print(f"the cluster costs {1000 * (there - here):.0f} ms a run more than processes of this machine")
    # Both start a process per run, so that on a slow or busy machine both grow.
    assert there < MOST_TIMES * here
