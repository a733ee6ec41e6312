"""The process that warm workers are forked from: `python -m benchmark.running.warm.fork_server MODULE`.

It imports Keras and its backend, which takes seconds, and waits. A fork of it does what `python -m MODULE` would do.
That is safe while nothing runs beside its one thread. TensorFlow starts its threads with the first operation, so
nothing here may compute; a fork is on its own then.

stdin is a socket, one message a worker: descriptors for its stdin, stdout and stderr, one for what is told of it, and
those that it keeps open. Told are `{"process": ID}` and at the end `{"code": ..., "peak": ...}`, the exit code (of a
killed process minus the signal) and the most bytes of memory that it had. When the socket closes, all end.
"""

import gc
import json
import os
import selectors
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from typing import Final

from benchmark.hardware import backend

PRELOADED: Final = ("keras", "tensorflow", "benchmark.data.loading", "benchmark.training.compiled.tensorflow_calls")
"""What workers import late or in functions."""

MOST_DESCRIPTORS: Final = 64
REQUEST_BYTES: Final = 1


def preload(module: str) -> None:
    """Import a worker's module and what it needs, and compute nothing.

    Raises:
        RuntimeError: an import has started a thread, beside which a fork would not be safe.
    """
    backend.prepare()
    for name in (*PRELOADED, module):
        import_module(name)
    from zoo.registry import all_models

    all_models()
    if threading.active_count() > 1:
        raise RuntimeError(f"imports have started threads: {threading.enumerate()}")
    # What is here stays. Looking for garbage in it would copy its pages into each fork.
    gc.collect()
    gc.freeze()


@dataclass
class _Server:
    """Forks workers and tells how they end.

    Attributes:
        requests: the socket of requests.
        told: by process, where its end is told.
    """

    requests: socket.socket
    told: dict[int, socket.socket] = field(default_factory=dict)

    def serve(self) -> bool:
        """Serve until nobody asks any more; True in a fork, which is a worker then."""
        woken, wakes = socket.socketpair()
        for end in (woken, wakes):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakes.fileno())
        with selectors.DefaultSelector() as selector:
            selector.register(self.requests, selectors.EVENT_READ)
            selector.register(woken, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if woken in ready:
                    woken.recv(4096)
                    self._tell_ends()
                if self.requests not in ready:
                    continue
                _, descriptors, _, _ = socket.recv_fds(self.requests, REQUEST_BYTES, MOST_DESCRIPTORS)
                if not descriptors:
                    return False
                if self._fork(descriptors):
                    for end in (woken, wakes):
                        end.close()
                    return True

    def _fork(self, descriptors: Sequence[int]) -> bool:
        """Start a worker; True in it."""
        *streams, telling = descriptors[:4]
        process = os.fork()
        if process:
            self.told[process] = socket.socket(fileno=telling)
            for descriptor in (*streams, *descriptors[4:]):
                os.close(descriptor)
            return False
        os.setsid()  # it is ended with its group
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for other in self.told.values():
            other.close()
        self.requests.detach()
        for place, descriptor in enumerate(streams):
            os.dup2(descriptor, place)
            os.close(descriptor)
        with socket.socket(fileno=telling) as own, suppress(OSError):
            own.send(json.dumps({"process": os.getpid()}).encode())
        return True

    def _tell_ends(self) -> None:
        while self.told:
            process, status, usage = os.wait4(-1, os.WNOHANG)
            if not process:
                return
            ended = {"code": os.waitstatus_to_exitcode(status), "peak": usage.ru_maxrss * 1024}
            with self.told.pop(process) as told, suppress(OSError):
                told.send(json.dumps(ended).encode())

    def end_all(self) -> None:
        """End every worker and what it has started."""
        for process in self.told:
            with suppress(ProcessLookupError):
                os.killpg(process, signal.SIGKILL)


def main() -> int:
    """Serve; in a fork, do a worker's work."""
    module = sys.argv[1]
    preload(module)
    server = _Server(socket.socket(fileno=0))
    if server.serve():
        code: int = import_module(module).main()
        return code
    server.end_all()
    return 0


if __name__ == "__main__":
    sys.exit(main())
