"""What it costs to have many short runs made side by side, on this machine and on a cluster of two workers.

In seconds of the processor, of all processes: the runs themselves sleep, and wait for each other.

`PERF_RUNS=2000 python -m pytest -m perf -s tests/perf/test_scheduling_speed.py` makes 2,000 runs each way.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import processor
import pytest
import quick_worker
from dask_processes import Dask

import benchmark
from benchmark.running import supervision

pytestmark = [pytest.mark.perf, pytest.mark.timeout(3600)]

RUNS = int(os.environ.get("PERF_RUNS", "100"))
AT_ONCE = 2
EPOCHS = 4
IDLE = [
    sys.executable,
    "-c",
    f"import json, shutil, subprocess, time; time.sleep({EPOCHS * quick_worker.EPOCH_SECONDS})",
]
MOST_TIMES = 1.5
"""What a run on the cluster may cost, in sums of a run on this machine and a process that Dask starts: the processes of
a cluster are busy while they wait."""


def test_many_short_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed import Client

    monkeypatch.setenv(quick_worker.VARIABLE, "")
    quick_worker.set_up(tmp_path / "quick")
    monkeypatch.setattr(supervision, "WORKER", quick_worker.COMMAND)
    generator, arrays = np.random.default_rng(0), {}
    for split in ("train", "validation", "test"):
        arrays[f"{split}_images"] = generator.integers(0, 256, (60, 8, 8)).astype(np.uint8)
        arrays[f"{split}_labels"] = np.arange(60) % 3
    np.savez(tmp_path / "tiny.npz", **arrays)

    def cost(store: str, **how: object) -> float:
        """Processor seconds that a run takes."""
        options = benchmark.RunOptions(progress=False, keep_model="none", **how)
        settings = {"epochs": EPOCHS}
        where = {"runs": tmp_path / store, "options": options}
        before = processor.used()
        done = benchmark.run("cnn4", tmp_path / "tiny.npz", seeds=RUNS, settings=settings, **where)
        assert [run.record.status for run in done] == ["ok"] * RUNS
        return (processor.used() - before) / RUNS

    def cluster(work: Callable[[str], object]) -> float:
        """Processor seconds of a cluster from its start to its end, a run; its processes are waited for at its end."""
        before, dask = processor.used(), Dask(tmp_path)
        try:
            work(dask.address)
        finally:
            dask.close()
        return (processor.used() - before) / RUNS

    def plain(address: str, runs: int = RUNS) -> None:
        """So many processes that do as long nothing, each a task of Dask."""
        with Client(address) as client:
            client.wait_for_workers(AT_ONCE)
            client.gather([client.submit(subprocess.run, IDLE, pure=False) for _ in range(runs)])

    here, started = cost("jobs", jobs=AT_ONCE), cluster(lambda address: plain(address, 0))
    there = cluster(lambda address: cost("dask", scheduler=address)) - started
    least = cluster(plain) - started
    print(
        f"\n{RUNS} runs, each: {1000 * here:.0f} ms of the processor here, {1000 * there:.0f} on the cluster, where a "
        f"process that does nothing takes {1000 * least:.0f}"
    )
    assert there < MOST_TIMES * (here + least)
