"""Cycles of a training: each goes on from the weights of the one before; jobs are done in this process."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bright_images import in_this_process, write_bright
from jobs import changed, job_of

import benchmark
import ensembles
import reports
from benchmark.dataset import Dataset, Split
from benchmark.files.checksums import checksum
from benchmark.records import RunConfig
from benchmark.running import engines, network_training, runner
from benchmark.running.coordinator import STARTED_FROM
from benchmark.running.events import Send
from benchmark.running.job import Job, RunVariant
from benchmark.running.run_options import RunOptions
from benchmark.running.supervision import JobResult, Limits
from benchmark.running.trainer_factory import TrainerFactory, _take_weights
from benchmark.store.stored_run import StoredRun
from benchmark.training import epoch_loop
from ensembles.costs import cost, training_seconds
from zoo import UserError, get_model

SLOWEST = 1e-8
"""The lowest learning rate there is: with it weights stay as they are, to what float32 can tell."""

COSINE = {"schedule": "cosine", "epochs": 3, "learning_rate": 0.01}


def tiny(directory: Path) -> Path:
    """An .npz of 8x8 images whose brightness tells their class."""
    return write_bright(directory, "tiny", edge=8, noise=40)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tiny(tmp_path)


@pytest.fixture(scope="module", autouse=True)
def jobs() -> Iterator[list[Job]]:
    """Do the jobs here instead of in worker processes, and list them, the latest last."""
    done: list[Job] = []

    def work(job: Job, send: Send, _: Limits) -> JobResult:
        done.append(Job.from_json(json.loads(json.dumps(job.to_json()))))
        (job.outputs.directory / "log.txt").touch()
        return in_this_process(job, send)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "work", work)
        yield done


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> list[StoredRun]:
    """Three cycles of one training, in a store of their own."""
    return run(tiny(tmp_path_factory.mktemp("three")), settings=COSINE, cycles=3)


def linear(input_shape: tuple[int, int, int], classes: int) -> Any:
    import keras

    inputs = keras.Input(input_shape)
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    return keras.Model(inputs, keras.layers.Dense(classes, activation="softmax")(x))


def run(
    data: Path, models: str | Callable[..., Any] = linear, settings: dict[str, Any] | None = None, **options: Any
) -> list[StoredRun]:
    chosen = {"epochs": 2, "batch_size": 16, **(settings or {})}
    options = {"progress": False, "cache": None, **options}
    return benchmark.run(models, data, settings=chosen, runs=data.parent / "runs", **options)


def test_a_cycle_starts_from_the_weights_that_the_one_before_kept(data: Path, jobs: list[Job]) -> None:
    first, flipped, second, second_flipped = run(data, settings={"learning_rate": SLOWEST}, cycles=2, tta=("flip",))
    assert [one.config.title for one in (first, flipped)] == ["linear", "linear:flip"]
    assert [one.config.title for one in (second, second_flipped)] == ["linear:cycle-2", "linear:cycle-2:flip"]
    assert [job.variant.start for job in jobs[-2:]] == [None, first.model]
    for split in ("validation", "test"):
        predicted = [one.predictions(split).probabilities for one in (first, second)]
        np.testing.assert_allclose(*predicted, atol=1e-5)
    assert second_flipped.record.train_seconds == second.record.train_seconds > second.record.durations["train"]
    # With other first weights it would not have these predictions.
    (other,) = run(data, settings={"learning_rate": SLOWEST}, seeds=[1])
    differences = other.predictions("test").probabilities - first.predictions("test").probabilities
    assert np.abs(differences).max() > 0.05


def test_each_cycle_has_the_whole_schedule(three: list[StoredRun]) -> None:
    columns = [one.history() for one in three]
    assert columns[0]["learning_rate"] == pytest.approx([0.01, 0.0075, 0.0025])
    assert columns[1]["learning_rate"] == columns[2]["learning_rate"] == columns[0]["learning_rate"]
    assert columns[2]["loss"][0] < columns[1]["loss"][0] < columns[0]["loss"][0]


def test_each_cycle_draws_other_numbers(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the order of its images, augmentation and dropout."""
    drawn: list[int] = []

    def fit(trainer: Any, settings: Any, samples: Any, seed: int, *rest: Any) -> Any:
        drawn.extend((trainer.seed, seed))
        return epoch_loop.fit(trainer, settings, samples, seed, *rest)

    monkeypatch.setattr(network_training, "fit", fit)
    _, second = run(data, settings={"epochs": 1}, cycles=2)
    other = RunVariant(second.config, 0).cycle_seed
    assert drawn == [0, 0, other, other]
    seeds = [RunVariant(replace(second.config, cycle=cycle), seed).cycle_seed for cycle in (1, 2, 3) for seed in (0, 1)]
    assert len(set(seeds)) == 6


def test_stored_cycles_are_not_trained_again(three: list[StoredRun], jobs: list[Job]) -> None:
    done = len(jobs)
    again = run(store_of(three).parent / "tiny.npz", settings=COSINE, cycles=2)
    assert [one.path for one in again] == [one.path for one in three[:2]]
    assert len(jobs) == done


def test_the_time_of_a_cycle_includes_those_before_and_an_ensemble_counts_each_once(three: list[StoredRun]) -> None:
    first, second, third = three
    trained = [one.record.durations["train"] for one in three]
    assert second.record.train_seconds == pytest.approx(sum(trained[:2]))
    assert third.record.train_seconds == pytest.approx(sum(trained))
    assert training_seconds([first, third]) == pytest.approx(sum(trained))
    spent = cost(three)
    assert spent.train_hours == pytest.approx(sum(trained) / 3600)
    assert spent.parameters == 3 * first.record.parameters
    board = reports.leaderboard(store_of(three)).set_index("model")
    assert board.loc["linear:cycle-3", "train_seconds"] == pytest.approx(sum(trained))
    built = ensembles.build("linear,linear:cycle-2,linear:cycle-3", runs=store_of(three))
    assert built.record.durations["train"] == pytest.approx(sum(trained))


def store_of(runs: list[StoredRun]) -> Path:
    return runs[0].path.parents[2]


def test_side_by_side_each_cycle_waits_for_the_one_before(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once: list[int | None] = []

    def engine_of(source: Any, options: RunOptions, *rest: Any, **more: Any) -> Any:
        at_once.append(options.jobs)
        return engines.engine_of(source, options, *rest, **more)

    monkeypatch.setattr(runner, "engine_of", engine_of)
    runs = run(data, seeds=2, cycles=2, jobs=4)
    assert at_once == [2], "as many share the cores as can run at a time"
    assert [(one.config.cycle, one.record.seed, one.record.status) for one in runs] == [
        (cycle, seed, "ok") for cycle in (1, 2) for seed in (0, 1)
    ]


def test_a_model_of_scikit_learn_is_trained_once(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = benchmark.run(
        ["mlp", linear], data, settings={"epochs": 1, "batch_size": 16}, runs=data.parent / "runs", cycles=2, cache=None
    )
    assert [one.config.title for one in runs] == ["mlp", "linear", "linear:cycle-2"]
    said = " ".join(capsys.readouterr().out.split())
    assert "mlp: scikit-learn's models cannot go on from stored weights; trained once" in said


@pytest.mark.parametrize(
    ("models", "options", "message"),
    [
        (linear, {"cycles": 0}, "cycles must be between 1 and 100, got 0"),
        (linear, {"cycles": 2, "folds": 2}, "leave --folds and --refit out"),
        (linear, {"cycles": 2, "refit": True}, "leave --folds and --refit out"),
        (linear, {"cycles": 2, "keep_model": "none"}, "leave --keep-model out"),
        ("mlp", {"cycles": 2}, "mlp: scikit-learn's models cannot go on from stored weights, leave --cycles out"),
    ],
)
def test_what_will_not_do_is_said_before_anything_is_written(
    data: Path, models: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        run(data, models, **options)
    assert not (data.parent / "runs").exists()


def test_other_trainings_have_one_cycle() -> None:
    options = benchmark.RunOptions(progress=False, cycles=2)
    for refuses in (benchmark.TuneOptions, ensembles.JointOptions):
        with pytest.raises(UserError, match="cycle"):
            refuses(run=options)


def test_a_cycle_after_a_failed_one_fails_with_it(data: Path) -> None:
    failed, second = run(data, "cnn7", cycles=2)
    assert "cnn7 needs images" in failed.record.error
    assert second.record.error == "there is no run to go on from: cnn7 seed 0 failed, --retry-failed tries it again"


def test_a_cycle_needs_the_model_of_the_one_before(data: Path) -> None:
    (first,) = run(data, keep_model="none", settings={"epochs": 1})
    _, second = run(data, settings={"epochs": 1}, cycles=2)
    assert second.record.error.startswith(f"{first.name} has no model file")
    assert f"remove {first.path} and run it again" in second.record.error
    # The way out that it names; what it lacked was no failure that would have to be retried.
    shutil.rmtree(first.path)
    assert [one.record.status for one in run(data, settings={"epochs": 1}, cycles=2)] == ["ok", "ok"]


def test_a_cycle_says_which_model_it_started_from(three: list[StoredRun]) -> None:
    first, second, third = three
    assert STARTED_FROM not in first.record.provenance
    for before, after in ((first, second), (second, third)):
        assert after.record.provenance[STARTED_FROM] == checksum(before.model)


def test_a_job_that_is_sent_away_takes_all_its_files_along() -> None:
    here, names = Path("/here"), ("decoded", "weights_file", "start", "trained")
    job = job_of(RunConfig("tiny", "00000000", "linear"), Path("out"))
    job = changed(job, members=(("a", here / "member"),), **{name: here / name for name in names})
    sent = json.dumps(job.with_inputs(lambda path: Path("/there") / path.name).to_json())
    assert "/here" not in sent
    assert all(f"/there/{name}" in sent for name in ("member", *names))


def test_a_later_cycle_of_a_transfer_model_needs_no_other_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither ImageNet's, which cannot be downloaded everywhere, nor a file that is gone."""
    given: list[dict[str, Any]] = []

    def build(*_: Any, **options: Any) -> Any:
        given.append(options)
        raise UserError("enough")

    spec = replace(get_model("resnet"), build=build)
    monkeypatch.setattr("benchmark.running.trainer_factory.get_model", lambda *_: spec)
    first = changed(job_of(RunConfig("tiny", "00000000", "resnet", weights="imagenet"), Path("out")))
    images = Split("train", np.zeros((7, 48, 48, 1), np.uint8), np.arange(7), np.array(list("abcdefg")))
    dataset = Dataset("tiny", tuple("abcdefg"), images, replace(images, name="validation"))
    for job in (first, changed(first, start=Path("model.keras"), config=replace(first.variant.config, cycle=2))):
        with pytest.raises(UserError, match="enough"):
            TrainerFactory(job).new(dataset, lambda *_: None)
    assert [options["weights"] for options in given] == ["imagenet", "random"]


def test_a_stored_network_of_other_layers_is_one_line() -> None:
    with pytest.raises(UserError, match="has other layers than its model has now: remove here/seed-0 and run it again"):
        _take_weights(linear((8, 8, 1), 3), linear((9, 9, 1), 3), Path("here/seed-0/model.keras"))
