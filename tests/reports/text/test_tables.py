"""Frames as text: within 80 columns, escaped, and without loss where a program reads it."""

import json
from io import StringIO

import pandas as pd
import pytest

from reports.text.tables import (
    cells,
    csv_table,
    json_table,
    markdown,
    markdown_table,
    shortened,
    text_tables,
    typed,
    wrapped,
)


def test_cells_for_people() -> None:
    frame = pd.DataFrame(
        {
            "rank": pd.array([1, None], dtype="Int64"),
            "model": ["a", "b"],
            "test_accuracy": [0.61234, float("nan")],
            "parameters": pd.array([24_114_055, None], dtype="Int64"),
            "test_accuracy_std": [0.004, float("nan")],
        }
    )
    assert cells(frame).to_dict("records") == [
        {"rank": "1", "model": "a", "test %": "61.23 ± 0.40", "parameters": "24,114,055"},
        {"rank": "-", "model": "b", "test %": "-", "parameters": "-"},
    ]


def test_wide_text_goes_on_below() -> None:
    frame = pd.DataFrame({"model": ["a"], **{f"column {number}": ["x" * 20] for number in range(5)}})
    text = text_tables(frame, ["model"])
    assert max(len(line) for line in text.splitlines()) <= 80
    assert text.count("model") == 2
    assert all(f"column {number}" in text for number in range(5))


def test_numbers_are_aligned_to_the_right() -> None:
    frame = pd.DataFrame({"model": ["a", "bb"], "seeds": ["1", "10"]})
    assert text_tables(frame, ["model"]).splitlines() == [
        "model  seeds",
        "-----  -----",
        "a          1",
        "bb        10",
    ]


def test_long_names_are_wrapped_between_members() -> None:
    assert wrapped("resnet+bayes+vgg", 13) == "resnet+bayes+\nvgg"
    assert wrapped("x" * 30, 13).split("\n") == ["x" * 13, "x" * 13, "x" * 4]
    assert wrapped("short", 13) == "short"
    # A sign is no + between members, and an interval stays whole.
    assert wrapped("+6733.96 (+6733.96 to +10537.44)", 30) == "+6733.96 \n(+6733.96 to +10537.44)".replace(" \n", "\n")


def test_shortened() -> None:
    assert shortened("failed: out of memory", 12) == "failed: o..."
    assert shortened("failed", 12) == "failed"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a|b", r"a\|b"),
        ("a\nb", "a b"),
        ("<script>", "&lt;script&gt;"),
        ("cue_vgg_beta", "cue_vgg_beta"),
        ("_em_", r"\_em\_"),
        ("*b* `c` [d](e)", r"\*b\* \`c\` \[d\](e)"),
        ("a\\b", r"a\\b"),
        ("a&amp;b", "a&amp;amp;b"),
        ("\x1b[31mred", r" \[31mred"),
    ],
)
def test_markdown_is_escaped(text: str, expected: str) -> None:
    assert markdown(text) == expected


def test_markdown_table() -> None:
    frame = pd.DataFrame({"model": ["a|b"], "seeds": ["1"]})
    assert markdown_table(frame).splitlines() == ["| model | seeds |", "| --- | ---: |", r"| a\|b | 1 |"]


def test_json_and_csv_keep_every_digit() -> None:
    frame = pd.DataFrame(
        {
            "rank": pd.array([1, None], dtype="Int64"),
            "model": pd.Series(["a", 'b"\n,ü'], dtype="str"),
            "score": [1 / 3, float("nan")],
        }
    )
    expected = [{"rank": 1, "model": "a", "score": 1 / 3}, {"rank": None, "model": 'b"\n,ü', "score": None}]
    assert json.loads(json_table(frame)) == expected
    pd.testing.assert_frame_equal(pd.read_csv(StringIO(csv_table(frame)), dtype={"rank": "Int64"}), frame)


def test_what_is_missing_is_no_text() -> None:
    """Before pandas 3.0 a missing device was the text None."""
    frame = pd.DataFrame([{"device": None, "seed": 0}, {"device": "cpu", "seed": 1, "other": 2}])
    found = typed(frame, {"seed": "int64", "device": "str", "tta": "str"})
    assert found["device"].isna().tolist() == [True, False]
    assert found["tta"].isna().all()
    assert list(found.columns) == ["seed", "device", "tta"]
    assert list(typed(pd.DataFrame([]), {"seed": "int64", "device": "str"}).columns) == ["seed", "device"]


def test_wide_letters_take_two_columns_of_a_terminal() -> None:
    frame = pd.DataFrame({"class": ["喜び", "sad", "é"], "images": ["7", "10", "3"]})
    assert text_tables(frame, ["class"]).splitlines() == [
        "class  images",
        "-----  ------",
        "喜び        7",
        "sad        10",
        "é           3",
    ]
