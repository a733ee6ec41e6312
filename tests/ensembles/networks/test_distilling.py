"""One network taught by stored ones: what it learns from, how it is stored, what is said of it, who cannot teach."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bright_images import InterruptedOnce, in_this_process
from stored_runs import config, predictions, store_run

import benchmark
import ensembles
from benchmark.data import ReadOptions, load
from benchmark.exporting import soft_target_worker
from benchmark.files.checksums import checksum
from benchmark.hardware import backend
from benchmark.records import RunConfig
from benchmark.running import runner
from benchmark.running.coordinator import STARTED_FROM
from benchmark.running.job import Job
from benchmark.running.planning import plan
from benchmark.running.recipes import training_command
from benchmark.running.supervision import JobResult
from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun
from benchmark.training import checkpoints
from benchmark.training.soft_targets import write_targets
from ensembles import DistillOptions, cli
from ensembles.networks import distilling, soft_targets
from reports.leaderboards.notes import notes, origins
from reports.leaderboards.results import read_results
from reports.pages.evaluation import evaluate
from reports.pages.model_page import _training
from zoo import UserError
from zoo.registry import get_model

SMALL = {"filters": 8, "depth": 1, "dense1": 16, "dense2": 16}
BRIEF = {"epochs": 2, "batch_size": 16, "augmentation": "none"}
QUIET = benchmark.RunOptions(progress=False)

jobs: list[Job] = []


def noted(job: Job, *call: Any) -> JobResult:
    jobs.append(job)
    return in_this_process(job, *call)


@pytest.fixture(scope="module")
def stored(data: Path) -> Path:
    """A store with a perceptron, a small network with its mirrored views, and ensembles of them."""
    runs = data.parent / "runs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "work", in_this_process)
        benchmark.run("mlp", data, settings={"epochs": 2, "batch_size": 16}, runs=runs, options=QUIET)
        views = replace(QUIET, tta=("flip",))
        benchmark.run("bayes", data, settings={**BRIEF, **SMALL}, runs=runs, options=views)
    ensembles.build("mlp,bayes", runs=runs, name="both")
    ensembles.build("mlp,bayes:flip", runs=runs, name="mirrored")
    ensembles.build("mlp,bayes", runs=runs, name="fitted", method="weighted")
    return runs


@pytest.fixture(autouse=True)
def no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs.clear()
    monkeypatch.setattr(runner, "work", noted)


def distill(teacher: str, data: Path, runs: Path, models: str = "bayes", **settings: Any) -> list[StoredRun]:
    asked = {**BRIEF, **SMALL, **settings}
    return ensembles.distill(teacher, models, data, settings=asked, runs=runs, options=DistillOptions(run=QUIET))


def one(runs: Path, name: str) -> StoredRun:
    store = RunStore(runs)
    (run,) = store.resolve(store.find_dataset("bright"), name)
    return run


def said(run: StoredRun) -> Any:
    found = run.predictions("validation")
    assert found is not None
    return found.probabilities


def test_an_ensemble_teaches_and_the_run_says_so(data: Path, stored: Path) -> None:
    (run,) = distill("both", data, stored, distillation=0.9)
    teacher = one(stored, "both")
    assert (run.record.status, run.config.title, run.config.teacher) == ("ok", "bayes:taught", teacher.name)
    assert run.record.parameters == one(stored, "bayes").record.parameters
    assert [name for name, _ in jobs[0].variant.members] == list(teacher.config.members)
    assert jobs[0].variant.teacher is not None
    assert [part["network"] for part in jobs[0].variant.teacher["parts"]] == [0, 1]
    assert run.record.config == RunConfig.from_json(run.config.to_json()) == run.config
    assert any("bayes:taught" in line and f"taught by {teacher.name}" in line for line in origins(read_results(stored)))
    store = RunStore(stored)
    assert not evaluate(store.snapshot(store.find_dataset("bright")), run.name, split="validation").remark
    words = training_command([run], "DATA")
    assert words is not None
    assert words[0] == f"python -m ensembles distill {teacher.name} bayes"
    assert "--set distillation=0.9" in words


def test_with_the_teacher_alone_it_comes_to_say_what_the_teacher_says(data: Path, stored: Path) -> None:
    fast = {"epochs": 40, "learning_rate": 1e-2, "patience": 0}
    (run,) = distill("mlp", data, stored, distillation=1.0, distillation_temperature=1.0, **fast)
    teacher, before = said(one(stored, "mlp")), said(one(stored, "bayes"))
    assert np.abs(said(run) - teacher).mean() < 0.5 * np.abs(before - teacher).mean()


def test_another_teacher_is_another_run_and_the_same_is_not_trained_again(data: Path, stored: Path) -> None:
    (first,) = distill("both", data, stored)
    made = len(jobs)
    (again,) = distill("both", data, stored)
    assert (again.path, len(jobs)) == (first.path, made)
    (other,) = distill("mlp", data, stored)
    assert other.config.hash != first.config.hash
    assert RunConfig("d", "0" * 8, "m").hash == RunConfig("d", "0" * 8, "m", teacher="").hash


def test_of_a_member_with_views_its_network_teaches(data: Path, stored: Path) -> None:
    (run,) = distill("mirrored", data, stored)
    assert run.record.status == "ok"
    assert [name for name, _ in jobs[0].variant.members] == [one(stored, "mlp").name, one(stored, "bayes").name]
    (by_views,) = distill("bayes:flip", data, stored)
    assert [name for name, _ in jobs[1].variant.members] == [one(stored, "bayes").name]
    (again,) = distill("bayes", data, stored)
    assert (again.path, again.config.teacher) == (by_views.path, one(stored, "bayes").name)


def test_what_is_stored_needs_no_teacher_any_more(data: Path, stored: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(stored, runs)
    (first,) = distill("both", data, runs, distillation=0.3)
    made = len(jobs)
    one(runs, "bayes").model_file().unlink()
    (again,) = distill("both", data, runs, distillation=0.3)
    assert (again.path, len(jobs)) == (first.path, made)
    options = DistillOptions(run=replace(QUIET, tta=("flip",)))
    settings = {**BRIEF, **SMALL, "distillation": 0.3}
    views = ensembles.distill("both", "bayes", data, settings=settings, runs=runs, options=options)
    assert [run.record.status for run in views] == ["ok", "ok"]
    with pytest.raises(UserError, match="bayes"):
        distill("both", data, runs, distillation=0.4)


def test_a_network_that_is_to_know_no_duplicates_needs_a_teacher_that_knows_none(data: Path, stored: Path) -> None:
    with pytest.raises(UserError, match=r"mlp was trained on duplicates .*duplicates=drop"):
        distill("mlp", data, stored, duplicates="drop")


def test_it_is_said_that_a_frozen_backbone_goes_without_views(data: Path) -> None:
    dataset = load(str(data), ReadOptions(), None)
    planned = plan([get_model("mobilenet025")], dataset, "paper", (0,), {"weights": "random"}, "t-12345678/seed-0")
    assert planned.configs[0].training is not None
    assert planned.configs[0].training.views == 0
    assert any("sees every image again" in note for note in planned.notes)
    alone = plan([get_model("mobilenet025")], dataset, "paper", (0,), {"weights": "random"})
    assert alone.configs[0].training is not None
    assert alone.configs[0].training.views > 0


def test_views_of_the_taught_network(data: Path, stored: Path) -> None:
    options = DistillOptions(run=replace(QUIET, tta=("flip",)))
    settings = {**BRIEF, **SMALL, "distillation": 0.7}
    runs = ensembles.distill("both", "bayes", data, settings=settings, runs=stored, options=options)
    assert [run.config.title for run in runs] == ["bayes:taught", "bayes:taught:flip"]


def test_a_taught_network_goes_on_in_cycles(data: Path, stored: Path, tmp_path: Path) -> None:
    options = DistillOptions(run=replace(QUIET, cycles=2))
    settings = {**BRIEF, **SMALL, "distillation": 0.6}
    first, second = ensembles.distill("both", "bayes", data, settings=settings, runs=stored, options=options)
    assert [run.config.title for run in (first, second)] == ["bayes:taught", "bayes:cycle-2:taught"]
    teacher = one(stored, "both")
    assert second.config.teacher == first.config.teacher == teacher.name
    assert [job.variant.start for job in jobs] == [None, first.model]
    assert [name for name, _ in jobs[1].variant.members] == list(teacher.config.members)
    assert second.record.provenance[STARTED_FROM] == checksum(first.model_file())
    words = training_command([second], "DATA")
    assert words is not None
    assert words[0] == f"python -m ensembles distill {teacher.name} bayes"
    assert "--cycles 2" in words
    # What is published brings its teacher and the cycle before.
    benchmark.publish(tmp_path / "published", second.name, runs=stored)
    store = RunStore(tmp_path / "published")
    names = {run.name for run in store.runs(store.find_dataset("bright"))}
    assert names == {first.name, second.name, teacher.name, *teacher.config.members}


@pytest.fixture
def in_this_process_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(module: str, question: dict[str, Any]) -> dict[str, Any]:
        assert module == soft_targets.WORKER
        backend.start(seed=0)
        return soft_target_worker.predicted(json.loads(json.dumps(question)))

    monkeypatch.setattr(soft_targets, "ask", asked)


@pytest.mark.usefixtures("in_this_process_too")
def test_a_file_of_soft_targets_teaches_as_its_networks_would(data: Path, stored: Path, tmp_path: Path) -> None:
    file = tmp_path / "both.npz"
    written = ensembles.soft_targets("both", file, data, runs=stored)
    teacher = one(stored, "both")
    assert (written.teacher, written.images) == (teacher.name, len(load(str(data), ReadOptions(), None).train))
    assert 0.3 < written.accuracy <= 1
    (by_networks,) = distill("both", data, stored, distillation_images="plain")
    (by_file,) = distill(str(file), data, tmp_path / "elsewhere")
    # What can change a result is in the configuration: here half precision.
    assert by_file.config == replace(by_networks.config, teacher=f"{teacher.name}@{checksum(file)[:8]}")
    assert by_file.config.teacher_run == by_networks.config.teacher_run == teacher.name
    # It travels to a worker, also to one on another machine.
    sent = jobs[-1].with_inputs(lambda path: Path("/there") / path.name)
    assert sent == Job.from_json(json.loads(json.dumps(sent.to_json())))
    assert sent.variant.soft_targets is not None
    assert sent.variant.soft_targets.file == Path("/there/both.npz")
    np.testing.assert_allclose(said(by_file), said(by_networks), atol=2e-3)
    words = training_command([by_file], "DATA")
    assert words is not None
    assert words[0] == "python -m ensembles distill TARGETS.npz bayes"
    store = RunStore(tmp_path / "elsewhere")
    evaluation = evaluate(store.snapshot(store.find_dataset("bright")), by_file.name, split="validation")
    assert f"TARGETS.npz has what {teacher.name} said of the training images" in str(_training(evaluation))


def test_a_teacher_of_another_program_is_its_predictions(data: Path, stored: Path, tmp_path: Path) -> None:
    dataset = load(str(data), ReadOptions(), None)
    sure = np.eye(len(dataset.class_names))[dataset.train.labels]
    frame = pd.DataFrame(sure, columns=list(dataset.class_names)).assign(id=dataset.train.sample_ids)
    frame.sample(frac=1, random_state=0).to_csv(tmp_path / "theirs.csv", index=False)
    # From the teacher alone, of some of the images: each must get its own row.
    alone = {"epochs": 40, "learning_rate": 1e-2, "patience": 0, "distillation": 1.0, "images": 60}
    (run,) = distill(str(tmp_path / "theirs.csv"), data, stored, **alone)
    assert run.config.teacher.startswith("theirs@")
    assert np.mean(said(run).argmax(axis=1) == dataset.validation.labels) > 0.8
    (note,) = [line for line in notes(read_results(stored)) if "its teacher theirs" in line]
    assert "it is not known what it has seen" in note


def write_first_class(file: Path, data: Path) -> None:
    """Soft targets of a teacher that sees the first class in every image."""
    dataset = load(str(data), ReadOptions(), None)
    columns = {name: float(place == 0) for place, name in enumerate(dataset.class_names)}
    pd.DataFrame({"id": dataset.train.sample_ids}).assign(**columns).to_csv(file, index=False)


def test_a_frozen_backbones_head_learns_from_soft_targets(data: Path, stored: Path, tmp_path: Path) -> None:
    write_first_class(tmp_path / "first.csv", data)
    settings = {"epochs": 20, "batch_size": 16, "learning_rate": 0.05, "weights": "random", "distillation": 1.0}
    options = DistillOptions(run=QUIET)
    (run,) = ensembles.distill(
        tmp_path / "first.csv", "mobilenet025", data, settings=settings, runs=stored, options=options
    )
    assert "features" in run.record.durations
    assert said(run)[:, 0].min() > 0.9


def test_an_interrupted_one_goes_on_from_the_same_soft_targets(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "SHARE", math.inf)
    write_first_class(tmp_path / "first.csv", data)
    asked = {"epochs": 3, "distillation": 0.5, "mixup": 0.2}
    (expected,) = distill(str(tmp_path / "first.csv"), data, tmp_path / "whole", **asked)
    worker = InterruptedOnce(epoch=2)
    monkeypatch.setattr(runner, "work", worker)
    with pytest.raises(KeyboardInterrupt):
        distill(str(tmp_path / "first.csv"), data, tmp_path / "interrupted", **asked)
    (found,) = distill(str(tmp_path / "first.csv"), data, tmp_path / "interrupted", **asked)
    assert worker.resumed == [1]
    np.testing.assert_allclose(said(found), said(expected), atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"distillation_images": "augmented"}, "says nothing of augmented images"),
        ({"copies": 1, "augmentation": "flip"}, "says nothing of copies made beforehand"),
        ({"duplicates": "drop"}, r"the teacher of .*t.npz was trained on duplicates"),
    ],
)
def test_what_soft_targets_do_not_say(
    data: Path, stored: Path, tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    dataset = load(str(data), ReadOptions(), None)
    shape = (len(dataset.train), len(dataset.class_names))
    about = {"teacher": "t-12345678/seed-0", "duplicates": True}
    write_targets(tmp_path / "t.npz", np.full(shape, 1 / shape[1], np.float32), dataset, about)
    with pytest.raises(UserError, match=message):
        distill(str(tmp_path / "t.npz"), data, stored, **settings)
    with pytest.raises(UserError, match="a scikit-learn model cannot learn from a teacher"):
        ensembles.distill(tmp_path / "t.npz", "mlp", data, runs=stored)
    assert not jobs


@pytest.mark.parametrize(
    ("teacher", "output", "message"),
    [
        ("bothh", "t.npz", "did you mean both"),
        ("both", "t.csv", "soft targets are written as .npz, got t.csv"),
        ("both", "none/t.npz", "is no directory that one may write to"),
        ("again:refit", "t.npz", "again:refit was trained on validation too"),
        ("theirs", "t.npz", "theirs was imported and has no network"),
    ],
)
def test_soft_targets_that_cannot_be(
    data: Path, with_others: Path, tmp_path: Path, teacher: str, output: str, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        ensembles.soft_targets(teacher, tmp_path / output, data, runs=with_others)
    assert not (tmp_path / output).exists()


def test_the_command_for_soft_targets(
    data: Path, stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bayes.npz"  # written by a process of its own
    assert cli.main(["soft-targets", "bayes", "-o", str(file), "--data", str(data), "--runs", str(stored)]) == 0
    said = capsys.readouterr().out
    assert "training images" in said
    assert f"predicted by {one(stored, 'bayes').name}" in said
    # Later cycles and views of what such a file teaches are runs as any others.
    options = DistillOptions(run=replace(QUIET, cycles=2, tta=("flip",)))
    settings = {**BRIEF, **SMALL, "mixup": 0.2}
    runs = ensembles.distill(file, "bayes", data, settings=settings, runs=stored, options=options)
    names = ["bayes:taught", "bayes:taught:flip", "bayes:cycle-2:taught", "bayes:cycle-2:taught:flip"]
    assert [(run.config.title, run.record.status) for run in runs] == [(name, "ok") for name in names]


def test_what_a_fitted_teacher_has_seen_is_said(data: Path, stored: Path) -> None:
    (run,) = distill("fitted", data, stored)
    expected = "its teacher fitted was fitted on these validation images"
    ensembles.build(f"{run.name},mlp", runs=stored, name="above")
    found = notes(read_results(stored))
    assert any(line.startswith("bayes:taught") and expected in line for line in found)
    assert any(line.startswith("above: its member bayes:taught: ") and expected in line for line in found)
    store = RunStore(stored)
    assert evaluate(store.snapshot(store.find_dataset("bright")), run.name, split="validation").remark == expected


def test_a_teacher_that_is_not_there_any_more(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    taught = config("cnn4", teacher="gone-12345678/seed-0")
    store_run(store, taught, [predictions("validation", 9)])
    (note,) = [line for line in notes(read_results(tmp_path)) if "teacher" in line]
    assert (
        note == "cnn4:taught: its teacher gone-12345678/seed-0 is not stored here, so it is not known what it has seen"
    )


@pytest.fixture
def with_others(data: Path, stored: Path) -> Path:
    """The store, with runs that have no network or should not teach."""
    store, dataset = RunStore(stored), RunStore(stored).find_dataset("bright")
    if not any(run.config.model == "twice" for run in store.runs(dataset)):
        about = {"dataset": "bright", "fingerprint": dataset[-8:]}
        for seed in range(2):
            store_run(store, config("twice", **about), [predictions("test", 9)], seed=seed)
        kinds: dict[str, Any] = {"again": {"refit": True}, "theirs": {"kind": "external"}, "parts": {"folds": 3}}
        for name, kind in {**kinds, "bare": {}}.items():
            store_run(store, config(name, **about, **kind), [predictions("test", 9)])
    return stored


@pytest.mark.parametrize(
    ("teacher", "models", "settings", "message"),
    [
        ("bothh", "bayes", {}, "did you mean both"),
        ("both", "mlp", {}, "a scikit-learn model cannot learn from a teacher"),
        (
            "both",
            "mobilenet025",
            {"views": 2, "augmentation": "flip"},
            "views and fine_tune_blocks cannot be used with a teacher: leave them out",
        ),
        ("both", "bayes", {"distillation": 1.5}, "distillation must be"),
        ("twice", "bayes", {}, r"twice has 2 seeds: name one, twice-\w+/seed-0, or build an ensemble of all with `py"),
        ("again:refit", "bayes", {}, "again:refit was trained on validation too"),
        ("theirs", "bayes", {}, "theirs was imported and has no network"),
        ("parts:3-folds", "bayes", {}, "parts:3-folds is not a single network"),
        ("bare", "bayes", {}, "bare"),
    ],
)
def test_what_cannot_be(
    data: Path, with_others: Path, teacher: str, models: str, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        ensembles.distill(teacher, models, data, settings=settings, runs=with_others, options=DistillOptions(run=QUIET))
    assert not jobs


@pytest.mark.parametrize("run", [{"folds": 3}, {"refit": True}])
def test_neither_folds_nor_refits(run: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="distillation has no folds and no refit"):
        DistillOptions(run=replace(QUIET, **run))


def test_a_share_without_a_teacher_is_noticed(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = {**BRIEF, **SMALL, "distillation": 0.9}
    benchmark.run("bayes", data, settings=settings, runs=tmp_path)
    assert "bayes: distillation changes nothing without a teacher, see `ensembles distill`" in capsys.readouterr().out


def test_the_command(data: Path, stored: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    asked: dict[str, Any] = {}

    def noted(teacher: str, models: Any, **call: Any) -> list[StoredRun]:
        asked.update(call, teacher=teacher, models=models)
        return [one(stored, "bayes")]

    monkeypatch.setattr(distilling, "distill", noted)
    options = "--seeds 2 --tta flip --cycles 2 --set distillation=0.9"
    assert cli.main(f"distill both cnn4,bayes --data {data} --runs {stored} {options}".split()) == 0
    assert "leaderboard" in capsys.readouterr().out.lower()
    assert (asked["teacher"], asked["models"], asked["settings"]) == (
        "both",
        ["cnn4", "bayes"],
        {"distillation": "0.9"},
    )
    run = asked["options"].run
    assert (asked["options"].seeds, run.tta, run.cycles) == (2, ("flip",), 2)
