"""Arguments of calls have their types or are refused by name; names go by commas."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark import ReadOptions, RunOptions, TuneOptions
from benchmark.arguments import bring_to_types, check_keywords, names_in
from benchmark.matching.class_names import listed
from benchmark.running.planning import chosen_seeds
from benchmark.running.run_options import told_apart
from ensembles import DistillOptions, JointOptions, Options
from zoo.errors import UserError


class Enumerated(IntEnum):
    THREE = 3


class Worded(StrEnum):
    BEST = "best"


@dataclass(frozen=True)
class Every:
    count: int = 1
    share: float | None = None
    asked: bool = False
    name: str | None = None
    names: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    reading: Any = None

    def __post_init__(self) -> None:
        bring_to_types(self)


def test_values_become_those_of_python() -> None:
    found = Every(np.int64(3), np.float32(0.5), np.bool_(True), np.str_("a"), "a, b", "x.py", {"k": 1})
    assert found == Every(3, 0.5, True, "a", ("a", "b"), (Path("x.py"),), {"k": 1})
    assert [type(value) for value in (found.count, found.share, found.asked)] == [int, float, bool]
    assert type(Every(share=1).share) is float
    assert Every(names=["a,b"]).names == ("a,b",)
    assert Every(names=np.array(["a", "b"])).names == ("a", "b")
    assert Every(names=[0, 1]).names == ("0", "1")
    assert Every(names=None, files=None) == Every()
    assert Every(name=Path("a.csv")).name == "a.csv"
    assert Every(count=Enumerated.THREE).count == 3
    assert Every(name=Worded.BEST).name == "best"
    assert Every(files=[Path("a.py"), "b.py"]).files == (Path("a.py"), Path("b.py"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"count": 3.0}, r"count must be a whole number, got 3\.0"),
        ({"count": True}, "count must be a whole number, got True"),
        ({"count": "3"}, "count must be a whole number, got '3'"),
        ({"count": None}, "count must be a whole number, got None"),
        ({"count": np.arange(2)}, "count must be a whole number, got array"),
        ({"share": "x"}, "share must be a number, got 'x'"),
        ({"asked": "no"}, "asked must be True or False, got 'no'"),
        ({"asked": 1}, "asked must be True or False, got 1"),
        ({"name": 3}, "name must be text, got 3"),
        ({"names": 3}, "names must be some texts, got 3"),
    ],
)
def test_what_is_none_is_refused_by_name(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Every(**given)


def test_options_are_brought_to_types() -> None:
    assert RunOptions(folds=np.int64(2), tta="flip,tencrop") == RunOptions(folds=2, tta=("flip", "tencrop"))
    assert ReadOptions(classes="cat,dog", size=np.int64(32)) == ReadOptions(classes=("cat", "dog"), size=32)
    assert Options(rounds=np.int64(5), within=1) == Options(rounds=5, within=1.0)
    for wrong in (lambda: RunOptions(folds=3.0), lambda: RunOptions(refit="no"), lambda: Options(calibrate="no")):
        with pytest.raises(UserError, match=r"(folds|refit|calibrate) must be"):
            wrong()


def test_what_is_given_by_name() -> None:
    options, settings = told_apart(RunOptions(folds=5), {"epochs": 3}, {"tta": "flip", "folds": 0, "epochs": 1})
    assert (options, settings) == (RunOptions(tta=("flip",)), {"epochs": 1})
    # A network of one's own may have arguments that are called as options of reading are.
    assert told_apart(RunOptions(), {}, {"channels": 32}) == (RunOptions(), {"channels": 32})


def test_options_of_runs_are_given_by_name_to_other_calls() -> None:
    options, settings = told_apart(TuneOptions(), None, {"trials": 4, "epochs": 8, "tuner": "random", "jobs": 2})
    assert (options, settings) == (TuneOptions("random", 4, RunOptions(jobs=2)), {"epochs": 8})
    taught, settings = told_apart(DistillOptions(), {"dropout": 0.1}, {"seeds": 3, "tta": "flip", "distillation": 0.7})
    assert taught == DistillOptions(3, RunOptions(tta=("flip",)))
    assert settings == {"dropout": 0.1, "distillation": 0.7}
    whole = RunOptions(timeout=60)
    assert told_apart(JointOptions(), {}, {"name": "a", "run": whole}) == (JointOptions("a", whole), {})
    with pytest.raises(UserError, match="folds, refit, cycles and tta belong to `run`"):
        told_apart(TuneOptions(), {}, {"folds": 5})


def test_seeds_of_every_kind() -> None:
    assert chosen_seeds(np.int64(2)) == chosen_seeds(range(2)) == chosen_seeds(np.arange(2)) == (0, 1)
    for wrong in (2.0, "3", 0, (), [1, 1], True, None):
        with pytest.raises(UserError, match="seeds must be different whole numbers"):
            chosen_seeds(wrong)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="got '3'"):
        chosen_seeds("3")  # type: ignore[arg-type]


def test_a_misspelled_keyword_is_told() -> None:
    check_keywords("call", {"labels": 1}, ("labels", "ids"))
    with pytest.raises(TypeError, match=r"call\(\) got an unexpected keyword argument 'lables': did you mean labels\?"):
        check_keywords("call", {"lables": 1}, ("labels", "ids"))
    with pytest.raises(TypeError, match="'zzz', expected some of labels, ids"):
        check_keywords("call", ["zzz"], ("labels", "ids"))


def test_a_name_with_a_comma_stands_in_quotes() -> None:
    assert names_in('"a, b",11, c "q",d') == ["a, b", "11", 'c "q"', "d"]
    assert names_in(["a,b", " c,"]) == ["a", "b", "c"]
    assert names_in("a,,b") == ["a", "", "b"]
    assert names_in(listed(["a, b", "c"])) == ["a, b", "c"]
