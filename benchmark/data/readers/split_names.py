"""Which split the name of a folder means: `train`, `FER2013Valid`, `test_images`."""

import re
from functools import lru_cache
from itertools import pairwise
from typing import Final

from benchmark.tables.prediction_rows import SPLIT_NAMES

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+")
# Of a name with one of these beside `test`, nobody would make a class; of `test tube` one would.
_PICTURES: Final = frozenset((
    "image", "images", "img", "imgs", "picture", "pictures", "pic", "pics", "photo", "photos", "face", "faces", "jpg",
    "png",
))  # fmt: skip
_GENERIC: Final = _PICTURES | {
    "set", "sets", "data", "dataset", "split", "sample", "samples", "file", "files", "folder", "dir", "public",
    "private",
}  # fmt: skip


@lru_cache(maxsize=1 << 12)
def role_of(name: str) -> str | None:
    """The split that the folder's name is, or has as a word; None for no split, or for two at once."""
    exact = SPLIT_NAMES.get(name.lower())
    if exact:
        return exact
    roles = {SPLIT_NAMES[word] for word in _words(name) if word in SPLIT_NAMES}
    return roles.pop() if len(roles) == 1 else None


def means_pictures(name: str) -> bool:
    """Whether the folder's name has images, pictures or the like as a word: `train_images`."""
    return not _PICTURES.isdisjoint(_words(name))


def may_be_class(name: str) -> bool:
    """Whether it could be a class, if every folder beside it is one: `train` and `test tube`, not `test_images`."""
    if name.lower() in SPLIT_NAMES:
        return SPLIT_NAMES[name.lower()] != "test"
    return any(word not in SPLIT_NAMES and word not in _GENERIC for word in _words(name))


def _words(name: str) -> list[str]:
    """The words of a name in lower case; `PublicTest` and `trainset` count as the split that they are."""
    words = [word.lower() for word in _WORD.findall(name)]
    joined = [f"{first}{second}" for first, second in pairwise(words)]
    if double := [pair for pair in joined if pair in SPLIT_NAMES]:  # public test
        return [*double, *(word for word in words if word not in SPLIT_NAMES)]
    return [word.removesuffix("set") if word.removesuffix("set") in SPLIT_NAMES else word for word in words]
