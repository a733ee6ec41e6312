"""Write a file that the user asked for."""

import os
from contextlib import suppress
from pathlib import Path

from zoo.errors import UserError


def write_file(path: Path | str, text: str) -> Path:
    """Write `text` to `path` in one step: whoever reads it sees the old file or the new one. Links are followed.

    Returns:
        The path as it was given.

    Raises:
        UserError: the path is no file, or cannot be written.
    """
    given = Path(path)
    target = given.resolve()
    if target.exists() and not target.is_file():
        raise UserError(f"cannot write {given}: it is not a file")
    temporary = target.with_name(f".{target.name[:200]}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8", newline="")
        temporary.replace(target)
    except OSError as error:
        raise UserError(f"cannot write {given}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return given
