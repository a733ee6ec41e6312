"""A submission has one row a test image, in the order of the test file."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stored_runs import DATASET, IMAGES, config, ids, predictions, store_model, store_run

import reports
from benchmark.store.run_store import RunStore
from zoo.errors import UserError


def labels_of(store: RunStore, name: str) -> list[int]:
    found = [run.predictions("test") for run in store.resolve(DATASET, name)]
    mean = np.mean([predicted.probabilities.astype(np.float64) for predicted in found if predicted], axis=0)
    return [int(label) for label in mean.argmax(axis=1)]


def test_icml_is_one_integer_a_line(store: RunStore, tmp_path: Path) -> None:
    path = reports.submission("mlp", runs=store.root, output=tmp_path / "out.csv")
    assert path == tmp_path / "out.csv"
    assert path.read_bytes() == "".join(f"{label}\n" for label in labels_of(store, "mlp")).encode()


def test_id_emotion_has_a_header_and_ids(store: RunStore, tmp_path: Path) -> None:
    path = reports.submission("mlp", runs=store.root, output=str(tmp_path / "out.csv"), format="id-emotion")
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["id", "emotion"]
    assert rows[1:] == [[name, str(label)] for name, label in zip(ids("test"), labels_of(store, "mlp"), strict=True)]


def test_rows_keep_the_order_of_the_test_file_and_ids_are_quoted(store: RunStore, tmp_path: Path) -> None:
    names = np.array([f'{IMAGES - row}, "x"' for row in range(IMAGES)])
    run = store_run(store, config("odd"), [replace(predictions("test", 5), sample_ids=names)])
    path = reports.submission(run.name, runs=store.root, output=tmp_path / "out.csv", format="id-emotion")
    with path.open(newline="") as file:
        assert [row[0] for row in csv.reader(file)][1:] == names.tolist()


def test_seeds_are_averaged(store: RunStore, tmp_path: Path) -> None:
    path = reports.submission("cnn4", runs=store.root, output=tmp_path / "all.csv")
    assert [int(line) for line in path.read_text().split()] == labels_of(store, "cnn4")
    single = reports.submission("cnn4/seed-2", runs=store.root, output=tmp_path / "one.csv")
    assert [int(line) for line in single.read_text().split()] == labels_of(store, "cnn4/seed-2")


def test_seeds_of_different_samples_are_refused(store: RunStore, tmp_path: Path) -> None:
    store_run(store, config("cnn7"), [predictions("test", 5, count=7)], seed=1)
    with pytest.raises(UserError, match="other test samples"):
        reports.submission("cnn7", runs=store.root, output=tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("cmn4", {}, "did you mean cnn4"),
        ("resnet", {}, "it failed: MemoryError"),
        ("blind", {}, "has no test predictions"),
        ("mlp", {"format": "id-emotions"}, "did you mean id-emotion"),
        ("mlp", {"data": "fer"}, "unknown dataset"),
    ],
)
def test_what_is_refused_leaves_the_file_alone(
    store: RunStore, tmp_path: Path, name: str, options: dict[str, str], message: str
) -> None:
    store_model(store, "blind", 20, None)
    path = tmp_path / "out.csv"
    path.write_text("mine")
    with pytest.raises(UserError, match=message):
        reports.submission(name, **{"runs": store.root, "output": path, **options})  # type: ignore[arg-type]
    assert path.read_text() == "mine"


def test_places_that_cannot_be_written(store: RunStore, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="it is not a file"):
        reports.submission("mlp", runs=store.root, output=tmp_path)
    with pytest.raises(UserError, match=r"cannot write .*: No such file or directory"):
        reports.submission("mlp", runs=store.root, output=tmp_path / "nowhere" / "out.csv")


def test_a_link_is_followed_and_nothing_else_is_left(store: RunStore, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    (tmp_path / "link.csv").symlink_to(there / "real.csv")
    reports.submission("mlp", runs=store.root, output=tmp_path / "link.csv")
    assert (tmp_path / "link.csv").is_symlink()
    assert [path.name for path in there.iterdir()] == ["real.csv"]
