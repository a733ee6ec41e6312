"""Errors that the user can correct, each in one line."""

import errno
from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar, Final

_HINTS: Final = {
    errno.ENOSPC: "the disk is full: free some space and give the same command again",
    errno.EDQUOT: "your disk quota is used up: free some space and give the same command again",
    errno.EROFS: "it is on a read-only file system: choose another place",
    errno.EACCES: "you may not write there: choose another place, or change its permissions",
    errno.EPERM: "you may not write there: choose another place, or change its permissions",
    errno.ENOLCK: "its file system has no file locks: choose a place on a local disk",
    errno.ENOTSUP: "its file system lacks what runs need, such as file locks: choose a place on a local disk",
}
_READ_ONLY: Final = (errno.EROFS, errno.EACCES, errno.EPERM)
_WRONG_PATH: Final = (FileNotFoundError, NotADirectoryError, IsADirectoryError, FileExistsError)


class UserError(Exception):
    """An error that the user can correct: what happened, what was expected, how to continue.

    The command line prints the message alone and exits with `exit_code`; every other exception keeps its traceback.
    """

    exit_code: ClassVar[int] = 2


class WritingError(UserError):
    """The system refuses to write: a full disk, a quota, a read-only directory. The request was valid."""

    exit_code = 1


class ReadOnlyError(WritingError):
    """The place is read-only."""


def in_one_line(error: BaseException, longest: int = 120) -> str:
    """The message of an exception, in one line of at most `longest` letters; the name of its type if it is empty."""
    return " ".join(str(error).split())[:longest] or type(error).__name__


def kind_and_message(error: BaseException, longest: int = 120) -> str:
    """The name of an exception's type and its message, in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:longest] or 'no message'}"


def writing_error(where: object, error: OSError) -> UserError:
    """The error for a place that cannot be written; a `WritingError` unless the path itself is wrong."""
    hint = _HINTS.get(error.errno or 0, error.strerror or str(error))
    refused = ReadOnlyError if error.errno in _READ_ONLY else WritingError
    kind = UserError if isinstance(error, _WRONG_PATH) else refused
    return kind(f"cannot write {where}: {hint}")


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UserError:
    """The error for an unknown name of a `kind` ("model", "setting"), with close matches if there are any."""
    names = sorted(known)
    # Letters in another order are far apart for difflib.
    close = get_close_matches(name, names, n=3, cutoff=0.6) or [one for one in names if sorted(one) == sorted(name)]
    if close:
        return UserError(f"unknown {kind} {name!r}: did you mean {' or '.join(close)}?")
    return UserError(f"unknown {kind} {name!r}: expected one of {', '.join(names) or '(there is none)'}")
