"""Arrays in .npz files: every kind that is refused, and alignment by class name."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.data import load
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
    "floats": ({"images": IMAGES / 255, "labels": LABELS}, "images is of type float64, expected whole numbers 0-255"),
    "high": ({"images": IMAGES.astype(int) + 200, "labels": LABELS}, "images, row 19 has pixel 279, expected 0-255"),
    "low": ({"images": IMAGES.astype(int) - 1, "labels": LABELS}, "images, row 0 has pixel -1, expected 0-255"),
    "shape": ({"images": IMAGES.reshape(20, 4), "labels": LABELS}, "images has shape (20, 4), expected (n, height"),
    "length": ({"images": IMAGES, "labels": LABELS[:-1]}, "labels has shape (19,), expected (20,) as many as images"),
    "one-hot": ({"images": IMAGES, "labels": np.eye(2)[LABELS]}, "labels has shape (20, 2), expected (20,)"),
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
    with pytest.raises(UserError) as caught:
        load(path, cache=tmp_path / "cache")
    assert expected in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "cache").exists()


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
