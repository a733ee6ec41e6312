"""Runs that are killed, interrupted, late or short of memory, through the command line and real worker processes."""

import fcntl
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import benchmark
from benchmark.running import runner, supervision
from benchmark.running.events import Failed, Send, to_line
from benchmark.running.job import Job
from benchmark.running.supervision import JobResult, Limits
from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun
from zoo.errors import WritingError

pytestmark = pytest.mark.usefixtures("warm_once")

ROOT = Path(__file__).parents[3]
EPOCHS = 60


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An .npz of 24x24 images: large enough that an epoch of the perceptron takes a while."""
    generator, made = np.random.default_rng(0), {}
    for split, count in (("train", 600), ("validation", 30), ("test", 30)):
        labels = np.arange(count) % 3
        images = generator.normal(60 + 20 * labels[:, None, None], 40, (count, 24, 24))
        made |= {f"{split}_images": np.clip(images, 0, 255).astype(np.uint8), f"{split}_labels": labels}
    np.savez(tmp_path / "tiny.npz", **made)
    return tmp_path / "tiny.npz"


def command(data: Path, runs: str, *more: str, model: str = "mlp", epochs: int = EPOCHS) -> list[str]:
    argv = ["run", model, "--data", str(data), "--runs", str(data.parent / runs), "--epochs", str(epochs)]
    return [sys.executable, "-m", "benchmark", *argv, "--deterministic", "--set", "patience=0", *more]


def started(argv: Sequence[str], until: str) -> "subprocess.Popen[str]":
    """The command at work, which has just shown a line with this text."""
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    for line in process.stdout:
        if until in line:
            return process
    raise AssertionError(f"{until!r} was not shown: {process.communicate()[1]}")


def only_run(data: Path, runs: str) -> StoredRun:
    store = RunStore(data.parent / runs)
    (run,) = store.runs(store.find_dataset())
    return run


def assert_same_predictions(data: Path) -> None:
    for split in ("validation", "test"):
        one, other = (only_run(data, runs).predictions(split) for runs in ("whole", "killed"))
        assert one is not None
        assert other is not None
        np.testing.assert_array_equal(one.probabilities, other.probabilities)


def test_killed_twice_the_same_command_goes_on_to_the_same_bits(data: Path) -> None:
    """The store is moved to another path after each time."""
    subprocess.run(command(data, "whole"), check=True, cwd=ROOT, capture_output=True)
    for epoch, runs, next_runs in ((3, "first", "moved"), (30, "moved", "killed")):
        process = started(command(data, runs), f"epoch {epoch}/{EPOCHS}")
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert not RunStore(data.parent / runs).datasets(), "no half run is listed"
        wait_until_free(data.parent / runs)
        (data.parent / runs).rename(data.parent / next_runs)
    shown = subprocess.run(command(data, "killed"), check=True, cwd=ROOT, capture_output=True, text=True).stdout
    assert "goes on after epoch" in shown
    assert f"epoch 1/{EPOCHS}:" not in shown
    assert_same_predictions(data)
    left = [path.name for path in only_run(data, "killed").path.parent.iterdir()]
    assert sorted(left) == ["config.json", "seed-0"]
    assert len(only_run(data, "killed").history()["epoch"]) == EPOCHS


def wait_until_free(runs: Path) -> None:
    """Until the worker has ended, too, which still holds the lock on the run that it made."""
    (path,) = runs.glob("*/*/.seed-0.lock")
    with path.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)


@pytest.fixture
def heeding_ctrl_c() -> Iterator[None]:
    """Processes started meanwhile heed SIGINT, also where the shell put the tests into the background without it."""
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, usual)


@pytest.mark.usefixtures("heeding_ctrl_c")
@pytest.mark.parametrize(("asked_to", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_stops_at_once_and_says_how_to_go_on(asked_to: signal.Signals, code: int, data: Path) -> None:
    process = started(command(data, "killed", epochs=5000), "epoch 3/")
    asked = time.monotonic()
    process.send_signal(asked_to)
    try:
        _, said = process.communicate(timeout=30)
    finally:
        process.kill()
    assert time.monotonic() - asked < 5
    assert process.returncode == code
    assert said.splitlines()[-1] == "interrupted; stored runs are kept, and the same command continues"
    (kept,) = data.parent.glob("killed/*/*/.seed-0.checkpoint/*")
    assert kept.name == "fold-1-stage-1.npz"


def test_a_worker_ends_soon_after_the_command_that_started_it(data: Path) -> None:
    process = started(command(data, "killed", epochs=100_000), "epoch 1/")
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not children.exists():
        process.kill()
        process.communicate()
        pytest.skip("this system does not list a process' children")
    workers = [int(child) for child in children.read_text().split()]
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert workers
    until = time.monotonic() + 10
    while any(Path(f"/proc/{worker}").exists() and not zombie(worker) for worker in workers):
        assert time.monotonic() < until
        time.sleep(0.1)


def zombie(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def run(data: Path, script: str | None, monkeypatch: pytest.MonkeyPatch, model: str = "mlp", **options: Any) -> Any:
    """Runs made by workers that do this instead of a run's work."""
    if script is not None:
        monkeypatch.setattr(supervision, "WORKER", (sys.executable, "-c", script))
    how = benchmark.RunOptions(progress=False, **options)
    return benchmark.run(model, data, settings={"epochs": 2}, runs=data.parent / "runs", options=how)


def test_a_run_that_hangs_is_ended(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (failed,) = run(data, "import time; hold = bytearray(2**26); time.sleep(60)", monkeypatch, timeout=1.5)
    record = failed.record
    assert (record.failure, record.error) == ("timeout", "not done within the 1.5 seconds of --timeout")
    assert 1.5 <= record.durations["total"] < 5
    assert record.peak_memory_bytes > 2**26


def test_what_a_run_has_forked_ends_with_it(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would hold the pipe that events come through, and the run would hang past its time."""
    forked = data.parent / "forked"
    script = f"import os, time; p = os.fork(); p and open({str(forked)!r}, 'w').write(str(p)); time.sleep(60)"
    (failed,) = run(data, script, monkeypatch, timeout=1.5)
    assert failed.record.failure == "timeout"
    assert failed.record.durations["total"] < 10
    process = int(forked.read_text())
    assert not Path(f"/proc/{process}").exists() or zombie(process)


def test_a_full_disk_ends_the_command_and_is_no_failure(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    says = "cannot write to there: the disk is full"
    script = f"print({json.dumps(to_line(Failed('disk', says)))}, flush=True)"
    with pytest.raises(WritingError, match=says):
        run(data, script, monkeypatch)
    assert list((data.parent / "runs").glob("*/*/seed-0.failed-*")) == []


def test_a_run_that_is_done_in_time_is_left_alone(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (whole,) = run(data, None, monkeypatch, timeout=100)
    assert whole.record.status == "ok", whole.record.error
    assert whole.record.peak_memory_bytes > 2**25


@pytest.mark.parametrize(
    ("script", "failure", "error"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "killed", "was killed by SIGSEGV"),
        ("import os; os._exit(9)", "crashed", "ended with exit code 9"),
        ("raise ValueError('boom')", "crashed", "ended with exit code 1"),
        ("print('{\"event\": \"epo', end='', flush=True); import os; os._exit(9)", "crashed", "ended with exit code 9"),
    ],
    ids=["segfault", "exit", "error", "torn"],
)
def test_kinds_of_failure(data: Path, script: str, failure: str, error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (failed,) = run(data, script, monkeypatch)
    assert failed.record.failure == failure
    assert error in str(failed.record.error)
    assert failed.record.peak_memory_bytes > 0
    assert list(failed.path.parent.glob(".*")) == []


@pytest.mark.parametrize(("kills", "failure"), [([3, 3], "killed"), ([3, 4], "memory"), ([None, None], "memory")])
def test_who_killed_it(data: Path, kills: list[int | None], failure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system counts its kills for memory, somebody else's are told from them."""
    counts = iter(kills)
    monkeypatch.setattr(supervision, "_kills_for_memory", lambda: next(counts))
    (failed,) = run(data, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)", monkeypatch)
    assert failed.record.failure == failure
    assert "was killed by SIGKILL (out of memory?)" in str(failed.record.error)
    assert "killed by SIGKILL" in failed.record.error


@pytest.fixture
def short_of_memory(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[int]]:
    """Makes workers lack memory until a batch is divided into so many steps; gives the steps of each attempt."""

    def lacking(enough: int) -> list[int]:
        attempts: list[int] = []

        def work(job: Job, send: Send, limits: Limits) -> JobResult:
            attempts.append(job.execution.accumulation)
            if job.execution.accumulation < enough:
                return JobResult(Failed("memory", "ResourceExhaustedError: out of memory"), 1.0, peak_memory_bytes=1)
            return supervision.work(job, send, limits)

        monkeypatch.setattr(runner, "work", work)
        return attempts

    return lacking


def test_out_of_memory_steps_get_smaller(
    data: Path, short_of_memory: Callable[[int], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = short_of_memory(4)
    (whole,) = run(data, None, monkeypatch, "cue_cnn")
    assert whole.record.status == "ok", whole.record.error
    assert attempts == [1, 2, 4]
    size = whole.config.training.batch_size
    provenance = whole.record.provenance
    assert (provenance["gradient_accumulation"], provenance["images_a_step"]) == (4, size // 4)


@pytest.mark.parametrize(("model", "tried"), [("cue_cnn", [1, 2, 4]), ("mlp", [1])])
def test_after_two_more_attempts_it_is_a_failure(
    data: Path, model: str, tried: list[int], short_of_memory: Callable[[int], list[int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    attempts = short_of_memory(8)
    (failed,) = run(data, None, monkeypatch, model)
    assert (failed.record.failure, attempts) == ("memory", tried)


def test_a_failure_is_repeated_on_request_only(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (first,) = run(data, "import os; os._exit(9)", monkeypatch)
    monkeypatch.setattr(supervision, "WORKER", (sys.executable, "-c", "raise SystemExit('not to be started')"))
    argv = [*command(data, "runs", model="mlp", epochs=2)[3:]]
    argv = [word for word in argv if word not in ("--deterministic", "--set", "patience=0")]
    from benchmark import cli

    assert cli.main(argv) == 1
    shown = capsys.readouterr().out
    assert "FAILED: failed before, --retry-failed tries again: the run's process ended with exit code 9" in shown
    assert [path.name for path in first.path.parent.glob("seed-*")] == ["seed-0.failed-1"]
    monkeypatch.undo()
    assert cli.main([*argv, "--retry-failed"]) == 0
    assert (first.path.parent / "seed-0").is_dir()
    store = RunStore(first.path.parents[2])
    assert not store.snapshot(first.path.parents[1].name).failures
