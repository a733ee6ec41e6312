"""Worker processes: their environment, questions and answers as JSON, and how they ended."""

import json
import os
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Final, TextIO

from zoo.errors import UserError

LOG_BYTES: Final = 10_000
"""How much of the end of a failed process' log is shown."""

Task = Callable[[dict[str, Any]], dict[str, Any]]


def ask(module: str, question: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of `python -m module`, which calls `serve`. Its other output is not shown.

    Raises:
        UserError: the task raised it, or the process was killed.
        RuntimeError: the process failed in another way; the end of its log is in the message.
    """
    with TemporaryFile() as log:
        ended = subprocess.run(
            [sys.executable, "-m", module],
            input=json.dumps(question),
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment(),
            text=True,
            check=False,
        )
        if ended.returncode > 0 and not ended.stdout:
            log.seek(max(0, log.seek(0, os.SEEK_END) - LOG_BYTES))
            shown = log.read().decode("utf-8", "replace")
            raise RuntimeError(f"{module} {ending(ended.returncode)}, its log ends with:\n{shown}")
    if ended.returncode < 0:
        raise UserError(f"the process {ending(ended.returncode)}")
    answer: dict[str, Any] = json.loads(ended.stdout)
    if "error" in answer:
        raise UserError(answer["error"])
    return answer


def serve(task: Task) -> int:
    """Read a question from stdin, answer `ask`, and return the exit code; for a module's `__main__`."""
    end_with_parent()
    with own_stdout() as answers:
        try:
            answer = task(json.load(sys.stdin))
        except UserError as error:
            answer = {"error": str(error)}
        json.dump(answer, answers)
    return 2 if "error" in answer else 0


def end_with_parent() -> None:
    """End this process soon after its parent: nobody would store what it makes."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        if os.getpgrp() == os.getpid():
            os.killpg(os.getpid(), signal.SIGKILL)  # with whatever a model of the user's has started
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def own_stdout() -> TextIO:
    """This process' stdout for what it has to say itself; whatever else is printed goes to stderr, which is its log.

    A process that it forks has the log there too: else who reads the answers would wait for the end of that one.
    """
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def after_fork() -> None:
        if not stream.closed:
            os.dup2(2, stream.fileno())

    os.register_at_fork(after_in_child=after_fork)
    return stream


def ending(code: int) -> str:
    """How a process ended, from its exit code; the subject of the sentence is the caller's."""
    if code >= 0:
        return f"ended with exit code {code} before it was done, see its log"
    name = signal.Signals(-code).name
    return f"was killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")


def environment() -> dict[str, str]:
    """This process' environment, with these packages in reach of a worker's imports wherever it is called from."""
    here = str(Path(__file__).resolve().parents[2])
    if here == sysconfig.get_paths()["purelib"]:
        return dict(os.environ)  # installed: a path of ours would come before the standard library
    paths = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
