"""Folds, refits, test-time augmentation and which models stay, from request to store; jobs are done in this process."""

import csv
import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bright_images import in_this_process, write_bright

import benchmark
import reports
from benchmark.files.checksums import DamagedError, checksum
from benchmark.metrics import log_loss
from benchmark.running import runner
from benchmark.running.events import Send
from benchmark.running.job import Job
from benchmark.running.run_inputs import repeated_rates
from benchmark.running.supervision import JobResult, Limits
from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun
from zoo import ModelSpec, UserError, get_model


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An .npz of 8x8 images whose brightness tells their class; ids of the splits collide."""
    return write_bright(tmp_path, "tiny", edge=8, noise=40)


@pytest.fixture(autouse=True)
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """Do the jobs here instead of in worker processes, and list them."""
    done: list[Job] = []

    def work(job: Job, send: Send, _: Limits) -> JobResult:
        done.append(Job.from_json(json.loads(json.dumps(job.to_json()))))
        (job.outputs.directory / "log.txt").touch()
        return in_this_process(job, send)

    monkeypatch.setattr(runner, "work", work)
    return done


def run(data: Path, models: str = "mlp", seeds: int = 1, **options: Any) -> list[StoredRun]:
    settings = {"epochs": 3, "batch_size": 16, **options.pop("settings", {})}
    chosen = benchmark.RunOptions(progress=False, cache=None, **options)
    return benchmark.run(models, data, seeds=seeds, settings=settings, runs=data.parent / "runs", options=chosen)


def store(data: Path) -> RunStore:
    return RunStore(data.parent / "runs")


def history(run: StoredRun) -> list[dict[str, str]]:
    with (run.path / "history.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_folds_are_one_run_with_predictions_of_all_labelled_images(data: Path) -> None:
    (stored,) = run(data, folds=4)
    validation, test = stored.predictions("validation"), stored.predictions("test")
    assert (len(validation.sample_ids), len(test.sample_ids)) == (90, 30)
    assert len(set(validation.sample_ids.tolist())) == 90
    rows = history(stored)
    assert [(row["fold"], row["epoch"]) for row in rows] == [(str(f), str(e)) for f in (1, 2, 3, 4) for e in (1, 2, 3)]
    record = stored.record
    (ordinary,) = run(data)
    assert (record.best_epoch, record.epochs) == (None, None)
    assert record.parameters == ordinary.record.parameters
    assert record.model_bytes == ordinary.record.model_bytes
    assert record.flops == 4 * ordinary.record.flops
    assert stored.model is None
    assert ordinary.model is not None
    assert [run.path for run in store(data).resolve(store(data).find_dataset(), "mlp:4-folds")] == [stored.path]
    assert [run.path for run in store(data).resolve(store(data).find_dataset(), "mlp")] == [ordinary.path]
    assert run(data, folds=4)[0].path == stored.path, "what is stored is not trained again"


def test_each_folds_epoch_is_the_one_of_lowest_loss_there(data: Path) -> None:
    """The stored out-of-fold loss is the mean of the folds' lowest losses, each weighted by its images."""
    (stored,) = run(data, folds=3)
    lowest = [min(float(row["validation_loss"]) for row in history(stored) if row["fold"] == fold) for fold in "123"]
    predicted = stored.predictions("validation")
    assert log_loss(predicted.probabilities, predicted.labels) == pytest.approx(np.mean(lowest), rel=1e-5)


def test_a_refit_repeats_the_epochs_that_validation_chose(data: Path, jobs: list[Job]) -> None:
    ordinary, refit = run(data, refit=True, settings={"epochs": 6, "learning_rate": 0.03, "patience": 2})
    best = ordinary.record.best_epoch
    rates = [float(row["learning_rate"]) for row in history(ordinary)[:best]]
    assert jobs[-1].variant.rates == (tuple(rates),)
    assert [float(row["learning_rate"]) for row in history(refit)] == rates
    assert (refit.record.best_epoch, refit.record.epochs) == (best, best)
    assert refit.predictions("validation") is None
    assert len(refit.predictions("test").sample_ids) == 30
    assert refit.model is not None
    assert refit.record.milliseconds_per_image > 0
    assert np.abs(refit.predictions("test").probabilities - ordinary.predictions("test").probabilities).max() > 1e-3
    count = len(jobs)
    again = run(data, refit=True, settings={"epochs": 6, "learning_rate": 0.03, "patience": 2})
    assert [run.path for run in again] == [ordinary.path, refit.path]
    assert len(jobs) == count


def test_the_leaderboard_says_that_a_refit_has_no_validation_score(data: Path) -> None:
    from reports.leaderboards.pages import text_page
    from reports.leaderboards.results import read_results

    run(data, refit=True)
    page = " ".join(text_page(read_results(data.parent / "runs"), data.parent / "runs").split())
    assert "mlp:refit: no validation score, trained on validation as well (--refit)" in page
    board = reports.leaderboard(data.parent / "runs").set_index("model")
    assert np.isnan(board.loc["mlp:refit", "validation_accuracy"])
    assert board.loc["mlp:refit", "test_accuracy"] > 0


def test_a_refit_of_a_run_without_its_history_is_no_failure_of_its_own(data: Path) -> None:
    (ordinary,) = run(data)
    path = ordinary.path / "history.csv"
    whole = path.read_bytes()
    path.write_bytes(whole + b"\n")
    _, refit = run(data, refit=True)
    assert "history.csv is damaged" in refit.record.error
    path.write_bytes(whole)
    _, refit = run(data, refit=True)
    assert refit.record.status == "ok"


def test_a_refit_of_a_failed_run_fails_with_it(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed, refit = run(data, "cnn7", refit=True)
    assert "cnn7 needs images" in failed.record.error
    assert refit.record.error == "there is no run to repeat: cnn7 seed 0 failed, --retry-failed tries it again"


def test_a_refit_needs_a_test_split(data: Path) -> None:
    with np.load(data) as arrays:
        np.savez(data, **{name: arrays[name] for name in arrays if not name.startswith("test")})
    with pytest.raises(UserError, match="tiny has no test split, and a refit predicts nothing else: leave --refit out"):
        run(data, refit=True)
    assert not store(data).root.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"folds": 1}, "folds must be between 2 and 100, got 1"),
        ({"folds": 91}, "91 folds need as many labelled images, tiny has 90"),
        ({"folds": 2, "refit": True}, "leave --refit or --folds out"),
        ({"tta": ("flop",)}, "unknown test-time augmentation 'flop': did you mean flip"),
        ({"keep_model": "most"}, "unknown choice of models to keep 'most'"),
    ],
)
def test_what_will_not_do_is_said_before_anything_is_written(data: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        run(data, **options)
    assert not store(data).root.exists()


def test_a_search_takes_ordinary_runs_only() -> None:
    with pytest.raises(UserError, match="folds, refit, cycles and tta belong to `run`"):
        benchmark.TuneOptions("random", 1, benchmark.RunOptions(progress=False, folds=3))


def test_views_are_predicted_in_the_same_job(data: Path, jobs: list[Job]) -> None:
    plain, flip, crops = run(data, tta=("flip", "tencrop"))
    assert len(jobs) == 1
    assert [run.config.title for run in (plain, flip, crops)] == ["mlp", "mlp:flip", "mlp:tencrop"]
    for split in ("validation", "test"):
        differences = np.abs(flip.predictions(split).probabilities - plain.predictions(split).probabilities)
        assert 1e-4 < differences.max() < 0.9
        np.testing.assert_array_equal(flip.predictions(split).sample_ids, plain.predictions(split).sample_ids)
        np.testing.assert_array_equal(flip.predictions(split).labels, plain.predictions(split).labels)
    assert flip.record.flops == 2 * plain.record.flops
    assert crops.record.flops == 10 * plain.record.flops
    assert (flip.record.best_epoch, flip.record.epochs) == (plain.record.best_epoch, plain.record.epochs)
    assert flip.record.durations["train"] == plain.record.durations["train"]
    assert sorted(path.name for path in flip.path.iterdir()) == ["record.json", "test.npz", "validation.npz"]
    assert set(reports.leaderboard(data.parent / "runs")["model"]) == {"mlp", "mlp:flip", "mlp:tencrop"}
    assert [len(store(data).resolve(store(data).find_dataset(), name)) for name in ("mlp", "mlp:flip")] == [1, 1]


def test_views_of_folds(data: Path) -> None:
    folds, flip = run(data, folds=3, tta=("flip",))
    assert flip.config.title == "mlp:3-folds:flip"
    assert len(flip.predictions("validation").sample_ids) == 90
    assert flip.record.flops == 2 * folds.record.flops


def linear(input_shape: tuple[int, int, int], classes: int) -> Any:
    import keras

    inputs = keras.Input(input_shape)
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    return keras.Model(inputs, keras.layers.Dense(classes, activation="softmax")(x))


@pytest.mark.parametrize("name", ["mlp", "linear"])
def test_views_from_a_stored_model_are_those_of_the_same_job(
    data: Path, jobs: list[Job], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = {"mlp": get_model("mlp"), "linear": ModelSpec("linear", "here", 195, build=linear)}
    for module in ("benchmark.running.planning", "benchmark.running.trainer_factory"):
        monkeypatch.setattr(f"{module}.get_model", lambda name, *_: models[name])
    (plain,) = run(data, name)
    _, later = run(data, name, tta=("flip",))
    assert [job.variant.trained for job in jobs] == [None, plain.path]
    other = data.parent / "other"
    options = benchmark.RunOptions(progress=False, cache=None, tta=("flip",))
    settings = {"epochs": 3, "batch_size": 16}
    _, same_job = benchmark.run(name, data, settings=settings, runs=other, options=options)
    np.testing.assert_allclose(
        later.predictions("test").probabilities, same_job.predictions("test").probabilities, atol=1e-5
    )
    facts = ("parameters", "flops", "model_bytes", "best_epoch", "epochs")
    assert [getattr(later.record, fact) for fact in facts] == [getattr(same_job.record, fact) for fact in facts]
    assert later.record.durations["train"] == plain.record.durations["train"]
    assert len(jobs) == 3


def test_views_of_a_run_without_its_model_are_refused(data: Path, jobs: list[Job]) -> None:
    (plain,) = run(data, keep_model="none")
    assert plain.model is None
    again, failed = run(data, tta=("flip",))
    assert again.path == plain.path
    assert failed.record.error == (f"{plain.name} was stored without its model: remove {plain.path} to train it again")
    assert len(jobs) == 1
    shutil.rmtree(plain.path)
    assert [made.record.status for made in run(data, tta=("flip",))] == ["ok", "ok"], "as the message says"
    assert run(data, keep_model="none", tta=("flip",), settings={"epochs": 2})[1].record.status == "ok"


def test_views_of_another_model_than_was_stored_are_refused(data: Path, jobs: list[Job]) -> None:
    (plain,) = run(data)
    assert plain.model is not None
    plain.model.write_bytes(plain.model.read_bytes() + b" ")
    _, failed = run(data, tta=("flip",))
    assert "is damaged: it is not the file that was stored" in str(failed.record.error)
    assert len(jobs) == 1
    assert list(plain.path.parent.parent.glob("*/*.failed-*")) == []


def test_a_damaged_run_does_not_end_a_command_that_keeps_the_best_model(data: Path) -> None:
    (first,) = run(data)
    (first.path / "validation.npz").write_bytes(b"torn")
    _, second = run(data, seeds=2, keep_model="best")
    assert second.record.status == "ok"
    assert second.model is not None
    assert first.model.exists()


def losses(runs: list[StoredRun]) -> list[float]:
    found = [run.predictions("validation") for run in runs]
    return [log_loss(predicted.probabilities, predicted.labels) for predicted in found]


def test_the_best_seeds_model_is_kept(data: Path) -> None:
    runs = run(data, seeds=4, keep_model="best")
    kept = [run.model is not None for run in runs]
    assert kept == [position == int(np.argmin(losses(runs))) for position in range(4)]
    assert [stored.check_files() for stored in runs] == [[]] * 4
    for stored in store(data).runs(store(data).find_dataset()):
        assert set(stored.record.files) == {path.name for path in stored.path.iterdir()} - {"record.json"}
        for name, known in stored.record.files.items():
            assert hashlib.sha256((stored.path / name).read_bytes()).hexdigest() == known


def test_models_from_before_the_command_compete_and_stay(data: Path) -> None:
    everything = run(data, seeds=4)
    order = np.argsort(losses(everything))
    for position in order[1:]:
        for path in sorted(everything[position].path.rglob("*")):
            path.unlink()
        everything[position].path.rmdir()
    runs = run(data, seeds=4, keep_model="best")
    assert [run.model is not None for run in runs] == [position == order[0] for position in range(4)]
    # The other way round: an earlier model that is not the best stays beside the best one.
    worst = benchmark.run(
        "mlp", data, seeds=[int(order[-1])], settings={"epochs": 3, "batch_size": 16}, runs=data.parent / "second",
        options=benchmark.RunOptions(progress=False, cache=None),
    )[0]  # fmt: skip
    chosen = benchmark.RunOptions(progress=False, cache=None, keep_model="best")
    runs = benchmark.run(
        "mlp", data, seeds=4, settings={"epochs": 3, "batch_size": 16}, runs=data.parent / "second", options=chosen
    )
    assert worst.model is not None
    assert [position for position, run in enumerate(runs) if run.model] == sorted([int(order[0]), int(order[-1])])


def test_a_refits_model_is_judged_by_the_run_it_repeats(data: Path) -> None:
    runs = run(data, seeds=3, refit=True, keep_model="best")
    best = int(np.argmin(losses(runs[:3])))
    assert [run.model is not None for run in runs] == 2 * [position == best for position in range(3)]


def stored_history(data: Path, text: str, best_epoch: int) -> StoredRun:
    (stored,) = run(data)
    (stored.path / "history.csv").write_text(text)
    files = {**stored.record.files, "history.csv": checksum(stored.path / "history.csv")}
    return StoredRun(stored.path, replace(stored.record, best_epoch=best_epoch, files=files))


@pytest.mark.parametrize(
    ("best_epoch", "expected"),
    [(2, ((0.1, 0.2),)), (5, ((0.1, 0.2), (0.4, 0.5)))],
    ids=["best in the first stage", "best in the second"],
)
def test_rates_of_two_stages(data: Path, best_epoch: int, expected: Any) -> None:
    """The second stage goes on from the first one's best epoch; one after the kept epoch is not repeated."""
    losses = {2: "3 1 2 1.5 1.2 1.3", 5: "3 1 2 1.5 0.9 1.3"}[best_epoch].split()
    rows = [f"{1 if epoch <= 3 else 2},{epoch},{epoch / 10},{loss}" for epoch, loss in enumerate(losses, start=1)]
    text = "\n".join(["stage,epoch,learning_rate,validation_loss", *rows, ""])
    assert repeated_rates(stored_history(data, text, best_epoch)) == expected


@pytest.mark.parametrize("text", ["", "epoch,learning_rate\n1,0.1\n", "epoch,learning_rate,validation_loss\n1,x,1\n"])
def test_a_damaged_history_is_one_line(data: Path, text: str) -> None:
    with pytest.raises(DamagedError, match=r"history.* is damaged"):
        repeated_rates(stored_history(data, text, 1))


def test_rates_are_those_that_were_stored(data: Path) -> None:
    (stored,) = run(data)
    assert repeated_rates(stored)
    path = stored.path / "history.csv"
    path.write_text(path.read_text().replace("0.001", "0.002"))
    with pytest.raises(DamagedError, match="its checksum is not that"):
        repeated_rates(stored)
