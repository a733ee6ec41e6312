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
            self._show(f"{_which(event)}: done in {_span(event['seconds'])}, {event['text']}: {event['path']}")
        elif kind == "failed":
            self._show(f"{_which(event)}: FAILED: {event['error']} (see {event['path']})")
        elif kind == "note":
            self._show(f"note: {event['text']}")
        elif kind == "waiting":
            self._show(f"{_which(event)}: another process is at work on it, waiting")

    def _left(self, event: dict[str, Any]) -> str:
        done, total = _epochs(event)
        if done == total:
            return ""
        seconds = (time.monotonic() - self._started) / done * (total - done)
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
                epochs_done, _ = _epochs(event)
                judged = f" acc {100 * event['validation_accuracy']:.1f} %" if "validation_accuracy" in event else ""
                bars.update(task, completed=epochs_done, said=f"{_place(event)}{judged}")

        yield watch


def epoch_line(event: dict[str, Any]) -> str:
    """One epoch in words."""
    judged = ""
    if "validation_loss" in event:
        judged = (
            f"validation loss {event['validation_loss']:.3f}, accuracy {100 * event['validation_accuracy']:.1f} %, "
        )
    return f"{_place(event)}: loss {event['loss']:.3f}, {judged}{_span(event['seconds'])}"


def _place(event: dict[str, Any]) -> str:
    fold = f"fold {event['fold']}/{event['folds']} " if "fold" in event else ""
    return f"{fold}epoch {event['epoch']}/{event['epochs']}"


def _epochs(event: dict[str, Any]) -> tuple[int, int]:
    """How many epochs are done and how many there are at most, over all folds."""
    folds_done = event.get("fold", 1) - 1
    return folds_done * event["epochs"] + event["epoch"], event.get("folds", 1) * event["epochs"]


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
