"""What a user sees while runs are made: live bars on a terminal, plain lines anywhere else."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

from benchmark.running import events

if TYPE_CHECKING:
    from rich.progress import Progress, Task


@contextmanager
def watcher(shown: bool = True) -> Iterator[events.Watch]:
    """Shows the events of runs on standard output as they come; shows nothing unless `shown`.

    Several threads may call it.
    """
    if not shown:
        yield lambda _: None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    live = sys.stdout.isatty()
    console = Console(highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(None), TextColumn("{task.fields[state]}"), "left",
               TimeRemainingColumn(compact=True))  # fmt: skip
    with Progress(*columns, console=console, transient=True, disable=not live) as bars:
        if live:
            yield _Display(bars, lambda line: console.print(escape(line), soft_wrap=True)).watch
        else:
            yield _Display(bars, lambda line: print(line, flush=True)).watch  # noqa: T201


class _Display:
    """A bar for all runs together and one for each run at work, with lines above; without bars also of each epoch.

    The `bars` keep the time of each run, also where they are disabled and so not shown.
    """

    def __init__(self, bars: "Progress", show: Callable[[str], None]) -> None:
        self._bars, self._show, self._lock = bars, show, Lock()
        self._all = bars.add_task("reading data", total=None, state="")
        self._over = 0
        # Of each run at work, by position, its bar; `done` are its epochs, `before` those of an earlier process.
        self._runs: dict[int, Task] = {}

    def watch(self, event: events.Event | events.About) -> None:
        with self._lock:
            if isinstance(event, events.About):
                self._show_run_event(event.run, event.event)
            elif isinstance(event, events.Planned):
                for line in (event.text, *(f"note: {note}" for note in event.notes)):
                    self._show(line)
            elif isinstance(event, events.Note):
                self._show(f"note: {event.text}")

    def _show_run_event(self, run: events.RunPlace, event: events.Event) -> None:
        match event:
            case events.Started():
                self._remove(run)
                self._bars.add_task(str(run), total=event.epochs, state="starting", done=0, before=0)
                self._runs[run.position] = self._bars.tasks[-1]
                self._count(run)
            case events.Over() | events.TrialDone():
                self._remove(run)
                self._over += 1
                self._count(run)
        if run.position in self._runs:
            self._move(self._runs[run.position], event)
        if not run.in_search or isinstance(event, events.TrialDone | events.Resumed | events.Note):
            self._say(run, event)

    def _remove(self, run: events.RunPlace) -> None:
        if bar := self._runs.pop(run.position, None):
            self._bars.remove_task(bar.id)

    def _count(self, run: events.RunPlace) -> None:
        state = f"{self._over} of {run.total} done"
        self._bars.update(
            self._all, description="all runs", completed=self._over, total=run.total, visible=run.total > 1, state=state
        )

    def _move(self, bar: "Task", event: events.Event) -> None:
        match event:
            case events.PhaseStarted():
                self._bars.update(bar.id, state=event.name)
            case events.Step():
                self._bars.update(bar.id, completed=bar.fields["done"] + event.done / event.total)
            case events.Resumed():
                done = event.place.done
                self._bars.reset(bar.id, completed=done, state=str(event.place), done=done, before=done)
            case events.EpochDone():
                done, accuracy = event.place.done, event.validation_accuracy
                judged = "" if accuracy is None else f" acc {100 * accuracy:.1f} %"
                self._bars.update(bar.id, completed=done, state=f"{event.place}{judged}", done=done)

    def _say(self, run: events.RunPlace, event: events.Event) -> None:
        """Print the line of an event, if it has one; a bar says already what the first two do."""
        match event:
            case events.Started() if self._bars.disable:
                self._show(f"{run}: started")
            case events.EpochDone() if self._bars.disable:
                which = f"{run}," if len(self._runs) > 1 else run.count
                self._show(f"{which} {epoch_line(event)}{self._left(run, event)}")
            case events.Resumed():
                self._show(f"{run}: goes on after {event.place}")
            case events.Message():
                self._show(f"{run}: {event.text}")
            case events.TrialDone():
                self._show(f"{run.count} {event.text}, {duration(event.seconds)}")
            case events.Note():
                self._show(f"note: {event.text}")

    def _left(self, run: events.RunPlace, event: events.EpochDone) -> str:
        place, bar = event.place, self._runs.get(run.position)
        if place.done == place.total or bar is None:
            return ""
        seconds = (bar.elapsed or 0.0) / max(1, place.done - bar.fields["before"]) * (place.total - place.done)
        return f", at most {duration(seconds)} left"


def epoch_line(event: events.EpochDone) -> str:
    """One epoch in words."""
    judged = ""
    if event.validation_loss is not None:
        accuracy = 100 * (event.validation_accuracy or 0.0)
        judged = f"validation loss {event.validation_loss:.3f}, accuracy {accuracy:.1f} %, "
    return f"{event.place}: loss {event.loss:.3f}, {judged}{duration(event.seconds)}"


def duration(seconds: float) -> str:
    """A duration in words, to two significant units."""
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
