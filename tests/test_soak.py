"""`make soak`: it counts what it tries, keeps what fails and says so with its exit code."""

from collections import Counter
from pathlib import Path

import pytest
import test_fuzz
from soak import __main__ as soak
from soak.trials import trials

from zoo import UserError


def test_every_reader_is_tried() -> None:
    names = [name for name, _ in trials()]
    assert {f"reader {name}" for name in test_fuzz.READERS} < set(names)
    assert {"folders", "kills", "2 commands", "8 commands", "copies"} < set(names)


def test_what_fails_is_kept(
    in_empty_directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A reader that raises where lines are missing."""

    def read(folder: Path, content: bytes) -> str:
        test_fuzz.fresh(folder / "data.csv", content)
        if content.startswith(b"z"):
            raise UserError("an a is expected")
        if content.count(b"\n") < 9:
            raise ZeroDivisionError
        return "read"

    monkeypatch.setitem(test_fuzz.READERS, "fragile", (read, lambda: [b"abc,def\n" * 9]))
    arguments = ["--minutes", "0", "--seed", "3", "--only", "reader fragile", "--keep", "kept"]
    assert soak.main(arguments) == 1
    kept = in_empty_directory / "kept/reader-fragile-seed-3"
    assert (kept / "data.csv").read_bytes().count(b"\n") < 9
    assert "ZeroDivisionError" in (kept / "traceback.txt").read_text()
    shown = capsys.readouterr().out
    assert "FAILED: reader fragile, seed 3: kept in kept/reader-fragile-seed-3" in shown
    assert "minutes: 1 failures\n  reader fragile: not yet, FAILED 1 times" in shown


def test_rounds_have_seeds_of_their_own(in_empty_directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seeds = []

    def trial(seed: int, folder: Path) -> Counter[str]:
        assert folder.is_dir()
        seeds.append(seed)
        return Counter(kills=2)

    assert soak.main(["--minutes", "0.005", "--seed", "5"], [("one", trial), ("other", trial)]) == 0
    assert seeds[:4] == [5, 5, 6, 6]
    assert "0 failures" in capsys.readouterr().out
    assert list(in_empty_directory.iterdir()) == []
