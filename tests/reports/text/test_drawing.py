"""Names in figures: short, and still told apart."""

import pytest

from reports.text.drawing import LONGEST_MEMBER, member_name, short_names


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cnn4@1a2b3c4d", "cnn4@1a2b"),
        ("efficientnet_lite0:shifts@aa3e8a49", "efficientnet_lite0:shifts@aa3e"),
        ("efficientnet_lite0:cycle-2:taught:shifts", "efficie...:cycle-2:taught:shifts"),
        ("efficientnet_lite0:taught:shifts", "efficientnet_lite0:taught:shifts"),
        ("a_network_with_a_name_of_more_letters", "a_network_with_...f_more_letters"),
        ("two\nlines", "two lines"),
        ("resnet:" + "special-" * 5, "resnet:special-...ecial-special-"),
    ],
)
def test_members_keep_what_tells_them_apart(name: str, expected: str) -> None:
    assert member_name(name) == expected
    assert len(member_name(name)) <= LONGEST_MEMBER


def test_names_that_look_alike_at_an_axis_have_their_places() -> None:
    names = ["black-footed albatross bird", "black-browed albatross bird", "wren"]
    assert short_names(names) == ["black-... bird (0)", "black-... bird (1)", "wren"]
