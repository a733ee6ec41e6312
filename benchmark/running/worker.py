"""One run in a process of its own: `python -m benchmark.running.worker` takes a job on stdin and reports on stdout.

Job and reports are JSON, one report a line: {"event": "phase" | "step" | "epoch" | "finished" | "failed", ...}.
Whatever else is written to stdout or stderr by the libraries lands in the run's log.
"""

import json
import os
import sys
import threading
import time
from typing import Any

from benchmark.running.job import Job
from benchmark.running.supervision import MEMORY
from benchmark.running.train_and_predict import train_and_predict
from zoo.errors import UserError


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "no message")


def _kind(error: Exception) -> str:
    """What kind of failure an exception is, see `RunRecord.failure`."""
    if isinstance(error, FloatingPointError):
        return "diverged"
    # By name: the frameworks have exceptions of their own, and they are not imported for this.
    name = type(error).__name__
    lacking = isinstance(error, MemoryError) or name in ("ResourceExhaustedError", "OutOfMemoryError")
    return MEMORY if lacking or "RESOURCE_EXHAUSTED" in str(error) else "error"


def _end_with_parent() -> None:
    """End this process soon after the one that started it: whatever it makes, nobody would store."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main() -> int:
    """Read a job from stdin, do it, report on stdout."""
    # Libraries print to stdout as they please: keep the real one for reports, send everything else to the log.
    reports = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def send(event: dict[str, Any]) -> None:
        reports.write(json.dumps(event) + "\n")
        reports.flush()
        if event["event"] == "epoch":
            print(json.dumps(event), file=sys.stderr, flush=True)  # noqa: T201 - the log

    _end_with_parent()
    started = time.perf_counter()
    try:
        record = train_and_predict(Job.from_json(json.load(sys.stdin)), send)
    except UserError as error:
        send({"event": "failed", "failure": "refused", "error": str(error)})
        return 2
    except Exception as error:
        failure = _kind(error)
        send({"event": "failed", "failure": failure, "error": f"{type(error).__name__}: {_first_line(error)}"})
        raise
    send({"event": "finished", "record": record.to_json(), "worked": time.perf_counter() - started})
    return 0


if __name__ == "__main__":
    sys.exit(main())
