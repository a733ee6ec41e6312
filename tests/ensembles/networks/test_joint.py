"""Joint training: what it starts from, what it changes, how it is stored, and what cannot be trained."""

import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bright_images import InterruptedOnce, in_this_process
from stored_runs import config, store_model, store_run

import benchmark
import ensembles
from benchmark.metrics import log_loss
from benchmark.records import RunConfig
from benchmark.running import runner
from benchmark.running.run_inputs import starting_files
from benchmark.store.run_store import RunStore
from benchmark.store.stored_models import load_model
from benchmark.store.stored_run import StoredRun
from benchmark.training import checkpoints
from ensembles import JointOptions, cli
from ensembles.explaining.anatomy import take_apart
from ensembles.networks.joint import RECIPE
from reports.leaderboards.notes import origins
from reports.leaderboards.results import read_results
from zoo import UserError

SMALL = {"filters": 8, "depth": 1, "dense1": 16, "dense2": 16}
QUIET = benchmark.RunOptions(progress=False)


@pytest.fixture(scope="module")
def stored(data: Path) -> Path:
    """A store with the runs of a perceptron and a small network on that data."""
    runs = data.parent / "runs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "work", in_this_process)
        for name, settings in (("mlp", {}), ("bayes", SMALL)):
            (run,) = benchmark.run(
                name, data, settings={"epochs": 2, "batch_size": 16, **settings}, runs=runs, options=QUIET
            )
            assert run.record.status == "ok", run.record.error
    return runs


@pytest.fixture(autouse=True)
def no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "work", in_this_process)


def train(members: str, data: Path, runs: Path, **changes: Any) -> list[StoredRun]:
    settings = {"epochs": 1, "batch_size": 16, "augmentation": "none", **changes.pop("settings", {})}
    options = JointOptions(changes.pop("name", None), QUIET)
    return ensembles.train(members, data, settings=settings, runs=runs, options=options, **changes)


def said(run: StoredRun) -> np.ndarray:
    found = run.predictions("test")
    assert found is not None
    return found.probabilities


def one(runs: Path, name: str) -> StoredRun:
    store = RunStore(runs)
    (run,) = store.resolve(store.find_dataset("bright"), name)
    return run


def test_it_starts_from_the_stored_networks(data: Path, stored: Path) -> None:
    (run,) = train("mlp,bayes", data, stored, name="still", settings={"learning_rate": 1e-8})
    assert run.record.status == "ok", run.record.error
    average = ensembles.build("mlp,bayes", runs=stored, name="average-of-both")
    np.testing.assert_allclose(said(run), said(average), atol=1e-4)
    assert run.record.parameters == average.record.parameters
    assert run.config.weights == "members"


def test_every_member_learns_and_the_best_epoch_is_kept(data: Path, stored: Path) -> None:
    (run,) = train("mlp,bayes", data, stored, settings={"epochs": 4, "learning_rate": 1e-2})
    assert run.config.model == "mlp+bayes:joint"
    assert run.config.kind == "joint"
    losses = run.history()["validation_loss"]
    assert len(losses) == run.record.epochs == 4
    assert run.record.best_epoch == int(np.argmin(losses)) + 1
    validation = run.predictions("validation")
    assert validation is not None
    assert validation.labels is not None
    assert log_loss(validation.probabilities, validation.labels) == pytest.approx(min(losses), rel=1e-4)
    trained = load_model(run.model_file())
    members = [layer for layer in trained.layers if layer.name.startswith("member_")]
    origins = [load_model(one(stored, name).model_file()) for name in ("mlp", "bayes")]
    for member, origin in zip(members, origins, strict=True):
        for now, before in zip(member.trainable_weights, origin.trainable_weights, strict=True):
            assert np.abs(np.asarray(now) - np.asarray(before)).max() > 0
    settings = run.config.training
    assert settings is not None
    assert (settings.optimizer, settings.loss, settings.schedule, settings.patience) == (
        "adam", "cross_entropy", "plateau", 20
    )  # fmt: skip
    assert RECIPE.learning_rate == 1e-4


def test_what_is_stored_is_not_trained_again(data: Path, stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (first,) = train("mlp,bayes", data, stored, name="once")
    monkeypatch.setattr(runner, "work", None)
    (again,) = train("mlp,bayes", data, stored, name="once")
    assert again.path == first.path


def test_the_hash_covers_members_and_training() -> None:
    hashes = {
        RunConfig(dataset="d", fingerprint="0" * 8, model="j", kind="joint", **changes).hash
        for changes in (
            {},
            {"members": ("a-12345678", "b-12345678")},
            {"members": ("b-12345678", "a-12345678")},
            {"hyperparameters": {"a.units": 3}},
        )
    }
    assert len(hashes) == 4


def test_a_model_that_is_not_stored_starts_anew(data: Path, stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match="joint training is float32"):
        JointOptions(run=benchmark.RunOptions(precision="bfloat16"))
    options = JointOptions("half-new", benchmark.RunOptions())
    settings = {"epochs": 1, "dropout": 0.1, "images": 30}
    (run,) = ensembles.train("bayes,cnn4", data, settings=settings, runs=stored, options=options)
    assert run.record.status == "ok", run.record.error
    assert run.config.members == (one(stored, "bayes").path.parent.name, "cnn4")
    assert run.config.hyperparameters["cnn4.dropout"] == 0.1
    assert run.config.weights == "members+random"
    shown = " ".join(capsys.readouterr().out.split())
    assert f"bayes starts from {run.config.members[0]}" in shown
    assert "cnn4 starts from initial weights, because it is not stored for this data" in shown


def test_reports_and_ensembles_take_it_for_one_network(data: Path, stored: Path) -> None:
    names = [one(stored, name).name for name in ("mlp", "bayes")]
    (run,) = train(",".join(names), data, stored, name="from-runs")
    assert run.config.members == tuple(names)
    ensembles.build("mlp,bayes", runs=stored, name="beside")
    ensembles.build("from-runs,mlp", runs=stored, name="above")
    store, dataset = RunStore(stored), f"{run.config.dataset}-{run.config.fingerprint}"
    assert all(sibling.config.kind == "ensemble" for sibling in take_apart(store, dataset, "beside").siblings())
    assert [network.name for network in take_apart(store, dataset, "above").networks([0])] == [run.name]
    sentence = f"from-runs is one network, trained on from {', '.join(names)}"
    assert sentence in origins(read_results(stored, "bright"))


def test_each_seed_starts_from_its_own(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    for seed in (0, 1):
        run = store_model(store, "a", 20, 20, seed=seed)
        (run.path / "model.keras").write_text("x")
    name = run.path.parent.name
    joint = config("j", kind="joint", members=(name, "cnn4"))
    with pytest.raises(UserError, match=f"{name} has no run with seed 2 to start from"):
        starting_files(store, joint, 2)
    with pytest.raises(UserError, match=r"seed-1/model\.keras is damaged"):
        starting_files(store, joint, 1)
    assert starting_files(store, config("a"), 0) == ()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["mlp"], "joint training needs at least two members, got mlp"),
        (["mlp,mlp"], "member mlp is given twice"),
        (["mlp,bays"], "did you mean bayes?"),
        (["mlp,mlp/seed-0"], "two of the members start from mlp-"),
        (["mlp,bayes", "--name", "all"], "all is the name of another run or model"),
        (["mlp,pair"], "pair is not a single network"),
        (["mlp,theirs"], "theirs is not a single network"),
        (["mlp,bayes:refit"], "bayes:refit was trained on validation too"),
        (["mlp,bayes", "--seeds", "2"], "mlp has no run with seed 1 to start from: run it, or name mlp-"),
        (["mlp,bayes", "--set", "dropout=0.1"], "unknown training setting 'dropout'"),
        (["mlp,bayes", "--set", "views=2"], "joint training has no views"),
        (["mlp,bayes", "--set", "distillation=0.9"], "joint training has no distillation"),
        (["mlp,bayes", "--set", "duplicates=drop"], "was trained on duplicates of validation and test images"),
        (["mlp,bayes", "--set", "copies=2", "--set", "augmentation=none"], "copies need an augmentation"),
        (["mlp,bayes", "--set", "epochs=none"], "epochs"),
        (["mlp,bayes", "--name", "pair"], "pair is the name of another run or model"),
        (["mlp,bayes", "--preset", "quik"], "did you mean quick?"),
        (["mlp,bayes", "--size", "20"], "not on bright-"),
        (["mlp,bayes", "--data", "nowhere.csv"], "nowhere.csv"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_are_one_line(
    argv: list[str], message: str, data: Path, stored: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(runner, "work", None)  # nothing is started
    run = ensembles.build("mlp,bayes", runs=stored, name="pair")
    store = RunStore(stored)
    if not any(other.config.kind == "external" for other in store.runs(store.find_dataset("bright"))):
        refit = replace(one(stored, "bayes").config, refit=True)
        store_run(store, refit, [found for split in ("test",) if (found := run.predictions(split))])
        asked = RunConfig(run.config.dataset, run.config.fingerprint, "theirs", kind="external")
        store_run(store, asked, [found for split in ("validation", "test") if (found := run.predictions(split))])
    given = argv if "--data" in argv else [*argv, "--data", str(data)]
    assert cli.main(["train", *given, "--runs", str(stored)]) == 2
    shown = capsys.readouterr()
    assert message in shown.err
    assert shown.err.count("\n") == 1


def test_scikit_learn_cannot_start_anew(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="mlp is not stored, and only networks can start from initial weights"):
        train("mlp,bayes", data, tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_an_interrupted_one_goes_on(data: Path, stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "SHARE", math.inf)
    settings = {"epochs": 3, "learning_rate": 1e-2, "ema": 0.9}
    whole, interrupted = (Path(shutil.copytree(stored, tmp_path / name)) for name in ("whole", "interrupted"))
    (expected,) = train("mlp,bayes", data, whole, settings=settings)
    worker = InterruptedOnce(epoch=2)
    monkeypatch.setattr(runner, "work", worker)
    with pytest.raises(KeyboardInterrupt):
        train("mlp,bayes", data, interrupted, settings=settings)
    (found,) = train("mlp,bayes", data, interrupted, settings=settings)
    assert worker.resumed == [1]
    np.testing.assert_allclose(said(found), said(expected), atol=1e-5)
    assert found.history()["validation_loss"] == pytest.approx(expected.history()["validation_loss"])
