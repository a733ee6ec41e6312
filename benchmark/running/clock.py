"""Where the time of a run goes."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from benchmark.running.events import PhaseStarted, Send
from benchmark.training.trainer import Trainer


class PhaseClock:
    """Seconds by phase; tells of each new phase."""

    def __init__(self, send: Send) -> None:
        self._send, self._phase = send, ""
        self._seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str, trainers: Sequence[Trainer] = ()) -> Iterator[None]:
        """What is done within belongs to a phase, see `benchmark.commands.profile`.

        Args:
            trainers: whose compiling counts apart; more may be added within.
        """
        if name != self._phase:
            self._send(PhaseStarted(name))
            self._phase = name
        started, compiled_before = time.perf_counter(), _compile_seconds(trainers)
        yield
        compiled = _compile_seconds(trainers) - compiled_before
        self.add(name, time.perf_counter() - started - compiled)
        if compiled:
            self.add("compile", compiled)

    def add(self, name: str, seconds: float) -> None:
        """A phase took so much longer, or shorter where negative, than was seen here."""
        self._seconds[name] = self._seconds.get(name, 0.0) + seconds

    @property
    def durations(self) -> dict[str, float]:
        """Seconds by phase, and in all as "total"."""
        rounded = {name: round(seconds, 3) for name, seconds in self._seconds.items()}
        return {**rounded, "total": round(sum(self._seconds.values()), 3)}


def _compile_seconds(trainers: Sequence[Trainer]) -> float:
    return sum(trainer.compile_seconds for trainer in trainers)
