"""Records refuse what breaks their promises, and a hash covers what it should."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmark.dataset import Dataset, Split
from benchmark.records import SCHEMA_VERSION, Predictions, RunConfig, RunRecord
from zoo.settings import TrainingSettings


def split(name: str = "train", **changes: Any) -> Split:
    values: dict[str, Any] = {
        "name": name,
        "images": np.zeros((3, 4, 4, 1), np.uint8),
        "labels": np.array([0, 1, 0]),
        "sample_ids": np.array([f"{name}-{row}" for row in range(3)]),
    }
    return Split(**{**values, **changes})


def dataset(**changes: Any) -> Dataset:
    values: dict[str, Any] = {
        "name": "faces",
        "class_names": ("happy", "sad"),
        "train": split("train"),
        "validation": split("validation"),
        "test": split("test"),
    }
    return Dataset(**{**values, **changes})


def predictions(**changes: Any) -> Predictions:
    values: dict[str, Any] = {
        "split": "validation",
        "sample_ids": np.array(["a", "b"]),
        "class_names": ("happy", "sad"),
        "probabilities": np.array([[0.25, 0.75], [1, 0]], np.float32),
        "labels": np.array([0, 1]),
    }
    return Predictions(**{**values, **changes})


def config(**changes: Any) -> RunConfig:
    return RunConfig(**{"dataset": "faces", "fingerprint": "0a1b2c3d", "model": "cnn4", **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "dev"}, "split must be one of"),
        ({"images": np.zeros((3, 4, 4, 1), np.float32)}, "images must be uint8"),
        ({"images": np.zeros((3, 4, 4), np.uint8)}, "images must be uint8"),
        ({"images": np.zeros((3, 4, 4, 2), np.uint8)}, "images must be uint8"),
        ({"sample_ids": np.array(["a", "b"])}, r"text \(3,\)"),
        ({"sample_ids": np.array([1, 2, 3])}, "must be text"),
        ({"sample_ids": np.array(["a", "b", "b"])}, "'b' occurs 2 times"),
        ({"labels": np.array([0, 1])}, r"int64 \(3,\)"),
        ({"labels": np.array([0, 1, 0], np.int32)}, "int64"),
        ({"labels": np.array([0, -1, 0])}, "positions of classes"),
    ],
)
def test_split_refuses(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        split(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"class_names": ("happy",)}, "at least two"),
        ({"class_names": ("happy", "happy")}, "distinct"),
        ({"validation": split("test")}, "validation split is called 'test'"),
        ({"test": split("test", images=np.zeros((3, 5, 4, 1), np.uint8))}, "test images are"),
        ({"train": split("train", labels=None)}, "train split has no labels"),
        ({"validation": split("validation", labels=None)}, "validation split has no labels"),
        ({"test": split("test", labels=np.array([0, 2, 0]))}, "label 2, there are 2"),
    ],
)
def test_dataset_refuses(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataset(**changes)


def test_dataset_says_what_it_holds() -> None:
    assert dataset().input_shape == (4, 4, 1)
    assert [part.name for part in dataset().splits] == ["train", "validation", "test"]
    assert [part.name for part in dataset(test=None).splits] == ["train", "validation"]


def test_fingerprint_is_that_of_sealed_test_labels() -> None:
    opened = dataset()
    assert len(opened.fingerprint) == 8
    assert opened.fingerprint == dataset(test=split("test", labels=None)).fingerprint
    assert opened.fingerprint == dataset(test=split("test", labels=np.array([1, 1, 1]))).fingerprint
    assert opened.fingerprint == dataset(name="other").fingerprint


@pytest.mark.parametrize(
    "changes",
    [
        {"class_names": ("sad", "happy")},
        {"test": None},
        {"train": split("train", labels=np.array([1, 1, 0]))},
        {"validation": split("validation", labels=np.array([1, 1, 0]))},
        {"train": split("train", images=np.ones((3, 4, 4, 1), np.uint8))},
        {"test": split("test", images=np.ones((3, 4, 4, 1), np.uint8))},
        {"test": split("test", sample_ids=np.array(["x", "y", "z"]))},
    ],
)
def test_fingerprint_covers(changes: dict[str, Any]) -> None:
    assert dataset(**changes).fingerprint != dataset().fingerprint


def test_fingerprint_does_not_depend_on_memory_layout() -> None:
    pixels = np.arange(48, dtype=np.uint8).reshape(3, 4, 4, 1)
    turned = np.asfortranarray(pixels)
    assert not turned.flags.c_contiguous
    assert (
        dataset(train=split("train", images=pixels)).fingerprint
        == dataset(train=split("train", images=turned)).fingerprint
    )


def test_hash_ignores_dataset_and_settings_at_their_default() -> None:
    plain = config(training=TrainingSettings())
    assert plain.hash == config(training=TrainingSettings(epochs=50)).hash
    assert plain.hash == config(training=TrainingSettings(), dataset="other", fingerprint="ffffffff").hash
    assert len(plain.hash) == 8


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "cnn7"},
        {"kind": "ensemble"},
        {"split": "70/30 seed 0"},
        {"hyperparameters": {"dropout": 0.5}},
        {"training": TrainingSettings(epochs=51)},
        {"training": None},
        {"weights": "imagenet"},
        {"members": ("a-00000000/seed-0",)},
    ],
)
def test_hash_covers(changes: dict[str, Any]) -> None:
    assert (
        config(**{"training": TrainingSettings(epochs=2), **changes}).hash
        != config(training=TrainingSettings(epochs=2)).hash
    )


def test_what_came_later_changes_no_old_hash() -> None:
    """The hash and the file of a configuration from before there were folds, refits and test-time augmentation."""
    plain = config(training=TrainingSettings(epochs=2), hyperparameters={"dropout": 0.4})
    assert plain.hash == "54af4be6"
    assert not {"folds", "refit", "tta"} & set(plain.to_json())
    special = [
        {"folds": 5},
        {"folds": 3},
        {"refit": True},
        {"tta": "flip"},
        {"tta": "tencrop"},
        {"folds": 5, "tta": "flip"},
    ]
    configs = [replace(plain, **changes) for changes in special]
    assert len({plain.hash, *(one.hash for one in configs)}) == 7
    for one in configs:
        assert RunConfig.from_json(json.loads(json.dumps(one.to_json()))) == one


@pytest.mark.parametrize(
    ("changes", "title", "remark"),
    [
        ({}, "cnn4", ""),
        ({"tta": "flip"}, "cnn4:flip", ""),
        ({"refit": True, "tta": "tencrop"}, "cnn4:refit:tencrop", "no validation score, trained on validation as well"),
        ({"folds": 5}, "cnn4:5-folds", "validated on all labelled images"),
        ({"kind": "ensemble", "hyperparameters": {"method": "greedy"}}, "cnn4", "validated on the very samples"),
        ({"kind": "ensemble", "hyperparameters": {"method": "stacking"}}, "cnn4", ""),
        ({"model": "cnn4-tuned"}, "cnn4-tuned", "a search chose its hyperparameters on these validation images"),
    ],
)
def test_title_and_remark(changes: dict[str, Any], title: str, remark: str) -> None:
    assert config(**changes).title == title
    assert config(**changes).remark.startswith(remark)
    assert bool(config(**changes).remark) == bool(remark)


def test_views_and_cycles_are_of_one_training() -> None:
    plain = config()
    later = replace(plain, tta="flip", cycle=3)
    assert (later.network, later.first_cycle) == (replace(plain, cycle=3), plain)
    assert plain.network is plain.first_cycle is plain


def test_hash_ignores_the_order_of_hyperparameters() -> None:
    assert config(hyperparameters={"a": 1, "b": 2}).hash == config(hyperparameters={"b": 2, "a": 1}).hash


def test_members_in_another_order_are_another_configuration() -> None:
    assert config(members=("a", "b")).hash != config(members=("b", "a")).hash


def test_config_round_trip() -> None:
    before = config(
        hyperparameters={"widths": [8, 16]}, training=TrainingSettings(epochs=3, optimizer="sgd"), members=("a", "b")
    )
    after = RunConfig.from_json(json.loads(json.dumps(before.to_json())))
    assert after == before
    assert after.hash == before.hash


@pytest.mark.parametrize("damage", [{"members": None}, {"surprise": 1}])
def test_config_refuses_what_is_none(damage: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not a run's configuration"):
        RunConfig.from_json({**config().to_json(), **damage})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"split": "dev"}, "split must be one of"),
        ({"probabilities": np.array([[0.25, 0.75], [1, 0]])}, "must be float32"),
        ({"probabilities": np.array([[0.25, 0.75]], np.float32)}, r"float32 \(2, 2\)"),
        ({"probabilities": np.array([[np.nan, 0.75], [1, 0]], np.float32)}, "1 samples are not finite"),
        ({"probabilities": np.array([[0.5, 0.6], [1, 0]], np.float32)}, "sum to 1"),
        ({"probabilities": np.array([[-0.5, 1.5], [1, 0]], np.float32)}, "not be negative"),
        ({"sample_ids": np.array(["a", "a"])}, "'a' occurs 2 times"),
        ({"sample_ids": np.array(["a"])}, r"float32 \(1, 2\)"),
        ({"labels": np.array([0, 2])}, "positions of classes"),
        ({"labels": np.array([0])}, r"int64 \(2,\)"),
    ],
)
def test_predictions_refuse(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        predictions(**changes)


def test_predictions_take_sealed_labels_and_no_samples() -> None:
    assert predictions(labels=None).labels is None
    empty = predictions(
        sample_ids=np.array([], str), probabilities=np.empty((0, 2), np.float32), labels=np.array([], np.int64)
    )
    assert len(empty.sample_ids) == 0


@pytest.mark.parametrize(("status", "error"), [("ok", "boom"), ("failed", None), ("lost", "boom")])
def test_record_refuses(status: str, error: str | None) -> None:
    with pytest.raises(ValueError, match=r"status must be|run with error"):
        RunRecord(config=config(), seed=0, status=status, error=error)


def test_record_round_trip() -> None:
    before = RunRecord(config=config(), seed=3, durations={"train": 1.5}, parameters=7, best_epoch=2, epochs=4)
    written = json.loads(json.dumps(before.to_json()))
    assert written["schema_version"] == SCHEMA_VERSION
    assert "config" not in written
    assert RunRecord.from_json(before.config, written) == before


def test_a_record_from_before_flops_were_counted_is_read() -> None:
    written = RunRecord(config=config(), seed=3, parameters=7).to_json()
    old = {name: value for name, value in written.items() if name not in ("operations", "model_bytes")}
    read = RunRecord.from_json(config(), old)
    assert (read.parameters, read.flops, read.model_bytes) == (7, None, None)
    new = RunRecord(config=config(), seed=3, flops=10**12, model_bytes=2**33)
    assert new.to_json()["operations"] == 10**12
    assert RunRecord.from_json(config(), json.loads(json.dumps(new.to_json()))) == new


def test_record_refuses_another_schema() -> None:
    written = RunRecord(config=config(), seed=0).to_json()
    with pytest.raises(ValueError, match="schema version is 99"):
        RunRecord.from_json(config(), {**written, "schema_version": 99})
    with pytest.raises(ValueError, match="not a run's record"):
        RunRecord.from_json(config(), {**written, "surprise": 1})
