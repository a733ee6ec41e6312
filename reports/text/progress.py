"""What a user sees while a report is made: a bar on a terminal, nothing elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Step = Callable[[str], None]


@contextmanager
def progress(total: int) -> Iterator[Step]:
    """A function that says which of `total` steps begins; on standard error, and only where that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(None), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("reading runs", total=total)
        begun = 0

        def step(said: str) -> None:
            nonlocal begun
            bars.update(task, description=said, completed=begun)
            begun += 1

        yield step
