"""Explanations are read back as they were written; damaged and hostile ones are refused."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from benchmark.explanation import COSTS, Cost, Explanation

PUBLISHED = sorted((Path(__file__).parent.parent.parent / "results").rglob("explanation.json"))


def published(path: Path = PUBLISHED[0]) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.parent.name)
def test_published_explanations_are_read_and_written_as_they_are(path: Path) -> None:
    data = published(path)
    assert Explanation.from_json(data).to_json() == data


def test_null_is_nan_where_a_value_is_undefined_and_nowhere_else() -> None:
    data = published()
    data["validation"]["error_correlation"][0][1] = None
    explanation = Explanation.from_json(data)
    assert math.isnan(explanation.validation.error_correlation[0][1])
    assert explanation.to_json() == data
    data["validation"]["accuracy"] = None
    with pytest.raises(ValueError, match="None is no float"):
        Explanation.from_json(data)


def test_kinds_of_cost_are_the_fields_of_a_cost() -> None:
    assert list(COSTS) == list(Cost.__dataclass_fields__)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("ensemble",), 3, "3 is no str"),
        (("fitted",), 1, "1 is no bool"),
        (("members",), [], "0 members"),
        (("members",), "abc", "'abc' is no tuple"),
        (("members", 0, "cost"), None, "None is no Cost"),
        (("members", 0, "name"), ["x" * 10_000], "'xxx"),
        (("cost", "parameters"), 1.5, "1.5 is no int"),
        (("cost", "parameters"), 10**400, "is no int"),
        (("cost", "milliseconds"), True, "True is no float"),
        (("validation", "samples"), True, "True is no int"),
        (("validation", "accuracy"), math.inf, "inf is no float"),
        (("validation", "accuracy"), math.nan, "nan is no float"),
        (("validation", "accuracy"), 10**400, "is no float"),
        (("validation", "disagreement"), [[0.0]], "expected a matrix"),
        (("validation", "members"), [], "expected a matrix of 0 x 0"),
        (("tradeoff",), {}, "no key best"),
        (("tradeoff", "points", 0, "front"), "parameters", "'parameters' is no tuple"),
    ],
)
def test_damaged_values_are_refused(path: tuple[Any, ...], value: Any, message: str) -> None:
    data = published()
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(ValueError, match=message) as caught:
        Explanation.from_json(data)
    assert len(str(caught.value)) < 100
