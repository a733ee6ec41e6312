"""An id in a user's file is found among the known ones, and never taken for another sample's."""

import pytest

from benchmark.matching.sample_ids import IdList, IdMatcher, check_rows, pair
from zoo.errors import UserError


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
        (["test/cat/7", "test/dog/8"], "./test//dog/8", 1),
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
        (["ours/a/1", "ours/b/1"], "a/1.png", 0),
        (["1", "a/1"], "ours/a/1", 1),
        (["1", "a/1"], "ours/1", 0),
        (["x/a/1", "y/a/1", "1"], "a/1.png", None),
        (["x/a/1", "y/a/1"], "x/a/1.png", 0),
        # Leading zeros, and whole numbers beside missing ones, as pandas writes them.
        (["0000.jpg", "0001.jpg"], "0", 0),
        (["0000.jpg", "0001.jpg"], "1.0", 1),
        (["0", "1"], "0001.jpg", 1),
        (["0", "1"], "test/0001.jpg", 1),
        (["cat/0001", "dog/0002"], "cat/1", 0),
        (["cat/0001", "dog/0002"], "dog/1", None),
        (["01", "1"], "1", 1),
        (["01", "1"], "001", None),
        (["01", "1"], "1.0", None),
        (["a/01", "b/1"], "001", None),
        (["1"], "1.5", None),
        (["1"], "-1", None),
        (["img_01"], "img_1", None),
        (["1.0", "2.0"], "2", 1),
        (["9" * 5000], "0" + "9" * 5000, 0),
    ],
)
def test_the_place_of_an_id(known: list[str], text: str, place: int | None) -> None:
    matcher = IdMatcher(known)
    assert matcher.place(text) == place
    assert matcher.match([text]).places.tolist() == [-1 if place is None else place]


def test_how_ids_were_matched_is_one_line() -> None:
    matcher = IdMatcher(["test/0000.jpg", "test/0001.jpg", "test/0002.jpg"])
    assert matcher.match(["test/0001.jpg", "nothing"]).id_note == ""
    said = matcher.match(["test/0000.jpg", "0001", "test/0002", "1", "2"]).id_note
    assert said == (
        "1 id matched without the suffix: 'test/0002' is 'test/0002.jpg'; "
        "1 id matched by file name, folders aside: '0001' is 'test/0001.jpg'; "
        "2 ids matched as numbers, leading zeros aside: '1' is 'test/0001.jpg'"
    )


def test_rows_are_paired_by_id() -> None:
    found = pair(IdList(["2", "0", "1"], "s.csv"), IdList(["00.jpg", "01.jpg", "02.jpg"], "l.csv"))
    assert found.rows == [1, 2, 0]
    assert found.id_note == "3 ids matched as numbers, leading zeros aside: '2' is '02.jpg'"


@pytest.mark.parametrize(
    ("given", "known", "message"),
    [
        (
            ["1", "2", "3"],
            ["0", "1", "2"],
            "s.csv, line 4: the ids do not match: no id of l.csv is '3', and '0' is missing",
        ),
        (["1", "x", "y"], ["1"], "s.csv, line 3: no id of l.csv is 'x' (1 other is unknown too); they are like '1'"),
        (["1"], ["1", "2"], "s.csv has 1 ids, expected 2, those of l.csv: '2' is missing"),
        (["1", "1"], ["1", "2"], "s.csv, line 3: the id '1' occurs a second time"),
        (["1", "01"], ["1", "2"], "s.csv, line 3: the ids '1' and '01' are both '1' of l.csv"),
        (["1"], ["a/1", "b/1"], "s.csv, line 2: the id '1' could be 'a/1' or 'b/1' of l.csv"),
        (["b/001"], ["b/01", "b/1", "a/1"], "s.csv, line 2: the id 'b/001' could be 'b/01' or 'b/1' of l.csv"),
        (["1"], [], "s.csv, line 2: no id of l.csv is '1'"),
    ],
)
def test_ids_that_do_not_match(given: list[str], known: list[str], message: str) -> None:
    with pytest.raises(UserError) as error:
        pair(IdList(given, "s.csv", range(2, 2 + len(given)).__getitem__), IdList(known, "l.csv"))
    assert str(error.value).startswith(message)


def test_rows_without_ids_are_as_many_as_samples() -> None:
    check_rows(3, 3, "a.csv", "the test images")
    with pytest.raises(UserError, match=r"a.csv has 2 rows, expected 3, one for each of the test images"):
        check_rows(2, 3, "a.csv", "the test images")
