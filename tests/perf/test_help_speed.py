"""`--help` of every command answers at once."""

import argparse
import subprocess
import sys
import time
from importlib import import_module

import pytest

pytestmark = pytest.mark.perf


def commands() -> list[str]:
    """Every package and every one of its subcommands, as typed after `python -m`."""
    names = []
    for package in ("benchmark", "ensembles", "reports"):
        parser = import_module(f"{package}.cli").parser()
        (subparsers,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
        names += [package, *(f"{package} {name}" for name in subparsers.choices)]
    return names


@pytest.mark.parametrize("command", commands())
def test_help_answers_in_a_fifth_of_a_second(command: str) -> None:
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", *command.split(), "--help"], check=True, capture_output=True)
        seconds.append(time.perf_counter() - started)
    print(f"\npython -m {command} --help: {min(seconds):.3f} s")
    assert min(seconds) < 0.2
