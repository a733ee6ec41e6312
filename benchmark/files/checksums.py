"""Checksums that show when a stored file has changed: SHA-256 of files, and of a record's own content."""

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmark.files.file_writing import sync
from zoo.errors import UserError

CHECKSUM: Final = "checksum"


class DamagedError(UserError):
    """A stored file has changed, or cannot be read."""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn the errors of reading a stored file, or of using its content, into a `DamagedError` about it."""
    try:
        yield
    except (OSError, ValueError, TypeError, LookupError, RecursionError, csv.Error) as error:
        raise DamagedError(f"{path} is damaged: {error}") from error


def stored_checksum(path: Path) -> str:
    """SHA-256 of the file, which is safely on the disk when this returns."""
    sync(path)
    return checksum(path)


def checksum(path: Path) -> str:
    """SHA-256 of the file, which may be read-only."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sealed(data: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON object with a checksum of its content; `unsealed` checks it."""
    return {**data, CHECKSUM: _digest(data)}


def unsealed(data: Mapping[str, Any]) -> dict[str, Any]:
    """The content of an object that `sealed` made; objects of older versions have no checksum and pass unchecked.

    Raises:
        ValueError: the content has changed.
    """
    content = {name: value for name, value in data.items() if name != CHECKSUM}
    if CHECKSUM in data and data[CHECKSUM] != _digest(content):
        raise ValueError("it was edited after it was stored")
    return content


def _digest(data: Mapping[str, Any]) -> str:
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
