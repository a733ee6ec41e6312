"""Warm workers and the process that they are forked from, killed at random moments while a command is at work.

The workers are those of `quick_worker`, and the process that forks them imports no framework: what is tested is how a
command goes on. One slow test does the same to real ones.
"""

import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import quick_worker
from bright_images import write_bright

import benchmark
from benchmark.files.run_layout import RECORD
from benchmark.running import supervision
from benchmark.running.warm import warm_workers as warm
from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun

ROOT = Path(__file__).resolve().parents[4]
MODELS, SEEDS = ["bayes", "cnn4", "cnn7", "dinh"], [0, 1, 2]
WORKER_SHARE = 0.4
"""Of the workers, that are killed at a random moment."""

SERVER_SHARE = 0.1
"""How often it is the process that they are forked from instead. It is not started again within a command."""

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are found in /proc")


class Killer(threading.Thread):
    """Kills some of a command's workers, and what they are forked from, each a random time after it was first seen.

    Attributes:
        killed: how many, by what they were: "forked", "server" or "started", which is a worker that is no fork.
    """

    def __init__(self, mark: str, seed: int, mean_seconds: float) -> None:
        super().__init__(daemon=True)
        self.mark, self.draw, self.mean_seconds = mark, np.random.default_rng(seed), mean_seconds
        self.killed: Counter[str] = Counter()
        self.done = threading.Event()

    def run(self) -> None:
        seen: set[int] = set()
        while not self.done.wait(0.01):
            found = processes(self.mark)
            new = [pid for pid, kind in found.items() if kind != "server" and pid not in seen]
            seen |= found.keys()
            for worker in new:
                servers = [pid for pid, kind in found.items() if kind == "server"]
                if servers and self.draw.random() < SERVER_SHARE:
                    self.kill(servers[0], "server")
                elif self.draw.random() < WORKER_SHARE:
                    self.kill(worker, found[worker])

    def kill(self, process: int, kind: str) -> None:
        """Kill it after a random time, if it is still there then."""
        if not self.done.wait(self.draw.exponential(self.mean_seconds)):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
                self.killed[kind] += 1


def processes(mark: str) -> dict[int, str]:
    """Processes whose environment has this text, but for this one; each with what it is, see `Killer`."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if int(path.name) == os.getpid() or mark.encode() not in (path / "environ").read_bytes():
                continue
            name = (path / "cmdline").read_bytes()
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            forks = b"fork_server" in name
            found[int(path.name)] = "started" if not forks else "server" if parent == os.getpid() else "forked"
    return found


def assert_survives(make: Callable[..., Any], store: RunStore, mark: str, killer: Killer) -> Counter[str]:
    """Runs are stored, or failed for having been killed; the same command makes the rest; nothing is left behind.

    Returns:
        How the runs of the command that was killed ended: "stored" or their failure.
    """
    killer.start()
    try:
        made = make()
    finally:
        killer.done.set()
        killer.join()
    assert_nobody(mark)
    ended = Counter(run.record.failure or "stored" for run in made)
    assert set(ended) <= {"stored", supervision.KILLED}, [run.record.error for run in made]
    whole = records(run for run in made if not run.record.failure)
    again = make(retry_failed=True)
    found = store.snapshot(store.find_dataset())
    assert [run.record.error for run in again] == [None] * len(again)
    assert records(found.runs).items() >= whole.items(), "what was stored stays"
    assert len(found.runs) == len(again)
    assert not found.failures
    assert not found.damaged
    assert not [problem for run in found.runs for problem in run.check_files()]
    assert not [path for path in store.root.glob("*/*/.*") if path.is_dir()], "nothing is left at work"
    assert_nobody(mark)
    return ended


def records(runs: Iterable[StoredRun]) -> dict[str, bytes]:
    """With the checksums of all files."""
    return {run.name: (run.path / RECORD).read_bytes() for run in runs}


def assert_nobody(mark: str) -> None:
    """No process is left; orphans see within half a second that their parent is gone."""
    until = time.monotonic() + 20
    while left := processes(mark):
        assert time.monotonic() < until, left
        time.sleep(0.05)


@pytest.mark.parametrize("rounds", [1, pytest.param(25, marks=[pytest.mark.slow, pytest.mark.timeout(7200)])])
def test_killed_at_random_moments(rounds: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(ROOT / "tests"), str(ROOT))))
    monkeypatch.setattr(warm, "SERVER", "light_fork_server")
    monkeypatch.setattr(supervision, "WORKER", (sys.executable, "-m", "quick_worker"))
    monkeypatch.setenv(quick_worker.VARIABLE, "")
    quick_worker.set_up(tmp_path / "quick")
    data, killed, ended = write_bright(tmp_path, noise=40), Counter[str](), Counter[str]()
    for seed in range(rounds):
        runs = tmp_path / f"runs-{seed}"

        def make(runs: Path = runs, **options: Any) -> Any:
            how = benchmark.RunOptions(progress=False, jobs=2, cache=None, **options)
            return benchmark.run(MODELS, data, seeds=SEEDS, settings={"epochs": 3}, runs=runs, options=how)

        killer = Killer(str(tmp_path), seed, 0.1)
        ended += assert_survives(make, RunStore(runs), str(tmp_path), killer)
        killed += killer.killed
    print(f"{rounds} commands, killed {dict(killed)}, runs {dict(ended)}")  # noqa: T201
    assert killed["forked"], "no kill met a warm worker"
    assert ended["stored"], "no run was stored: the kills come too soon to say anything"


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_real_workers_killed_at_random_moments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("MARK_OF_THIS_TEST", str(tmp_path))
    data = write_bright(tmp_path, noise=40)

    def make(**options: Any) -> Any:
        how = benchmark.RunOptions(progress=False, jobs=2, cache=None, **options)
        settings, runs = {"epochs": 30, "patience": 0}, tmp_path / "runs"
        return benchmark.run(["mlp", "cnn4"], data, seeds=[0, 1, 2], settings=settings, runs=runs, options=how)

    killer = Killer(str(tmp_path), 0, 5.0)
    ended = assert_survives(make, RunStore(tmp_path / "runs"), str(tmp_path), killer)
    print(f"killed {dict(killer.killed)}, runs {dict(ended)}")  # noqa: T201
