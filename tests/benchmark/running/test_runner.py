"""Runs from request to store, through real worker processes."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bright_images import write_bright
from jobs import changed, job_of

import benchmark
from benchmark.running import runner
from benchmark.running.train_and_predict import train_and_predict
from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun
from zoo import UserError, get_model

pytestmark = pytest.mark.usefixtures("warm_once")

QUIET = {"epochs": 3, "batch_size": 16}


def options(**changes: Any) -> benchmark.RunOptions:
    return benchmark.RunOptions(progress=False, **changes)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """An .npz of 8x8 images whose brightness tells their class."""
    return write_bright(tmp_path, "tiny", edge=8)


def run(tiny: Path, models: str = "mlp", **changes: Any) -> list[StoredRun]:
    settings = {**QUIET, **changes.pop("settings", {})}
    runs = tiny.parent / "runs"
    how = changes.pop("options", options())
    return benchmark.run(models, tiny, settings=settings, runs=runs, options=how, **changes)


def test_what_a_run_leaves(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # a process of its own, as users' single runs have
    (stored,) = run(tiny)
    assert stored.path.name == "seed-0"
    assert {path.name for path in stored.path.iterdir()} == {
        "record.json", "validation.npz", "test.npz", "history.csv", "history.json", "log.txt", "model.npz",
    }  # fmt: skip
    record = stored.record
    assert (record.status, record.epochs, record.seed) == ("ok", 3, 0)
    phases = {"start", "load", "build", "train", "validate", "predict", "store"}
    assert set(record.durations) == {*phases, "total"}
    assert record.durations["total"] == pytest.approx(sum(record.durations[phase] for phase in phases), abs=0.01)
    assert record.durations["start"] > 0.1, "with its imports"
    assert record.provenance["packages"]["scikit-learn"]
    assert record.milliseconds_per_image > 0
    assert record.milliseconds_one_image > 0
    assert record.parameters == 64 * 128 + 128 + 128 * 64 + 64 + 64 * 3 + 3
    assert record.model_bytes == 4 * record.parameters
    assert record.flops == 64 + 2 * (64 * 128 + 128 * 64 + 64 * 3) + 2 * (128 + 64 + 3)
    config = json.loads((stored.path.parent / "config.json").read_text())
    assert config["training"]["epochs"] == 3
    assert config["fingerprint"] == stored.config.fingerprint
    assert stored.predictions("validation").probabilities.shape == (30, 3)
    assert stored.predictions("test").labels is not None
    assert not list(stored.path.parent.glob(".*"))


def test_a_stored_run_is_skipped_and_another_config_is_not(tiny: Path) -> None:
    first = run(tiny)[0]
    stamp = (first.path / "record.json").stat().st_mtime_ns
    again = run(tiny)[0]
    assert again.path == first.path
    assert (again.path / "record.json").stat().st_mtime_ns == stamp
    assert run(tiny, settings={"learning_rate": 0.01})[0].path != first.path


def test_seeds_are_runs_of_one_configuration(tiny: Path) -> None:
    first, second = run(tiny, seeds=2)
    assert first.path.parent == second.path.parent
    assert np.abs(first.predictions("test").probabilities - second.predictions("test").probabilities).max() > 1e-3
    assert run(tiny, seeds=[1])[0].path == second.path


def test_one_failure_does_not_end_the_benchmark(tiny: Path) -> None:
    failed, stored = run(tiny, "cnn7,mlp")
    assert failed.record.status == "failed"
    assert failed.record.error.startswith("cnn7 needs images of at least 36x36")
    assert failed.path.name == "seed-0.failed-1"
    assert stored.record.status == "ok"
    store = RunStore(tiny.parent / "runs")
    dataset = store.find_dataset()
    assert [run.config.model for run in store.snapshot(dataset).failures] == ["cnn7"]
    assert [run.config.model for run in store.runs(dataset)] == ["mlp"]


@pytest.mark.parametrize(
    ("models", "changes", "message"),
    [
        ("mpl", {}, "did you mean mlp"),
        ("mlp", {"settings": {"epoch": "1"}}, "did you mean epochs"),
        ("mlp", {"seeds": 0}, "seeds must be"),
    ],
)
def test_a_bad_request_writes_nothing(tiny: Path, models: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        run(tiny, models, **changes)
    assert not (tiny.parent / "runs").exists()


def test_data_that_changes_between_plan_and_run_is_refused(tiny: Path) -> None:
    (stored,) = run(tiny)
    with np.load(tiny) as arrays:
        other = dict(arrays)
    other["train_images"] = other["train_images"][::-1]
    np.savez(tiny, **other)
    job = changed(job_of(stored.config, tiny.parent, str(tiny)), seed=5)
    with pytest.raises(UserError, match="has changed"):
        train_and_predict(job)


def test_labels_of_test_do_not_reach_what_is_chosen(tiny: Path) -> None:
    """Sealed and opened test sets: same dataset, same configuration, same probabilities."""
    (opened,) = run(tiny)
    with np.load(tiny) as arrays:
        np.savez(tiny, **{name: arrays[name] for name in arrays if name != "test_labels"})
    sealed = benchmark.run("mlp", tiny, settings=QUIET, runs=tiny.parent / "sealed", options=options())[0]
    assert sealed.config.hash == opened.config.hash
    assert sealed.config.fingerprint == opened.config.fingerprint
    assert sealed.predictions("test").labels is None
    np.testing.assert_allclose(
        sealed.predictions("test").probabilities, opened.predictions("test").probabilities, atol=1e-6
    )


def test_a_path_is_a_path_and_own_data_gets_the_models_own_recipe(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file called `faces` is not the built-in data, for the parent and for its workers."""
    monkeypatch.chdir(tiny.parent)
    tiny.rename("faces")
    (stored,) = benchmark.run("mlp", Path("faces"), settings={"epochs": 1}, runs="runs", options=options())
    assert stored.record.status == "ok", stored.record.error
    assert stored.config.training == get_model("mlp").training.with_changes({"epochs": 1})


def test_two_commands_share_the_work(tiny: Path) -> None:
    """Started at once on one store, one of them makes the run and the other takes it as it is."""
    argv = ["run", "mlp", "--data", str(tiny), "--epochs", "3", "--runs", str(tiny.parent / "runs")]
    command = [sys.executable, "-m", "benchmark", *argv]
    root = Path(__file__).parents[3]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) for _ in range(2)]
    shown = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], shown
    assert sum("done in" in text for text in shown) == 1, shown
    assert sum("stored already in" in text for text in shown) == 1, shown


def test_a_damaged_run_is_reported_and_the_others_go_on(tiny: Path) -> None:
    first, _ = run(tiny, seeds=2)
    (first.path / "record.json").write_text("{")
    damaged, whole, new = run(tiny, seeds=3)
    assert "is damaged" in damaged.record.error
    assert [whole.record.status, new.record.status] == ["ok", "ok"]
    assert (first.path / "record.json").read_text() == "{"


@pytest.mark.parametrize(("backend", "precision"), [("tensorflow", "auto"), ("jax", "bfloat16")])
def test_a_keras_model_end_to_end(tiny: Path, backend: str, precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    pytest.importorskip(backend)
    monkeypatch.setenv("KERAS_BACKEND", backend)  # of the worker; this process keeps its own
    monkeypatch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")  # most of the time goes into compiling

    with np.load(tiny) as arrays:
        larger = {name: np.kron(a, np.ones((1, 2, 2), np.uint8)) if a.ndim == 3 else a for name, a in arrays.items()}
    np.savez(tiny, **larger)
    settings = {"augmentation": "flip", "weight_decay": 1e-4, "mixup": 1.0, "ema": 0.9, "epochs": 1, "batch_size": 30}
    (stored,) = run(tiny, "cnn4", settings=settings, options=options(precision=precision))
    assert stored.record.status == "ok", stored.record.error
    model = keras.models.load_model(stored.path / "model.keras", safe_mode=True)
    predicted = model.predict(larger["test_images"][..., None].astype(np.float32), verbose=0)
    np.testing.assert_allclose(predicted, stored.predictions("test").probabilities, atol=1e-5)
    assert stored.record.parameters == model.count_params()
    made = stored.record.provenance
    assert (made["backend"], made["precision"]) == (backend, "float32" if precision == "auto" else precision)
    assert stored.record.milliseconds_one_image > 0
    # Compiling counts apart: neither the phase nor the epochs have it.
    durations, (row,) = stored.record.durations, json.loads((stored.path / "history.json").read_text())
    assert durations["compile"] > 0
    assert 0 < row["train_seconds"] < row["seconds"] < durations["train"] + durations["validate"] + 1e-3
    phases = [durations[name] for name in durations if name != "total"]
    assert durations["total"] == pytest.approx(sum(phases), abs=0.01)


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_a_transfer_model_end_to_end(tiny: Path, backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a file of weights to the leaderboard; the frozen base is that of the file to the end."""
    import keras

    import reports

    pytest.importorskip(backend)
    monkeypatch.setenv("KERAS_BACKEND", backend)  # of the worker; this process keeps its own
    monkeypatch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")  # most of the time goes into compiling
    base = keras.applications.MobileNet(include_top=False, weights=None, input_shape=(32, 32, 3), alpha=0.25)
    file = tiny.parent / "mine.weights.h5"
    base.save_weights(file)
    settings = {"weights": str(file), "input_size": 32, "epochs": 1, "batch_size": 30, "augmentation": "none"}
    (stored,) = run(tiny, "mobilenet025", settings=settings)
    assert stored.record.status == "ok", stored.record.error
    model = keras.models.load_model(stored.path / "model.keras", safe_mode=True)
    with np.load(tiny) as arrays:
        predicted = model.predict(arrays["test_images"][..., None].astype(np.float32), verbose=0)
    np.testing.assert_allclose(predicted, stored.predictions("test").probabilities, atol=1e-5)
    (kept,) = [layer for layer in model.layers if isinstance(layer, keras.Model)]
    for after, before in zip(kept.get_weights(), base.get_weights(), strict=True):
        np.testing.assert_array_equal(after, before)
    assert reports.leaderboard(tiny.parent / "runs")["weights"].tolist() == [stored.config.weights]
    assert stored.config.weights.startswith("mine-")


def test_without_imagenet_weights_that_model_alone_fails(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tiny.parent / "home"
    monkeypatch.setenv("KERAS_HOME", str(home))
    # A proxy that nobody answers at: the worker is without network, whatever this machine has.
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    failed, stored = run(tiny, "mobilenet025,mlp")
    assert "mobilenet_2_5_224_tf_no_top.h5 is not there" in failed.record.error
    assert str(home / "models") in failed.record.error
    assert (failed.config.weights, stored.record.status) == ("imagenet", "ok")


def test_a_clock_of_before_1980_is_one_line_before_anything_is_trained(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else Keras would fail to store the model, after the training."""
    monkeypatch.setattr(runner.time, "localtime", lambda: time.gmtime(0))
    with pytest.raises(UserError, match=r"this machine's clock says 1970, .* set the clock"):
        run(tiny, "cnn4")
    assert not (tiny.parent / "runs").exists()
