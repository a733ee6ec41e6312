"""Errors that the user can mend, each of them one line."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """Something the user can mend: what happened, what was expected, how to go on.

    The command line prints the message alone and exits with code 2; every other exception keeps its traceback.
    """


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UserError:
    """The error for a name that is not among `known`, with close matches where there are any.

    Args:
        kind: what is named, in the singular ("model", "setting").
        name: what the user wrote.
        known: every name that would have done.
    """
    names = sorted(known)
    close = get_close_matches(name, names, n=3, cutoff=0.6)
    if close:
        return UserError(f"unknown {kind} {name!r}: did you mean {' or '.join(close)}?")
    return UserError(f"unknown {kind} {name!r}: expected one of {', '.join(names) or '(there is none)'}")
