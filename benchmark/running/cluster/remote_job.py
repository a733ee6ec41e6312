"""A cluster's worker does one job in a process of its own, as any machine does; its files go back as bytes.

Dask sends an `Order` and calls `do`. The order's paths are relative to a directory of the worker's own, where the
files that a job needs (data, weights, models to start from) are put once for each command that uses the worker.
"""

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from distributed import Worker, get_worker

from benchmark.files.file_writing import write_text
from benchmark.hardware.backend import BLAS_VARIABLES
from benchmark.hardware.resources import available_cores
from benchmark.running import supervision
from benchmark.running.events import Event, Step, ViewsPredicted, to_line
from benchmark.running.job import Job
from benchmark.running.supervision import CancellationToken, JobResult, Limits
from benchmark.training.checkpoints import code_digest
from zoo.errors import UserError

POLL_SECONDS: Final = 0.5
"""How often a worker looks whether its job is still wanted."""

STEP_SECONDS: Final = 0.5
"""How often steps of an epoch are reported at most."""

FEATURES: Final = "benchmark-cache"


@dataclass(frozen=True)
class Order:
    """A job as it travels.

    Attributes:
        job: as `Job.to_json` has it; paths of what it needs are relative to the worker's directory of this command.
        needs: these paths.
        command: unique name of the command that gives the order.
        task: unique name of the order; its events are told under it.
        seconds: that it may take, see `Limits`.
        environment: of its process.
        version: of the toolkit that gives the order, `code_digest()`.
        threads: of all workers on the same machine, by a worker's address.
        checkpoints: where the client keeps the run's, and what tells that directory's parent from any other machine's.
    """

    job: dict[str, Any]
    needs: tuple[str, ...]
    command: str
    task: str
    seconds: float | None
    environment: dict[str, str]
    version: str
    threads: dict[str, int]
    checkpoints: tuple[str, tuple[int, int]] | None


@dataclass(frozen=True)
class Done:
    """The result of an order.

    Attributes:
        result: of the job.
        views: its events on runs with test-time augmentation.
        files: of the run and of those beside it, by kind of test-time augmentation and by name.
    """

    result: JobResult
    views: list[ViewsPredicted]
    files: dict[str, dict[str, bytes]]


@dataclass(frozen=True)
class Lacking:
    """The files that a worker must be sent before it can do the job."""

    worker: str
    needs: tuple[str, ...]


def do(order: Order) -> Done | Lacking:
    """Do the job, or say which of its files are not here.

    Raises:
        UserError: this worker has another version of the toolkit, or its disk cannot be written.
    """
    worker = get_worker()
    if order.version != code_digest():
        raise UserError(f"the worker {worker.address} has another version of this toolkit: install the same there")
    base = directory_of(order.command, worker)
    if lacking := tuple(name for name in order.needs if not (base / name).exists()):
        return Lacking(worker.address, lacking)
    with TemporaryDirectory(prefix="run-", dir=base, ignore_cleanup_errors=True) as scratch, _token() as token:
        threads = max(1, available_cores() // order.threads.get(worker.address, 1))
        job, relay = _at_home(order, base, Path(scratch), threads), _Relay(worker, order)
        # Dask starts its workers with one thread for arithmetic each, which this process' jobs would inherit.
        environment = {**dict.fromkeys(BLAS_VARIABLES, str(threads)), **order.environment}
        try:
            limits = Limits(order.seconds, environment=environment, cancellation=token)
            result = supervision.work(job, relay.tell, limits)
        except KeyboardInterrupt:
            raise RuntimeError("nobody waits for this job any more") from None  # KeyboardInterrupt ends the worker
        except UserError as error:
            raise type(error)(f"{error} (on the worker {worker.address})") from error
        files = {
            kind: {path.name: path.read_bytes() for path in sorted(directory.iterdir()) if path.is_file()}
            for kind, directory in job.directories.items()
        }
        return Done(result, relay.views, files)


def directory_of(command: str, worker: Worker) -> Path:
    """The worker's directory of files for a command."""
    path = Path(worker.local_directory) / f"benchmark-{command}"
    path.mkdir(parents=True, exist_ok=True)
    return path


def put(command: str, name: str, content: bytes, dask_worker: Worker) -> None:
    """Keep a file that jobs of the command need; called by Dask on one worker."""
    path = directory_of(command, dask_worker) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, content)


def forget(command: str, dask_worker: Worker) -> None:
    """Drop the files of a command that is over."""
    shutil.rmtree(directory_of(command, dask_worker), ignore_errors=True)


def version() -> str:
    """The worker's version of the toolkit."""
    return code_digest()


def _at_home(order: Order, base: Path, scratch: Path, threads: int) -> Job:
    """The order's job with paths of this machine and its share of the cores."""
    job = Job.from_json(order.job).with_inputs(lambda path: base / path)
    directories = {kind: scratch / f"output-{kind}" for kind in job.directories}
    for directory in directories.values():
        directory.mkdir()
    outputs = replace(
        job.outputs,
        directory=directories.pop(job.variant.config.tta),
        views=tuple(directories.items()),
        checkpoints=_checkpoints(order) or scratch / "checkpoints",
    )
    data = replace(job.data, cache=job.data.cache and base.parent / FEATURES)
    return replace(job, data=data, outputs=outputs, execution=replace(job.execution, threads=threads))


def _checkpoints(order: Order) -> Path | None:
    """Where the client keeps the run's checkpoints, if this machine shares that disk."""
    if order.checkpoints is None:
        return None
    path, mark = Path(order.checkpoints[0]), order.checkpoints[1]
    return path if mark_of(path) == mark else None


def mark_of(checkpoints: Path) -> tuple[int, int] | None:
    """Tells the directory of a run that is being made from that of another machine under the same path."""
    try:
        status = checkpoints.with_suffix(".partial").stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


@dataclass
class _Relay:
    """Passes a job's events on to the client, those that its result needs with the result."""

    worker: Worker
    order: Order
    views: list[ViewsPredicted] = field(default_factory=list)
    _told: float = 0.0

    def tell(self, event: Event) -> None:
        if isinstance(event, ViewsPredicted):
            self.views.append(event)
            return
        now = time.monotonic()
        if isinstance(event, Step) and now - self._told < STEP_SECONDS:
            return
        self._told = now
        self.worker.log_event(self.order.command, [self.order.task, to_line(event)])


@contextmanager
def _token() -> Iterator[CancellationToken]:
    """Cancelled once nobody waits for the present task: it was dropped, or its client is gone."""
    worker, token, over = get_worker(), CancellationToken(), threading.Event()
    key = worker.get_current_task()

    def look() -> None:
        while not over.wait(POLL_SECONDS):
            task = worker.state.tasks.get(key)
            if task is None or task.state != "executing":
                token.cancel()

    threading.Thread(target=look, daemon=True).start()
    try:
        yield token
    finally:
        over.set()
