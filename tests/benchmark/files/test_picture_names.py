"""Names of pictures sort as people count, and lose the suffix of a picture and no other."""

import pytest

from benchmark.files.names import is_picture, natural, without_suffix


def test_numbers_are_counted() -> None:
    names = ["٣", "4", "a9", "a10b2", "a10b10", "b", "test/01", "test/1", "test/2", "test/10"]
    assert sorted(set(names), key=natural) == names


def test_numbers_of_any_length() -> None:
    long = "9" * 5000
    assert sorted([f"{long}1", long, "1"], key=natural) == ["1", long, f"{long}1"]


@pytest.mark.parametrize(
    ("name", "left"),
    [("7.png", "7"), ("a/7.JPG", "a/7"), ("img.1", "img.1"), ("img.1.bmp", "img.1"), ("7", "7"), (".png", ".png")],
)
def test_without_suffix(name: str, left: str) -> None:
    assert without_suffix(name) == left


@pytest.mark.parametrize(("name", "picture"), [("7.png", True), ("a/7.TIFF", True), ("img.1", False), ("png", False)])
def test_is_picture(name: str, picture: bool) -> None:
    assert is_picture(name) == picture
