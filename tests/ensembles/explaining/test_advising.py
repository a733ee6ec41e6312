"""`explain` and `build --method all` say the same of what to take, and their commands name the same run."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from stored_runs import DATASET, config, drawn, store_run

import ensembles
from benchmark.explanation import Explanation
from benchmark.store.run_store import RunStore
from ensembles.building.advice import advice as advice_of_build
from ensembles.building.building import make
from ensembles.building.ensemble_request import Request, request
from ensembles.cli import main
from ensembles.explaining.advising import Advice, advice
from ensembles.explaining.anatomy import take_apart
from ensembles.explaining.explaining import explained
from ensembles.methods.options import Options


def stored(root: Path, samples: int = 600, **skills: float) -> RunStore:
    store = RunStore(root)
    for seed, (name, skill) in enumerate(skills.items()):
        store_run(store, config(name), [drawn(skill, seed, samples)])
    return store


def said(store: RunStore, name: str) -> tuple[list[Advice], Explanation]:
    anatomy = take_apart(store, DATASET, name)
    explanation = explained(anatomy)
    return advice(anatomy, explanation, store), explanation


def ensembles_of(store: RunStore) -> set[str]:
    return {run.name for run in store.runs(DATASET) if run.config.kind == "ensemble"}


CASES = {
    "nothing better than the best member": ({"good": 6.0, "bad": -3.0}, 600, "Take good alone: "),
    "the average gains": ({"a": 1.0, "b": 1.0, "c": 1.0}, 600, "Take average: "),
    "a fitted method gains": ({"a": 1.4, "b": 1.4, "bad": -1.0, "worse": -1.0, "worst": -1.0}, 600, "Take "),
    "too few samples": ({"a": 1.0, "b": 1.0, "c": 0.8}, 30, "Take "),
}


@pytest.mark.parametrize(("case", "calibrate"), [*((case, False) for case in CASES), ("a fitted method gains", True)])
def test_both_say_the_same(tmp_path: Path, case: str, calibrate: bool) -> None:
    skills, samples, begins = CASES[case]
    store = stored(tmp_path, samples, **skills)
    asked = request(",".join(skills), runs=tmp_path, options=Options(calibrate=calibrate), several=True)
    built = make(asked, ("average", "vote", "weighted", "greedy"))
    sentence, words = advice_of_build(asked, built)
    assert sentence.startswith(begins)
    if case == "too few samples":
        assert "which may be chance" in sentence
    for run in (built["average"], built["greedy"]):
        (first, command), *fewer = said(store, run.config.title)[0]
        assert first == sentence
        assert command == (store.command(words, DATASET) if words else "")
        assert len(fewer) <= 1


@pytest.mark.parametrize(
    ("members", "name", "options"),
    [
        ("all", None, Options(metric="accuracy", seed=3)),
        ("a,b,bad,worse", "mine", Options()),
        ("a,b,bad,worse", None, Options(calibrate=True)),
    ],
)
def test_the_command_names_the_run_that_is_stored(
    tmp_path: Path, members: str, name: str | None, options: Options
) -> None:
    store = stored(tmp_path, a=1.4, b=1.4, bad=-1.0, worse=-1.0)
    asked = request(members, runs=tmp_path, name=name, options=options, several=True)
    built = make(asked, ("average", "greedy"))
    before = ensembles_of(store)
    for run in built.values():
        (_, command), *_ = said(store, run.config.title)[0]
        assert main(shlex.split(command)[3:]) == 0
    assert ensembles_of(store) == before


def test_from_all_is_no_longer_these_members_once_there_are_others(tmp_path: Path) -> None:
    store = stored(tmp_path, a=1.0, b=1.0)
    ensembles.build("all", runs=tmp_path)
    store_run(store, config("later"), [drawn(0.1, 7, 600)])
    (_, command), *_ = said(store, "average-all")[0]
    assert shlex.split(command)[3:7] == ["build", "a,b", "--name", "average-all"]


def test_seeds_and_long_names(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    for seed in range(3):
        store_run(store, config("a"), [drawn(1.0, seed, 600)], seed=seed)
    ensembles.build("a", runs=tmp_path, options=Options(seeds=3))
    (_, command), *_ = said(store, "ax3")[0]
    before = ensembles_of(store)
    assert main(shlex.split(command)[3:]) == 0
    assert ensembles_of(store) == before
    names = {f"{letter * 60}": 1.0 for letter in "bc"}
    stored(tmp_path, **names)
    ensembles.build(",".join(names), runs=tmp_path, name="long")
    assert said(store, "long")[0][0][1].partition(" --runs")[0].endswith(" --name long")


def test_what_was_judged_by_what_it_was_fitted_on_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of before cross-fitting have no folds among their hyperparameters."""
    store = stored(tmp_path, a=1.0, b=1.0, c=1.0)
    monkeypatch.setattr(Options, "of", lambda options, method: {"seed": 0} if method == "weighted" else {})
    asked: Request = request("a,b,c", runs=tmp_path, name="old")
    (old,) = make(asked, ["weighted"]).values()
    assert old.config.in_sample
    monkeypatch.undo()
    ((first, command), *_), _ = said(store, "old")
    assert first.startswith("Take average: ")
    assert first.endswith(". old was judged by the samples that the weights were fitted on, and left out")
    assert shlex.split(command)[3:5] == ["build", "a,b,c"]


def test_fewer_members_are_named_where_they_are_as_good(tmp_path: Path) -> None:
    store = stored(tmp_path, a=1.0, b=1.0, c=1.0, nothing=0.0)
    ensembles.build("all", runs=tmp_path)
    anatomy = take_apart(store, DATASET, "average-all")
    explanation = explained(anatomy)
    (_, _), (sentence, command) = advice(anatomy, explanation, store)
    smallest = explanation.tradeoff.smallest
    assert sentence.startswith(f"With fewer members: the average of {', '.join(smallest.members)} has ")
    assert "expect a little less elsewhere" in sentence
    assert shlex.split(command)[4] == ",".join(smallest.members)
    one = replace(smallest, members=("a",))
    found = replace(explanation, tradeoff=replace(explanation.tradeoff, smallest=one))
    (_, _), (sentence, command) = advice(anatomy, found, store)
    assert (sentence.partition(" has ")[0], command) == ("a alone", "")
    far = replace(explanation, tradeoff=replace(explanation.tradeoff, smallest=replace(one, accuracy=0.1)))
    assert len(advice(anatomy, far, store)) == 1


def test_the_command_line_ends_with_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = stored(tmp_path, a=1.4, b=1.4, bad=-1.0, worse=-1.1, worst=-1.2)
    ensembles.build("all", runs=tmp_path, method="weighted")
    assert main(["explain", "weighted-all", "--runs", str(store.root)]) == 0
    ending = capsys.readouterr().out.rpartition("\nTake ")[2]
    words = shlex.split(ending.partition(":\n")[2].partition("\n\n")[0].replace("\\\n", ""))
    assert words[:4] == ["python", "-m", "ensembles", "build"]
    assert words[-2:] == ["--runs", str(store.root)]
    assert main(words[3:]) == 0
    assert store.datasets() == [DATASET]
