"""One job in a process of its own: starts it, passes its events on, ends it when its time is up, says how it ended."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmark.files.file_writing import writing
from benchmark.files.run_layout import LOG
from benchmark.hardware.processes import ending, environment
from benchmark.running.events import Failed, Finished, Send, Started, from_line
from benchmark.running.job import Job
from benchmark.running.warm.warm_workers import WarmWorkers, WorkerProcess, warm_workers
from zoo.errors import WritingError

WORKER: Final = (sys.executable, "-m", "benchmark.running.worker")

MEMORY: Final = "memory"
TIMEOUT: Final = "timeout"
DISK: Final = "disk"
"""No failure of the run, which is not recorded: the command ends, and the same command goes on."""

KILLED: Final = "killed"
CRASHED: Final = "crashed"


class CancellationToken:
    """Kills the processes of several threads at once, and any that come later."""

    def __init__(self) -> None:
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._processes: set[int] = set()

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    def pause(self, seconds: float) -> None:
        """Wait; raises KeyboardInterrupt once cancelled."""
        if self._cancelled.wait(seconds):
            raise KeyboardInterrupt

    @contextmanager
    def killing(self, process: int) -> Iterator[None]:
        """Within, a running process (its number) is among those that cancelling kills."""
        with self._lock:
            self._processes.add(process)
            if self.cancelled:
                _kill(process)
        try:
            yield
        finally:
            with self._lock:
                self._processes.discard(process)

    def cancel(self) -> None:
        """Kill every process."""
        with self._lock:
            self._cancelled.set()
            for process in self._processes:
                _kill(process)


@dataclass(frozen=True)
class Limits:
    """What holds for one process.

    Attributes:
        seconds: after which it is ended; None never ends it.
        locks: descriptors of locked files that the process keeps open, so that nobody else makes the same run, should
            this process end first.
        environment: variables that it gets beside this process' own.
        cancellation: by which other threads end it; then `work` raises KeyboardInterrupt.
        workers: that it may be one of; None starts a Python of its own.
    """

    seconds: float | None = None
    locks: Sequence[int] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    cancellation: CancellationToken | None = None
    workers: WarmWorkers | None = None


NO_LIMITS: Final = Limits()


@dataclass(frozen=True)
class JobResult:
    """How a job ended.

    Attributes:
        ending: its last event; where the process ended without one, a failure (see `RunRecord.failure`).
        seconds: that its process took.
        peak_memory_bytes: the most that its process had at any moment; None where it is not known.
        seconds_before: that earlier attempts at the job took.
    """

    ending: Finished | Failed
    seconds: float
    peak_memory_bytes: int | None
    seconds_before: float = 0.0

    @property
    def total_seconds(self) -> float:
        return self.seconds_before + self.seconds


Work = Callable[[Job, Send, Limits], JobResult]
"""Does a job in a process of its own; raises KeyboardInterrupt once it is cancelled."""


def work(job: Job, send: Send, limits: Limits = NO_LIMITS) -> JobResult:
    """Do the job in a process of its own; its events, behind `Started`, are passed on.

    Raises:
        WritingError: the disk is full.
    """
    kills, started, cancellation = _kills_for_memory(), time.perf_counter(), limits.cancellation or CancellationToken()
    with writing(job.outputs.directory):
        file = (job.outputs.directory / LOG).open("ab")
    with (
        file as log,
        _worker(log.fileno(), limits) as worker,
        cancellation.killing(worker.pid),
        _killed_after(limits.seconds, worker.pid) as overdue,
    ):
        try:
            send(Started(None if job.variant.trained else job.variant.most_epochs))
            last = _listen(worker, job, send)
            code, peak = worker.end
        finally:
            _kill(worker.pid)
    if not isinstance(last, Finished):
        if cancellation.cancelled:
            raise KeyboardInterrupt
        if last and last.failure == DISK:
            raise WritingError(last.error)
        if overdue.is_set():
            last = Failed(TIMEOUT, late(limits.seconds))
    return JobResult(last or _ending(code, kills), time.perf_counter() - started, peak)


def warmed(several: bool = True) -> AbstractContextManager[WarmWorkers | None]:
    """Warm workers, where they are possible, for several jobs; see `warm_workers`."""
    return warm_workers(WORKER, several)


def _worker(log: int, limits: Limits) -> WorkerProcess:
    """A worker whose stderr goes to the log; warm, where it can be."""
    surroundings = {**environment(), **limits.environment}
    if limits.workers and limits.workers.environment == surroundings:
        # The imports of the process that it is forked from take seconds, in which the command may be cancelled.
        with limits.cancellation.killing(limits.workers.server) if limits.cancellation else nullcontext():
            warm = limits.workers.start(log, surroundings, limits.locks)
        if warm:
            return warm
    process = subprocess.Popen(
        WORKER,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env=surroundings,
        text=True,
        pass_fds=limits.locks,
        # Ctrl-C reaches this process alone, which then ends the worker, and with its group what that has started.
        start_new_session=True,
    )
    assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - for mypy: they are pipes

    def end() -> tuple[int, int]:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        return process.returncode, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)

    return WorkerProcess(process.pid, process.stdin, process.stdout, end)


def late(seconds: float | None) -> str:
    """The error of a run that was ended after so many seconds."""
    return f"not done within the {seconds:g} seconds of --timeout"


@contextmanager
def _killed_after(seconds: float | None, process: int) -> Iterator[threading.Event]:
    """Kill the process when its time is up, and set the event then."""
    overdue = threading.Event()

    def kill() -> None:
        overdue.set()
        _kill(process)

    timer = threading.Timer(max(0.0, seconds or 0.0), kill)
    timer.daemon = True
    if seconds is not None:
        timer.start()
    try:
        yield overdue
    finally:
        timer.cancel()


def _kill(process: int) -> None:
    """End a worker, if it is still there, and every process that a model of the user's has started in it."""
    # Not Popen's, which may take the exit status that `WorkerProcess.end` waits for.
    with suppress(ProcessLookupError, PermissionError):  # macOS says the latter of a group of the dead
        os.killpg(process, signal.SIGKILL)


def _listen(worker: WorkerProcess, job: Job, send: Send) -> Finished | Failed | None:
    """Hand the job over, pass its events on, and return the last; None where the process ended without one."""
    try:
        worker.stdin.write(json.dumps(job.to_json()))
        worker.stdin.close()
    except BrokenPipeError:
        return None  # it died at once; its exit code says why
    last = None
    for line in worker.stdout:
        if not line.endswith("\n"):
            break  # torn: the process was killed as it wrote
        event = from_line(line)
        if isinstance(event, Finished | Failed):
            last = event
        else:
            send(event)
    return last


def _ending(code: int, kills: int | None) -> Failed:
    """Why a process ended that did not say so, given the kills for memory before it started."""
    error = f"the run's process {ending(code)}"
    if code >= 0:
        return Failed(CRASHED, error)
    if -code != signal.SIGKILL:
        return Failed(KILLED, error)
    now = _kills_for_memory()
    # Where the system does not say, memory is the likeliest reason.
    return Failed(MEMORY if kills is None or now is None or now > kills else KILLED, error)


def _kills_for_memory() -> int | None:
    """How many processes this system has killed for want of memory; None where it does not say."""
    try:
        lines = Path("/proc/vmstat").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), None)
