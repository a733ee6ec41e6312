"""Runs on a Dask cluster: each job goes to a worker as an order, and comes back as files that this process stores.

Dask's own client, and not joblib's layer over it: with joblib 1.6 a job whose workers die too often is waited for
for ever, and on a cluster of one thread jobs are done in the client.
"""

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Final
from uuid import uuid4

from distributed import Client, Future, KilledWorker

from benchmark.data.cache import pack
from benchmark.data.loading import load
from benchmark.files.file_writing import writing
from benchmark.files.run_layout import LOG, MODELS
from benchmark.running.cluster import remote_job
from benchmark.running.cluster.remote_job import Done, Lacking, Order
from benchmark.running.events import Event, Failed, Message, Note, Send, Started, from_line
from benchmark.running.job import Job, JobData
from benchmark.running.supervision import KILLED, CancellationToken, JobResult, Limits
from benchmark.training.checkpoints import code_digest
from zoo.errors import UserError

CARRIED: Final = ("KERAS_BACKEND",)
"""Variables of this process' environment that decide how a run is made."""


class LostError(UserError):
    """The cluster is gone; the request was all right."""

    exit_code: ClassVar[int] = 1


@contextmanager
def connected(client: Client, address: str, data: JobData) -> Iterator["Cluster"]:
    """The engine of a scheduler's cluster for jobs on some data, which travels to the workers decoded."""
    with TemporaryDirectory(prefix="benchmark-") as directory:
        decoded = Path(directory) / "data.npz"
        with writing(decoded.parent):
            pack(decoded, load(data.source, data.reading, data.cache))
        cluster = Cluster(client, address, decoded)
        try:
            yield cluster
        finally:
            cluster.leave()


class Cluster:
    """An engine (`running.engines.Engine`) whose jobs are done by Dask's workers, each in a process of its own.

    A file that jobs need travels to a worker once: the worker says which it lacks and gets them. A job whose worker is
    lost is given to another by the scheduler. The files of a job come back as bytes and are written here.
    """

    def __init__(self, client: Client, address: str, decoded: Path) -> None:
        self._client, self._address, self._decoded = client, address, decoded
        self._command = uuid4().hex
        self._cancellation, self._had_workers = CancellationToken(), True
        self._lock = threading.Lock()
        self._listeners: dict[str, _Listener] = {}
        self._futures: set[Future] = set()
        self._files: dict[str, Path] = {}
        self._sent = Counter[tuple[str, str]]()
        self._sending = threading.Lock()
        self.pause = self._cancellation.pause
        client.subscribe_topic(self._command, self._told)

    def slots(self) -> int:
        """One for each thread of a worker, and one more for each worker, which waits there for its turn."""
        threads = self._threads()
        if not threads and self._had_workers:
            for listener in list(self._listeners.values())[:1]:
                listener.tell(Note(f"the scheduler at {self._address} has lost its last worker"))
        self._had_workers = bool(threads)
        return sum(threads.values()) + len(threads)

    def stop(self) -> None:
        """Take back every job; a worker ends its process when it hears of that."""
        self._cancellation.cancel()
        with self._lock:
            futures = list(self._futures)
        self._client.cancel(futures)

    def leave(self) -> None:
        """Drop what was put on the workers."""
        with suppress(Exception):  # the cluster may be gone; what is left goes with the workers
            self._client.unsubscribe_topic(self._command)
            self._client.run(remote_job.forget, self._command, on_error="ignore")

    def work(self, job: Job, send: Send, limits: Limits) -> JobResult:
        """Do a job on a worker, see `benchmark.running.supervision.Work`.

        Raises:
            LostError: the connection to the scheduler was lost.
        """
        order, listener = self._order(job, limits), _Listener(send)
        self._listeners[order.task] = listener
        try:
            done = self._done(order, f"{job.variant.config.title}-seed-{job.variant.seed}")
        except KilledWorker as error:
            return _lost(job, error.allowed_failures + 1, listener.seconds)
        finally:
            del self._listeners[order.task]
        for views in done.views:
            send(views)
        for kind, directory in job.directories.items():
            with writing(directory):
                for name, content in done.files[kind].items():
                    with (directory / Path(name).name).open("ab" if name == LOG else "wb") as file:
                        file.write(content)
        return done.result

    def _done(self, order: Order, title: str) -> Done:
        """The result of the order, once a worker had all that it needs."""
        while True:
            sent = self._sent.copy()
            answer = self._answer(order, f"{title}-{uuid4().hex}")
            if isinstance(answer, Done):
                return answer
            for name in answer.needs:
                self._send((answer.worker, name), sent[answer.worker, name])

    def _answer(self, order: Order, key: str) -> Done | Lacking:
        """What a worker answers to the order."""
        with self._lock:
            if self._cancellation.cancelled:
                raise KeyboardInterrupt
            future = self._client.submit(remote_job.do, order, key=key, pure=False)
            self._futures.add(future)
        try:
            answer: Done | Lacking = future.result()
            return answer
        except CancelledError as error:
            if self._cancellation.cancelled:
                raise KeyboardInterrupt from None
            raise self._gone() from error
        finally:
            with self._lock:
                self._futures.discard(future)

    def _send(self, what: tuple[str, str], before: int) -> None:
        """Put a file on a worker (its address and the file's name), unless it was sent since it was missed.

        A worker that is gone needs none.

        Raises:
            UserError: the worker cannot write it.
        """
        worker, name = what
        with self._sending:
            if self._sent[what] == before:
                call = (remote_job.put, self._command, name, self._files[name].read_bytes())
                answers = self._client.run(*call, workers=[worker], on_error="return")
                if isinstance(error := answers.get(worker), Exception) and worker in self._threads():
                    raise UserError(f"the worker {worker} cannot keep what runs need, make room there: {error}")
                self._sent[what] += 1

    def _order(self, job: Job, limits: Limits) -> Order:
        """The job with the names of what it needs in place of this machine's paths."""
        needs: list[str] = []

        def name(path: Path) -> Path:
            """Of a file; of a stored run's directory that of its model."""
            if path.is_dir():
                return name(next(path / model for model in MODELS if (path / model).is_file())).parent
            with self._lock:
                names = {path: name for name, path in self._files.items()}
                needs.append(names.get(path, f"{len(names)}/{path.name}"))
                self._files[needs[-1]] = path
            return Path(needs[-1])

        portable = replace(job, data=replace(job.data, decoded=self._decoded)).with_inputs(name)
        checkpoints = job.outputs.checkpoints
        mark = checkpoints and remote_job.mark_of(checkpoints)
        return Order(
            job=portable.to_json(),
            needs=tuple(needs),
            command=self._command,
            task=uuid4().hex,
            seconds=limits.seconds,
            environment={variable: value for variable in CARRIED if (value := os.environ.get(variable))},
            version=code_digest(),
            threads=self._threads_by_machine(),
            checkpoints=(str(checkpoints), mark) if mark else None,
        )

    def _threads(self) -> Mapping[str, int]:
        """How many threads each worker has, by its address."""
        try:
            threads: Mapping[str, int] = self._client.nthreads()
        except (OSError, CancelledError, RuntimeError) as error:
            raise self._gone() from error
        return threads

    def _threads_by_machine(self) -> dict[str, int]:
        """How many threads all workers on a worker's machine have, by its address (`tcp://10.0.0.5:41234`)."""
        threads, machines = self._threads(), Counter[str]()
        for address, count in threads.items():
            machines[address.rpartition(":")[0]] += count
        return {address: machines[address.rpartition(":")[0]] for address in threads}

    def _told(self, event: tuple[float, Any]) -> None:
        task, line = event[1]
        if listener := self._listeners.get(task):
            listener.tell(from_line(line))

    def _gone(self) -> LostError:
        return LostError(
            f"the scheduler at {self._address} is gone; what is stored stays, the same command goes on once it is back"
        )


class _Listener:
    """Hears the events of one job; where it starts a second time its first worker was lost."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._started: float | None = None

    @property
    def seconds(self) -> float:
        """Since the job was first started."""
        return 0.0 if self._started is None else time.perf_counter() - self._started

    def tell(self, event: Event) -> None:
        if isinstance(event, Started):
            if self._started is None:
                self._started = time.perf_counter()
            else:
                self._send(Message("its worker was lost, another one takes it up"))
        self._send(event)


def _lost(job: Job, times: int, seconds: float) -> JobResult:
    """The result of a job that lost so many workers within so many seconds."""
    error, directory = f"{times} workers were lost while they made this run", job.outputs.directory
    with writing(directory), (directory / LOG).open("a", encoding="utf-8") as log:
        log.write(f"{error}\n")
    return JobResult(Failed(KILLED, error), seconds, peak_memory_bytes=None)
