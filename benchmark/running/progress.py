"""What a user sees while runs are at work: a live bar on a terminal, plain lines anywhere else."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

Watch = Callable[[dict[str, Any]], None]


@contextmanager
def watcher(shown: bool = True) -> Iterator[Watch]:
    """A function that shows the runner's events on standard output as they come; shows nothing unless `shown`.

    Several threads may call it.
    """
    if not shown:
        yield lambda _: None
    elif sys.stdout.isatty():
        with _live() as watch:
            yield _one_at_a_time(watch)
    else:
        yield _one_at_a_time(_Lines(lambda line: print(line, flush=True)).watch)  # noqa: T201


def _one_at_a_time(watch: Watch) -> Watch:
    lock = Lock()

    def told(event: dict[str, Any]) -> None:
        with lock:
            watch(event)

    return told


class _Lines:
    """Events as plain lines: one a run's start and end, one an epoch; of a search's trial its end alone."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        # Of each run at work, by its position, when it started and the epochs that an earlier process had done.
        self._at_work: dict[int, tuple[float, int]] = {}

    def watch(self, event: dict[str, Any]) -> None:
        if not event.get("in_search"):
            self._of_run(event)
        elif event["event"] == "trial":
            self._show(f"{_counted(event)} {event['text']}, {_span(event['seconds'])}")

    def _of_run(self, event: dict[str, Any]) -> None:
        match event["event"]:
            case "planned":
                for line in (event["text"], *(f"note: {note}" for note in event["notes"])):
                    self._show(line)
            case "started":
                self._at_work[event["position"]] = time.monotonic(), 0
            case "resumed":
                self._at_work[event["position"]] = time.monotonic(), _epochs(event)[0]
            case "over":
                self._at_work.pop(event["position"], None)
            case "epoch":
                which = f"{_which(event)}," if len(self._at_work) > 1 else _counted(event)
                self._show(f"{which} {epoch_line(event)}{self._left(event)}")
        if text := _line(event):
            self._show(text)

    def _left(self, event: dict[str, Any]) -> str:
        done, total = _epochs(event)
        if done == total or event["position"] not in self._at_work:
            return ""
        started, done_before = self._at_work[event["position"]]
        seconds = (time.monotonic() - started) / max(1, done - done_before) * (total - done)
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
        shown = _Bars(bars)

        def watch(event: dict[str, Any]) -> None:
            if event["event"] not in ("epoch", "started"):
                lines.watch(event)
            shown.watch(event)

        yield watch


class _Bars:
    """A bar for all runs together, and below it one for each run at work."""

    def __init__(self, bars: "Progress") -> None:
        self._bars = bars
        self._all = bars.add_task("reading data", total=None, said="")
        self._done = 0
        # Of each run at work, by its position, its bar and the epochs that are done.
        self._at_work: dict[int, tuple[TaskID, int]] = {}

    def watch(self, event: dict[str, Any]) -> None:
        if "position" not in event:
            return
        if event["event"] in ("over", "trial"):
            self._over(event)
            return
        if event["event"] == "started":
            self._started(event)
        if event["position"] in self._at_work:
            self._at_work[event["position"]] = self._moved(event, *self._at_work[event["position"]])

    def _started(self, event: dict[str, Any]) -> None:
        self._remove(event)
        bar = self._bars.add_task(_which(event), total=event["epochs"], said="starting")
        self._at_work[event["position"]] = bar, 0
        self._of_all(event)

    def _over(self, event: dict[str, Any]) -> None:
        self._remove(event)
        self._done += 1
        self._of_all(event)

    def _of_all(self, event: dict[str, Any]) -> None:
        done, total = self._done, event["total_runs"]
        facts = {"completed": done, "total": total, "said": f"{done} of {total} done"}
        self._bars.update(self._all, description="all runs", visible=total > 1, **facts)

    def _remove(self, event: dict[str, Any]) -> None:
        if found := self._at_work.pop(event["position"], None):
            self._bars.remove_task(found[0])

    def _moved(self, event: dict[str, Any], bar: "TaskID", done: int) -> tuple["TaskID", int]:
        """The bar, moved, and the epochs that are done now."""
        match event["event"]:
            case "phase":
                self._bars.update(bar, said=event["phase"])
            case "step":
                self._bars.update(bar, completed=done + event["done"] / event["total"])
            case "resumed":
                done, _ = _epochs(event)
                self._bars.update(bar, completed=done)
            case "epoch":
                done, _ = _epochs(event)
                judged = f" acc {100 * event['validation_accuracy']:.1f} %" if "validation_accuracy" in event else ""
                self._bars.update(bar, completed=done, said=f"{_place(event)}{judged}")
        return bar, done


def _line(event: dict[str, Any]) -> str | None:
    """What is said of an event that is no epoch; None of those that lines do not show."""
    match event["event"]:
        case "started":
            said = "started"
        case "resumed":
            said = f"goes on after {_place(event)}"
        case "skipped":
            said = f"stored already in {event['path']}"
        case "stored":
            said = f"done in {_span(event['seconds'])}, {event['text']}: {event['path']}"
        case "failed":
            said = f"FAILED: {event['error']} (see {event['path']})"
        case "moved":
            said = "its worker was lost, another one takes it up"
        case "waiting":
            said = "another process is at work on it, waiting"
        case "note":
            return f"note: {event['text']}"
        case _:
            return None
    return f"{_which(event)}: {said}"


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
