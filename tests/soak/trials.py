"""What `make soak` tries over and over: each trial takes a seed and an empty folder, and raises where something fails.

They are the functions of `test_fuzz`, `killed_stores` and `crowded_stores`.
"""

import contextlib
import io
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import hypothesis
import test_fuzz
from programs import seen

INPUTS = 50
KILLS = 30
COPIES = 5
COMMANDS = (2, 8)
SECONDS = 600
"""That a program of a trial may take; one alone takes a few."""

Trial = Callable[[int, Path], Counter[str]]
"""Of a seed and a folder: how many of what were tried."""


def _fuzzed(fuzz: Callable[[Path, Callable[[object], object]], None], seed: int, folder: Path) -> Counter[str]:
    def seeded(test: object) -> object:
        how = hypothesis.settings(test_fuzz.LONG, max_examples=INPUTS, print_blob=False)
        return hypothesis.seed(seed)(how(test))

    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # of Pillow's
        fuzz(folder, seeded)
    return Counter(inputs=INPUTS)


def _reader(name: str, folder: Path, how: Callable[[object], object]) -> None:
    test_fuzz.fuzz(name, folder, how)


def _program(file: str, what: str, number: int, seed: int, folder: Path) -> Counter[str]:
    return Counter(seen(file, what, folder, number, seed, seconds=SECONDS))


def trials() -> Iterator[tuple[str, Trial]]:
    """Each trial and its name."""
    for name in test_fuzz.READERS:
        yield f"reader {name}", partial(_fuzzed, partial(_reader, name))
    yield "folders", partial(_fuzzed, test_fuzz.fuzz_folders)
    yield "kills", partial(_program, "killed_stores.py", "random", KILLS)
    for commands in COMMANDS:
        yield f"{commands} commands", partial(_program, "crowded_stores.py", "crowd", commands)
    yield "copies", partial(_program, "crowded_stores.py", "copies", COPIES)
