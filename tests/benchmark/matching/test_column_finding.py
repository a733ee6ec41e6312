"""The column of the ids is found by its values, and by its heading where they do not tell."""

import pytest

from benchmark.matching.column_finding import ID_COLUMNS, LABEL_COLUMNS, called_ids, find_column, id_column
from benchmark.matching.sample_ids import IdMatcher


@pytest.mark.parametrize(
    ("header", "rows", "known", "column"),
    [
        ("id,label", [f"{row + 1},{row % 7}" for row in range(20)], [str(row) for row in range(20)], 0),
        ("x,y_hat", [f"{row % 7},{row + 1}" for row in range(20)], [str(row) for row in range(20)], 1),
        ("id,emotion", ["a,0", "b,1"], ["0", "1"], 0),
        ("emotion,who", ["0,a", "1,b"], ["0", "1"], 1),
        ("id,picture", ["0,a.png", "1,b.png"], ["a", "b"], 1),
        ("label,id", ["1,5", "1,4"], ["4", "5"], 1),
        ("image,0,1", ["a,0.5,0.5"], [], 0),
        ("0,1,image", ["0.5,0.5,a"], [], 2),
    ],
)
def test_id_column(header: str, rows: list[str], known: list[str], column: int) -> None:
    assert id_column(header.split(","), [row.split(",") for row in rows], IdMatcher(known)) == column


def test_find_column() -> None:
    assert find_column(["Usage", " Sample_ID ", "id"], ID_COLUMNS) == 2
    assert find_column(["Usage", "ImageId"], ID_COLUMNS) == 1
    assert find_column(["Usage", "File Name", "image"], ID_COLUMNS) == 2
    assert find_column(["usage", "Class"], LABEL_COLUMNS) == 1
    assert find_column(["usage"], LABEL_COLUMNS) is None


@pytest.mark.parametrize(
    ("header", "column"),
    [
        ("target,PassengerId,fold", 1),
        ("essay_id,score", 0),
        ("customer ID,label", 0),
        ("row_id,id", 1),
        ("row_id,user_id", None),
        ("grid,covid,valid", None),
        ("ID,a", 0),
    ],
)
def test_headings_that_end_in_id(header: str, column: int | None) -> None:
    assert called_ids(header.split(",")) == column
