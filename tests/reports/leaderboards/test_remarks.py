"""What ensembles take over from their members: remarks on validation scores."""

from pathlib import Path
from typing import Any

import pytest
from stored_runs import DATASET, config, predictions, store_model, store_run

import ensembles
import reports
from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun
from ensembles import Options
from ensembles.methods.options import FITTED
from reports.leaderboards import remarks
from reports.leaderboards.notes import notes
from reports.leaderboards.remarks import remark_of
from reports.leaderboards.results import read_results


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    store = RunStore(tmp_path / "runs")
    for name in ("a", "b", "c"):
        store_model(store, name, validation=20, test=20)
    return store


def said_of(store: RunStore, run: StoredRun) -> str:
    return remark_of(run, {other.name: other for other in store.runs(DATASET)})


def pair(store: RunStore, name: str, **hyperparameters: object) -> StoredRun:
    """An ensemble as it is asked for; its predictions do not matter here."""
    asked = config(name, kind="ensemble", hyperparameters=hyperparameters, members=("a-1/seed-0", "b-1/seed-0"))
    return store_run(store, asked, [predictions("validation", 9)])


def test_the_methods_that_fit_are_those_of_ensembles() -> None:
    assert sorted(remarks.FITTED) == sorted(FITTED)


def test_an_ensemble_of_what_is_not_stored_any_more_is_said(store: RunStore) -> None:
    run = ensembles.build("a,b", runs=store.root)
    stored = store.snapshot(DATASET).by_name
    assert remark_of(run, stored) == ""
    gone = run.config.members[0]
    assert remark_of(run, {name: one for name, one in stored.items() if name != gone}) == (
        f"its member {gone} is not stored any more"
    )


def test_a_remark_goes_up_through_ensembles(store: RunStore) -> None:
    chosen = pair(store, "chosen", method="average", within=0.3)
    outer = ensembles.build(f"{chosen.path.parent.name}/seed-0,c", runs=store.root, name="outer")
    top = ensembles.build("outer,a", runs=store.root, name="top")
    expected = "its members were chosen on these validation samples (--within 0.3)"
    assert said_of(store, chosen) == expected
    assert said_of(store, outer) == f"its member chosen: {expected}"
    assert said_of(store, top) == f"its member outer: its member chosen: {expected}"
    assert f"outer: its member chosen: {expected}" in notes(read_results(store.root))
    assert f"top: its member outer: its member chosen: {expected}." in " ".join(
        reports.compare("top", "a", runs=store.root).text.split()
    )


def test_a_search_that_saw_validation_is_said_of_what_its_winner_is_part_of(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    plain, tuned = kept(store, "cnn4"), kept(store, "bayes-tuned")
    members = (tuned.name, plain.name)
    mean = kept(store, "mean", kind="ensemble", members=members, hyperparameters={"method": "average"})
    joint = kept(store, "on", kind="joint", members=(tuned.path.parent.name, "vgg"))
    taught = kept(store, "vgg", teacher=mean.name)
    expected = "its member bayes-tuned: a search chose its hyperparameters on these validation images"
    assert said_of(store, mean) == said_of(store, joint) == expected
    assert said_of(store, taught) == f"its teacher mean: {expected}"


def test_a_joint_training_from_what_is_not_stored_any_more_is_said(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    start = kept(store, "cnn4")
    joint = kept(store, "on", kind="joint", members=(start.path.parent.name, "vgg"))
    assert said_of(store, joint) == ""
    name = start.path.parent.name
    assert remark_of(joint, {joint.name: joint}) == f"its member {name} is not stored any more"


@pytest.mark.parametrize("outer", ["average", "weighted", "stacking"])
@pytest.mark.parametrize("inner", ["average", "greedy"])
def test_fitted_over_fitted(outer: str, inner: str, store: RunStore) -> None:
    ensembles.build("a,b", runs=store.root, name="inner", method=inner)
    run = ensembles.build("inner,c", runs=store.root, name="outer", method=outer)
    flattered = inner == "greedy" and outer != "average"
    assert said_of(store, run).startswith("fitted on ensembles") == flattered
    assert bool(said_of(store, run)) == flattered


@pytest.mark.parametrize(
    ("method", "options", "expected"),
    [("average", {}, False), ("greedy", {}, True), ("average", {"calibrate": True}, True)],
)
def test_fitted_on_single_folds(method: str, options: dict[str, bool], expected: bool, store: RunStore) -> None:
    splits = [predictions("validation", 22), predictions("test", 22)]
    store_run(store, config("d", folds=5), splits)
    run = ensembles.build("d:5-folds,a", runs=store.root, name="pair", method=method, options=Options(**options))
    assert said_of(store, run).startswith("fitted on predictions of single folds") == expected
    assert bool(said_of(store, run)) == expected


def kept(store: RunStore, model: str, **about: Any) -> StoredRun:
    return store_run(store, config(model, **about), [predictions("validation", 20)])


def test_what_a_teacher_was_fitted_on_goes_on_to_whatever_comes_of_it(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    plain, about = kept(store, "cnn4"), {"kind": "ensemble"}
    fit = kept(store, "fit", members=(plain.name,), hyperparameters={"method": "greedy", "folds": 5}, **about)
    mean = {"method": "average"}
    over = kept(store, "over", members=(fit.name, plain.name), hyperparameters=mean, **about)
    scaled = kept(store, "scaled", members=(plain.name,), hyperparameters={**mean, "calibrate": True}, **about)
    harmless = kept(store, "harmless", members=(plain.name,), hyperparameters=mean, **about)
    taught = {run.config.model: kept(store, "mlp", teacher=run.name) for run in (fit, over, scaled, harmless, plain)}
    joint = kept(store, "on", kind="joint", members=(taught["over"].path.parent.name, "vgg"))
    above = kept(store, "above", members=(joint.name, plain.name), hyperparameters=mean, **about)
    again = kept(store, "vgg", teacher=joint.name)
    stored = {run.name: run for run in store.runs(DATASET)}
    said = {name: remark_of(run, stored) for name, run in taught.items()}
    for name in ("fit", "over", "scaled"):
        assert said[name] == f"its teacher {name} was fitted on these validation images"
    assert said["harmless"] == said["cnn4"] == ""
    assert remark_of(joint, stored) == f"its member mlp:taught: {said['over']}"
    assert remark_of(above, stored) == f"its member on: {remark_of(joint, stored)}"
    assert remark_of(again, stored) == f"its teacher on: {remark_of(joint, stored)}"
