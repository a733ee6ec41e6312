"""`--help` of every command answers at once."""

import argparse
from importlib import import_module

import processor
import pytest

pytestmark = pytest.mark.perf

MOST_TIMES = 4.0
"""Times that of a bare interpreter: 0.2 s where that takes 0.05. The commands take 2.5 to 3.7. That no heavy package is
imported has tests of its own."""


def commands() -> list[str]:
    """Every package and every one of its subcommands, as typed after `python -m`."""
    names = []
    for package in ("benchmark", "ensembles", "reports"):
        parser = import_module(f"{package}.cli").parser()
        (subparsers,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
        names += [package, *(f"{package} {name}" for name in subparsers.choices)]
    return names


def quickest(*arguments: str) -> float:
    """Processor seconds of Python with these arguments, the least of five calls."""
    return min(processor.python(*arguments) for _ in range(5))


@pytest.fixture(scope="module")
def bare() -> float:
    """Processor seconds of an interpreter with the standard library that a command needs."""
    return quickest("-c", "import argparse, dataclasses, pathlib, typing")


@pytest.mark.parametrize("command", commands())
def test_help_answers_at_once(command: str, bare: float) -> None:
    seconds = quickest("-m", *command.split(), "--help")
    print(f"\npython -m {command} --help: {seconds:.3f} s of the processor, {seconds / bare:.1f} x a bare interpreter")
    assert seconds < MOST_TIMES * bare
