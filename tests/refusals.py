"""What every refusal of unreadable data has in common."""

from pathlib import Path

import pytest

from benchmark.data import load
from zoo.errors import UserError


def assert_refused(source: Path, expected: str, cache: Path) -> None:
    """Reading is refused in one line that names the source and has the expected words; nothing is cached."""
    with pytest.raises(UserError) as caught:
        load(source, cache=cache)
    message = str(caught.value)
    assert expected in message
    assert str(source) in message
    assert "\n" not in message
    assert not cache.exists()
