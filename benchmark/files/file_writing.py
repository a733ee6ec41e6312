"""Files of the store written whole or not at all, and what the system refuses in one line."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from zoo.errors import writing_error


@contextmanager
def writing(root: Path) -> Iterator[None]:
    """Turn what the operating system refuses (a full disk, a read-only directory) into one line."""
    try:
        yield
    except OSError as error:
        raise writing_error(f"to {root}", error) from error


def write_text(path: Path, text: str) -> None:
    """Write a file in one step: whatever happens, it is the old one or the new one."""
    # A reader sees the old file or the new one, never half of it.
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise


def write_json(path: Path, data: Any) -> None:
    """Write a JSON file in one step, as `write_text` does."""
    write_text(path, json_text(data))


def json_text(data: Any) -> str:
    """What `write_json` writes."""
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def sync(directory: Path) -> None:
    """Bring to the disk which files are in a directory, and what they are called."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
