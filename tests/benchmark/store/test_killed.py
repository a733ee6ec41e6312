"""A store whose writers are killed has whole runs only, whenever it is read, and loses none; see `killed_stores`."""

from pathlib import Path
from typing import Any

import pytest
from programs import seen


def found_by(*arguments: object) -> dict[str, Any]:
    return seen("killed_stores.py", *arguments)


def test_killed_at_random_moments(tmp_path: Path) -> None:
    found = found_by("random", tmp_path, 150, 0)
    assert found["killed"] == 150
    assert found["reads"] > 5 * found["killed"]
    assert "crashed" not in found
    assert found["full stores"] > 0, "no store was ever filled: the kills come too early to say anything"


@pytest.mark.slow
def test_killed_at_thousands_of_random_moments(tmp_path: Path) -> None:
    found = found_by("random", tmp_path, 3000, 1)
    assert found["killed"] == 3000
    assert "crashed" not in found


def test_killed_before_every_change_of_the_disk(tmp_path: Path) -> None:
    found = found_by("every", tmp_path)
    assert found["killed"] > 50
    assert found["went on"] == found["killed"] // 5


def test_killed_before_every_change_of_a_publication(tmp_path: Path) -> None:
    found = found_by("publish", tmp_path)
    assert found["killed"] > 15
    assert found["between"] == 1, "no kill met the moment in which a run is replaced"
