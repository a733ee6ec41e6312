"""The fork server without Keras and TensorFlow, and a worker for it that does what it is told on stdin."""

import os
import signal
import sys
import time
from pathlib import Path

from benchmark.running.warm import fork_server


def _forks() -> None:
    """Leave a process behind that holds stdout."""
    if process := os.fork():
        print(process, flush=True)  # noqa: T201
    time.sleep(60)


def _computes() -> None:
    import tensorflow as tf

    print(float(tf.reduce_sum(tf.linalg.matmul(tf.ones((300, 300)), tf.ones((300, 300))))))  # noqa: T201


def main() -> int:
    """Be the worker."""
    match sys.stdin.read().split():
        case ["say", text]:
            print(text)  # noqa: T201
            print("to the log", file=sys.stderr)  # noqa: T201
        case ["exit", code]:
            return int(code)
        case ["die"]:
            os.kill(os.getpid(), signal.SIGSEGV)
        case ["fill"]:
            bytearray(2**27).count(1)
        case ["fork"]:
            _forks()
        case ["compute"]:
            _computes()
        case ["descriptors"]:
            print(*(path.name for path in Path("/proc/self/fd").iterdir()))  # noqa: T201
        case ["sleep"]:
            time.sleep(60)
    return 0


if __name__ == "__main__":
    fork_server.PRELOADED = ()
    sys.exit(fork_server.main())
