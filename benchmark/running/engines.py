"""Where the runs of one command are made: one after the other, side by side on this machine, or on a cluster."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from queue import SimpleQueue
from typing import Final, Protocol, TypeVar

from benchmark.data.read_options import Located
from benchmark.hardware.resources import VISIBLE, available_cores, visible_gpus
from benchmark.running.cluster.connection import client_of
from benchmark.running.events import Send
from benchmark.running.job import Job
from benchmark.running.run_options import RunOptions
from benchmark.running.supervision import CancellationToken, JobResult, Limits, Work, warmed
from benchmark.running.warm.warm_workers import WarmWorkers

LOOK_SECONDS: Final = 1.0
"""How often the number of slots is asked for: a cluster grows and shrinks."""

T = TypeVar("T")


class Engine(Protocol):
    """Does jobs, each in a process of its own somewhere; several threads may use it at once."""

    def slots(self) -> int:
        """How many jobs it takes at present."""

    def work(self, job: Job, send: Send, limits: Limits) -> JobResult:
        """Do a job, see `benchmark.running.supervision.Work`."""

    def pause(self, seconds: float) -> None:
        """Wait; raises KeyboardInterrupt once everything is stopped."""

    def stop(self) -> None:
        """End every job."""


class Processes:
    """Jobs on this machine, so many at once, which share its cores and GPUs.

    With one at a time a job gets what there is. With more each gets its share of the cores, and the k-th the GPU
    k modulo their number.
    """

    def __init__(self, jobs: int, work: Work, workers: WarmWorkers | None = None) -> None:
        self._jobs, self._work, self._workers, self._cancellation = jobs, work, workers, CancellationToken()
        self._free: SimpleQueue[int] = SimpleQueue()
        for slot in range(jobs):
            self._free.put(slot)
        self._gpus = visible_gpus() if jobs > 1 else ()
        self._threads = max(1, available_cores() // jobs) if jobs > 1 else None
        self.pause, self.stop = self._cancellation.pause, self._cancellation.cancel

    def slots(self) -> int:
        return self._jobs

    def work(self, job: Job, send: Send, limits: Limits) -> JobResult:
        slot = self._free.get()
        try:
            gpu = {VISIBLE: self._gpus[slot % len(self._gpus)]} if self._gpus else {}
            limits = replace(
                limits,
                environment={**limits.environment, **gpu},
                cancellation=self._cancellation,
                workers=self._workers,
            )
            return self._work(replace(job, execution=replace(job.execution, threads=self._threads)), send, limits)
        finally:
            self._free.put(slot)


@contextmanager
def engine_of(source: Located, options: RunOptions, work: Work, several: bool) -> Iterator[Engine]:
    """The engine that the options ask for, with as many `jobs` at once, and the end of what it needed.

    Args:
        several: whether more than one job is expected.

    Raises:
        UserError: there is no such cluster, or it has no workers.
    """
    if options.scheduler is None:
        with warmed(several) as workers:
            yield Processes(options.jobs or 1, work, workers)
        return
    with client_of(options.scheduler) as client:
        from benchmark.running.cluster.engine import connected  # imports Dask, which is known to be there now

        with connected(client, options.scheduler, options.data(source)) as cluster:
            yield cluster


def side_by_side(tasks: Sequence[Callable[[], T]], after: Mapping[int, int], engine: Engine) -> list[T]:
    """Do tasks, as many at once as the engine has slots; the first exception stops all of them.

    A task waits for the one that it has in `after`, both by position.
    """
    if engine.slots() == 1:
        return [task() for task in tasks]  # in this thread, where Ctrl-C arrives
    waiting, running, results = list(range(len(tasks))), dict[Future[T], int](), dict[int, T]()
    with ThreadPoolExecutor(max(1, len(tasks)), "run") as pool:
        try:
            while waiting or running:
                free = max(0, engine.slots() - len(running))
                ready = [place for place in waiting if place not in after or after[place] in results]
                for place in ready[:free]:
                    waiting.remove(place)
                    running[pool.submit(tasks[place])] = place
                if not running:  # A cluster may have lost all its workers. Waiting for no future would end at once.
                    engine.pause(LOOK_SECONDS)
                for future in wait(running, LOOK_SECONDS, FIRST_COMPLETED).done:
                    results[running.pop(future)] = future.result()
        except BaseException:
            engine.stop()
            raise
    return [results[place] for place in range(len(tasks))]
