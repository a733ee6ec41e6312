"""An id in a user's file is found among the known ones, and never taken for another image's."""

import pytest

from reports.submissions.csv_files import find_id, id_places


@pytest.mark.parametrize(
    ("known", "text", "place"),
    [
        (["7", "8"], "8", 1),
        (["7", "8"], "8.png", 1),
        (["7", "8"], "8.JPEG", 1),
        (["7", "8"], "test/8.png", 1),
        (["7.png", "8.png"], "8", 1),
        (["test/cat/7", "test/dog/8"], "8.png", 1),
        (["test/cat/7", "test/dog/8"], "dog/8.png", 1),
        (["test/cat/7", "test/dog/8"], "data/test/dog/8", 1),
        (["a/1", "b/1"], "b/1.png", 1),
        (["a/1", "b/1", "a/2"], "b/2", None),
        (["a/1", "b/1", "a/2"], "b/2.png", None),
        (["a/1", "b/1"], "1", None),
        (["test/cat/7"], "train/cat/7", None),
        (["img.1", "other"], "img.2", None),
        (["img.1", "img.2"], "img.2", 1),
        (["img.1", "img.2"], "img.2.png", 1),
        (["img"], "img.1", None),
        (["7", "7.png"], "7.png", 1),
        (["7", "7.png"], "7.jpg", None),
        (["7"], "", None),
        (["7"], ".png", None),
        (["7"], "/", None),
        ([], "7", None),
    ],
)
def test_find_id(known: list[str], text: str, place: int | None) -> None:
    assert find_id(text, id_places(known)) == place
