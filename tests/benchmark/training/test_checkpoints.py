"""Interrupted trainings that go on: to the last bit what they would have been."""

import json
import math
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jobs import changed, job_of
from trained_models import small_hyperparameters

from benchmark import ReadOptions
from benchmark.data import load
from benchmark.dataset import Split
from benchmark.hardware import backend
from benchmark.records import RunConfig
from benchmark.running import supervision, trainer_factory
from benchmark.running.events import EpochDone, Event, Note, Resumed
from benchmark.running.job import Job
from benchmark.running.network_training import identity
from benchmark.running.train_and_predict import train_and_predict
from benchmark.running.warm.warm_workers import WarmWorkers
from benchmark.training import checkpoints
from benchmark.training.checkpoints import Checkpoints
from benchmark.training.epoch_loop import fit
from zoo import ModelSpec, TrainingSettings, all_models, get_model


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.fixture(autouse=True)
def every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints are written after each epoch, whatever they cost."""
    monkeypatch.setattr(checkpoints, "SHARE", math.inf)


@pytest.fixture(scope="module", autouse=True)
def determinism() -> Iterator[None]:
    """Jobs switch it on for good, as is right in a process of their own."""
    from tensorflow.python.framework import config

    yield
    config.disable_op_determinism()


def network(input_shape: tuple[int, int, int], classes: int) -> Any:
    from keras import Input, Model, layers

    inputs = Input(input_shape)
    x = layers.Dense(8, "relu")(layers.Flatten()(layers.Rescaling(1 / 255)(inputs)))
    x = layers.BatchNormalization()(x)
    return Model(inputs, layers.Dense(classes, activation="softmax")(layers.Dropout(0.4)(x)))


NETWORK = ModelSpec("network", "here", 0, build=network, smallest=8)
LONG = TrainingSettings(epochs=5, batch_size=16, learning_rate=0.01)


@pytest.fixture
def make_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Job]:
    """A job on a hundred grey images, given a model, what is asked of it and the images' edge."""
    generator, path = np.random.default_rng(0), tmp_path / "tiny.npz"
    monkeypatch.setattr(
        trainer_factory, "get_model", lambda name, *_: NETWORK if name == "network" else get_model(name)
    )

    def make(model: str = "network", training: TrainingSettings = LONG, edge: int = 16, **about: Any) -> Job:
        arrays = {}
        for split, count in (("train", 60), ("validation", 20), ("test", 20)):
            labels = np.arange(count) % 3
            images = generator.normal(60 + 60 * labels[:, None, None], 40, (count, edge, edge))
            arrays |= {f"{split}_images": np.clip(images, 0, 255).astype(np.uint8), f"{split}_labels": labels}
        np.savez(path, **arrays)
        dataset = load(path, ReadOptions(), None)
        config = RunConfig(dataset.name, dataset.fingerprint, model, training=training, **about)
        kept = tmp_path / "checkpoints"
        job = job_of(config, tmp_path, str(path))
        return changed(job, cache=tmp_path / "cache", checkpoints=kept, deterministic=True)

    return make


def done(
    job: Job, directory: Path, *, ends: int | None = None, do: Callable[..., Any] = train_and_predict
) -> tuple[dict[str, Any], list[Event]]:
    """What a job leaves in a directory of its own, and its events; killed after so many epochs."""
    directory.mkdir()
    events: list[Event] = []

    def send(event: Event) -> None:
        events.append(event)
        if sum(isinstance(event, EpochDone) for event in events) == ends and isinstance(event, EpochDone):
            raise Killed

    if ends is None:
        do(changed(job, directory=directory), send)
    else:
        with pytest.raises(Killed):
            do(changed(job, directory=directory), send)
        return {}, events
    with np.load(directory / "test.npz") as arrays:
        predicted = arrays["probabilities"]
    return {"probabilities": predicted, "rows": json.loads((directory / "history.json").read_text())}, events


def without_seconds(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if not name.endswith("seconds")} for row in rows]


def assert_same(resumed: dict[str, Any], whole: dict[str, Any]) -> None:
    np.testing.assert_array_equal(resumed["probabilities"], whole["probabilities"])
    assert without_seconds(resumed["rows"]) == without_seconds(whole["rows"])


def assert_goes_on(
    job: Job, tmp_path: Path, ends: tuple[int, ...], do: Callable[..., Any] = train_and_predict
) -> list[Event]:
    """Killed in each of these epochs of its own count, a job ends as if nothing had been; the last events."""
    whole, _ = done(changed(job, checkpoints=None), tmp_path / "whole", do=do)
    for attempt, end in enumerate(ends):
        done(job, tmp_path / f"attempt-{attempt}", ends=end, do=do)
    resumed, events = done(job, tmp_path / "resumed", do=do)
    assert_same(resumed, whole)
    assert not [event for event in events if isinstance(event, Note)], "nothing started again"
    assert len([event for event in events if isinstance(event, EpochDone)]) < len(whole["rows"])
    return events


PERCEPTRON = {"alpha": 1e-4}


@pytest.mark.parametrize(
    ("end", "changes"),
    [
        (2, {"augmentation": "light", "balance": "class_weight"}),
        (4, {"optimizer": "sgd", "weight_decay": 1e-3, "schedule": "plateau", "schedule_patience": 1, "patience": 3}),
        (3, {"ema": 0.9, "clip_norm": 0.5, "warmup": 3, "mixup": 1.0, "cutmix": 1.0, "augmentation": "flip"}),
        (2, {"batch_norm": "augmented", "augmentation": "affine", "optimizer": "muon"}),
        pytest.param(3, {"augmentation": "strong"}, marks=pytest.mark.slow),
        pytest.param(3, {"augmentation": "field_jitter", "loss": "symmetric"}, marks=pytest.mark.slow),
        pytest.param(3, {"augmentation": "coursework", "loss": "label_smoothing"}, marks=pytest.mark.slow),
        pytest.param(3, {"optimizer": "adamw", "weight_decay": 1e-3, "loss": "focal"}, marks=pytest.mark.slow),
        pytest.param(3, {"optimizer": "rmsprop", "copies": 1, "augmentation": "flip"}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_a_network_goes_on(end: int, changes: dict[str, Any], make_job: Callable[..., Job], tmp_path: Path) -> None:
    """Optimisers, schedules, early stopping, dropout, augmentation, running statistics."""
    events = assert_goes_on(make_job(training=LONG.with_changes(changes)), tmp_path, (end,))
    assert [event.place.epoch for event in events if isinstance(event, Resumed)] == [end - 1]


def test_a_perceptron_goes_on_twice(make_job: Callable[..., Job], tmp_path: Path) -> None:
    job = make_job("mlp", LONG.with_changes({"balance": "class_weight"}), hyperparameters=PERCEPTRON)
    assert_goes_on(job, tmp_path, (3, 2))
    with np.load(tmp_path / "resumed/model.npz") as arrays:
        assert arrays["input_shape"].tolist() == [16, 16, 1]


@pytest.fixture
def forked(fork_server: WarmWorkers, warm_once: None) -> Callable[..., Any]:
    """Does jobs in forks of a process that has imported TensorFlow, which spares seconds for each."""
    return partial(supervision.work, limits=supervision.Limits(workers=fork_server))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(all_models()))
def test_every_family_goes_on(
    name: str, make_job: Callable[..., Job], tmp_path: Path, forked: Callable[..., Any]
) -> None:
    """In a process of its own, from the checkpoint that another process wrote after its first epoch."""
    spec = get_model(name)
    # Epochs of the perceptron are too short to take what lies there between two of them.
    settings = spec.training.with_changes({"epochs": 2 if spec.build else 300, "batch_size": 30, "patience": 0})
    about = {"weights": "random"} if spec.backbone else {}
    job = make_job(name, settings, 48, hyperparameters=small_hyperparameters(name), **about)
    written, cut = (tmp_path / place / "fold-1-stage-1.npz" for place in ("checkpoints", "cut"))

    def do(job: Job, send: Callable[[Event], None]) -> None:
        def cutting(event: Event) -> None:
            send(event)
            if isinstance(event, EpochDone) and not cut.exists():
                while not written.exists():
                    time.sleep(0.005)
                shutil.copy(written, cut)

        forked(job, cutting)

    cut.parent.mkdir()
    whole, _ = done(job, tmp_path / "whole", do=do)
    resumed, events = done(changed(job, checkpoints=cut.parent), tmp_path / "resumed", do=forked)
    assert_same(resumed, whole)
    (before,) = [event.place.epoch for event in events if isinstance(event, Resumed)]
    assert before + len([event for event in events if isinstance(event, EpochDone)]) == settings.epochs
    assert 0 < before < settings.epochs


def test_folds_go_on(make_job: Callable[..., Job], tmp_path: Path) -> None:
    """The second of three folds is interrupted: the first is not trained again."""
    events = assert_goes_on(make_job("mlp", hyperparameters=PERCEPTRON, folds=3), tmp_path, (7,))
    resumed = [(event.place.fold, event.place.epoch) for event in events if isinstance(event, Resumed)]
    assert resumed == [(1, 5), (2, 1)]


def test_a_refit_goes_on(make_job: Callable[..., Job], tmp_path: Path) -> None:
    job = changed(make_job("mlp", hyperparameters=PERCEPTRON, refit=True), rates=((0.01,) * 4,))
    events = assert_goes_on(job, tmp_path, (3,))
    assert [event.place.epoch for event in events if isinstance(event, Resumed)] == [2]


@pytest.mark.parametrize("end", [pytest.param(2, marks=pytest.mark.slow), 4], ids=["first", "second"])
def test_a_frozen_backbone_and_its_second_stage_go_on(end: int, make_job: Callable[..., Job], tmp_path: Path) -> None:
    spec = get_model("mobilenet025")
    job = make_job(
        spec.name,
        TrainingSettings(
            epochs=2, batch_size=16, views=1, augmentation="flip", fine_tune_blocks=1, fine_tune_epochs=2, patience=0
        ),
        hyperparameters=spec.with_hyperparameters({"input_size": 32}),
        weights="random",
    )
    events = assert_goes_on(job, tmp_path, (end,))
    assert [event.place.epoch for event in events if isinstance(event, Resumed)] == ([1] if end == 2 else [2, 3])


def test_what_was_trained_when_it_was_killed_is_not_trained_again(make_job: Callable[..., Job], tmp_path: Path) -> None:
    job = make_job("mlp", hyperparameters=PERCEPTRON)
    whole, _ = done(job, tmp_path / "whole")
    again, events = done(job, tmp_path / "again")
    assert not [event for event in events if isinstance(event, EpochDone)]
    np.testing.assert_array_equal(again["probabilities"], whole["probabilities"])
    assert again["rows"] == whole["rows"], "seconds included"


def test_seconds_before_the_interruption_count(make_job: Callable[..., Job], tmp_path: Path) -> None:
    job = make_job("mlp", hyperparameters=PERCEPTRON)
    done(job, tmp_path / "first", ends=4)
    (tmp_path / "second").mkdir()
    record = train_and_predict(changed(job, directory=tmp_path / "second"))
    rows = json.loads((tmp_path / "second/history.json").read_text())
    assert record.durations["train"] >= sum(row["train_seconds"] for row in rows) - 1e-3
    assert record.durations["train"] + record.durations["validate"] >= sum(row["seconds"] for row in rows) - 2e-3
    assert record.provenance["deterministic"] is True


class Counter:
    """A trainer whose every number is how many epochs it has seen."""

    compile_seconds = 0.0

    def __init__(self, size: int = 3) -> None:
        self.arrays = {"seen": np.zeros(size)}

    def train_epoch(self, *_: Any) -> dict[str, float]:
        self.arrays["seen"] += 1
        return {"loss": 1.0, "accuracy": 0.5}

    def predict(self, images: Any) -> np.ndarray:
        return np.full((len(images), 3), 1 / 3, np.float32)

    def state(self) -> dict[str, np.ndarray]:
        return {name: array.copy() for name, array in self.arrays.items()}

    def restore_state(self, state: dict[str, np.ndarray]) -> None:
        if state["seen"].shape != self.arrays["seen"].shape:
            raise ValueError("of another trainer")
        self.arrays = dict(state)

    def snapshot(self) -> list[np.ndarray]:
        return [self.arrays["seen"].copy()]

    def restore(self, snapshot: list[np.ndarray]) -> None:
        self.arrays = {"seen": snapshot[0].copy()}


IMAGES = np.zeros((6, 4, 4, 1), np.uint8)
SPLITS = tuple(
    Split(name, IMAGES, np.arange(6) % 3, np.array([f"{name}-{row}" for row in range(6)]))
    for name in ("train", "validation")
)


def counted(directory: Path, epochs: int, identity: dict[str, Any], size: int = 3) -> tuple[int, list[str | int]]:
    """How many epochs are trained, killed after so many, where five are asked for; and what is said."""
    said: list[str | int] = []
    rows: list[dict[str, Any]] = []

    def report(row: dict[str, Any]) -> None:
        rows.append(row)
        if len(rows) > epochs:
            raise Killed

    with suppress(Killed):
        checkpoint = Checkpoints(directory, identity, resumed=said.append, note=said.append).of(1)
        fit(Counter(size), LONG.with_changes({"patience": 0}), SPLITS, 0, report, checkpoint)
    return len(rows), said


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def not_ours(path: Path) -> None:
    np.savez(path, about=np.array("[]"))


def pickled(path: Path) -> None:
    np.savez(path, about=np.array([{}], dtype=object))


@pytest.mark.parametrize("damage", [truncated, flipped, emptied, not_ours, pickled])
def test_a_checkpoint_that_cannot_be_read_is_none(damage: Callable[[Path], None], tmp_path: Path) -> None:
    counted(tmp_path, 3, {})
    (path,) = tmp_path.iterdir()
    damage(path)
    trained, (note,) = counted(tmp_path, 99, {})
    assert trained == 5
    assert note.startswith("an interrupted training starts again: ")


def test_a_checkpoint_of_another_job_is_none(tmp_path: Path) -> None:
    asked = {"seed": 0, "backend": "jax"}
    counted(tmp_path, 3, asked)
    trained, (note,) = counted(tmp_path, 3, {**asked, "backend": "torch"})
    assert (trained, note) == (
        4,
        "an interrupted training starts again: its checkpoint was made with another backend",
    )
    trained, (note,) = counted(tmp_path, 99, {**asked, "backend": "torch"})
    assert (trained, note) == (2, 3)


def test_a_checkpoint_of_another_network_is_none(tmp_path: Path) -> None:
    counted(tmp_path, 3, {})
    trained, (note,) = counted(tmp_path, 99, {}, size=4)
    assert (trained, note) == (5, "an interrupted training starts again: of another trainer")


def test_what_must_be_the_same(make_job: Callable[..., Job], tmp_path: Path) -> None:
    job = make_job("mlp", hyperparameters=PERCEPTRON)
    same = identity(job)
    assert json.loads(json.dumps(same)) == same
    (first := tmp_path / "model.keras").write_bytes(b"weights")
    for change in ({"seed": 1}, {"deterministic": False}, {"accumulation": 2}, {"rates": ((0.1,),)}, {"start": first}):
        assert identity(changed(job, **change)) != same
    started = identity(changed(job, start=first))
    first.write_bytes(b"others")
    assert identity(changed(job, start=first)) != started, "trained again in the meantime"
    assert identity(changed(job, keep_model=False)) == same


def test_a_choice_of_onednn_must_be_the_same(make_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch) -> None:
    job, found = make_job("cnn4"), []
    for choice in ("1", "0"):
        monkeypatch.setenv(backend.ONEDNN, choice)
        found.append(identity(job))
    differing = [name for name in found[0] if found[0][name] != found[1][name]]
    assert differing == (["choice of oneDNN"] if found[0]["backend"] == "tensorflow" and backend.on_cpu() else [])


def test_checkpoints_cost_no_more_than_their_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "SHARE", 0.1)
    now, written = [0.0], []
    monkeypatch.setattr(checkpoints.time, "perf_counter", lambda: now[0])

    def write(*_: Any) -> None:
        written.append(now[0])
        now[0] += 2.0

    monkeypatch.setattr(checkpoints, "_write", write)
    checkpoint = Checkpoints(tmp_path, {}, resumed=lambda _: None, note=lambda _: None).of(1)
    assert checkpoint is not None
    for _ in range(45):
        now[0] += 1.0
        checkpoint.write([], None, dict)
    assert written == [1.0, 23.0, 45.0], "after 20 seconds, of which 2 are a tenth"
    checkpoint.write([], None)
    assert len(written) == 4


def test_a_full_disk_ends_no_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints.np, "savez", full)
    trained, said = counted(tmp_path, 99, {})
    assert trained == 5
    assert set(said) == {"no checkpoint was written: No space left on device"}
    assert list(tmp_path.iterdir()) == []
