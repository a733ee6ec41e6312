"""The doctor against a dataset whose faults are counted by hand, and the sample sheet."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark.data import ReadOptions, inspect, load, report_text, sample_sheet

# Class, pixel, and split: T train, P validation, S test. 2x2 images; the first pixel is given, the others are 9.
ROWS = [
    *[(0, 0, "T"), (0, 1, "T"), (0, 1, "T"), (0, 1, "T"), (3, 4, "T"), (3, 0, "T")],  # 1 twice more; 0 in two classes
    *[(0, 1, "P"), (3, 5, "P"), (3, 4, "P")],  # 1 and 4 are in train
    *[(0, 9, "S"), (0, 9, "S"), (3, 5, "S"), (3, 1, "S")],  # blank twice; 5 in validation; 1 in both, other class
]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    usage = {"T": "Training", "P": "PublicTest", "S": "PrivateTest"}
    lines = [f"{label},{pixel} 9 9 9,{usage[split]}" for label, pixel, split in ROWS]
    (tmp_path / "sick.csv").write_text("\n".join(["emotion,pixels,Usage", *lines]))
    return tmp_path / "sick.csv"


def test_faults_are_counted(source: Path, tmp_path: Path) -> None:
    report = inspect(source, cache=tmp_path / "cache")
    assert report.images == {"train": 6, "validation": 3, "test": 4}
    assert report.class_counts["train"] == {"angry": 4, "happy": 2}
    assert report.imbalance == 2.0
    assert report.image_shape == (2, 2, 1)
    assert {name: finding.count for name, finding in report.duplicates_within.items()} == {
        "train": 3 - 1 + 1,
        "validation": 0,
        "test": 1,
    }
    assert {pair: finding.count for pair, finding in report.duplicates_across.items()} == {
        "train, validation": 2,
        "train, test": 1,
        "validation, test": 2,
    }
    assert report.duplicates_across["train, validation"].examples == (
        ("train:Training-1", "validation:PublicTest-6"),
        ("train:Training-4", "validation:PublicTest-8"),
    )
    assert report.conflicts.count == 2
    assert ("train:Training-0", "train:Training-5") in report.conflicts.examples
    assert report.blank.examples == (("test:PrivateTest-9",), ("test:PrivateTest-10",))


def test_a_small_imbalance_is_not_rounded_away(source: Path) -> None:
    report = replace(inspect(source, cache=None), imbalance=27 / 26)
    assert "train has 1.04 x as many images" in report_text(report)


def test_json_and_text_say_the_same(source: Path, tmp_path: Path) -> None:
    report = inspect(source, cache=None)
    data = json.loads(json.dumps(report.to_json()))
    assert data["duplicates_across"]["train, test"]["count"] == 1
    assert data["class_counts"]["test"] == {"angry": 2, "happy": 2}
    text = report_text(report)
    assert max(map(len, text.splitlines())) <= 80
    for words in (
        "CSV: sick.csv (emotion, pixels, Usage)",
        "2x2 pixels, grey",
        "6 train, 3 validation, 4 test; the data's own",
        "train has 2.0 x as many images of angry as of happy",
        "3 images of train repeat an earlier one",
        "no images of validation repeat",
        "2 images of validation are in train too",
        "Training-1 = PublicTest-6",
        "2 distinct images have more than one class",
        "2 images have all pixels equal",
        "test:PrivateTest-9, test:PrivateTest-10",
    ):
        assert words in text


def test_text_fits_whatever_the_names(tmp_path: Path) -> None:
    names = ["a" * 90, "b" * 90]
    lines = [f"{names[n % 2]},0 0 0 0,{'x' * 70}{n}" for n in range(40)]
    path = tmp_path / f"{'long' * 30}.csv"
    path.write_text("\n".join(["label,pixels,id", *lines]))
    text = report_text(inspect(path, ReadOptions(split="80/20"), cache=None))
    assert max(map(len, text.splitlines())) <= 80
    assert "drawn 80/20 by class with seed 0; no test" in " ".join(text.split())


def test_sealed_test_shows_as_unknown(source: Path) -> None:
    lines = source.read_text().splitlines()
    sealed = ["," + line.split(",", 1)[1] if "PrivateTest" in line else line for line in lines]
    source.write_text("\n".join(sealed))
    report = inspect(source, cache=None)
    assert report.class_counts["test"] is None
    assert report.conflicts.count == 1
    assert "test without labels" in " ".join(report_text(report).split())


def test_sample_sheet_has_a_row_for_each_class(source: Path, tmp_path: Path) -> None:
    dataset = load(source, cache=None)
    for path in (tmp_path / "a.png", tmp_path / "b.png"):
        sample_sheet(dataset, path, per_class=3, seed=1)
    with Image.open(tmp_path / "a.png") as one, Image.open(tmp_path / "b.png") as two:
        np.testing.assert_array_equal(np.asarray(one), np.asarray(two))
        dark = (np.asarray(one.convert("L")) < 60).mean(axis=1)
    assert (dark > 0.3).any(), "images of pixels 0-9 are dark"
