"""Where the time of a run goes."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Clock:
    """Seconds by phase; tells each new phase to whoever watches."""

    def __init__(self, send: Callable[[dict[str, Any]], None]) -> None:
        self._send = send
        self._told = ""
        self._seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """What is done within belongs to a phase, see `benchmark.commands.profile`."""
        if name != self._told:
            self._send({"event": "phase", "phase": name})
            self._told = name
        started = time.perf_counter()
        yield
        self._seconds[name] = self._seconds.get(name, 0.0) + time.perf_counter() - started

    def add(self, name: str, seconds: float) -> None:
        """A phase took so much longer, or shorter where negative, than was seen here."""
        self._seconds[name] = self._seconds.get(name, 0.0) + seconds

    def compiled(self, name: str, seconds: float) -> None:
        """Seconds of a phase were compiling, which counts apart."""
        if seconds:
            self._seconds[name] -= seconds
            self._seconds["compile"] = self._seconds.get("compile", 0.0) + seconds

    @property
    def durations(self) -> dict[str, float]:
        """Seconds by phase, and in all as "total"."""
        rounded = {name: round(seconds, 3) for name, seconds in self._seconds.items()}
        return {**rounded, "total": round(sum(self._seconds.values()), 3)}
