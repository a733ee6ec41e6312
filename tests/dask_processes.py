"""A Dask scheduler and workers as processes of this machine, whose runs are those of `quick_worker`."""

import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import quick_worker

ROOT = Path(__file__).resolve().parents[1]
OPTIONS = ["--no-dashboard"]


class Dask:
    """A scheduler and its workers, each a process."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._log = (directory / "dask.log").open("ab")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        host, port = "127.0.0.1", self.address.rpartition(":")[2]
        self.scheduler = self._started("dask_scheduler", "--host", host, "--port", port)
        self._wait_for(host, int(port))
        self.workers = [self.add_worker(), self.add_worker()]

    def add_worker(self) -> "subprocess.Popen[bytes]":
        """One more, of one thread, which nobody restarts."""
        return self._started(
            "dask_worker", self.address, "--nthreads", "1", "--no-nanny", "--preload", quick_worker.__file__,
            "--local-directory", str(self.directory),
        )  # fmt: skip

    def _wait_for(self, host: str, port: int) -> None:
        for _ in range(600):
            assert self.scheduler.poll() is None, "see dask.log"
            with suppress(OSError), socket.create_connection((host, port)):
                return
            time.sleep(0.1)
        raise TimeoutError("the scheduler does not answer")

    def _started(self, program: str, *arguments: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", f"distributed.cli.{program}", *OPTIONS, *arguments]
        paths = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
        streams: dict[str, Any] = {"stdout": self._log, "stderr": self._log, "cwd": self.directory}
        return subprocess.Popen(command, env={**os.environ, **paths}, **streams)

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()
        self._log.close()
