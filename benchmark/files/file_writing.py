"""Writes files whole or not at all; errors of the operating system become one line."""

import csv
import io
import json
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

from zoo.errors import writing_error


@contextmanager
def written(where: object) -> Iterator[None]:
    """Turn errors of the operating system (a full disk, a read-only directory) into one line about that place."""
    try:
        yield
    except OSError as error:
        raise writing_error(where, error) from error


def writing(root: Path) -> AbstractContextManager[None]:
    """The same for what is written anywhere below `root`."""
    return written(f"to {root}")


@contextmanager
def in_one_step(path: Path) -> Iterator[Path]:
    """Write the file that is yielded; it then becomes `path`, or goes where the block is left by an exception.

    So readers see the old file or the new one, never half of it.
    """
    temporary = path.with_name(f".{path.name[:200]}.{os.getpid()}-{threading.get_ident()}")
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def write_text(path: Path, text: str | bytes) -> None:
    """Write a file in one step, and to the disk."""
    with in_one_step(path) as temporary:
        temporary.write_bytes(text.encode() if isinstance(text, str) else text)
        sync(temporary)


def write_json(path: Path, data: Any) -> None:
    """Write a JSON file in one step, as `write_text` does."""
    write_text(path, json_text(data))


def json_text(data: Any) -> str:
    """The text that `write_json` writes."""
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def csv_text(rows: Iterable[Sequence[Any]]) -> str:
    """The rows as CSV, quoted where a cell needs it, a line feed after each; a cell that is None is empty."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def sync(path: Path) -> None:
    """Write a file's content to the disk; of a directory, which files are in it and their names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
