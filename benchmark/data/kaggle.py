"""Datasets of kaggle.com, downloaded through kagglehub where that is installed."""

import re
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Final

from zoo.errors import UserError, kind_and_message

PREFIX: Final = "kaggle:"
HANDLE: Final = re.compile(r"[\w-]+/[\w-]+(/versions/\d+)?", re.ASCII)


def is_meant(source: str | Path) -> bool:
    """Whether the source is text that starts with "kaggle:"; `./kaggle:x` is the way to a file of such a name."""
    return isinstance(source, str) and source.startswith(PREFIX)


def downloaded(source: str | Path) -> Path:
    """The folder that kagglehub keeps the dataset in, which it downloads first unless it has the latest version.

    Raises:
        UserError: no such name, kagglehub is not installed, or the download is refused or impossible.
    """
    handle = str(source).removeprefix(PREFIX)
    if not HANDLE.fullmatch(handle):
        raise UserError(f"{source}: not the name of a dataset, expected {PREFIX}OWNER/NAME as in its address")
    page = f"https://www.kaggle.com/datasets/{handle}"
    try:
        import kagglehub
    except ImportError as error:
        raise UserError(
            f"{source} needs kagglehub: pip install kagglehub, or download {page} by hand and give its path"
        ) from error
    try:
        # Standard output is for the answer, which may be JSON.
        with redirect_stdout(sys.stderr):
            return Path(kagglehub.dataset_download(handle)).resolve()
    except Exception as error:  # Of its own, of requests, of the disk: whatever it is, the way on is the same.
        raise UserError(
            f"{source} cannot be downloaded ({kind_and_message(error)}); for a private one log in with "
            f"kagglehub.login(), or download {page} by hand and give its path"
        ) from error
