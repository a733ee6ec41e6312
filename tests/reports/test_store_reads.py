"""A command reads each record of the store once, and each predictions file at most once for its scores."""

import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from stored_runs import DATASET

from benchmark.commands.composition import finish
from benchmark.store.run_store import RunStore
from reports.cli import main

COUNTED: list[Counter[Path]] = []
"""Where files that are opened for reading are counted; empty outside of the tests."""


def _count(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and COUNTED and isinstance(arguments[0], str) and "w" not in (arguments[1] or "r"):
        COUNTED[-1][Path(arguments[0])] += 1


@cache
def install_hook() -> None:
    """Count from now on: a hook stays as long as the interpreter does."""
    sys.addaudithook(_count)


@pytest.fixture
def opened() -> Iterator[Counter[Path]]:
    """How often each file was opened for reading."""
    install_hook()
    COUNTED.append(Counter())
    yield COUNTED[-1]
    COUNTED.clear()


def records(store: RunStore, opened: Counter[Path]) -> list[int]:
    """How often the record of each stored run and failure was opened."""
    return [opened[path] for path in sorted(store.root.rglob("record.json"))]


@pytest.mark.parametrize(
    "command",
    [
        ["leaderboard"],
        ["leaderboard", "--published", "--format", "html"],
        ["leaderboard", "-o", "board.md"],
        ["model", "cnn4", "-o", "page"],
        ["compare", "cnn4", "mlp"],
        ["submission", "cnn4", "-o", "submission.csv"],
    ],
    ids=" ".join,
)
def test_a_command_reads_each_record_once(
    store: RunStore, opened: Counter[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*command, "--runs", str(store.root)]) == 0
    assert records(store, opened) == [1] * 7


def test_training_reads_each_record_once_when_it_ends(store: RunStore, opened: Counter[Path]) -> None:
    done = store.runs(DATASET)
    opened.clear()
    assert finish(done, store.root) == 0
    assert records(store, opened) == [1] * 7
    predictions = [opened[path] for path in store.root.rglob("test.npz")]
    assert len(predictions) == 6
    # Once for the checksum and once for the arrays.
    assert max(predictions) <= 2
