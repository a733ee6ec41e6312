"""Write the files that the user asked for."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from zoo.errors import UserError, writing_error


def write_file(path: Path | str, content: str | bytes) -> Path:
    """Write `content` to `path` in one step: whoever reads it sees the old file or the new one. Links are followed.

    Returns:
        The path as it was given.

    Raises:
        UserError: the path is no file.
        UserError: it cannot be written.
    """
    given = Path(path)
    target = given.resolve()
    if target.exists() and not target.is_file():
        raise UserError(f"cannot write {given}: it is not a file")
    temporary = target.with_name(f".{target.name[:200]}.{os.getpid()}")
    try:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        temporary.replace(target)
    except OSError as error:
        raise writing_error(given, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return given


def check_folder(folder: Path | str) -> Path:
    """The folder, unless something that is no folder is in its way: told before a page takes seconds to draw.

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

    Returns:
        The folder as it was given.

    Raises:
        UserError: it is no folder.
        UserError: it cannot be written.
    """
    given = check_folder(folder)
    try:
        given.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise writing_error(given, error) from error
    for name, content in files.items():
        write_file(given / name, content)
    return given
