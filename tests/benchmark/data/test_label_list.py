"""The list of a dataset's samples leads a model that was trained elsewhere to the runs of the dataset."""

import csv
from pathlib import Path

import numpy as np
import pytest
from bright_images import in_this_process, write_bright

import benchmark
import ensembles
from benchmark import ReadOptions, cli
from benchmark.data import load, write_labels
from benchmark.data.loading import load_with_layout
from benchmark.running import runner
from zoo import UserError


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_image_has_its_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_bright(tmp_path)
    assert cli.main(["data", str(source), "--write-labels", str(tmp_path / "list.csv")]) == 0
    assert str(tmp_path / "list.csv") in capsys.readouterr().err
    dataset = load(source, ReadOptions(), None)
    rows = rows_of(tmp_path / "list.csv")
    assert len(rows) == sum(map(len, dataset.splits))
    for split in dataset.splits:
        own = [row for row in rows if row["split"] == split.name]
        assert [row["id"] for row in own] == split.sample_ids.tolist()
        labels = [""] * len(split) if split.labels is None else [dataset.class_names[one] for one in split.labels]
        assert [row["label"] for row in own] == labels


@pytest.mark.filterwarnings("ignore:the validation predictions", "ignore:the likeliest classes")
@pytest.mark.filterwarnings("ignore:every predicted label is the true one")
def test_predictions_of_these_ids_join_the_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "work", in_this_process)
    source, runs = write_bright(tmp_path), tmp_path / "runs"
    (run,) = benchmark.run("sklearn:sklearn.naive_bayes.GaussianNB", source, runs=runs, epochs=1)
    dataset = load(source, ReadOptions(), None)
    write_labels(dataset, tmp_path / "list.csv")
    own = [row for row in rows_of(tmp_path / "list.csv") if row["split"] == "validation"][::-1]
    lines = [f"{row['id']},{row['label']}" for row in own]
    (tmp_path / "mine.csv").write_text("\n".join(["id,label", *lines]) + "\n")
    mine = ensembles.import_predictions("mine", tmp_path / "mine.csv", labels=tmp_path / "list.csv", runs=runs)
    assert mine.config.full_dataset == run.config.full_dataset
    found = mine.predictions("validation")
    assert found is not None
    np.testing.assert_array_equal(found.probabilities.argmax(axis=1), found.labels)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    dataset = load(write_bright(tmp_path), ReadOptions(), None)
    with pytest.raises(UserError, match="cannot write"):
        write_labels(dataset, tmp_path / "nowhere" / "list.csv")


def test_classes_without_images_of_a_split_are_told(tmp_path: Path) -> None:
    made = {}
    for split, labels in (("train", [0, 1, 2, 0]), ("validation", [0, 0]), ("test", [1, 0, 1])):
        made |= {f"{split}_images": np.zeros((len(labels), 4, 4), np.uint8), f"{split}_labels": np.array(labels)}
    np.savez(tmp_path / "small.npz", **made)
    for _ in range(2):  # read, and from the cache
        loaded = load_with_layout(tmp_path / "small.npz", cache_directory=tmp_path / "cache")
        told = [note for note in loaded.notes if "has no image" in note]
        assert told == [
            "validation has no image of 1, 2: no score of it says anything of them",
            "test has no image of 2: no score of it says anything of them",
        ]
