"""What tells that a stored file is not what was stored: SHA-256 of files, and of a record's own content."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from zoo.errors import UserError

CHECKSUM: Final = "checksum"


class DamagedError(UserError):
    """A stored file that is not what was stored."""


def stored_checksum(path: Path) -> str:
    """SHA-256 of the file, which is on the disk, not only in memory, when this returns."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksum(path: Path) -> str:
    """SHA-256 of the file, which is not touched: another's, or one on a drive that is read-only."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sealed(data: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON object with the checksum of its content added, so that an edit shows; see `unsealed`."""
    return {**data, CHECKSUM: _digest(data)}


def unsealed(data: Mapping[str, Any]) -> dict[str, Any]:
    """The content of what `sealed` made; an object of an older version, which has no checksum, is taken as it is.

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
