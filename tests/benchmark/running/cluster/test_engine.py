"""Runs on a Dask cluster: a real scheduler and two worker processes on this machine, which are told of no shared disk.

Runs are those of `quick_worker`, so that what is tested is the way there and back.
"""

import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import quick_worker
from bright_images import write_bright
from dask_processes import Dask
from distributed import Client

import benchmark
from benchmark import cli
from benchmark.hardware.resources import available_cores
from benchmark.running.cluster import connection, engine, remote_job
from benchmark.store.stored_run import StoredRun
from zoo import UserError

pytest.importorskip("distributed")

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    directory = tmp_path_factory.mktemp("cluster") / "quick"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(quick_worker.VARIABLE, "")
        quick_worker.set_up(directory)
        yield directory


@pytest.fixture(scope="module")
def dask(quick: Path) -> Iterator[Dask]:
    started = Dask(quick.parent)
    # A run that begins while the second worker is on its way has the whole machine.
    with Client(started.address, set_as_default=False) as client:
        client.wait_for_workers(len(started.workers), timeout=60)
    yield started
    started.close()


@pytest.fixture
def data(tmp_path: Path, quick: Path) -> Path:
    """A tiny .npz; nobody has noted anything yet."""
    for note in quick.glob("*.json"):
        note.unlink()
    return write_bright(tmp_path, "tiny", edge=8)


def run(data: Path, models: str, dask: Dask, **changes: Any) -> list[StoredRun]:
    seeds, epochs = changes.pop("seeds", 1), changes.pop("epochs", 4)
    where = {"runs": data.parent / changes.pop("runs", "runs")}
    options = benchmark.RunOptions(**{"progress": False, "scheduler": dask.address, "cache": None, **changes})
    return benchmark.run(models, data, seeds=seeds, settings={"epochs": epochs}, options=options, **where)


def by_seed(runs: list[StoredRun]) -> list[tuple[str, int, str]]:
    return [(run.config.title, run.record.seed, run.record.status) for run in runs]


def test_many_runs_and_a_failure(data: Path, dask: Dask, quick: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = run(data, "cnn4,jan", dask, seeds=4, progress=True)
    assert by_seed(done) == [
        *(("cnn4", seed, "ok") for seed in range(4)),
        *(("jan", seed, "failed") for seed in range(4)),
    ]
    assert done[4].record.error == "ValueError: boom"
    assert not [problem for one in done[:4] for problem in one.check_files()]
    assert {path.name for path in done[0].path.iterdir()} == {
        "record.json", "validation.npz", "test.npz", "history.csv", "log.txt", "model.keras",
    }  # fmt: skip
    assert not list(data.parent.glob("runs/*/*/.*")), "nothing is left at work"
    notes = quick_worker.notes(quick)
    assert {note["parent"] for note in notes} == {worker.pid for worker in dask.workers}
    assert len({tuple(note["source"]) for note in notes}) == 2, "the data travels once to each worker"
    assert {note["threads"] for note in notes} == {max(1, available_cores() // 2)}, "two workers share the machine"
    assert not any(note["source"][0].startswith(str(data.parent)) for note in notes)
    assert not list(dask.directory.glob("**/benchmark-*/0")), "what was sent is dropped in the end"
    assert "[1/8] cnn4 seed 0, epoch " in capsys.readouterr().out


def test_a_run_is_the_same_there_as_here(data: Path, dask: Dask) -> None:
    """Through the real worker, data and all; then views of its images, for which the stored model travels."""
    (here,) = run(data, "mlp", dask, scheduler=None, runs="here", deterministic=True)
    (there,) = run(data, "mlp", dask, deterministic=True)
    assert there.record.status == "ok", there.record.error
    assert there.config == here.config
    np.testing.assert_array_equal(there.predictions("test").probabilities, here.predictions("test").probabilities)
    np.testing.assert_array_equal(there.predictions("test").sample_ids, here.predictions("test").sample_ids)
    plain, flipped = run(data, "mlp", dask, deterministic=True, tta=("flip",))
    assert plain.path == there.path
    assert flipped.record.status == "ok", flipped.record.error
    assert (flipped.predictions("test").probabilities != plain.predictions("test").probabilities).any()


def test_checkpoints_stay_where_the_disk_is_shared(data: Path, dask: Dask, quick: Path) -> None:
    """This machine's workers do share it; another machine has not the same directory under the same path."""
    run(data, "cnn4", dask)
    (note,) = quick_worker.notes(quick)
    path = Path(note["checkpoints"])
    assert path.is_relative_to(data.parent)
    path.with_suffix(".partial").mkdir()
    mark = remote_job.mark_of(path)
    shutil.rmtree(path.with_suffix(".partial"))
    path.with_suffix(".partial").mkdir()
    assert mark is not None
    assert remote_job.mark_of(path) != mark


def test_a_refit_and_only_the_best_model(data: Path, dask: Dask) -> None:
    done = run(data, "cnn4", dask, seeds=3, refit=True, keep_model="best")
    assert by_seed(done) == [(title, seed, "ok") for title in ("cnn4", "cnn4:refit") for seed in range(3)]
    assert sum(one.model is not None for one in done[:3]) == 1


def wait_for(what: Callable[[], Any]) -> Any:
    until = time.monotonic() + 30
    while not (found := what()):
        assert time.monotonic() < until
        time.sleep(0.02)
    return found


def test_a_run_whose_worker_is_killed_is_made_by_another(
    data: Path, dask: Dask, quick: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    victim = dask.workers[0]

    def kill() -> None:
        wait_for(lambda: any(note["parent"] == victim.pid for note in quick_worker.notes(quick)))
        victim.send_signal(signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    done = run(data, "cnn4", dask, seeds=3, epochs=30, progress=True)
    killer.join()
    victim.wait()
    dask.workers[0] = dask.add_worker()
    assert by_seed(done) == [("cnn4", seed, "ok") for seed in range(3)]
    lines = capsys.readouterr().out.splitlines()
    (moved,) = [line for line in lines if line.endswith("its worker was lost, another one takes it up")]
    seed = moved.split(":")[0][-1]
    begun = [note for note in quick_worker.notes(quick) if str(note["seed"]) == seed]
    assert [note["parent"] == victim.pid for note in begun] == [True, False]


def test_a_run_that_loses_every_worker_is_a_failure(data: Path, dask: Dask, quick: Path) -> None:
    """Dask gives up after the fourth; the others go on."""
    import distributed

    error = distributed.KilledWorker("cnn4", None, 3)
    with pytest.MonkeyPatch.context() as patch:
        real = engine.Cluster._answer

        def answer(self: Any, order: Any, key: str) -> Any:
            if order.job["variant"]["seed"] == 0:
                raise error
            return real(self, order, key)

        patch.setattr(engine.Cluster, "_answer", answer)
        lost, done = run(data, "cnn4", dask, seeds=2)
    assert (lost.record.failure, done.record.status) == ("killed", "ok")
    assert lost.record.error == "4 workers were lost while they made this run"
    assert (lost.path / "log.txt").read_text().startswith("4 workers were lost")


def test_a_worker_with_a_full_disk_is_named(data: Path, dask: Dask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_job, "put", no_room)
    with pytest.raises(UserError, match=r"the worker tcp://.* cannot keep what runs need, make room .*No space left"):
        run(data, "cnn4", dask)
    assert not list(data.parent.glob("runs/*/*/seed-*"))


def no_room(command: str, name: str, content: bytes, dask_worker: Any) -> None:
    """Stands in for `cluster_job.put` on a worker, which finds it here under its own name."""
    raise OSError(28, "No space left on device")


@pytest.fixture
def heeding_ctrl_c() -> Iterator[None]:
    """Processes started meanwhile heed SIGINT, also where the shell put the tests into the background without it."""
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, usual)


@pytest.mark.usefixtures("heeding_ctrl_c")
@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGKILL])
def test_ctrl_c_stops_every_run_and_so_does_a_kill(data: Path, dask: Dask, quick: Path, asked: signal.Signals) -> None:
    argv = ["run", "cnn4", "--seeds", "3", "--epochs", "1000", "--data", str(data), "--runs", str(data.parent / "runs")]
    command = [sys.executable, "-m", "benchmark", *argv, "--backend", "dask", "--scheduler", dask.address]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    wait_for(lambda: len(quick_worker.notes(quick)) == 2)
    process.send_signal(asked)
    _, said = process.communicate(timeout=15)
    if asked == signal.SIGINT:
        assert process.returncode == 130
        assert said.splitlines()[-1] == "interrupted; stored runs are kept, and the same command continues"
    # The workers take the next command's runs at once, since nothing of the last one is at work any more.
    done = run(data, "bayes", dask, seeds=2)
    assert by_seed(done) == [("bayes", seed, "ok") for seed in range(2)]


def test_what_the_user_can_mend_is_one_line(
    data: Path, dask: Dask, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*arguments: str) -> str:
        argv = ["run", "cnn4", "--data", str(data), "--runs", str(data.parent / "new"), *arguments]
        assert cli.main(argv) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        return error

    monkeypatch.setattr(connection, "code_digest", lambda: "another")
    assert "has another version of this toolkit" in said("--backend", "dask", "--scheduler", dask.address)
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 0.5)
    for address in ("tcp://127.0.0.1:9", "nonsense", "127.0.0.1:port", "ftp://here:80", ""):
        assert f"no scheduler answers at {address}, expected" in said("--backend", "dask", "--scheduler", address)
    both = "a cluster needs both --backend dask and --scheduler ADDRESS"
    assert both in said("--backend", "dask")
    assert both in said("--scheduler", dask.address)
    assert "leave --jobs out" in said("--backend", "dask", "--scheduler", dask.address, "--jobs", "2")
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert "a cluster needs Dask, which is not installed: pip install '.[dask]'" in said(
        "--backend", "dask", "--scheduler", dask.address
    )
    assert not (data.parent / "new").exists()


def test_a_cluster_without_workers_is_named(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "WORKER_SECONDS", 0.5)
    monkeypatch.setattr(Dask, "add_worker", lambda self: subprocess.Popen([sys.executable, "-c", ""]))
    empty = Dask(tmp_path)
    try:
        with pytest.raises(UserError, match=f"the scheduler at {empty.address} has no worker: start some with"):
            run(data, "cnn4", empty)
    finally:
        empty.close()


def test_when_all_of_the_cluster_is_lost_a_line_says_so(
    data: Path, dask: Dask, quick: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last of these tests: nothing is left of the cluster."""
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 3)

    def lose() -> None:
        wait_for(lambda: quick_worker.notes(quick))
        for worker in dask.workers:
            worker.kill()
        time.sleep(1.5)  # the command looks for workers each second
        dask.scheduler.kill()

    killer = threading.Thread(target=lose)
    killer.start()
    with pytest.raises(UserError, match=f"the scheduler at {dask.address} is gone; what is stored stays") as lost:
        run(data, "cnn4", dask, epochs=1000, progress=True)
    killer.join()
    assert lost.value.exit_code == 1
    assert f"note: the scheduler at {dask.address} has lost its last worker" in capsys.readouterr().out
