"""Starts workers warm: as forks of one process that has imported the frameworks (`fork_server`)."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property, partial
from signal import SIGKILL
from threading import Lock
from typing import IO, Final, Self

from benchmark.hardware.backend import DEFAULT_BACKEND
from benchmark.hardware.processes import environment
from benchmark.hardware.resources import visible_gpus

SERVER: Final = "benchmark.running.warm.fork_server"
MESSAGE_BYTES: Final = 4096
GRACE_SECONDS: Final = 2.0
"""In which the process that workers are forked from ends by itself, unless it still imports."""


@dataclass(eq=False)
class WorkerProcess:
    """A process that takes a job on stdin and tells its events on stdout; leaving it as a context waits for its end.

    Attributes:
        pid: of the process, and of the group that it leads.
        wait: waits for its end, and returns `end`.
    """

    pid: int
    stdin: IO[str]
    stdout: IO[str]
    wait: Callable[[], tuple[int, int]]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(BrokenPipeError):
            self.stdin.close()
        self.stdout.close()
        _ = self.end

    @cached_property
    def end(self) -> tuple[int, int]:
        """The exit code, of a killed process minus the signal, and the most bytes of memory that it had."""
        return self.wait()


def _told_end(told: socket.socket) -> tuple[int, int]:
    message = told.recv(MESSAGE_BYTES)
    told.close()  # not where an interrupt came first: then the end is waited for again
    if not message:  # the server was killed, after which its forks end themselves
        return -SIGKILL, 0
    ended = json.loads(message)
    return ended["code"], ended["peak"]


def _end(server: subprocess.Popen[bytes]) -> None:
    """Wait for the end of a process that has nothing to do any more; where it still imports, it is killed."""
    try:
        server.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


class WarmWorkers:
    """Forks workers. The process that they are forked from is started for the first of them.

    Args:
        module: a worker is what `python -m MODULE` is.
    """

    def __init__(self, module: str) -> None:
        self._module, self.environment = module, environment()
        self._lock, self._closing = Lock(), ExitStack()
        self._requests: socket.socket | None = None
        self._server = 0

    @property
    def server(self) -> int:
        """The number of the process that workers are forked from, which is started if it is not there yet."""
        with self._lock:
            if self._requests is None:
                self._served()
            return self._server

    def start(self, log: int, surroundings: Mapping[str, str], keep_open: Sequence[int]) -> WorkerProcess | None:
        """Start a worker; None where one cannot be forked, because of its environment or for a fault.

        Args:
            log: descriptor of the file that its stderr goes to.
            surroundings: its environment.
            keep_open: descriptors that it keeps open.
        """
        if surroundings != self.environment:
            return None
        with ExitStack() as ends:
            theirs_in, ours_in = os.pipe()
            ours_out, theirs_out = os.pipe()
            told, telling = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            stdin, stdout = os.fdopen(ours_in, "w", encoding="utf-8"), os.fdopen(ours_out, encoding="utf-8")
            for opened in (stdin, stdout, told):
                ends.callback(opened.close)
            with telling:
                asked = self._ask((theirs_in, theirs_out, log, telling.fileno(), *keep_open))
            os.close(theirs_in)
            os.close(theirs_out)
            message = told.recv(MESSAGE_BYTES) if asked else b""
            if "process" not in (told_of := json.loads(message or "{}")):
                return None
            ends.pop_all()
            return WorkerProcess(told_of["process"], stdin, stdout, partial(_told_end, told))

    def _ask(self, descriptors: Sequence[int]) -> bool:
        with self._lock:
            requests = self._requests or self._served()
            try:
                socket.send_fds(requests, [b"\0"], descriptors)
            except OSError:
                return False
        return True

    def _served(self) -> socket.socket:
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            server = subprocess.Popen(
                [sys.executable, "-m", SERVER, self._module],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=self.environment,
                start_new_session=True,  # Ctrl-C reaches this process alone
            )
        self._server = server.pid
        self._closing.callback(_end, server)
        self._closing.callback(self._requests.close)
        return self._requests

    def close(self) -> None:
        """End the process and what was forked from it."""
        self._closing.close()


_SHARED: Final[ContextVar[WarmWorkers | None]] = ContextVar("warm workers", default=None)


@contextmanager
def warm_workers(command: Sequence[str], several: bool = True) -> Iterator[WarmWorkers | None]:
    """Within, workers can be started warm; with those of an outer call, if there is one.

    None where they cannot: for a command that is no module of this Python, and on anything but Linux, where a fork
    after the imports is not safe, and TensorFlow on a CPU, for which it was tried.

    Args:
        command: of a worker, where one is started cold.
        several: whether more than one is expected; a single one would only wait for two processes.
    """
    if (shared := _SHARED.get()) is not None:
        yield shared
        return
    if not (several and _possible(command)):
        yield None
        return
    workers = WarmWorkers(command[2])
    token = _SHARED.set(workers)
    try:
        yield workers
    finally:
        _SHARED.reset(token)
        with suppress(KeyboardInterrupt):
            workers.close()


def _possible(command: Sequence[str]) -> bool:
    module = tuple(command[:2]) == (sys.executable, "-m")
    on_tensorflow = os.environ.get("KERAS_BACKEND", DEFAULT_BACKEND) == "tensorflow"
    return module and sys.platform == "linux" and on_tensorflow and not visible_gpus()
