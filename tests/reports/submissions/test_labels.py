"""Test labels from a file are understood or refused with file and line."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stored_runs import CLASS_NAMES, IMAGES, config, ids, predictions, store_run, true_labels

import reports
from benchmark.store.run_store import RunStore
from benchmark.tables.given_labels import read_labels
from zoo.errors import UserError

LABELS = true_labels("test").tolist()
NAMES = ids("test").tolist()


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    """A store whose test labels are sealed."""
    store = RunStore(tmp_path / "runs")
    store_run(store, config("cnn4"), [predictions("validation", 10), predictions("test", 33, sealed=True)])
    return store.root


def write(directory: Path, lines: list[str]) -> Path:
    path = directory / "labels.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


WITH_ID = ["id,emotion", *[f"{name},{label}" for name, label in zip(NAMES, LABELS, strict=True)]]


@pytest.mark.parametrize(
    "lines",
    [
        WITH_ID,
        [WITH_ID[0], *reversed(WITH_ID[1:])],
        ["Label, sample_id", *[f"{CLASS_NAMES[label]}, {name}" for name, label in zip(NAMES, LABELS, strict=True)]],
        ["id,class,Usage", *[f"{line},Test" for line in WITH_ID[1:]]],
        [str(label) for label in LABELS],
        ["emotion", *[CLASS_NAMES[label] for label in LABELS]],
        ["\ufeffid,emotion", *WITH_ID[1:], "", ""],
    ],
    ids=["ids", "other order", "names", "more columns", "lines", "one column", "byte-order mark"],
)
def test_labels_are_attached(sealed: Path, tmp_path: Path, lines: list[str]) -> None:
    found = reports.leaderboard(sealed, labels=write(tmp_path, lines))
    assert found["test_accuracy"].tolist() == [33 / IMAGES]


@pytest.mark.parametrize("written", ["{}", "ours/{}", "{}.png"], ids=["the source's own", "merged", "file names"])
def test_ids_of_one_of_several_sources(tmp_path: Path, written: str) -> None:
    store = RunStore(tmp_path / "runs")
    found = predictions("test", 33, sealed=True)
    merged = replace(found, sample_ids=np.array([f"ours/{name}" for name in NAMES]))
    store_run(store, config("cnn4", dataset="ours+theirs"), [merged])
    lines = ["id,emotion", *[f"{written.format(name)},{label}" for name, label in zip(NAMES, LABELS, strict=True)]]
    board = reports.leaderboard(store.root, labels=write(tmp_path, lines))
    assert board["test_accuracy"].tolist() == [33 / IMAGES]
    page = reports.model("cnn4", runs=store.root, labels=write(tmp_path, lines))
    assert f"{100 * 33 / IMAGES:.2f}" in page.text


@pytest.mark.parametrize("names", [("a/1", "b/1", "b/2"), ("a/1.png", "b/1.png", "b/2.png")])
def test_an_image_of_another_folder_is_another(tmp_path: Path, names: tuple[str, ...]) -> None:
    store = RunStore(tmp_path / "runs")
    three = predictions("test", 3, sealed=True, count=3)
    store_run(store, config("cnn4"), [replace(three, sample_ids=np.array(["a/1", "b/1", "a/2"]))])
    path = write(tmp_path, ["id,emotion", *[f"{name},0" for name in names]])
    with pytest.raises(
        UserError, match=rf"line 4: the ids do not match: no id of the test samples is '{names[2]}', and 'a/2' is"
    ):
        reports.leaderboard(store.root, labels=path)


def test_labels_are_never_stored(sealed: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in sealed.rglob("*") if path.is_file()}
    reports.leaderboard(sealed, labels=write(tmp_path, WITH_ID))
    assert {path: path.read_bytes() for path in sealed.rglob("*") if path.is_file()} == before
    assert reports.leaderboard(sealed)["test_accuracy"].isna().all()


def test_labels_take_the_place_of_stored_ones(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    store_run(store, config("cnn4"), [predictions("test", IMAGES)])
    wrong = [str((label + 1) % 3) for label in LABELS]
    assert reports.leaderboard(store.root)["test_accuracy"].tolist() == [1]
    assert reports.leaderboard(store.root, labels=write(tmp_path, wrong))["test_accuracy"].tolist() == [0]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (WITH_ID[:-1], "has 39 ids, expected 40, those of the test samples: 'test-00039' is missing"),
        ([*WITH_ID, "test-99999,0"], "line 42: no id of the test samples is 'test-99999'; they are like 'test-00000'"),
        ([*WITH_ID, WITH_ID[3]], "line 42: the id 'test-00002' occurs a second time"),
        ([*WITH_ID[:2], "test-00001,3"], "line 3: unknown class '3', expected one of apple, banana, cherry or 0, 1, 2"),
        ([*WITH_ID[:2], "test-00001,-1"], "line 3: unknown class '-1'"),
        ([*WITH_ID[:2], "test-00001,"], "line 3: no label; 1 sample has none"),
        ([*WITH_ID[:2], "test-00001,furious"], "line 3: unknown class 'furious'"),
        ([*WITH_ID[:2], "test-00001"], "line 3: 1 columns, expected 2"),
        (["id,pixels,size", "a,1,2"], "has no label column, expected one of emotion, label, class"),
        (["emotion,pixels", "1,0 0"], "has 1 row, expected 40, one for each of the test samples"),
        (["id,emotion"], "has no rows: expected one label per sample"),
        ([""], "is empty"),
        (["0"] * 39, "39 rows, expected 40, one for each of the test samples"),
        (["0"] * 41, "41 rows, expected 40"),
        (["0", "1,2"], "line 2: 2 columns, expected 1"),
        (["a,1"], r"has no label column, expected one of emotion, .*, or one label a line; found a, 1"),
        (["1,2"], r"has no label column, .*, or one label a line; found 1, 2"),
        (["0"] * 39 + ["9"], "line 40: unknown class '9'"),
    ],
)
def test_labels_that_do_not_fit(sealed: Path, tmp_path: Path, lines: list[str], message: str) -> None:
    path = write(tmp_path, lines)
    with pytest.raises(UserError, match=message) as caught:
        reports.leaderboard(sealed, labels=path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot read"):
        read_labels(tmp_path / "nowhere.csv")
    with pytest.raises(UserError, match="cannot read"):
        read_labels(tmp_path)
    (tmp_path / "binary").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(UserError, match="is not a CSV file in UTF-8"):
        read_labels(tmp_path / "binary")


def test_labels_without_test_predictions_are_of_no_use(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    store_run(store, config("cnn4"), [predictions("validation", 10)])
    with pytest.raises(UserError, match=r"cannot be used: no run of .* has test predictions"):
        reports.leaderboard(store.root, labels=write(tmp_path, WITH_ID))


def test_classes_that_are_numbers_go_by_their_name(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    named = predictions("test", IMAGES, class_names=("1", "2", "3"))
    store_run(store, config("cnn4"), [named])
    path = write(tmp_path, [str(label + 1) for label in LABELS])
    assert reports.leaderboard(store.root, labels=path)["test_accuracy"].tolist() == [1]
