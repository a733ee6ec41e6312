"""What `--metric` and `--columns` understand."""

import pytest

from reports.text.columns import ALWAYS, COLUMNS, View, find_column, view
from zoo.errors import UserError


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("log_loss", "log_loss"),
        ("Log-Loss", "log_loss"),
        (" validation ", "validation_accuracy"),
        ("test_accuracy", "test_accuracy"),
        ("f1", "macro_f1"),
        ("size", "model_bytes"),
        ("flops", "operations"),
        ("latency", "milliseconds_per_image"),
        ("alone", "milliseconds_one_image"),
        ("precision", "training_precision"),
        ("chosen-on", "selected_on"),
        ("p", "p_value"),
    ],
)
def test_names_and_short_names(asked: str, expected: str) -> None:
    assert find_column(asked) == expected


def test_every_column_is_found_and_no_name_means_two() -> None:
    names = [name for column, facts in COLUMNS.items() for name in {column, facts.short} if name]
    assert len(names) == len(set(names))
    assert [find_column(name) for name in COLUMNS] == list(COLUMNS)


def test_unknown_names_are_refused_in_one_line() -> None:
    for wrong in ("tset", "", "test;drop"):
        with pytest.raises(UserError) as caught:
            find_column(wrong)
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="did you mean test"):
        view(columns="tset,drop")
    with pytest.raises(UserError, match="--columns names no column"):
        view(columns=" , ")
    with pytest.raises(UserError, match="cannot sort"):
        view(metric="p")
    assert view(metric="rank") == view(metric="accuracy") == View()


def test_what_says_which_row_it_is_always_stays() -> None:
    assert view(columns="ece,test,ece").columns == ("rank", "model", "ece", "test_accuracy", "status")
    assert view(columns="status,model,mse").columns == ("rank", "model", "mse", "status")
    for columns in ("all", "mse"):
        shown = view(columns=columns).columns
        assert shown is not None
        assert set(ALWAYS) <= set(shown)
    assert view(columns="all").columns == tuple(COLUMNS)
    assert view() == View()
