"""A name that anybody may have chosen becomes one file in one folder."""

import re

import pytest

from benchmark.files.names import LONGEST, file_name

HOSTILE = (
    "",
    ".",
    "..",
    "../../etc/passwd",
    "/etc/passwd",
    "C:\\Windows",
    "<script>alert(1)</script>",
    "a|b",
    "two\nlines",
    "tab\there",
    "nul\0byte",
    ".hidden",
    "trailing.",
    "-rf",
    "x" * 300,
    "x" * 301,
    "ü" * 300,
    "\ud800",
    "表情",
    "a b",
    "a-b ",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_are_made_safe(text: str) -> None:
    name = file_name(text)
    assert re.fullmatch(r"[A-Za-z0-9_+@][A-Za-z0-9_.+@-]*", name)
    assert len(name) <= LONGEST
    assert not name.endswith(".")


def test_different_texts_get_different_names() -> None:
    texts = (*HOSTILE, "a-b", "a_b", "script")
    assert len({file_name(text) for text in texts}) == len(texts)


@pytest.mark.parametrize("text", ["cnn4", "cnn4@0a1b2c3d", "mlp+cnn4+cnn7", "average-all", "x" * LONGEST])
def test_plain_names_stay(text: str) -> None:
    assert file_name(text) == text
