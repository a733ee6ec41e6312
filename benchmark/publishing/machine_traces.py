"""Finds traces of a machine in texts: absolute paths, the home directory, the host's name."""

import re
import socket
from pathlib import Path
from typing import Any, Final

from zoo.errors import UserError

CUT: Final = "..."
SHORTEST_HOST: Final = 3

_ABSOLUTE: Final = re.compile(
    # At least two parts, and nothing before it that makes it a fraction, an address or the end of a relative path.
    r"(?<![\w.~/+-])/[\w.@+-]+/[\w.@+-]+"
    r"|\b[A-Za-z]:\\+\w"
    # Behind the letter of a compiler's option, of another user's home, or on a server.
    r"|(?<![\w-])-[A-Za-z]/[\w.@+-]+/[\w.@+-]+"
    r"|(?<![\w~/])~[A-Za-z]\w*/\w"
    r"|\b(?:file|smb|nfs|afp|sftp|ssh)://+\w"
    r"|(?<![\w:/])//[\w.-]+/[\w.@+-]+"
    r"|(?<![\w\\])\\{2,4}[\w.-]{2,}\\{1,2}[\w$]"
)
_ESCAPED: Final = re.compile(r"\\u([0-9a-fA-F]{4})")


def path_in(text: str) -> int | None:
    """The position of the first path of a machine in a text; None where there is none."""
    here = [re.escape(str(place)) for place in (Path.home(), Path.cwd()) if len(place.parts) > 1]
    known = re.compile(rf"(?<![\w./-])(?:{'|'.join(here)})(?![\w-])") if here else None
    starts = [match.start() for pattern in (_ABSOLUTE, known) if pattern and (match := pattern.search(text))]
    return min(starts, default=None)


def check_paths(what: str, text: str) -> None:
    """Raise UserError where a text that must stay as it is names a path of a machine."""
    # As JSON has letters beyond ASCII.
    text = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
    if (start := path_in(text)) is not None:
        shown = " ".join(text[start : start + 40].split())
        raise UserError(f"{what} names a path of a machine, which nobody else should read: {shown}")


def without_traces(value: Any) -> Any:
    """The JSON value with each text cut off at its first trace of a machine.

    The rest of the text goes too, because a path may contain blanks, and so its end is unknown.
    """
    if isinstance(value, dict):
        return {key: without_traces(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_traces(item) for item in value]
    if not isinstance(value, str):
        return value
    starts = [start for start in (path_in(value), _host_in(value)) if start is not None]
    return value[: min(starts)] + CUT if starts else value


def _host_in(text: str) -> int | None:
    host = socket.gethostname()
    if len(host) < SHORTEST_HOST or host.startswith("localhost"):
        return None
    match = re.search(rf"(?<![\w-]){re.escape(host)}(?![\w-])", text, re.IGNORECASE)
    return match.start() if match else None
