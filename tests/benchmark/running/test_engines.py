"""Runs side by side on one machine."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import quick_worker
from jobs import job_of

import benchmark
from benchmark.running import engines, runner, supervision
from benchmark.running.engines import LOOK_SECONDS, Processes, side_by_side
from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun
from zoo import UserError

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny .npz; runs are made by `quick_worker`."""
    monkeypatch.setenv(quick_worker.VARIABLE, "")
    quick_worker.set_up(tmp_path / "quick")
    monkeypatch.setattr(supervision, "WORKER", quick_worker.COMMAND)
    generator, arrays = np.random.default_rng(0), {}
    for split, count in (("train", 60), ("validation", 30), ("test", 30)):
        arrays[f"{split}_images"] = generator.integers(0, 256, (count, 8, 8)).astype(np.uint8)
        arrays[f"{split}_labels"] = np.arange(count) % 3
    np.savez(tmp_path / "tiny.npz", **arrays)
    return tmp_path / "tiny.npz"


def run(data: Path, models: str, jobs: int, progress: bool = False, **changes: Any) -> list[StoredRun]:
    seeds, epochs = changes.pop("seeds", 1), changes.pop("epochs", 4)
    options = benchmark.RunOptions(progress=progress, jobs=jobs, cache=None, **changes)
    return benchmark.run(
        models, data, seeds=seeds, settings={"epochs": epochs}, runs=data.parent / "runs", options=options
    )


def noted(data: Path) -> list[dict[str, Any]]:
    return quick_worker.notes(data.parent / "quick")


def test_runs_come_in_the_order_asked_for_and_one_failure_ends_no_other(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run(data, "cnn4,jan,bayes", jobs=3, seeds=2, progress=True)
    asked = [("cnn4", 0), ("cnn4", 1), ("jan", 0), ("jan", 1), ("bayes", 0), ("bayes", 1)]
    assert [(run.config.model, run.record.seed) for run in done] == asked
    assert [run.record.status for run in done] == ["ok", "ok", "failed", "failed", "ok", "ok"]
    assert done[2].record.error == "ValueError: boom"
    assert not list(data.parent.glob("runs/*/*/.*")), "nothing is left at work"
    lines = capsys.readouterr().out.splitlines()
    for position, (model, seed) in enumerate(asked, start=1):
        own = [line for line in lines if line.startswith(f"[{position}/6]")]
        assert own[0] == f"[{position}/6] {model} seed {seed}: started"
        assert ("FAILED" if model == "jan" else "done in") in own[-1]
        if model != "jan":
            assert sum("epoch " in line for line in own[:-1]) == 4, own
    shared = [line for line in lines if "epoch 2/4" in line and line.startswith("[1/6]")]
    assert shared[0].startswith("[1/6] cnn4 seed 0, epoch 2/4: loss 1.000"), "with several at work lines name theirs"


def test_so_many_are_at_work_at_once(data: Path) -> None:
    run(data, "cnn4", jobs=3, seeds=6, epochs=20)
    found = noted(data)
    at_once = [sum(one["begun"] <= other["begun"] < one["noted"] for one in found) for other in found]
    assert max(at_once) == 3


def test_each_has_its_share_of_cores_and_one_of_the_gpus(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-7")
    monkeypatch.setattr(engines, "available_cores", lambda: 8)
    run(data, "cnn4", jobs=3, seeds=3)
    found = noted(data)
    assert [one["threads"] for one in found] == [2, 2, 2]
    assert sorted(one["gpu"] for one in found) == ["3", "3", "GPU-7"]
    run(data, "cnn4", jobs=1, seeds=[3])
    assert (noted(data)[-1]["threads"], noted(data)[-1]["gpu"]) == (None, "3,GPU-7"), "alone it has all there is"


def test_a_refit_waits_for_the_run_that_it_repeats(data: Path) -> None:
    done = run(data, "cnn4", jobs=4, seeds=2, refit=True)
    assert [run.config.title for run in done] == ["cnn4", "cnn4", "cnn4:refit", "cnn4:refit"]
    assert [run.record.status for run in done] == ["ok"] * 4, [run.record.error for run in done]


def test_the_best_model_alone_is_kept(data: Path) -> None:
    done = run(data, "cnn4", jobs=4, seeds=8, keep_model="best")
    store = RunStore(data.parent / "runs")
    assert sum(store.find(run.config, run.record.seed).model is not None for run in done) == 1


def test_two_commands_share_the_work(data: Path) -> None:
    """Both make the runs side by side on one store; each run is made once."""
    made: list[list[StoredRun]] = []
    commands = [threading.Thread(target=lambda: made.append(run(data, "cnn4", 2, seeds=6))) for _ in range(2)]
    for command in commands:
        command.start()
    for command in commands:
        command.join()
    assert [[run.record.seed for run in one] for one in made] == [list(range(6))] * 2
    assert sorted(one["seed"] for one in noted(data)) == list(range(6))


def test_a_run_that_hangs_is_ended_alone(data: Path) -> None:
    late, done = run(data, "cnn4,jan", jobs=2, epochs=1000, timeout=2.0)
    assert (late.record.failure, done.record.failure) == ("timeout", "error")
    assert 2 <= late.record.durations["total"] < 10


def test_ctrl_c_stops_all_of_them_at_once(data: Path) -> None:
    argv = ["run", "cnn4", "--seeds", "3", "--jobs", "2", "--epochs", "1000", "--data", str(data)]
    script = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); sys.path[:0] = ['.', 'tests'];"
        "import quick_worker; from benchmark import cli;"
        "from benchmark.running import supervision; supervision.WORKER = quick_worker.COMMAND;"
        "sys.exit(cli.main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", script, *argv, "--runs", str(data.parent / "runs")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    until = time.monotonic() + 60
    while len(noted(data)) < 2:
        assert time.monotonic() < until
        time.sleep(0.05)
    asked = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert time.monotonic() - asked < 5
    assert (process.returncode, said) == (130, "interrupted; stored runs are kept, and the same command continues\n")
    assert len(noted(data)) == 2, "nothing new is begun"
    assert not list(data.parent.glob("runs/*/*/seed-*")), "what was stopped is no failure"


@pytest.mark.parametrize("jobs", [0, -1, 1001])
def test_a_wrong_number_of_jobs_is_refused(data: Path, jobs: int) -> None:
    with pytest.raises(UserError, match=f"jobs must be between 1 and 1000, got {jobs}"):
        run(data, "cnn4", jobs)


@pytest.mark.parametrize(
    ("preset", "cores", "gpus", "expected"),
    [("quick", 2, (), 2), ("quick", 64, (), 4), ("quick", 64, ("0",), 1), ("paper", 64, (), 1), (None, 64, (), 1)],
)
def test_how_many_at_once_where_nobody_says(
    preset: str | None, cores: int, gpus: tuple[str, ...], expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "available_cores", lambda: cores)
    monkeypatch.setattr(runner, "visible_gpus", lambda: gpus)
    assert runner.jobs_for("fer2013.csv", benchmark.RunOptions(preset=preset)) == expected
    assert runner.jobs_for("fer2013.csv", benchmark.RunOptions(preset=preset, jobs=7)) == 7


def test_the_built_in_faces_are_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "available_cores", lambda: 3)
    monkeypatch.setattr(runner, "visible_gpus", tuple)
    assert runner.jobs_for("faces", benchmark.RunOptions()) == 3
    assert runner.jobs_for("faces", benchmark.RunOptions(scheduler="tcp://10.0.0.5:8786")) == 1


class Slots:
    """An engine that does nothing; its tasks are the test's."""

    def __init__(self, count: int) -> None:
        self.count, self.stopped = count, threading.Event()

    def slots(self) -> int:
        return self.count

    def stop(self) -> None:
        self.stopped.set()


def called(tasks: list[Callable[[], Any]], slots: int, after: Mapping[int, int] | None = None) -> tuple[Any, Slots]:
    engine = Slots(slots)
    return side_by_side(tasks, after or {}, engine), engine


@pytest.mark.parametrize("slots", [1, 2, 100])
def test_results_are_in_the_order_of_the_tasks(slots: int) -> None:
    def task(number: int) -> Callable[[], int]:
        return lambda: time.sleep(0.001 * (number * 7 % 5)) or number

    assert called([task(number) for number in range(20)], slots)[0] == list(range(20))
    assert called([], slots)[0] == []


def test_one_that_waits_for_another_does_not_hold_a_slot() -> None:
    order: list[int] = []

    def task(number: int, seconds: float) -> Callable[[], None]:
        return lambda: time.sleep(seconds) or order.append(number)

    called([task(0, 0.3), task(1, 0), task(2, 0), task(3, 0)], 2, {1: 0})
    assert order == [2, 3, 0, 1]


def test_without_workers_it_waits_and_asks_seldom() -> None:
    begun, paused = threading.Event(), list[float]()

    class Leaving(Slots):
        """A cluster whose workers leave as the first task begins, and come back after two pauses."""

        def slots(self) -> int:
            return 0 if begun.is_set() and len(paused) < 2 else 2

        def pause(self, seconds: float) -> None:
            paused.append(seconds)

    tasks = [lambda: begun.set() or 0, lambda: 1, lambda: 2]
    assert side_by_side(tasks, {1: 0, 2: 0}, Leaving(2)) == [0, 1, 2]
    assert paused == [LOOK_SECONDS] * 2


def test_the_first_exception_stops_the_others() -> None:
    engine, begun = Slots(2), []

    def fails() -> None:
        time.sleep(0.05)
        raise OSError("the disk is full")

    def waits() -> None:
        begun.append(1)
        assert engine.stopped.wait(10)

    with pytest.raises(OSError, match="the disk is full"):
        side_by_side([fails, waits, waits, waits], {}, engine)
    assert len(begun) == 1, "nothing new is begun"


def test_a_process_started_after_the_stop_ends_too(data: Path) -> None:
    (done,) = run(data, "cnn4", 1)
    (data.parent / "job").mkdir()
    job = job_of(done.config, data.parent / "job", "")
    engine = Processes(2, supervision.work)
    engine.stop()
    with pytest.raises(KeyboardInterrupt):
        engine.work(job, lambda _: None, supervision.NO_LIMITS)
    with pytest.raises(KeyboardInterrupt):
        engine.pause(100)
