"""Where the time of a run goes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmark.running.events import PhaseStarted, Send


class PhaseClock:
    """Seconds by phase; tells of each new phase."""

    def __init__(self, send: Send) -> None:
        self._send, self._phase = send, ""
        self._seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """What is done within belongs to a phase, see `benchmark.commands.profile`."""
        if name != self._phase:
            self._send(PhaseStarted(name))
            self._phase = name
        started = time.perf_counter()
        yield
        self.add(name, time.perf_counter() - started)

    def add(self, name: str, seconds: float) -> None:
        """A phase took so much longer, or shorter where negative, than was seen here."""
        self._seconds[name] = self._seconds.get(name, 0.0) + seconds

    def compiled(self, name: str, seconds: float) -> None:
        """Seconds of a phase were compiling, which counts apart."""
        if seconds:
            self.add(name, -seconds)
            self.add("compile", seconds)

    @property
    def durations(self) -> dict[str, float]:
        """Seconds by phase, and in all as "total"."""
        rounded = {name: round(seconds, 3) for name, seconds in self._seconds.items()}
        return {**rounded, "total": round(sum(self._seconds.values()), 3)}
