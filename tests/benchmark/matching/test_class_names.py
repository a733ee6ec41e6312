"""A text means one class, or none; numbers are classes of that name before they are positions."""

import pytest

from benchmark.matching.class_names import FER_CLASSES, ClassMatcher, common_names, sorted_class_names

FRUIT = ("apple", "Banana", "cherry pie")
ONE_TO_SEVEN = tuple(map(str, range(1, 8)))


@pytest.mark.parametrize(
    ("class_names", "text", "position"),
    [
        (FRUIT, "Banana", 1),
        (FRUIT, "BANANA", 1),
        (FRUIT, " apple ", 0),
        (FRUIT, "2", 2),
        (FRUIT, "2.0", 2),
        (FRUIT, "02", 2),
        (FRUIT, "3", None),
        (FRUIT, "-1", None),
        (FRUIT, "1.5", None),
        (FRUIT, "", None),
        (FRUIT, "nan", None),
        (("cafe\u0301", "tea"), "Caf\u00e9", 0),
        (("Stra\u00dfe", "Weg"), "STRASSE", 0),
        (("cat", "Cat", "dog"), "Cat", 1),
        (("cat", "Cat", "dog"), "CAT", None),
        (FER_CLASSES, "Anger", 0),
        (FER_CLASSES, "6", 6),
        (FER_CLASSES[:1] + FER_CLASSES[2:], "6", 5),
        (FER_CLASSES[:1] + FER_CLASSES[2:], "1", None),
        (("joy", "happy", "sad"), "Happy", 1),
        (("joy", "happy", "sad"), "happiness", None),
        (("anger", "contempt"), "Angry", 0),
        (ONE_TO_SEVEN, "1", 0),
        (ONE_TO_SEVEN, "1.0", 0),
        (ONE_TO_SEVEN, "01", 0),
        (ONE_TO_SEVEN, "0", None),
        (ONE_TO_SEVEN, "7", 6),
        (("1.0", "2.0", "10.0"), "10", 2),
        (("1.0", "2.0", "10.0"), "0", None),
        (("003", "010"), "10", 1),
        (("-1", "1"), "-1.0", 0),
        (("0.5", "1.5"), "1.50", 1),
        (("0.5", "1.5"), "1", None),
        (("01", "1"), "1", 1),
        (("01", "1"), "1.0", None),
        (("1", "2", "other"), "2.0", 1),
        (("1", "2", "other"), "0", None),
        (("class_1", "class_2"), "1", None),
        (("class_0", "class_1"), "1", 1),
        (("n01440764", "n01443537"), "1", 1),
    ],
)
def test_the_class_that_a_text_means(class_names: tuple[str, ...], text: str, position: int | None) -> None:
    matcher = ClassMatcher(class_names)
    assert matcher.position(text) == position
    assert matcher.positions([text, class_names[1], text]).tolist() == [
        -1 if position is None else position,
        1,
        -1 if position is None else position,
    ]


@pytest.mark.parametrize(
    ("class_names", "written"),
    [
        (FRUIT, ("0", "1", "2")),
        (FER_CLASSES[2:], ("2", "3", "4", "5", "6")),
        (ONE_TO_SEVEN, ONE_TO_SEVEN),
        (("1.0", "2.0", "10.0"), ("1", "2", "10")),
        (("003", "010"), ("003", "010")),
        (("0.5", "1.5"), ("0.5", "1.5")),
        (("1", "2", "other"), ("1", "2", "other")),
        (("class_1", "class_2"), ("class_1", "class_2")),
        (("class_0", "class_1"), ("0", "1")),
        (("n01440764", "n01443537"), ("0", "1")),
    ],
)
def test_what_is_written_is_read_back(class_names: tuple[str, ...], written: tuple[str, ...]) -> None:
    matcher = ClassMatcher(class_names)
    assert matcher.written == written
    assert matcher.positions(written).tolist() == list(range(len(class_names)))


@pytest.mark.parametrize(
    ("class_names", "headings", "positions", "prefix"),
    [
        (FRUIT, ["cherry pie", "APPLE", "banana"], [2, 0, 1], ""),
        (FRUIT, ["p_2", "p_0", "p_1"], [2, 0, 1], "p_"),
        (FRUIT, ["p2", "p0", "p1"], [2, 0, 1], "p"),
        (FER_CLASSES[:2], ["prob_disgust", "prob_angry"], [1, 0], "prob_"),
        (FRUIT, ["pred_prob_0", "pred_prob_1", "pred_prob_2"], [0, 1, 2], "pred_prob_"),
        (ONE_TO_SEVEN[:2], ["prediction 2", "prediction 1"], [1, 0], "prediction "),
        (tuple(map(str, range(10, 13))), ["class10", "class11", "class12"], [0, 1, 2], "class"),
        (("class_1", "class_2"), ["class_2", "class_1"], [1, 0], ""),
        (("class_1", "class_2"), ["p_class_2", "p_class_1"], [1, 0], "p_"),
        (FRUIT, ["p_1", "p_2", "p_3"], [None, None, None], ""),
        (ONE_TO_SEVEN[:2], ["p_0", "p_1"], [None, None], ""),
        (FRUIT, ["apple", "prob_banana", "sum"], [0, None, None], ""),
        (FRUIT, ["p_apple", "p_0", "p_1"], [None, None, None], ""),
        (FRUIT, [], [], ""),
    ],
)
def test_columns_may_share_a_prefix(
    class_names: tuple[str, ...], headings: list[str], positions: list[int | None], prefix: str
) -> None:
    assert ClassMatcher(class_names).columns(headings) == (positions, prefix)


@pytest.mark.parametrize(
    ("texts", "class_names"),
    [
        (["10", "2", "1", "2"], ("1", "2", "10")),
        ([f"{value}.0" for value in range(12, 0, -1)], tuple(map(str, range(1, 13)))),
        (["1.0", "1", "2"], ("1", "2")),
        (["010", "9", "100"], ("9", "010", "100")),
        (["01", "1.0", "1", "2"], ("1", "2")),
        (["-1", "1", "-10"], ("-10", "-1", "1")),
        (["10.5", "2.0", "0.5"], ("0.5", "2.0", "10.5")),
        (["b10", "b2", "a"], ("a", "b10", "b2")),
        (["1", "10", "2", "x"], ("1", "10", "2", "x")),
        (["Sadness", "Anger", "joy"], ("angry", "happy", "sad")),
        (["\u00b2", "1"], ("1", "\u00b2")),
    ],
)
def test_class_names_of_labels_are_sorted(texts: list[str], class_names: tuple[str, ...]) -> None:
    assert sorted_class_names(texts) == class_names


def test_names_of_folders_stay_as_they_are() -> None:
    """A fingerprint covers the class names: only an order that was wrong has changed."""
    assert list(common_names([["10.0", "2.0"]]).items()) == [("2.0", "2.0"), ("10.0", "10.0")]
    assert list(common_names([["00010", "00002"], ["00001"]])) == ["00001", "00002", "00010"]


def test_messages_list_few_of_many_classes() -> None:
    assert ClassMatcher(ONE_TO_SEVEN).expected == "1, 2, 3, 4, 5, 6, 7"
    assert ClassMatcher(FRUIT).expected == "apple, Banana, cherry pie or 0, 1, 2"
    many = ClassMatcher([f"kind {number}" for number in range(1000)])
    assert many.expected.endswith("kind 9, ... (1,000 in all) or 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ... (1,000 in all)")


def test_a_long_row_of_digits_is_text() -> None:
    assert ClassMatcher(["9" * 5000, "1"]).position("9" * 4999) is None
    assert sorted_class_names(["9" * 5000, "10"]) == ("10", "9" * 5000)
