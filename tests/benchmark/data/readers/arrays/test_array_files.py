"""Arrays in .npz files: every kind that is refused, and alignment by class name."""

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from refusals import assert_refused

from benchmark.data import load
from benchmark.data.loading import load_with_layout
from benchmark.data.readers.arrays import array_values
from zoo.errors import UserError

IMAGES = np.arange(20 * 4, dtype=np.uint8).reshape(20, 2, 2)
LABELS = np.tile([0, 1], 10)


def test_names_are_aligned_and_ids_kept(tmp_path: Path) -> None:
    names = np.array(["surprised", "Happy"])
    ids = np.array([f"s{n}" for n in range(20)])
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=LABELS, class_names=names, sample_ids=ids)
    dataset = load(tmp_path / "a.npz", cache=None)
    assert dataset.class_names == ("happy", "surprise")
    for split in dataset.splits:
        for image, label, sample_id in zip(split.images, split.labels, split.sample_ids, strict=True):
            row = int(sample_id[1:])
            np.testing.assert_array_equal(image[..., 0], IMAGES[row])
            assert label == 1 - LABELS[row]


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "objects": ({"images": IMAGES, "labels": np.array([None] * 20)}, "array labels holds Python objects"),
    "object images": ({"images": np.array([IMAGES, None], dtype=object), "labels": LABELS}, "holds Python objects"),
    "unknown array": (
        {"images": IMAGES, "labels": LABELS, "extra": LABELS},
        "unknown array 'extra'; found images, labe",
    ),
    "no images": ({"labels": LABELS}, "no train images; found labels; accepted are"),
    "two spellings": ({"images": IMAGES, "x_train": IMAGES, "y_train": LABELS}, "arrays images and x_train found"),
    "no labels": ({"images": IMAGES}, "no class found"),
    "lonely labels": ({"images": IMAGES, "labels": LABELS, "y_test": LABELS}, "y_test found without images"),
    "floats": ({"images": IMAGES - 0.5, "labels": LABELS}, "images has pixels from -0.5 to 78.5, expected 0-1 or"),
    "high floats": ({"images": IMAGES * 4.0, "labels": LABELS}, "has pixels from 0 to 316, expected 0-1 or 0-255"),
    "standardised": ({"images": IMAGES / 40 - 1, "labels": LABELS}, "has pixels from -1 to 0.975, expected 0-1 or"),
    "no number": (
        {"images": np.where(IMAGES == 33, np.nan, IMAGES), "labels": LABELS},
        "images, row 8 has a pixel that",
    ),
    "bool": ({"images": IMAGES > 40, "labels": LABELS}, "images is of type bool, expected numbers 0-1 or 0-255"),
    "two ranges": (
        {"images": IMAGES / 255, "labels": LABELS, "x_test": IMAGES / 1.0},
        "x_test has pixels from 0 to 79, expected 0-1 as in images",
    ),
    "floats and bytes": (
        {"images": IMAGES, "labels": LABELS, "x_test": IMAGES / 255},
        "x_test has pixels from 0 to 0.309804, expected 0-255 as in images",
    ),
    "bytes and floats": (
        {"images": IMAGES / 255, "labels": LABELS, "x_test": IMAGES},
        "x_test has pixels from 0 to 79, expected 0-1 as in images",
    ),
    "high": ({"images": IMAGES.astype(int) + 200, "labels": LABELS}, "images, row 19 has pixel 279, expected 0-255"),
    "low": ({"images": IMAGES.astype(int) - 1, "labels": LABELS}, "images, row 0 has pixel -1, expected 0-255"),
    "shape": ({"images": IMAGES.reshape(20, 4), "labels": LABELS}, "images has shape (20, 4), expected (n, height"),
    "length": (
        {"images": IMAGES, "labels": LABELS[:-1]},
        "labels has shape (19,), expected (20,), one for each",
    ),
    "soft labels": (
        {"images": IMAGES, "labels": np.full((20, 2), 0.5)},
        "labels, row 0 is not one-hot, expected a single 1",
    ),
    "two of a row": ({"images": IMAGES, "labels": np.ones((20, 2), int)}, "labels, row 0 is not one-hot"),
    "none of a row": ({"images": IMAGES, "labels": np.zeros((20, 2), int)}, "labels, row 0 is not one-hot"),
    "rows of one-hot": ({"images": IMAGES, "labels": np.eye(2)}, "labels has shape (2,), expected (20,), one for each"),
    "fewer columns": (
        {"images": IMAGES, "labels": np.eye(3)[LABELS], "x_test": IMAGES, "y_test": np.eye(2)[LABELS]},
        "y_test has 2 columns, labels has 3: expected as many",
    ),
    "fewer columns than names": (
        {"images": IMAGES, "labels": np.eye(2)[LABELS], "class_names": np.array(["a", "b", "c"])},
        "labels has 2 columns, expected one for each class: a, b, c",
    ),
    "three axes": ({"images": IMAGES, "labels": np.zeros((20, 2, 2))}, "labels has shape (20, 2, 2), expected (20,)"),
    "float labels": ({"images": IMAGES, "labels": LABELS / 1}, "labels is float64 (20,), expected text or whole"),
    "negative": ({"images": IMAGES, "labels": LABELS - 1}, "labels, row 0 has label -1, expected 0 or more"),
    "range": (
        {"images": IMAGES, "labels": LABELS + 1, "class_names": np.array(["a", "b"])},
        "labels, row 1 has label 2, expected 0-1",
    ),
    "name": (
        {"images": IMAGES, "labels": np.array(["a", "c"] * 10), "class_names": np.array(["a", "b"])},
        "labels, row 1 has label 'c', expected one of a, b",
    ),
    "a name twice": (
        {"images": IMAGES, "labels": LABELS, "class_names": np.array(["a", "b", "a"])},
        "class_names has 'a' twice, expected one name for each class",
    ),
    "declared class": (
        {"images": IMAGES, "labels": LABELS, "class_names": np.array(["a", "b", "c"])},
        "class 'c' has no image in train",
    ),
    "ids": (
        {"images": IMAGES, "labels": LABELS, "ids": np.array(["a"] * 20), "x_test": IMAGES},
        "sample id 'a' occurs",
    ),
    "empty test": ({"images": IMAGES, "labels": LABELS, "x_test": IMAGES[:0]}, "the test split has no images"),
    "empty": ({"images": IMAGES[:0], "labels": LABELS[:0]}, "no images found"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_arrays_are_named(kind: str, tmp_path: Path) -> None:
    arrays, expected = BAD[kind]
    path = tmp_path / "bad.npz"
    np.savez(path, **arrays)
    assert_refused(path, expected, tmp_path / "cache")


def test_damaged_archives_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, images=IMAGES, labels=LABELS)
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    with pytest.raises(UserError, match=r"a\.npz: a damaged archive"):
        load(path, cache=None)
    middle = whole.index(IMAGES.tobytes()[:40])
    path.write_bytes(whole[:middle] + b"\xff" + whole[middle + 1 :])
    with pytest.raises(UserError, match=r"array images holds damaged data"):
        load(path, cache=None)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images", b"hello")
    with pytest.raises(UserError, match=r"a\.npz: array images holds no array"):
        load(path, cache=None)


CHANGES: dict[str, tuple[Any, Any, tuple[str, ...]]] = {
    "as they are": (IMAGES, LABELS, ()),
    "with an axis": (IMAGES[..., None], LABELS[:, None], ()),
    "0-1": (IMAGES / 255, LABELS, ("pixels of X are 0-1, read as 0-255",)),
    "0-1 in 32 bits": ((IMAGES / 255).astype("<f4"), LABELS, ("pixels of X are 0-1, read as 0-255",)),
    "0-255 in floats": (IMAGES.astype(">f8"), LABELS, ("pixels of X are a floating type, rounded to whole numbers",)),
    "channels first": (
        IMAGES[:, None],
        LABELS,
        ("channels stand first in X, they are moved to the end",),
    ),
    "one-hot": (IMAGES, np.eye(2)[LABELS], ("y is one-hot, its columns are the classes 0-1",)),
    "one-hot of bits": (IMAGES, np.eye(2, dtype=bool)[LABELS], ("y is one-hot, its columns are the classes 0-1",)),
    "columns first": (np.asfortranarray(IMAGES), LABELS, ()),
}


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize("how", CHANGES)
def test_the_same_images_in_another_form(how: str, suffix: str, tmp_path: Path) -> None:
    images, labels, notes = CHANGES[how]
    plain, other = tmp_path / "plain.npz", tmp_path / "data"
    np.savez(plain, images=IMAGES, labels=LABELS)
    other.mkdir()
    if suffix == ".npz":
        np.savez(other / "a.npz", X=images, y=labels)
    else:
        np.save(other / "X.npy", images)
        np.save(other / "y.npy", labels)
    found = load_with_layout(other / "a.npz" if suffix == ".npz" else other, cache_directory=tmp_path / "cache")
    assert found.dataset.fingerprint == load(plain, cache=None).fingerprint
    assert found.notes == notes


def test_colour_with_channels_first(tmp_path: Path) -> None:
    colour = np.arange(20 * 3 * 4 * 5, dtype=np.uint8).reshape(20, 3, 4, 5)
    np.savez(tmp_path / "first.npz", images=colour, labels=LABELS)
    np.savez(tmp_path / "last.npz", images=np.moveaxis(colour, 1, -1), labels=LABELS)
    first, last = (load(tmp_path / f"{name}.npz", cache=None) for name in ("first", "last"))
    assert first.fingerprint == last.fingerprint
    assert first.input_shape == (4, 5, 3)


def test_blocks_join(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez(tmp_path / "a.npz", images=IMAGES / 255, labels=LABELS)
    np.savez(tmp_path / "b.npz", images=IMAGES.astype(int) + 177, labels=LABELS)
    whole = load(tmp_path / "a.npz", cache=None).fingerprint
    monkeypatch.setattr(array_values, "BLOCK_VALUES", 12)
    assert load(tmp_path / "a.npz", cache=None).fingerprint == whole
    with pytest.raises(UserError, match="images, row 19 has pixel 256, expected 0-255"):
        load(tmp_path / "b.npz", cache=None)


def save(folder: Path, **arrays: Any) -> Path:
    folder.mkdir(exist_ok=True)
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", values)
    return folder


def test_files_by_their_names(tmp_path: Path) -> None:
    folder = save(
        tmp_path / "Faces", X_train=IMAGES, y_train=LABELS, x_val=IMAGES[12:], y_val=LABELS[12:], X_test=IMAGES[16:],
        embeddings=np.zeros(3), class_names=np.array(["happy", "sad"]),
    )  # fmt: skip
    by_folder = load_with_layout(folder, cache_directory=None)
    by_file = load(folder / "X_train.npy", cache=None)
    dataset = by_folder.dataset
    assert [len(split) for split in dataset.splits] == [20, 8, 4]
    assert dataset.class_names == ("happy", "sad")
    assert dataset.test is not None
    assert dataset.test.labels is None
    assert dataset.name == by_file.name == "faces"
    assert dataset.fingerprint == by_file.fingerprint
    assert by_folder.notes == ("left out, as no images or labels by their names: embeddings.npy",)
    assert by_folder.layout.startswith("arrays X_test.npy, X_train.npy, class_names.npy")


def test_the_cache_is_made_again_for_another_file(tmp_path: Path) -> None:
    folder = save(tmp_path / "data", X=IMAGES, y=LABELS)
    first = load(folder, cache=tmp_path / "cache")
    save(folder, X=IMAGES[::-1])
    assert load(folder, cache=tmp_path / "cache").fingerprint != first.fingerprint


BAD_FILES: dict[str, tuple[dict[str, Any], str, str]] = {
    "other name": ({"faces": IMAGES, "labels": LABELS}, "faces.npy", "faces.npy: an array, expected X.npy with y.npy"),
    "labels alone": ({"y": LABELS}, "y.npy", "y.npy: an array, expected X.npy with y.npy beside it"),
    "two of a kind": ({"X": IMAGES, "images": IMAGES, "y": LABELS}, "", "arrays X and images found, expected one"),
    "objects": ({"X": IMAGES, "y": np.array([None] * 20)}, "", "array y holds Python objects, expected numbers"),
    "no labels": ({"X": IMAGES}, "", "no class found"),
    "a scalar": ({"X": np.array(3), "y": LABELS}, "", "X has shape (), expected"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_bad_files_are_named(kind: str, tmp_path: Path) -> None:
    arrays, given, says = BAD_FILES[kind]
    folder = save(tmp_path / "data", **arrays)
    assert_refused(folder / given, says, tmp_path / "cache")


def test_a_file_that_is_shorter_than_it_says(tmp_path: Path) -> None:
    folder = save(tmp_path / "data", X=IMAGES, y=LABELS)
    whole = (folder / "X.npy").read_bytes()
    (folder / "X.npy").write_bytes(whole[:-1])
    with pytest.raises(UserError, match=r"array X holds damaged data \(its header says uint8 \(20, 2, 2\)\)"):
        load(folder, cache=None)


def test_what_does_not_fit_into_memory_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = save(tmp_path / "data", X=IMAGES / 255, y=LABELS)
    monkeypatch.setattr(os, "sysconf", lambda _: 3)
    with pytest.raises(UserError, match="20 images of 2x2 pixels take 0 GB, this machine has"):
        load(folder, cache=None)


@pytest.mark.parametrize(("highest", "said"), [(1, True), (16, True), (63, True), (64, False)])
def test_it_is_said_that_images_come_out_nearly_black(highest: int, said: bool, tmp_path: Path) -> None:
    images = np.zeros((20, 2, 2), np.uint8)
    images[:, 0] = highest
    np.savez(tmp_path / "a.npz", images=images, labels=LABELS)
    notes = load_with_layout(tmp_path / "a.npz", cache_directory=None).notes
    assert any(f"pixels of images are at most {highest} of 255, nearly black" in note for note in notes) is said


def test_it_is_said_of_the_images_of_test_alone(tmp_path: Path) -> None:
    save(tmp_path, x_train=IMAGES, y_train=LABELS, x_test=IMAGES // 16, y_test=LABELS)
    notes = load_with_layout(tmp_path, cache_directory=None).notes
    (note,) = (note for note in notes if "nearly black" in note)
    assert note.startswith("pixels of x_test are at most")
