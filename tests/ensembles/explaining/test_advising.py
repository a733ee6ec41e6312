"""`explain` and `build --method all` say the same of what to take, and name the same run."""

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
from ensembles.explaining import advising
from ensembles.explaining.advising import Advice, advice
from ensembles.explaining.anatomy import take_apart
from ensembles.explaining.explaining import explained
from ensembles.methods.options import AVERAGE, Options


def stored(root: Path, samples: int = 600, **skills: float) -> RunStore:
    store = RunStore(root)
    for seed, (name, skill) in enumerate(skills.items()):
        store_run(store, config(name), [drawn(skill, seed, samples)])
    return store


def said(store: RunStore, name: str) -> tuple[list[Advice], Explanation]:
    anatomy = take_apart(store, DATASET, name)
    explanation = explained(anatomy)
    return advice(anatomy, explanation, store), explanation


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
    sentence = advice_of_build(asked, built)
    assert sentence.startswith(begins)
    if case == "too few samples":
        assert "which may be chance" in sentence
    for run in (built["average"], built["greedy"]):
        (first, command), *fewer = said(store, run.config.title)[0]
        assert (first, command) == (sentence, "")
        assert len(fewer) <= 1


@pytest.mark.parametrize(
    ("members", "method", "begins"),
    [
        ("all", "vote", ["build", "--from", "all"]),
        ("a,b,bad,worse", "vote", ["build", "a,b,bad,worse"]),
        # The average of this is not calibrated.
        ("a,b,bad,worse", "geometric", ["build", "a,b,bad,worse"]),
    ],
)
def test_the_average_that_is_not_stored_yet_has_its_command(
    tmp_path: Path, members: str, method: str, begins: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = stored(tmp_path, a=1.4, b=1.4, bad=-1.0, worse=-1.0)
    calibrate = method == "geometric"
    run = ensembles.build(members, runs=tmp_path, method=method, options=Options(calibrate=calibrate))
    monkeypatch.setattr(advising, "choose", lambda scores, *_: (AVERAGE, "Take average: it is the best"))
    (sentence, command), *_ = said(store, run.config.title)[0]
    assert sentence == "Take average: it is the best"
    words = shlex.split(command)[3:]
    assert words[: len(begins)] == begins
    assert main(words) == 0
    (sentence, command), *_ = said(store, run.config.title)[0]
    stored_as = "average-all" if members == "all" else "a+b+bad+worse"
    assert (sentence, command) == (f"Take average: it is the best. It is stored as {stored_as}", "")


def test_from_all_is_no_longer_these_members_once_there_are_others(tmp_path: Path) -> None:
    store = stored(tmp_path, a=1.0, b=1.0)
    ensembles.build("all", runs=tmp_path, method="vote")
    store_run(store, config("later"), [drawn(0.1, 7, 600)])
    (_, command), *_ = said(store, "vote-all")[0]
    assert shlex.split(command)[3:5] == ["build", "a,b"]


def test_long_names_get_a_shorter_one(tmp_path: Path) -> None:
    names = {f"{letter * 60}": 1.0 for letter in "bc"}
    store = stored(tmp_path, **names)
    ensembles.build(",".join(names), runs=tmp_path, name="long", method="vote")
    (_, command), *_ = said(store, "long")[0]
    assert main(shlex.split(command)[3:]) == 0
    assert said(store, "long")[0][0][0].endswith(". It is stored as long:average")


def test_a_single_seed_is_told_from_its_model(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    for seed in range(2):
        store_run(store, config("a"), [drawn(1.0, seed, 600)], seed=seed)
    seeds = [f"a@{config('a').hash}/seed-{seed}" for seed in range(2)]
    ensembles.build(seeds, runs=tmp_path, name="two", method="vote")
    assert take_apart(store, DATASET, "two").names == ("a/seed-0", "a/seed-1")
    (_, command), *_ = said(store, "two")[0]
    assert main(shlex.split(command)[3:]) == 0


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
    smallest, lower = explanation.tradeoff.smallest, explanation.validation.accuracy - 0.001
    assert sentence.startswith(f"With fewer members: the average of {', '.join(smallest.members)} has ")
    assert "expect a little less elsewhere" in sentence
    assert f"has {smallest.accuracy:.2%}, " in sentence
    worse = replace(explanation, tradeoff=replace(explanation.tradeoff, smallest=replace(smallest, accuracy=lower)))
    assert f"has {lower:.2%}, at most 0.3 points less. " in advice(anatomy, worse, store)[1][0]
    assert shlex.split(command)[4] == ",".join(smallest.members)
    one = replace(smallest, members=("a",))
    found = replace(explanation, tradeoff=replace(explanation.tradeoff, smallest=one))
    (_, _), (sentence, command) = advice(anatomy, found, store)
    assert (sentence.partition(" has ")[0], command) == ("a alone", "")
    better = replace(explanation, tradeoff=replace(explanation.tradeoff, smallest=replace(smallest, accuracy=1.0)))
    assert "has 100.00%, no less than all of them. " in advice(anatomy, better, store)[1][0]
    far = replace(explanation, tradeoff=replace(explanation.tradeoff, smallest=replace(one, accuracy=0.1)))
    assert len(advice(anatomy, far, store)) == 1


def test_the_command_line_ends_with_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = stored(tmp_path, a=1.4, b=1.4, bad=-1.0, worse=-1.1, worst=-1.2)
    ensembles.build("all", runs=tmp_path, method="weighted")
    assert main(["explain", "weighted-all", "--runs", str(store.root)]) == 0
    ending = capsys.readouterr().out.rpartition("\nTake ")[2]
    assert " ".join(ending.split()).partition(". ")[2].startswith("It is stored as weighted-all.")
