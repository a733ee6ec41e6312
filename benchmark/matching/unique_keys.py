"""Keys that stand for one thing only."""

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)


def unique_places(keys: Sequence[Key]) -> dict[Key, int]:
    """The place, from 0, of each key that occurs once."""
    seen = Counter(keys)
    return {key: place for place, key in enumerate(keys) if seen[key] == 1}
