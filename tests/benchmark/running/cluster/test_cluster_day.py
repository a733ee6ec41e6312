"""A day of a cluster in minutes: many short runs, a worker killed every ten seconds, and once the scheduler.

By hand: `CLUSTER_RUNS=500 python -m pytest -m slow -s tests/benchmark/running/cluster/test_cluster_day.py`.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import quick_worker
from dask_processes import Dask
from distributed import Client

from benchmark.store.run_store import RunStore

pytest.importorskip("distributed")

ROOT = Path(__file__).resolve().parents[4]
RUNS = int(os.environ.get("CLUSTER_RUNS", "500"))
KILL_SECONDS = 10.0
READY_SECONDS = 300


class Killer(threading.Thread):
    """Kills a worker ten seconds after both are there, and starts another; with half of the runs stored, the scheduler.

    Attributes:
        killed: how many workers.
    """

    def __init__(self, dask: Dask, store: Path) -> None:
        super().__init__(daemon=True)
        self.dask, self.store, self.killed = dask, store, 0
        self.done = threading.Event()
        self.scheduler_lost = False

    def run(self) -> None:
        while not self.done.wait(KILL_SECONDS):
            which = self.killed % len(self.dask.workers)
            self.dask.workers[which].send_signal(signal.SIGKILL)
            self.dask.workers[which].wait()
            self.killed += 1
            if not self.scheduler_lost and stored(self.store) >= RUNS // 2:
                self.scheduler_lost = True
                self.dask.scheduler.send_signal(signal.SIGKILL)
                return
            self.dask.workers[which] = self.dask.add_worker()
            with Client(self.dask.address, set_as_default=False) as client:
                client.wait_for_workers(len(self.dask.workers), timeout=READY_SECONDS)


def stored(store: Path) -> int:
    """How many whole runs there are."""
    return sum(path.name.partition("-")[2].isdigit() for path in store.glob("*/*/seed-*"))


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_every_run_is_stored_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(quick_worker.VARIABLE, "")
    quick_worker.set_up(tmp_path / "quick")
    made = {"class_names": np.array(["apple", "fig", "pear"])}
    for split, count in (("train", 60), ("validation", 30), ("test", 30)):
        labels = np.arange(count) % 3
        made |= {f"{split}_images": np.full((count, 8, 8), 9, np.uint8), f"{split}_labels": labels}
    np.savez(tmp_path / "tiny.npz", **made)
    runs, codes, killed, started = tmp_path / "runs", [], 0, time.monotonic()
    while len(codes) < 4 and 0 not in codes:
        dask = Dask(tmp_path)
        killer = Killer(dask, runs)
        killer.scheduler_lost = bool(codes)
        killer.start()
        words = ["run", "cnn4", "--seeds", str(RUNS), "--epochs", "4", "--data", str(tmp_path / "tiny.npz")]
        words += ["--runs", str(runs), "--backend", "dask", "--scheduler", dask.address, "--retry-failed"]
        with (tmp_path / f"command-{len(codes)}.txt").open("w") as log:
            command = [sys.executable, "-m", "benchmark", *words]
            codes.append(subprocess.run(command, stdout=log, stderr=log, cwd=ROOT, check=False).returncode)
        killer.done.set()
        killer.join()
        killed += killer.killed
        dask.close()
    seconds = time.monotonic() - started
    store = RunStore(runs)
    found = store.snapshot(store.find_dataset())
    begun = Counter(note["seed"] for note in quick_worker.notes(tmp_path / "quick"))
    print(  # noqa: T201
        f"{len(found.runs)} runs in {seconds:.0f} s, {killed} workers killed, exit codes {codes}, "
        f"{len(found.failures)} failures, {sum(count > 1 for count in begun.values())} runs begun more than once"
    )
    assert codes == [1, 0], "the scheduler is lost once, and the same command goes on"
    assert not found.damaged
    assert not found.failures
    assert sorted(run.record.seed for run in found.runs) == list(range(RUNS))
    assert not [problem for run in found.runs for problem in run.check_files()]
    assert not [path for path in runs.glob("*/*/.*") if path.is_dir()], "nothing is left at work"
