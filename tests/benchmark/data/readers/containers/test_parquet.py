"""Parquet files of encoded pictures, as the Hugging Face hub serves data sets."""

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from refusals import assert_refused

from benchmark.data import ReadOptions, load
from benchmark.data.loading import load_with_layout
from benchmark.data.read_options import default_cache
from benchmark.data.readers.containers import parquet
from benchmark.data.readers.containers.own_folders import PREFIX
from benchmark.files import unpacking
from zoo.errors import UserError

NAMES = ["happy", "sad", "unused"]


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    assert not list(default_cache().glob(f"{PREFIX}*"))


def encoded(row: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((3, 4), 5 * row, np.uint8)).save(file, "PNG")
    return file.getvalue()


def rows(count: int, start: int = 0) -> dict[str, list[Any]]:
    numbers = range(start, start + count)
    return {
        "image": [{"bytes": encoded(row), "path": None} for row in numbers],
        "label": [row % 2 for row in numbers],
    }


def write(path: Path, columns: dict[str, list[Any]], names: Any = NAMES) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet as files

    path.parent.mkdir(parents=True, exist_ok=True)
    features = {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
    about = {"huggingface": json.dumps({"info": {"features": features}})} if names else None
    files.write_table(pyarrow.table(columns).replace_schema_metadata(about), path)
    return path


def hub(root: Path) -> Path:
    """Train in two files, validation, and a test without labels."""
    write(root / "data" / "train-00000-of-00002-a1b2.parquet", rows(10))
    write(root / "data" / "train-00001-of-00002-a1b2.parquet", rows(2, 10))
    write(root / "data" / "validation-00000-of-00001.parquet", rows(4, 12))
    write(root / "data" / "test-00000-of-00001.parquet", {**rows(3, 16), "label": [-1, -1, -1]})
    (root / "README.md").write_text("---")
    return root


def test_the_hubs_files(tmp_path: Path) -> None:
    found = load_with_layout(hub(tmp_path / "fer2013"), cache_directory=None)
    dataset = found.dataset
    assert dataset.name == "fer2013"
    assert dataset.class_names == ("happy", "sad")
    assert found.layout == "parquet files: 2 of train, 1 of validation, 1 of test"
    assert found.notes == ()
    assert [len(split) for split in dataset.splits] == [12, 4, 3]
    assert dataset.train.sample_ids.tolist() == [f"train-{row}" for row in range(12)]
    assert dataset.train.images[:, 0, 0, 0].tolist() == [5 * row for row in range(12)]
    assert dataset.train.labels is not None
    assert dataset.train.labels.tolist() == [0, 1] * 6
    assert dataset.test is not None
    assert dataset.test.labels is None


def test_a_test_split_without_a_column_of_labels(tmp_path: Path) -> None:
    write(tmp_path / "train.parquet", rows(20))
    write(tmp_path / "test.parquet", {"image": rows(3)["image"]})
    dataset = load(tmp_path, cache=None)
    assert dataset.test is not None
    assert dataset.test.labels is None


def test_as_a_folder_of_the_same_pictures(tmp_path: Path) -> None:
    named = rows(20)
    for row, image in enumerate(named["image"]):
        image["path"] = f"faces/{row:02}.png"
        folder = tmp_path / "folder" / NAMES[row % 2]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{row:02}.png").write_bytes(image["bytes"])
    # Folders have their classes one after the other.
    order = [*range(0, 20, 2), *range(1, 20, 2)]
    path = write(tmp_path / "faces.parquet", {name: [values[row] for row in order] for name, values in named.items()})
    found = load(path, cache=tmp_path / "cache")
    assert found.fingerprint == load(tmp_path / "folder", cache=None).fingerprint
    assert found.fingerprint == load(path, cache=tmp_path / "cache").fingerprint
    assert found.name == "faces"


def test_splits_by_folder(tmp_path: Path) -> None:
    for role in ("train", "test"):
        write(tmp_path / "default" / role / "0000.parquet", rows(20))
    write(tmp_path / "default" / "other" / "0000.parquet", rows(20))
    found = load_with_layout(tmp_path, cache_directory=None)
    assert found.layout == "parquet files: 1 of train, 1 of test"
    assert found.notes == ("left out, not splits by their names: 0000.parquet",)


def test_one_file_of_several(tmp_path: Path) -> None:
    found = load_with_layout(hub(tmp_path) / "data" / "train-00000-of-00002-a1b2.parquet", cache_directory=None)
    assert sum(map(len, found.dataset.splits)) == 10
    told = [note for note in found.notes if "has no image of" not in note]  # of so few images
    assert told == ["3 more .parquet files beside it are not used; give their folder to read all"]


@pytest.mark.parametrize(
    ("labels", "names", "classes"),
    [(["b", "a"], None, ("a", "b")), ([3, 12], None, ("3", "12")), ([1, 0], ["x", "y"], ("x", "y")),
     ([0, 1], "x", ("0", "1"))],
)  # fmt: skip
def test_labels(tmp_path: Path, labels: list[Any], names: Any, classes: tuple[str, ...]) -> None:
    columns = {"img": [encoded(row) for row in range(20)], "label": labels * 10}
    dataset = load(write(tmp_path / "a.parquet", columns, names), cache=None)
    assert dataset.class_names == classes


def test_columns_by_what_the_hub_says_of_them(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet as files

    columns = rows(20)
    features = {"scan": {"_type": "Image"}, "grade": {"names": NAMES, "_type": "ClassLabel"}, "age": {"dtype": "int64"}}
    table = pyarrow.table({"scan": columns["image"], "age": columns["label"], "grade": columns["label"]})
    about = {"huggingface": json.dumps({"info": {"features": features}})}
    files.write_table(table.replace_schema_metadata(about), tmp_path / "a.parquet")
    assert load(tmp_path / "a.parquet", cache=None).class_names == ("happy", "sad")


def changed(name: str, value: Any) -> dict[str, list[Any]]:
    columns = rows(20)
    columns[name] = [*columns[name][:7], value, *columns[name][8:]]
    return columns


BAD: dict[str, tuple[dict[str, list[Any]], str]] = {
    "no picture": ({**rows(20), "image": [{"bytes": b"?", "path": "a"}] * 20}, "/train-0: not an image"),
    "no bytes": (changed("image", {"bytes": None, "path": "x.png"}), "row 7 of train has no picture in it"),
    "null": (changed("image", None), "row 7 of train has no picture in it"),
    "urls": ({**rows(20), "image": ["x.org/1.png"] * 20}, "column image holds no pictures, expected their bytes"),
    "no label": (changed("label", None), "row 7 of train has no label, expected a class"),
    "minus one": (changed("label", -1), "row 7 of train has no label, expected a class"),
    "high": (changed("label", 3), "column label has 3, but there are names for 0-2 only"),
    "low": (changed("label", -2), "column label has '-2', expected whole numbers from 0 or text"),
    "float": ({**rows(20), "label": [0.5] * 20}, "column label has '0.5', expected whole numbers"),
    "no images": ({"x": [1] * 20, "label": [1] * 20}, "no column image or img; there are x, label"),
    "two images": ({**rows(20), "img": [b"1"] * 20}, "columns image, img found, expected one of them"),
    "no labels": ({"image": rows(20)["image"], "x": [1] * 20}, "no column label or labels; there are image, x"),
    "long name": (changed("image", {"bytes": encoded(1), "path": "x" * 2000}), "row 7 of train has text that"),
    "nothing": ({name: [] for name in rows(1)}, "no rows, expected pictures"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_what_is_wrong_is_named(tmp_path: Path, kind: str) -> None:
    columns, says = BAD[kind]
    path = write(tmp_path / "a.parquet", columns, NAMES if kind == "high" else None)
    assert_refused(path, says, tmp_path / "cache")


def test_damaged_files(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", rows(20))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"a\.parquet: cannot be read as parquet"):
        load(path, cache=None)


def test_a_picture_that_many_rows_share_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = {"image": [{"bytes": encoded(1), "path": None}] * 400, "label": [0, 1] * 200}
    path = write(tmp_path / "a.parquet", shared)
    assert path.stat().st_size < 4_000
    monkeypatch.setattr(unpacking, "LARGEST_EXPANSION", 0)
    monkeypatch.setattr(unpacking, "SMALL_BYTES", 8_000)
    with pytest.raises(UserError, match="it unpacks to more than 8,000 bytes"):
        load(path, cache=None)


def test_a_path_never_leads_out(tmp_path: Path) -> None:
    columns = rows(20)
    for row, image in enumerate(columns["image"]):
        image["path"] = f"../../{row}/x.png"
    dataset = load(write(tmp_path / "a.parquet", columns), cache=None)
    assert dataset.train.sample_ids[0].startswith("train-")


def test_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "train.parquet").write_bytes(b"PAR1")
    for source in (tmp_path, tmp_path / "train.parquet"):
        with pytest.raises(UserError, match=r"train\.parquet: parquet needs pyarrow: pip install pyarrow"):
            load(source, ReadOptions(), cache=None)


@pytest.mark.parametrize(
    ("path", "role"),
    [("train-00000-of-00002.parquet", "train"), ("PublicTest.parquet", "validation"), ("test/0000.parquet", "test"),
     ("default/valid/0000.parquet", "validation"), ("0000.parquet", None)],
)  # fmt: skip
def test_splits_by_name(path: str, role: str | None) -> None:
    assert parquet._role(Path(path)) == role


def test_several_versions_of_a_data_set_are_told(tmp_path: Path) -> None:
    for name in ("full/train-0.parquet", "small/Train-0.PARQUET"):
        write(tmp_path / name, rows(12))
    notes = load_with_layout(tmp_path, cache_directory=None).notes
    assert any(note.startswith("train is all of full, small; if these are versions of one") for note in notes)
    hub(tmp_path / "other")
    assert not any("versions" in note for note in load_with_layout(tmp_path / "other", cache_directory=None).notes)
