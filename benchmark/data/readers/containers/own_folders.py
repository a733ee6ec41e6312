"""Folders of our own, for files that are needed as long as others are read."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from benchmark.data.read_options import default_cache

PREFIX: Final = "unpacked-"
FORGOTTEN_SECONDS: Final = 86_400
"""After which a folder is the rest of a process that was killed."""


@contextmanager
def own_folder() -> Iterator[Path]:
    """An empty folder, removed at the end.

    It lies where decoded images are kept, as a system's folder for temporary files is often small or in memory.
    """
    room = default_cache()
    try:
        room.mkdir(parents=True, exist_ok=True)
        _tidy(room)
        holder = tempfile.TemporaryDirectory(prefix=PREFIX, dir=room, ignore_cleanup_errors=True)
    except OSError:  # A home that may not be written.
        holder = tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True)
    with holder as name:
        yield Path(name).resolve()


def _tidy(room: Path) -> None:
    """Remove what processes that were killed have left."""
    for folder in room.glob(f"{PREFIX}*"):
        with suppress(FileNotFoundError):  # Another process tidies at the same time, or is done with it.
            if folder.stat().st_mtime < time.time() - FORGOTTEN_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
