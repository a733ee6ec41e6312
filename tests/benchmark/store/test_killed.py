"""A store whose writers are killed has whole runs only, whenever it is read, and loses none; see `killed_stores`."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


def seen(*arguments: object) -> dict[str, Any]:
    """What the program saw."""
    ended = subprocess.run(
        [sys.executable, "-c", "import sys; sys.path[:0] = ['.', 'tests']; sys.argv[0] = 'tests/killed_stores.py'; "
         "import runpy; runpy.run_path(sys.argv[0], run_name='__main__')", *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert not ended.stderr, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def test_killed_at_random_moments(tmp_path: Path) -> None:
    found = seen("random", tmp_path, 150, 0)
    assert found["killed"] == 150
    assert found["reads"] > 200
    assert "crashed" not in found
    assert found["full stores"] > 0, "no store was ever filled: the kills come too early to say anything"


@pytest.mark.slow
def test_killed_at_thousands_of_random_moments(tmp_path: Path) -> None:
    found = seen("random", tmp_path, 3000, 1)
    assert found["killed"] == 3000
    assert "crashed" not in found


def test_killed_before_every_change_of_the_disk(tmp_path: Path) -> None:
    found = seen("every", tmp_path)
    assert found["killed"] > 50
    assert found["went on"] == found["killed"] // 5


def test_killed_before_every_change_of_a_publication(tmp_path: Path) -> None:
    found = seen("publish", tmp_path)
    assert found["killed"] > 15
    assert found["between"] == 1, "no kill met the moment in which a run is replaced"
