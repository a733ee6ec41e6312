"""One job in this process: what reaches training, and from where."""

import csv
import errno
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jobs import changed, job_of

from benchmark import ReadOptions
from benchmark.data import load
from benchmark.dataset import Split
from benchmark.records import RunConfig
from benchmark.running import trainer_factory, worker
from benchmark.running.events import (
    EpochDone,
    EpochPlace,
    Event,
    Failed,
    Finished,
    Message,
    PhaseStarted,
    Planned,
    Resumed,
    Started,
    Step,
    ViewsPredicted,
    from_line,
    to_line,
)  # fmt: skip
from benchmark.running.job import Job
from benchmark.running.train_and_predict import train_and_predict
from benchmark.training.epoch_loop import History
from benchmark.training.images import sampling
from benchmark.training.images.training_images import training_split
from benchmark.training.keras_trainer import KerasTrainer
from zoo import ModelSpec, TrainingSettings, UserError
from zoo.errors import WritingError, writing_error


def split(count: int = 30) -> Split:
    labels = np.arange(count) % 3
    images = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 1)).astype(np.uint8)
    return Split("train", images, labels, np.array([f"train-{k}" for k in range(count)]))


def test_without_a_wish_training_sees_all_images_as_they_are() -> None:
    train = split()
    assert training_split(train, TrainingSettings(), 0) is train


def test_a_sample_of_the_images() -> None:
    train = split()
    kept = training_split(train, TrainingSettings(images=12), 0)
    assert len(kept) == 12
    assert np.bincount(kept.labels).tolist() == [4, 4, 4]
    positions = [int(name.removeprefix("train-")) for name in kept.sample_ids]
    np.testing.assert_array_equal(kept.images, train.images[positions])
    assert kept.sample_ids.tolist() != training_split(train, TrainingSettings(images=12), 1).sample_ids.tolist()


def test_offline_copies_stand_behind_the_originals() -> None:
    train = split()
    grown = training_split(train, TrainingSettings(copies=2, augmentation="light"), 0)
    assert len(grown) == 90
    np.testing.assert_array_equal(grown.images[:30], train.images)
    np.testing.assert_array_equal(grown.labels, np.tile(train.labels, 3))
    for start in (30, 60):
        assert (grown.images[start : start + 30] != train.images).any(axis=(1, 2, 3)).all()
    assert len(set(grown.sample_ids.tolist())) == 90


def test_classes_brought_to_one_size_by_copies_of_their_own_images() -> None:
    whole = split(30)
    kept = np.flatnonzero((whole.labels == 0) | (np.arange(30) % 5 == 0))
    train = Split("train", whole.images[kept], whole.labels[kept], whole.sample_ids[kept])
    assert np.bincount(train.labels).tolist() == [10, 2, 2]
    settings = TrainingSettings(balance="copies", augmentation="light")
    grown = training_split(train, settings, 0)
    assert np.bincount(grown.labels).tolist() == [10, 10, 10]
    np.testing.assert_array_equal(grown.images[:14], train.images)
    assert grown.sample_ids[:14].tolist() == train.sample_ids.tolist()
    label_of = dict(zip(train.sample_ids.tolist(), train.labels.tolist(), strict=True))
    pixels_of = dict(zip(train.sample_ids.tolist(), train.images, strict=True))
    for name, label, image in zip(grown.sample_ids[14:].tolist(), grown.labels[14:], grown.images[14:], strict=True):
        original, _, number = name.partition(":copy-")
        assert label_of[original] == label
        assert int(number) in range(4)
        assert (image != pixels_of[original]).any()
    np.testing.assert_array_equal(grown.images, training_split(train, settings, 0).images)
    assert (grown.images != training_split(train, settings, 1).images).any()
    assert len(training_split(whole, settings, 0)) == 30, "equal classes need no copies"


def test_duplicates_are_left_out_before_the_sample_is_drawn() -> None:
    train = split(30)
    train = replace(train, images=np.concatenate([train.images[:24], train.images[:6]]))
    judged = replace(split(30), name="validation", images=train.images[9:12].repeat(10, axis=0))
    left = training_split(train, TrainingSettings(duplicates="drop"), 0, [judged])
    positions = [int(name.removeprefix("train-")) for name in left.sample_ids]
    assert positions == [0, 1, 2, 3, 4, 5, 6, 7, 8, *range(12, 24)]
    np.testing.assert_array_equal(left.images, train.images[positions])
    np.testing.assert_array_equal(left.labels, train.labels[positions])
    sampled = training_split(train, TrainingSettings(duplicates="drop", images=9), 0, [judged])
    assert len(sampled) == 9
    assert set(sampled.sample_ids.tolist()) < set(left.sample_ids.tolist())
    assert training_split(train, TrainingSettings(), 0, [judged]) is train


def linear(input_shape: tuple[int, int, int], classes: int) -> Any:
    import keras

    inputs = keras.Input(input_shape)
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    return keras.Model(inputs, keras.layers.Dense(classes, activation="softmax")(x))


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    """A job for a linear Keras model on an .npz of 8x8 images without test."""
    monkeypatch.setattr(
        trainer_factory, "get_model", lambda name, *_: ModelSpec(name, "here", 0, build=linear, smallest=8)
    )
    train, path = split(60), tmp_path / "tiny.npz"
    np.savez(path, images=train.images, labels=train.labels)
    dataset = load(path, ReadOptions(split="70/30"), None)
    training = TrainingSettings(epochs=2, augmentation="flip")
    config = RunConfig(dataset.name, dataset.fingerprint, "linear", training=training)
    (tmp_path / "run").mkdir()
    return job_of(config, tmp_path / "run", str(path), ReadOptions(split="70/30"))


def probabilities(job: Job, **changes: Any) -> np.ndarray:
    train_and_predict(changed(job, **changes))
    with np.load(job.outputs.directory / "validation.npz") as arrays:
        return arrays["probabilities"]


def test_the_seed_decides(job: Job) -> None:
    zero, again, one = (probabilities(job, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_allclose(zero, again, atol=1e-6)
    assert np.abs(zero - one).max() > 1e-3


def test_the_seed_reaches_every_source_of_chance(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights and dropout, augmentation, the sample, the order: one of them alone would make two seeds differ."""
    seen: dict[str, int] = {}

    def spy(home: Any, name: str, position: int) -> None:
        real = getattr(home, name)

        def spied(*arguments: Any, **rest: Any) -> Any:
            seen[name] = arguments[position]
            return real(*arguments, **rest)

        monkeypatch.setattr(home, name, spied)

    spy(trainer_factory.backend, "start", 0)
    spy(trainer_factory, "KerasTrainer", 2)
    spy(sampling, "subset", 2)
    spy(sampling, "epoch_order", 2)
    train_and_predict(changed(job, seed=5))
    assert seen == {"start": 5, "KerasTrainer": 5, "subset": 5, "epoch_order": 5}


def test_duplicates_of_validation_and_test_are_not_trained_on(job: Job, tmp_path: Path) -> None:
    """Of 42 training images one is in validation too and one in test; the fingerprint stays that of the data."""
    whole = split(80)
    images = {"train": whole.images[:42], "validation": whole.images[41:60], "test": whole.images[[0, *range(61, 80)]]}
    labels = {"train": whole.labels[:42], "validation": whole.labels[41:60], "test": whole.labels[[0, *range(61, 80)]]}
    path = tmp_path / "three.npz"
    arrays = {f"{name}_images": part for name, part in images.items()}
    np.savez(path, **arrays, **{f"{name}_labels": part for name, part in labels.items()})
    dataset = load(path, ReadOptions(), None)
    seen = {}
    for choice in ("keep", "drop"):
        training = TrainingSettings(epochs=1, duplicates=choice)
        config = RunConfig(dataset.name, dataset.fingerprint, "linear", training=training)
        events: list[Event] = []
        train_and_predict(changed(job, source=str(path), reading=ReadOptions(), config=config), events.append)
        seen[choice] = next(event.total for event in events if isinstance(event, Step))
    assert seen == {"keep": 42, "drop": 40}


def test_data_without_test_leaves_validation_alone(job: Job) -> None:
    record = train_and_predict(job)
    names = ["history.csv", "history.json", "model.keras", "validation.npz"]
    assert sorted(path.name for path in job.outputs.directory.iterdir()) == names
    assert record.parameters == 8 * 8 * 3 + 3
    assert record.model_bytes == 4 * record.parameters
    assert record.flops == 2 * 64 + 2 * 192 + 3 + 3
    directory = job.outputs.directory.parent
    train_and_predict(changed(job, keep_model=False, directory=directory))
    assert not (directory / "model.keras").exists()


def test_validation_is_predicted_in_each_epoch_and_not_again(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But from a stored model, and with test-time augmentation."""
    reading = ReadOptions(split="60/20/20")
    dataset = load(job.data.source, reading, None)
    config = replace(job.variant.config, fingerprint=dataset.fingerprint)
    job = changed(job, config=config, reading=reading, keep_model=True, views=(("flip", tmp_path / "flip"),))
    (tmp_path / "flip").mkdir()
    predict, predicted = KerasTrainer.predict, list[int]()

    def counted(trainer: KerasTrainer, shown: np.ndarray) -> np.ndarray:
        predicted.extend([1] if np.array_equal(shown, dataset.validation.images) else [])
        return predict(trainer, shown)

    monkeypatch.setattr(KerasTrainer, "predict", counted)
    kept = probabilities(job)
    assert len(predicted) == 2 + 1, "each of two epochs, and the unflipped view"
    again = changed(job, trained=job.outputs.directory, directory=tmp_path / "again", views=())
    (tmp_path / "again").mkdir()
    np.testing.assert_array_equal(probabilities(again), kept)
    assert len(predicted) == 2 + 1 + 2, "once to warm up"


def test_the_history_is_the_same_as_csv_and_json(job: Job) -> None:
    train_and_predict(job)
    with (job.outputs.directory / "history.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    epochs = json.loads((job.outputs.directory / "history.json").read_text())
    assert [epoch["epoch"] for epoch in epochs] == [1, 2]
    assert [{name: str(value) for name, value in epoch.items()} for epoch in epochs] == table


def test_a_loss_that_is_not_finite_is_null_in_json(tmp_path: Path) -> None:
    History([{"epoch": 1, "validation_loss": 0.5}, {"epoch": 2, "validation_loss": math.nan}]).write_json(
        tmp_path / "h"
    )
    assert json.loads((tmp_path / "h").read_text())[1] == {"epoch": 2, "validation_loss": None}


def test_events_tell_the_whole_story(job: Job) -> None:
    events: list[Event] = []
    train_and_predict(job, events.append)
    phases = [event.name for event in events if isinstance(event, PhaseStarted)]
    assert phases == ["load", "start", "build", "train", "predict", "store"]
    assert [event.place.epoch for event in events if isinstance(event, EpochDone)] == [1, 2]
    assert [event.done for event in events if isinstance(event, Step)] == [42, 42]


def test_a_job_survives_its_way_through_json(job: Job) -> None:
    full = changed(
        job,
        reading=ReadOptions(classes=("apple", "fig"), size=8),
        views=(("flip", Path("there")),),
        checkpoints=Path("kept"),
        rates=((0.1, 0.2), (0.3,)),
        members=(("mlp", Path("model.keras")),),
        teacher={"kind": "linear", "parts": [{"network": 0}]},
        threads=2,
    )
    for sent in (job, full, changed(full, source=("a.csv", "faces"))):
        assert Job.from_json(json.loads(json.dumps(sent.to_json()))) == sent
    assert job.to_json()["data"]["source"] == job.data.source


def test_images_too_small_for_a_model_are_one_line(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        trainer_factory, "get_model", lambda name, *_: ModelSpec(name, "here", 0, build=linear, smallest=9)
    )
    with pytest.raises(UserError, match="linear needs images of at least 9x9, these are 8x8: try --size 9"):
        train_and_predict(job)


class ResourceExhaustedError(Exception):
    """Called like TensorFlow's."""


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MemoryError(), "memory"),
        (ResourceExhaustedError("OOM when allocating tensor"), "memory"),
        (RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate"), "memory"),
        (FloatingPointError("the validation loss was never finite"), "diverged"),
        (ValueError("anything else"), "error"),
        (OSError(errno.ENOENT, "no such file"), "error"),
        (UserError("cannot be done"), "refused"),
        (writing_error("to runs", OSError(errno.ENOSPC, "no space left")), "disk"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_kinds_of_errors(error: Exception, kind: str) -> None:
    assert worker._kind(error) == kind


def test_a_disk_without_space_is_told_whichever_library_met_it(tmp_path: Path) -> None:
    says = f"cannot write to {tmp_path}: the disk is full: free some space"
    with pytest.raises(WritingError, match=says), worker._disk_full(tmp_path / "seed-0"):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(FileNotFoundError), worker._disk_full(tmp_path):
        raise FileNotFoundError(errno.ENOENT, "a file of the user's model")


EVENTS = [
    Started(None),
    Step(3, 9),
    EpochDone(EpochPlace(2, 5, 3, 4), 1.5, 0.5, 1e-3, 1.0, 2.0, 1.25, 0.5),
    EpochDone(EpochPlace(2, 5), 1.5, 0.5, 1e-3, 1.0, 2.0),
    Resumed(EpochPlace(1, 2)),
    ViewsPredicted("flip", {"durations": {"total": 1.0}}),
    Finished({"seed": 0}, 1.0),
    Failed("error", "one\nof two lines"),
    Planned("text", ("a", "b")),
    Message("done"),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_survives_its_way_through_a_line(event: Event) -> None:
    line = to_line(event)
    assert "\n" not in line
    assert from_line(line) == event
