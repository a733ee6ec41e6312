"""The process of one run: `python -m benchmark.running.worker` takes a job on stdin and tells its events on stdout.

Job and events are JSON, an event a line (`benchmark.running.events`). What libraries write to stdout or stderr lands in
the run's log.
"""

import errno
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmark.hardware.processes import end_with_parent, own_stdout
from benchmark.running.events import EpochDone, Event, Failed, Finished, to_line
from benchmark.running.job import Job
from benchmark.running.supervision import DISK, MEMORY
from benchmark.running.train_and_predict import train_and_predict
from zoo.errors import UserError, WritingError, writing_error


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "no message")


def _kind(error: Exception) -> str:
    """What kind of failure an exception is, see `RunRecord.failure`."""
    if isinstance(error, WritingError):
        return DISK
    if isinstance(error, UserError):
        return "refused"
    if isinstance(error, FloatingPointError):
        return "diverged"
    # By name: the frameworks have exceptions of their own, and they are not imported for this.
    name = type(error).__name__
    lacking = isinstance(error, MemoryError) or name in ("ResourceExhaustedError", "OutOfMemoryError")
    return MEMORY if lacking or "RESOURCE_EXHAUSTED" in str(error) else "error"


@contextmanager
def _disk_full(where: Path) -> Iterator[None]:
    """Within, a disk without space is a `WritingError`, whichever library met it."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise writing_error(f"to {where.parent}", error) from error
        raise


def main() -> int:
    """Do the job that is read from stdin."""
    events = own_stdout()

    def send(event: Event) -> None:
        events.write(to_line(event) + "\n")
        events.flush()
        if isinstance(event, EpochDone):
            print(to_line(event), file=sys.stderr, flush=True)  # noqa: T201 - the log

    end_with_parent()
    started = time.perf_counter()
    try:
        job = Job.from_json(json.load(sys.stdin))
        with _disk_full(job.outputs.directory):
            record = train_and_predict(job, send)
    except UserError as error:
        send(Failed(_kind(error), str(error)))
        return 2
    except Exception as error:
        send(Failed(_kind(error), f"{type(error).__name__}: {_first_line(error)}"))
        raise
    send(Finished(record.to_json(), time.perf_counter() - started))
    return 0


if __name__ == "__main__":
    sys.exit(main())
