"""Write the files that the user asked for, with a bar on a terminal while they are made."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmark.files.file_writing import write_text, written
from zoo.errors import ReadOnlyError, UserError

Step = Callable[[str], None]


def write_file(path: Path | str, content: str | bytes) -> Path:
    """Write `content` to `path` in one step: whoever reads it sees the old file or the new one. Links are followed.

    Raises:
        UserError: the path is not a file, or cannot be written.
    """
    given = Path(path)
    target = given.resolve()
    if target.exists() and not target.is_file():
        raise UserError(f"cannot write {given}: it is not a file")
    with written(given):
        write_text(target, content)
    return given


def check_folder(folder: Path | str) -> Path:
    """The folder, unless something that is not a folder is in its way: told before a page takes seconds to draw.

    Raises:
        UserError: there is.
    """
    given = Path(folder)
    taken = next((path for path in (given, *given.parents) if path.exists()), None)
    if taken is not None and not taken.is_dir():
        raise UserError(f"cannot write into {given}: {taken} is not a folder")
    return given


def write_folder(folder: Path | str, files: Mapping[str, str | bytes]) -> Path:
    """Write these files, by name, into `folder`, which is made where it is not there; others in it stay.

    Raises:
        UserError: it is not a folder, or cannot be written.
    """
    given = check_folder(folder)
    try:
        with written(given):
            given.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            write_file(given / name, content)
    except ReadOnlyError as error:
        raise ReadOnlyError(f"{error}; -o FOLDER (output= in Python) names another") from error
    return given


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

        def step(description: str) -> None:
            nonlocal begun
            bars.update(task, description=description, completed=begun)
            begun += 1

        yield step
