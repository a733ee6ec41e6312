"""The trial of precisions on a CPU: when it is made, what decides it, and that it leaves no trace in the training."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bright_images import write_bright
from jobs import changed, job_of

from benchmark import ReadOptions
from benchmark.data import load
from benchmark.hardware import backend
from benchmark.records import JOINT, RunConfig
from benchmark.running import precision_trial
from benchmark.running.job import Job
from benchmark.running.precision_trial import FEWEST_STEPS, faster_precision, worth_a_trial
from benchmark.running.train_and_predict import train_and_predict
from benchmark.running.trainer_factory import TrainerFactory
from benchmark.store.stored_models import load_model
from benchmark.store.stored_run import StoredRun
from zoo import TrainingSettings, get_model


@pytest.fixture(autouse=True)
def on_a_processor_with_bfloat16(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    import keras

    monkeypatch.setattr(backend, "cpu_has_bfloat16", lambda: True)
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_bright(tmp_path)


def job(data: Path, directory: str, model: str = "cnn4", **training: Any) -> Job:
    dataset = load(data, ReadOptions(), None)
    spec = get_model(model)
    settings = TrainingSettings(**{"epochs": 1, "batch_size": 30, **training})
    weights = "random" if spec.backbone else None
    values = spec.with_hyperparameters({"input_size": 32} if spec.backbone else {})
    config = RunConfig(
        dataset.name, dataset.fingerprint, model, hyperparameters=values, training=settings, weights=weights
    )
    (data.parent / directory).mkdir()
    return changed(job_of(config, data.parent / directory, str(data)), precision="auto")


def timed(monkeypatch: pytest.MonkeyPatch, bfloat16: float, float32: float = 1.0) -> list[str]:
    """Let steps take so many seconds; returns the precisions that were timed so far."""
    seen: list[str] = []

    def seconds(trainer: Any, *_: Any) -> float:
        seen.append(next(layer.compute_dtype for layer in trainer.model.layers if "conv" in layer.name))
        return {"bfloat16": bfloat16, "float32": float32}[seen[-1]]

    monkeypatch.setattr(precision_trial, "_seconds_a_step", seconds)
    return seen


def chosen(of: Job) -> str:
    dataset = load(of.data.source, of.data.reading, None)
    factory = TrainerFactory(of)

    def make(precision: str) -> Any:
        factory.start(precision)
        return factory.new(dataset, lambda *_: None)

    factory.start()
    return faster_precision(of, dataset.train, make)


@pytest.mark.parametrize(
    ("seconds", "precision"), [(0.5, "bfloat16"), (0.9, "bfloat16"), (0.95, "float32"), (2.0, "float32")]
)
def test_bfloat16_must_be_clearly_faster(
    data: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, precision: str
) -> None:
    timed(monkeypatch, bfloat16=seconds)
    assert chosen(job(data, "run")) == precision


def test_the_same_choice_for_all_seeds_of_a_configuration(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = changed(job(data, "first"), cache=data.parent / "cache")
    seen = timed(monkeypatch, bfloat16=0.5)
    assert chosen(first) == "bfloat16"
    assert seen == ["float32", "bfloat16"] * (1 + precision_trial.TURNS)
    seen = timed(monkeypatch, bfloat16=2.0)
    assert chosen(changed(first, seed=1)) == "bfloat16"
    assert chosen(changed(first, threads=1)) == "bfloat16", "beside other runs, on fewer cores"
    for variant in ({"refit": True}, {"folds": 5}):
        assert chosen(changed(first, config=replace(first.variant.config, **variant))) == "bfloat16"
    assert not seen, "nothing was timed again"
    other = changed(job(data, "other", learning_rate=0.01), cache=data.parent / "cache")
    assert chosen(other) == "float32", "another configuration has a trial of its own"
    (kept,) = [path for path in (data.parent / "cache" / "precision").iterdir() if "bfloat16" in path.read_text()]
    for damage in ("", "{}", json.dumps({"precision": "float8"})):
        kept.write_text(damage)
        assert chosen(first) == "float32"


def test_the_winner_of_a_search_has_the_choice_of_its_trial(data: Path) -> None:
    train = load(data, ReadOptions(), None).train
    trial = changed(job(data, "trial", model="sepres"), cache=data.parent / "cache")
    winner = changed(trial, config=replace(trial.variant.config, model="sepres-tuned"))
    assert precision_trial._place(winner, train) == precision_trial._place(trial, train)


def test_a_cache_that_cannot_be_written_ends_no_run(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    timed(monkeypatch, bfloat16=0.5)
    assert chosen(changed(job(data, "run"), cache=data)) == "bfloat16", "the cache is a file"


def test_when_a_trial_is_made(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = job(data, "run", epochs=FEWEST_STEPS // 2)  # two steps an epoch
    train = load(data, ReadOptions(), None).train
    TrainerFactory(long).start()
    assert worth_a_trial(long, train)
    config, training = long.variant.config, long.variant.training
    for other in (
        changed(long, precision="float32"),
        changed(long, precision="bfloat16"),
        changed(long, deterministic=True),
        changed(long, trained=data),
        changed(long, config=replace(config, training=replace(training, epochs=FEWEST_STEPS // 2 - 1))),
        changed(long, config=replace(config, training=replace(training, images=30))),
        changed(long, config=replace(config, kind=JOINT)),
    ):
        assert not worth_a_trial(other, train)
    more = replace(training, epochs=FEWEST_STEPS // 4, augmentation="flip", copies=1)
    assert worth_a_trial(changed(long, config=replace(config, training=more)), train)
    short = replace(training, epochs=10, images=10**6)
    assert not worth_a_trial(changed(long, config=replace(config, training=short)), train), "there are 60 images"
    monkeypatch.setattr(backend, "cpu_has_bfloat16", lambda: False)
    assert not worth_a_trial(long, train)
    monkeypatch.setattr(backend, "cpu_has_bfloat16", lambda: True)
    monkeypatch.setattr(backend, "on_cpu", lambda: False)
    assert not worth_a_trial(long, train)


def test_a_frozen_backbone_is_not_tried(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = timed(monkeypatch, bfloat16=0.5)
    assert chosen(job(data, "run", model="mobilenet025")) == "float32"
    assert not seen


def test_the_training_is_that_of_a_run_without_a_trial(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps of the trial are real ones; weights, random numbers and names of layers start again after it."""
    import keras

    monkeypatch.setattr(precision_trial, "FEWEST_STEPS", 1)
    monkeypatch.setattr(precision_trial, "FASTER", 1e9)
    training = {"mixup": 0.2, "ema": 0.9, "batch_norm": "plain", "progressive_size": 16}
    tried = job(data, "tried", **training)
    asked = changed(job(data, "asked", **training), precision="float32")
    probabilities, names = [], []
    for one in (tried, asked):
        keras.backend.clear_session()  # as in a new process
        record = train_and_predict(one)
        names.append([layer.name for layer in load_model(one.outputs.directory / "model.keras").layers])
        assert record.provenance["precision"] == "float32"
        found = StoredRun(one.outputs.directory, replace(record, files={})).predictions("validation")
        assert found is not None
        probabilities.append(found.probabilities)
    np.testing.assert_allclose(*probabilities, atol=1e-4)
    assert names[0] == names[1]


def test_a_run_says_the_precision_that_the_trial_chose(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision_trial, "FEWEST_STEPS", 1)
    timed(monkeypatch, bfloat16=0.5)
    assert train_and_predict(job(data, "run")).provenance["precision"] == "bfloat16"


def test_flags_of_processors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    for text, has in (
        ("flags\t\t: fpu avx512_bf16 clzero\n", True),
        ("Features\t: fp asimd bf16 i8mm\n", True),
        ("flags\t\t: fpu avx2 avx512f\n", False),
    ):
        file = tmp_path / "cpuinfo"
        file.write_text(text)
        monkeypatch.setattr(backend, "CPU_DESCRIPTION", file)
        assert backend.cpu_has_bfloat16() is has
    monkeypatch.setattr(backend, "CPU_DESCRIPTION", tmp_path / "none")
    assert not backend.cpu_has_bfloat16()
