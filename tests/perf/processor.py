"""Seconds of the processor that calls and commands take: other work on the machine changes them less than the clock's.

A limit is a ratio of two of them, both measured in one run.
"""

import resource
import subprocess
import sys
from collections.abc import Callable
from typing import Any


def used() -> float:
    """So far, by this process and by those of its children, and of theirs, that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def seconds_of(call: Callable[[], Any]) -> float:
    """Of a call, with the processes that it starts and waits for."""
    before = used()
    call()
    return used() - before


def python(*arguments: str, shows: str = "") -> float:
    """Of Python with these arguments, from its start to its end, which must be a good one and show this text."""

    def run() -> None:
        done = subprocess.run([sys.executable, *arguments], check=True, capture_output=True, text=True)
        assert shows in done.stdout

    return seconds_of(run)


def pairs(ours: Callable[[], float], reference: Callable[[], float], turns: int = 3) -> tuple[float, float]:
    """The least of what each of two measurements says, made in turn."""
    seconds = [(ours(), reference()) for _ in range(turns)]
    return min(one for one, _ in seconds), min(other for _, other in seconds)
