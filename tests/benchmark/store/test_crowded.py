"""Many commands on one store, copies of a store that is being written, and a clock that jumps: `crowded_stores`."""

from pathlib import Path
from typing import Any

import pytest
from programs import seen


def found(*arguments: object) -> dict[str, Any]:
    return seen("crowded_stores.py", *arguments)


@pytest.mark.parametrize("commands", [pytest.param(2, marks=pytest.mark.slow), 8])
def test_commands_beside_one_that_publishes_and_one_that_draws(commands: int, tmp_path: Path) -> None:
    crowd = found("crowd", tmp_path, commands, 0)
    assert crowd["runs"] == 24
    assert crowd["published"] > 1
    assert crowd["drawn"] > 1


def test_copied_while_it_is_written_and_moved(tmp_path: Path) -> None:
    copies = found("copies", tmp_path, 5, 0)
    assert copies["runs in copies"] == 30


def test_a_clock_that_jumps(tmp_path: Path) -> None:
    assert found("jumped", tmp_path, 0)["runs"] == 6
