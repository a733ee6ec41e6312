"""What a user sees while runs are at work: a live bar on a terminal, plain lines anywhere else."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Watch = Callable[[dict[str, Any]], None]


@contextmanager
def watcher(shown: bool = True) -> Iterator[Watch]:
    """A function that shows the runner's events on standard output as they come; shows nothing unless `shown`."""
    if not shown:
        yield lambda _: None
    elif sys.stdout.isatty():
        with _live() as watch:
            yield watch
    else:
        yield _Lines(lambda line: print(line, flush=True)).watch  # noqa: T201


class _Lines:
    """Events as plain lines: one a run's start and end, one an epoch; of a search's trial its end alone."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._started = 0.0

    def watch(self, event: dict[str, Any]) -> None:
        if not event.get("in_search"):
            self._of_run(event)
        elif event["event"] == "trial":
            self._show(f"{_counted(event)} {event['text']}, {_span(event['seconds'])}")

    def _of_run(self, event: dict[str, Any]) -> None:
        kind = event["event"]
        if kind == "planned":
            for line in (event["text"], *(f"note: {note}" for note in event["notes"])):
                self._show(line)
        elif kind == "started":
            self._started = time.monotonic()
            self._show(f"{_which(event)}: started")
        elif kind == "skipped":
            self._show(f"{_which(event)}: stored already in {event['path']}")
        elif kind == "epoch":
            self._show(f"{_counted(event)} {epoch_line(event)}{self._left(event)}")
        elif kind == "stored":
            kept = f"kept epoch {event['best_epoch']} of {event['epochs']}"
            self._show(f"{_which(event)}: done in {_span(event['seconds'])}, {kept}: {event['path']}")
        elif kind == "failed":
            self._show(f"{_which(event)}: FAILED: {event['error']} (see {event['path']})")
        elif kind == "note":
            self._show(f"note: {event['text']}")
        elif kind == "waiting":
            self._show(f"{_which(event)}: another process is at work on it, waiting")

    def _left(self, event: dict[str, Any]) -> str:
        if event["epoch"] == event["epochs"]:
            return ""
        seconds = (time.monotonic() - self._started) / event["epoch"] * (event["epochs"] - event["epoch"])
        return f", at most {_span(seconds)} left"


@contextmanager
def _live() -> Iterator[Watch]:
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(None), TextColumn("{task.fields[said]}"), "left",
               TimeRemainingColumn(compact=True))  # fmt: skip
    with Progress(*columns, console=console, transient=True) as bars:
        lines = _Lines(lambda line: console.print(escape(line), soft_wrap=True))
        task = bars.add_task("reading data", total=None, said="")
        epochs_done = 0

        def watch(event: dict[str, Any]) -> None:
            nonlocal epochs_done
            kind = event["event"]
            if kind not in ("epoch", "started"):
                lines.watch(event)
            if kind == "started":
                epochs_done = 0
                bars.reset(task, description=_which(event), total=event["epochs"], said="starting")
            elif kind == "phase":
                bars.update(task, said=event["phase"])
            elif kind == "step":
                bars.update(task, completed=epochs_done + event["done"] / event["total"])
            elif kind == "epoch":
                epochs_done = event["epoch"]
                said = f"epoch {epochs_done}/{event['epochs']} acc {100 * event['validation_accuracy']:.1f} %"
                bars.update(task, completed=epochs_done, said=said)

        yield watch


def epoch_line(event: dict[str, Any]) -> str:
    """One epoch in words."""
    return (
        f"epoch {event['epoch']}/{event['epochs']}: loss {event['loss']:.3f}, validation loss "
        f"{event['validation_loss']:.3f}, accuracy {100 * event['validation_accuracy']:.1f} %, "
        f"{_span(event['seconds'])}"
    )


def _counted(event: dict[str, Any]) -> str:
    return f"[{event['position']}/{event['total_runs']}]"


def _which(event: dict[str, Any]) -> str:
    return f"{_counted(event)} {event['model']} seed {event['seed']}"


def _span(seconds: float) -> str:
    """A duration in words, to two significant units."""
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
