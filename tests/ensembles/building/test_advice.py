"""A build of every method ends with what to take, and says whose predictions are whose."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stored_runs import DATASET, config, drawn, predictions, store_model, store_run

from benchmark.store.run_store import RunStore
from ensembles.building.advice import advice, choose, copy_sentences
from ensembles.building.building import make
from ensembles.building.ensemble_request import Request, request
from ensembles.cli import main
from ensembles.methods.options import Options
from ensembles.sample_scores import SampleScores


def stored(root: Path, **skills: float) -> RunStore:
    store = RunStore(root)
    for seed, (name, skill) in enumerate(skills.items()):
        store_run(store, config(name), [drawn(skill, seed)])
    return store


def said(asked: Request) -> str:
    return advice(asked, make(asked, asked.methods()))


def test_the_average_is_taken_where_fitting_gains_nothing(tmp_path: Path) -> None:
    stored(tmp_path, a=1.0, b=1.0, c=1.0)
    sentence = said(request("a,b,c", runs=tmp_path))
    assert sentence.startswith("Take average: ")
    assert " points more than its best member " in sentence
    assert sentence.endswith(". It is stored as a+b+c")


def test_an_equal_of_the_average_is_not_mentioned() -> None:
    right, alone = np.array([True] * 9 + [False]), np.array([True] * 5 + [False] * 5)
    average, vote = (SampleScores(right, np.full(10, loss)) for loss in (1.0, 0.5))
    taken, sentence = choose({"average": average, "vote": vote}, "a", SampleScores(alone, np.ones(10)))
    assert taken == "average"
    assert (
        sentence == "Take average: 90.00% on validation, 40.00 points more than its best member a, which may be "
        "chance (p = 0.125)"
    )


def scored(hits: int, loss: float) -> SampleScores:
    return SampleScores(np.arange(100) < hits, np.full(100, loss))


def test_what_is_fitted_is_not_taken_where_all_may_be_chance() -> None:
    taken, sentence = choose({"average": scored(69, 1.0), "weighted": scored(71, 0.9)}, "a", scored(70, 1.1))
    assert taken == ""
    assert sentence == (
        "Take a alone, which has 70.00% on validation: weighted has 71.00%, which may be chance (p = 1.000), and the "
        "average is not more accurate"
    )
    taken, sentence = choose({"average": scored(69, 1.0), "weighted": scored(74, 0.9)}, "a", scored(67, 1.1))
    assert taken == "average"
    taken, sentence = choose({"average": scored(66, 1.0), "weighted": scored(71, 0.9)}, "a", scored(67, 1.1))
    assert taken == ""
    # Told apart from the member, not from the average.
    average = SampleScores(np.arange(100) >= 34, np.full(100, 1.0))
    assert choose({"average": average, "weighted": scored(76, 0.9)}, "a", scored(67, 1.1))[0] == "weighted"


def test_what_is_fitted_is_taken_where_it_gains(tmp_path: Path) -> None:
    stored(tmp_path, a=1.4, b=1.4, bad=-1.0, worse=-1.0, worst=-1.0)
    asked = request("a,b,bad,worse,worst", runs=tmp_path)
    sentence = said(asked)
    method = sentence.removeprefix("Take ").partition(":")[0]
    assert method in ("weighted", "greedy", "stacking")
    assert "; the average has " in sentence
    assert sentence.endswith(f". It is stored as a+b+bad+worse+worst:{method}")


def test_a_member_alone_is_taken_where_nothing_is_better(tmp_path: Path) -> None:
    stored(tmp_path, good=6.0, bad=-3.0)
    asked = request("good,bad", runs=tmp_path, several=True)
    said = advice(asked, make(asked, ["average", "vote"]))
    assert said == "Take good alone: no method is more accurate on validation"


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ({"members": "all"}, "average-all"),
        ({"members": "a,b", "name": "n"}, "n"),
        ({"members": "a,b", "options": Options(calibrate=True)}, "a+b:calibrated"),
    ],
)
def test_it_says_what_the_ensemble_is_stored_as(tmp_path: Path, call: dict, expected: str) -> None:
    stored(tmp_path, a=1.0, b=1.0)
    assert said(request(runs=tmp_path, **call)).endswith(f". It is stored as {expected}")


def test_a_name_that_two_configurations_share_has_its_hash(tmp_path: Path) -> None:
    """Among others of a choice by `--within`, which a command without it would have stored anew, as another run."""
    stored(tmp_path, a=1.0, b=1.0)
    said(request("a,b", runs=tmp_path))
    within = request("a,b", runs=tmp_path, options=Options(within=1))
    assert said(within).endswith(f". It is stored as a+b@{within.configuration('average').hash}")


def test_seeds(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    for seed in range(3):
        store_run(store, config("a"), [drawn(1.0, seed)], seed=seed)
    for name in ("a", f"a@{config('a').hash}"):
        stem = name.replace("@", "-")
        assert said(request(name, runs=tmp_path, options=Options(seeds=3))).endswith(f". It is stored as {stem}x3")


def test_without_labels(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    for name in ("a", "b"):
        store_run(store, config(name), [predictions("test", 20)])
    sentence = said(request("a,b", runs=tmp_path))
    assert sentence == "No labels say which method is best: the average has nothing fitted. It is stored as a+b"


def test_without_labels_nothing_is_fitted(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    for name in ("a", "b"):
        store_run(store, config(name), [predictions("validation", 20, sealed=True)])
    assert request("a,b", runs=tmp_path).methods() == ("average", "geometric", "vote")


def test_the_command_line_ends_with_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored(tmp_path, a=1.0, b=1.0)
    assert main(["build", "a,b", "--method", "all", "--runs", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert f"\n  {tmp_path / DATASET / 'leaderboard.md'} is up to date\n" in said
    assert " ".join(said.rpartition("  Take average: ")[2].split()).endswith(" It is stored as a+b.")


def test_copies_among_the_members(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = RunStore(tmp_path)
    original = drawn(1.5, 0)
    hard = np.eye(3, dtype=np.float32)[original.probabilities.argmax(axis=1)]
    store_run(store, config("vggnet"), [original])
    store_run(store, config("dinh"), [drawn(1.0, 1)])
    half = original.probabilities.astype(np.float16).astype(np.float32)
    store_run(store, config("first", kind="external"), [replace(original, probabilities=half)])
    store_run(store, config("second", kind="external"), [replace(original, probabilities=hard)])
    members = "vggnet,first,second,dinh"
    asked = request(members, runs=tmp_path)
    assert copy_sentences(asked, make(asked, ["vote"])) == [
        "first: the validation predictions are those of vggnet, so that one of them is enough",
        "second: the likeliest classes on validation are all those of vggnet, so that one of them is enough",
        f"{members.replace(',', '+')}:vote is vggnet to the last sample: the likeliest classes on validation are all "
        "those of vggnet",
    ]
    assert main(["build", members, "--method", "vote", "--runs", str(tmp_path)]) == 0
    assert "vggnet+first+second+dinh:vote is vggnet to the last sample" in " ".join(capsys.readouterr().out.split())
    other = request("vggnet,dinh", runs=tmp_path)
    assert copy_sentences(other, make(other, ["average"])) == []


def test_copies_on_one_of_two_splits_are_none(tmp_path: Path) -> None:
    """On a small test set two may well say the same."""
    store = RunStore(tmp_path)
    for seed, name in enumerate("ab"):
        store_run(store, config(name), [drawn(1.0, seed), predictions("test", 20)])
    asked = request("a,b", runs=tmp_path)
    assert copy_sentences(asked, make(asked, ["average"])) == []
    store_run(store, config("c"), [drawn(1.0, 0), predictions("test", 20)])
    again = request("a,c", runs=tmp_path)
    assert [sentence.partition(":")[0] for sentence in copy_sentences(again, make(again, ["average"]))] == [
        "c",
        "a+c is a to the last sample",
    ]


def test_models_are_found_with_their_seeds(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    for seed in range(2):
        store_model(store, "a", 20 + seed, 20, seed=seed)
    store_model(store, "b", 20, 20, seed=5)
    asked = request("a,b", runs=tmp_path)
    assert not [sentence for sentence in copy_sentences(asked, make(asked, ["average"])) if sentence.startswith("a:")]
