"""Where classes are called by numbers, the numbers are written, read and sorted as numbers."""

import csv
from pathlib import Path

import numpy as np
import pytest
from stored_runs import config, ids, predictions, store_run, true_labels

import reports
from benchmark.store.run_store import RunStore
from reports.leaderboards.notes import notes
from reports.leaderboards.results import read_results
from zoo.errors import UserError

COUNT = 40
SEVEN = tuple(map(str, range(1, 8)))
TWELVE = tuple(f"{number}.0" for number in range(1, 13))
CLASS_NAMES = [SEVEN, TWELVE, ("003", "010", "200"), ("-1", "0", "1")]


def perfect(folder: Path, class_names: tuple[str, ...]) -> tuple[RunStore, list[str]]:
    """A store with a run `cnn4` that is right for every test image, and what a user's file writes for the labels."""
    store = RunStore(folder / "runs")
    store_run(store, config("cnn4"), [predictions("test", COUNT, class_names=class_names)])
    labels = true_labels("test", COUNT, len(class_names))
    return store, [str(int(float(class_names[label]))) for label in labels]


def write(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def with_ids(values: list[str], heading: str = "label") -> list[list[str]]:
    return [["id", heading], *[[name, value] for name, value in zip(ids("test"), values, strict=True)]]


@pytest.mark.parametrize("class_names", CLASS_NAMES, ids=lambda names: names[0])
def test_a_perfect_submission_scores_100_percent(class_names: tuple[str, ...], tmp_path: Path) -> None:
    store, truth = perfect(tmp_path, class_names)
    labels = write(tmp_path / "labels.csv", with_ids(truth))
    blank = write(tmp_path / "sample.csv", with_ids([""] * COUNT, "What"))
    shown = write(tmp_path / "shown.csv", with_ids([truth[0]] * COUNT))
    wide = write(
        tmp_path / "wide.csv",
        [["id", *[f"p_{name}" for name in class_names]], *[[name, *["0"] * len(class_names)] for name in ids("test")]],
    )
    asked = [{"format": "icml"}, {"format": "id-emotion"}, {"format": "probabilities"}]
    for options in [*asked, {"sample": blank}, {"sample": shown}, {"sample": wide}]:
        path = reports.submission("cnn4", runs=store.root, output=tmp_path / "out.csv", **options)  # type: ignore[arg-type]
        assert reports.score(path, labels).accuracy.value == 1, options
    reports.submission("cnn4", runs=store.root, output=tmp_path / "out.csv", format="icml")
    assert [int(line) for line in (tmp_path / "out.csv").read_text().split()] == list(map(int, truth))
    path = reports.submission("cnn4", runs=store.root, output=tmp_path / "out.csv", sample=shown)
    with path.open(newline="") as file:
        assert [(row["id"], int(row["label"])) for row in csv.DictReader(file)] == [
            (name, int(value)) for name, value in zip(ids("test"), truth, strict=True)
        ]


@pytest.mark.parametrize("class_names", CLASS_NAMES, ids=lambda names: names[0])
@pytest.mark.parametrize("spelling", ["{}", "{}.0"])
def test_labels_are_read_as_numbers(class_names: tuple[str, ...], spelling: str, tmp_path: Path) -> None:
    store, truth = perfect(tmp_path, class_names)
    labels = write(tmp_path / "labels.csv", with_ids([spelling.format(value) for value in truth]))
    assert reports.leaderboard(store.root, labels=labels)["test_accuracy"].tolist() == [1]


def test_a_number_that_is_no_class_is_refused(tmp_path: Path) -> None:
    store, truth = perfect(tmp_path, SEVEN)
    labels = write(tmp_path / "labels.csv", with_ids(["0", *truth[1:]]))
    with pytest.raises(UserError, match=r"line 2: unknown class '0', expected one of 1, 2, 3, 4, 5, 6, 7$"):
        reports.leaderboard(store.root, labels=labels)
    for shown in (["0"] * COUNT, ["0", *truth[1:]]):
        sample = write(tmp_path / "sample.csv", with_ids(shown))
        with pytest.raises(UserError, match=r"line 2: label '0' is not a class, expected one of 1, 2, .*: correct"):
            reports.submission("cnn4", runs=store.root, output=tmp_path / "out.csv", sample=sample)
        assert not (tmp_path / "out.csv").exists()


def test_a_sample_keeps_its_spelling_of_numbers(tmp_path: Path) -> None:
    store, truth = perfect(tmp_path, SEVEN)
    sample = write(tmp_path / "sample.csv", with_ids([f"{truth[0]}.0"] * COUNT))
    path = reports.submission("cnn4", runs=store.root, output=tmp_path / "out.csv", sample=sample)
    assert [line.split(",")[1] for line in path.read_text().splitlines()[1:]] == [f"{value}.0" for value in truth]


def test_classes_that_are_partly_numbers_are_written_by_name(tmp_path: Path) -> None:
    store, _ = perfect(tmp_path, ("1", "2", "3"))
    store = RunStore(tmp_path / "mixed")
    names = ("1", "2", "none")
    store_run(store, config("cnn4"), [predictions("test", COUNT, class_names=names)])
    path = reports.submission("cnn4", runs=store.root, output=tmp_path / "out.csv")
    assert path.read_text().split() == [names[label] for label in true_labels("test", COUNT)]


def test_the_leaderboard_says_how_ids_were_matched(tmp_path: Path) -> None:
    store, truth = perfect(tmp_path, SEVEN)
    exact = write(tmp_path / "labels.csv", with_ids(truth))
    assert notes(read_results(store.root, labels=exact)) == []
    files = write(tmp_path / "labels.csv", [[f"{name}.png", value] for name, value in with_ids(truth)])
    files.write_text(files.read_text().replace("id.png", "id"))
    (note,) = notes(read_results(store.root, labels=files))
    assert note == "labels.csv: 40 ids matched without the suffix: 'test-00000.png' is 'test-00000'"


def test_names_in_any_case_and_ids_of_file_names(tmp_path: Path) -> None:
    """What `score` takes, `leaderboard --labels` takes too."""
    store = RunStore(tmp_path / "runs")
    found = predictions("test", COUNT, class_names=("angry", "happy", "sad"))
    numbered = np.array([f"{row:04d}.jpg" for row in range(COUNT)])
    object.__setattr__(found, "sample_ids", numbered)
    store_run(store, config("cnn4"), [found])
    truth = [("Angry", "JOY", "sadness")[label] for label in true_labels("test", COUNT)]
    for spelling in ("{:04d}.jpg", "{}", "{}.0", "test/{:04d}.png"):
        rows = [[spelling.format(row), value] for row, value in enumerate(truth)]
        labels = write(tmp_path / "labels.csv", [["ImageId", "label"], *rows])
        assert reports.leaderboard(store.root, labels=labels)["test_accuracy"].tolist() == [1]
        path = reports.submission("cnn4", runs=store.root, output=tmp_path / "out.csv", format="id-emotion")
        scored = reports.score(path, labels)
        assert (scored.accuracy.value, scored.matched_by) == (1, "id")
