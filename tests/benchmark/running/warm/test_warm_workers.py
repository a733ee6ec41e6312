"""Forked workers: what they are told and tell, how they end, and that they compute what a Python of its own does."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import benchmark
from benchmark.hardware.processes import environment
from benchmark.running import supervision
from benchmark.running.supervision import CancellationToken
from benchmark.running.warm import warm_workers as warm
from benchmark.running.warm.warm_workers import WarmWorkers, WorkerProcess, warm_workers

ROOT = Path(__file__).resolve().parents[4]
WORKER = (sys.executable, "-m", "light_fork_server")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux alone")

Start = Callable[..., WorkerProcess]


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> Iterator[WarmWorkers]:
    """Workers that are forked from a process without frameworks."""
    monkeypatch.setattr(warm, "SERVER", "light_fork_server")
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests"))
    workers = WarmWorkers("light_fork_server")
    yield workers
    workers.close()


@pytest.fixture
def start(light: WarmWorkers, tmp_path: Path) -> Iterator[Start]:
    """Starts a worker and tells it what to do."""
    with (tmp_path / "log").open("wb") as log:

        def started(what: str, *keep_open: int) -> WorkerProcess:
            worker = light.start(log.fileno(), light.environment, keep_open)
            assert worker is not None
            worker.stdin.write(what)
            worker.stdin.close()
            return worker

        yield started


def gone(process: int) -> bool:
    """Whether a process has ended, at the latest in some seconds."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            if Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    return False


def test_stdin_stdout_and_the_log_are_the_workers_own(start: Start, tmp_path: Path) -> None:
    for word in ("one", "two"):
        with start(f"say {word}") as worker:
            assert worker.stdout.read() == f"{word}\n"
        assert worker.end[0] == 0
    assert (tmp_path / "log").read_text() == "to the log\n" * 2


@pytest.mark.parametrize(("told", "code"), [("exit 9", 9), ("exit 0", 0), ("die", -signal.SIGSEGV)])
def test_how_it_ended(told: str, code: int, start: Start) -> None:
    with start(told) as worker:
        assert worker.stdout.read() == ""
        assert worker.end[0] == code


def test_the_most_memory_of_each(start: Start) -> None:
    with start("exit 0") as small, start("fill") as large:
        assert large.end[1] - small.end[1] > 2**26


def test_several_at_once_end_in_any_order(start: Start) -> None:
    with start("sleep") as slow, start("say done") as quick:
        assert quick.stdout.read() == "done\n"
        assert quick.end[0] == 0
        os.killpg(slow.pid, signal.SIGKILL)
        assert slow.end[0] == -signal.SIGKILL


def test_what_it_has_forked_ends_with_its_group(start: Start) -> None:
    with start("fork") as worker:
        forked = int(worker.stdout.readline())
        os.killpg(worker.pid, signal.SIGKILL)
        assert worker.stdout.read() == ""
    assert gone(forked)


def test_it_holds_what_it_shall_and_nothing_of_the_others(start: Start, tmp_path: Path) -> None:
    with start("sleep") as other, (tmp_path / "lock").open("wb") as lock:
        with start("descriptors") as alone:
            held = alone.stdout.read().split()
        with start("descriptors", lock.fileno()) as locking:
            assert len(locking.stdout.read().split()) == len(held) + 1
        os.killpg(other.pid, signal.SIGKILL)


def test_a_lock_is_held_until_the_worker_ends(start: Start, tmp_path: Path) -> None:
    lock = (tmp_path / "lock").open("wb")
    fcntl.flock(lock, fcntl.LOCK_EX)
    with start("sleep", lock.fileno()) as worker:
        lock.close()
        with (tmp_path / "lock").open("wb") as again:
            with pytest.raises(BlockingIOError):
                fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.killpg(worker.pid, signal.SIGKILL)
            assert worker.end
            fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_an_interrupt_while_its_end_is_waited_for_is_no_other_error(start: Start) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    usual = signal.signal(signal.SIGALRM, interrupted)
    with start("sleep") as worker:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            _ = worker.end
        signal.signal(signal.SIGALRM, usual)
        os.killpg(worker.pid, signal.SIGKILL)
        assert worker.end[0] == -signal.SIGKILL


def test_another_environment_is_none_to_fork_into(light: WarmWorkers) -> None:
    assert light.start(2, {**light.environment, "OMP_NUM_THREADS": "1"}, ()) is None


def test_without_the_process_they_come_from_workers_start_cold(light: WarmWorkers, start: Start) -> None:
    with start("sleep") as worker:
        server = int(Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(server, signal.SIGKILL)
        os.killpg(worker.pid, signal.SIGKILL)  # a real worker ends itself then
        assert worker.end == (-signal.SIGKILL, 0)
    assert light.start(2, light.environment, ()) is None


def test_a_command_that_is_cancelled_does_not_wait_for_imports(
    light: WarmWorkers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow_fork_server.py").write_text("import time; time.sleep(60)")
    monkeypatch.setattr(warm, "SERVER", "slow_fork_server")
    light.environment = {**light.environment, "PYTHONPATH": str(tmp_path)}
    cancellation, found = CancellationToken(), []

    def start() -> None:
        with cancellation.killing(light.server):
            found.append(light.start(2, light.environment, ()))

    thread, started = threading.Thread(target=start), time.monotonic()
    thread.start()
    time.sleep(0.3)
    cancellation.cancel()
    thread.join(timeout=10)
    light.close()
    assert found == [None]
    assert time.monotonic() - started < 10


def test_closing_does_not_wait_for_imports(light: WarmWorkers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slow_fork_server.py").write_text("import time; time.sleep(60)")
    monkeypatch.setattr(warm, "SERVER", "slow_fork_server")
    light.environment = {**light.environment, "PYTHONPATH": str(tmp_path)}
    server, started = light.server, time.monotonic()
    light.close()
    assert gone(server)
    assert time.monotonic() - started < 10


def test_a_process_that_cannot_import_is_no_hindrance(light: WarmWorkers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm, "SERVER", "there_is_no_such_module")
    assert light.start(2, light.environment, ()) is None
    assert light.start(2, light.environment, ()) is None


def test_all_end_with_the_command(light: WarmWorkers) -> None:
    script = (
        "import sys; from benchmark.running.warm import warm_workers as warm;"
        "from benchmark.hardware.processes import environment;"
        "warm.SERVER = 'light_fork_server';"
        "workers = warm.WarmWorkers('light_fork_server'); worker = workers.start(2, environment(), ());"
        "worker.stdin.write('fork'); worker.stdin.close();"
        "print(worker.pid, worker.stdout.readline(), flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()) as ran:
        assert ran.stdout is not None
        processes = [int(word) for word in ran.stdout.readline().split()]
        ran.kill()
    assert len(processes) == 2
    assert all(gone(process) for process in processes)


def test_closing_ends_workers_too(light: WarmWorkers, start: Start) -> None:
    worker = start("sleep")
    light.close()
    assert worker.end[0] == -signal.SIGKILL
    with worker:
        pass


@pytest.mark.parametrize(
    ("name", "value", "command"),
    [
        ("CUDA_VISIBLE_DEVICES", "0", WORKER),
        ("KERAS_BACKEND", "jax", WORKER),
        ("CUDA_VISIBLE_DEVICES", "", (sys.executable, "worker.py")),
    ],
)
def test_where_none_are_forked(name: str, value: str, command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with warm_workers(command) as workers:
        assert workers is None


def test_a_command_within_a_command_shares_its_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with warm_workers(WORKER) as outer, warm_workers(WORKER, several=False) as inner:
        assert inner is outer is not None
    with warm_workers(WORKER, several=False) as alone:
        assert alone is None


def test_forks_of_tensorflow_compute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A fork of a process whose frameworks are up would wait for their threads for ever."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests"))
    workers = WarmWorkers("light_fork_server")
    with (tmp_path / "log").open("wb") as log:
        for _ in range(4):
            worker = workers.start(log.fileno(), workers.environment, ())
            assert worker is not None
            with worker:
                worker.stdin.write("compute")
                worker.stdin.close()
                assert float(worker.stdout.read()) == 300.0**3
            assert worker.end[0] == 0
    workers.close()


def small(input_shape: tuple[int, int, int], classes: int) -> Any:
    from keras import Input, Model, layers

    inputs = Input(input_shape)
    x = layers.Conv2D(4, 3, activation="relu")(layers.Rescaling(1 / 255)(inputs))
    x = layers.Dropout(0.5)(layers.GlobalAveragePooling2D()(x))
    return Model(inputs, layers.Dense(classes, activation="softmax")(x))


def test_a_warm_run_is_a_cold_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator, arrays = np.random.default_rng(0), {}
    for split, count in (("train", 60), ("validation", 30), ("test", 30)):
        arrays[f"{split}_images"] = generator.integers(0, 256, (count, 12, 12)).astype(np.uint8)
        arrays[f"{split}_labels"] = np.arange(count) % 3
    np.savez(tmp_path / "tiny.npz", **arrays)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")

    def predicted(name: str, seeds: list[int]) -> dict[int, Any]:
        options = benchmark.RunOptions(progress=False, jobs=1, deterministic=True, cache=None)
        settings = {"epochs": 1, "augmentation": "flip"}
        stored = benchmark.run(
            small, tmp_path / "tiny.npz", seeds=seeds, settings=settings, runs=tmp_path / name, options=options
        )
        assert [run.record.error for run in stored] == [None] * len(seeds)
        return {run.record.seed: np.load(run.path / "test.npz")["probabilities"] for run in stored}

    forked, logs = predicted("warm", [0, 1]), list((tmp_path / "warm").glob("*/*/*/log.txt"))
    monkeypatch.setattr(supervision, "warm_workers", lambda *_: nullcontext(None))
    own = predicted("cold", [1])
    np.testing.assert_array_equal(forked[1], own[1])
    assert np.abs(forked[0] - own[1]).max() > 1e-4
    assert len(logs) == 2
    assert not any("Error" in path.read_text() for path in logs)
