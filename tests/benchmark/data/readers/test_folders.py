"""Folders of images: order, ids, shapes, what is ignored and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from refusals import assert_refused

from benchmark.data import ReadOptions, load
from benchmark.data.readers import decoding
from zoo.errors import UserError


def save(path: Path, value: int, size: tuple[int, int] = (4, 4), mode: str = "L") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    colour = value if mode in ("L", "P", "I;16") else (value,) * len(mode)
    Image.new(mode, size, colour).save(path)


def two_classes(root: Path, count: int = 2) -> Path:
    for split in ("train", "validation"):
        for value, name in enumerate(("cat", "dog")):
            for number in range(count):
                save(root / split / name / f"{split}-{name}-{number}.png", 10 * value + number)
    return root


def test_natural_order_and_stems(tmp_path: Path) -> None:
    two_classes(tmp_path, 12)
    dataset = load(tmp_path, cache=None)
    assert dataset.train.sample_ids[:12].tolist() == [f"train-cat-{n}" for n in range(12)]
    assert dataset.train.images[:12, 0, 0, 0].tolist() == list(range(12))


def test_repeated_stems_become_paths(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        for value, name in enumerate(("cat", "dog")):
            save(tmp_path / split / name / "1.png", value)
    dataset = load(tmp_path, cache=None)
    assert dataset.train.sample_ids.tolist() == ["train/cat/1", "train/dog/1"]
    assert dataset.validation.sample_ids.tolist() == ["valid/cat/1", "valid/dog/1"]


def test_one_folder_of_classes_beside_readme_and_hidden_files(tmp_path: Path) -> None:
    for name, value in (("happy", 9), ("Anger", 5)):
        for number in range(20):
            save(tmp_path / name / f"{name}{number}.png", value)
        for ignored in (".DS_Store", "Thumbs.db", "desktop.ini"):
            (tmp_path / name / ignored).write_bytes(b"?")
    (tmp_path / ".git").mkdir()
    (tmp_path / "README.md").write_text("images")
    dataset = load(tmp_path, cache=None)
    assert dataset.class_names == ("angry", "happy")
    assert dataset.split == "80/10/10 seed 0"
    assert [np.bincount(split.labels).tolist() for split in dataset.splits] == [[16, 16], [2, 2], [2, 2]]
    assert set(dataset.train.images[dataset.train.labels == 0].ravel()) == {5}


def test_commonest_size_wins_and_grey_stays_grey(tmp_path: Path) -> None:
    two_classes(tmp_path)
    for number in range(9):
        save(tmp_path / "train" / "cat" / f"wide{number}.png", 50, size=(8, 6))
    assert load(tmp_path, cache=None).input_shape == (6, 8, 1)
    save(tmp_path / "train" / "cat" / "deep.png", 200 * 256, size=(8, 6), mode="I;16")
    dataset = load(tmp_path, ReadOptions(size=5), cache=None)
    assert dataset.input_shape == (5, 5, 1)
    assert dataset.train.images[dataset.train.sample_ids == "deep"].tolist() == np.full((1, 5, 5, 1), 200).tolist()
    save(tmp_path / "train" / "cat" / "colour.png", 60, mode="RGB")
    dataset = load(tmp_path, cache=None)
    assert dataset.input_shape == (6, 8, 3)
    assert set(dataset.train.images[dataset.train.sample_ids == "wide1"].ravel()) == {50}
    assert load(tmp_path, ReadOptions(channels=1), cache=None).input_shape == (6, 8, 1)


def test_a_folder_of_private_files_alone_is_the_test_split(tmp_path: Path) -> None:
    two_classes(tmp_path, 9)
    for name in ("cat", "dog"):
        save(tmp_path / "test" / name / f"PublicTest_{name}.png", 1)
        save(tmp_path / "test" / name / f"PrivateTest_{name}.png", 1)
    dataset = load(tmp_path, cache=None)
    assert len(dataset.validation) == 18
    assert len(dataset.test) == 4, "a validation folder of its own leaves the test folder whole"


def break_text(root: Path) -> str:
    (root / "train" / "cat" / "notes.png").write_text("hello")
    return "notes.png: not an image"


def break_truncated(root: Path) -> str:
    generator = np.random.default_rng(0)
    path = root / "train" / "dog" / "half.jpg"
    Image.fromarray(generator.integers(0, 256, (64, 64), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:1500])
    return "half.jpg: a damaged image"


def break_nested(root: Path) -> str:
    save(root / "train" / "cat" / "inner" / "1.png", 0)
    return "train/cat/inner: a folder, expected images only"


def break_loose(root: Path) -> str:
    save(root / "train" / "1.png", 0)
    return "train/1.png: is outside of any class folder, expected train/<class>/"


def break_class_missing(root: Path) -> str:
    save(root / "validation" / "emu" / "1.png", 0)
    return "class 'emu' has no image in train (validation has 1)"


def break_empty_split(root: Path) -> str:
    (root / "test").mkdir()
    return "the test split has no images"


def break_two_validations(root: Path) -> str:
    (root / "val").mkdir()
    return "val and validation are both validation folders"


def break_no_train(root: Path) -> str:
    (root / "train").rename(root / "learn")
    return "no train folder beside validation, expected train/<class>/"


def break_flat_splits(root: Path) -> str:
    for split in ("train", "validation"):
        for name in ("cat", "dog"):
            (root / split / name).rename(root / f"{split}-{name}-images")
        (root / split).rmdir()
    return "train-cat-images and train-dog-images are both train folders"


def break_kind(root: Path) -> str:
    Image.new("F", (4, 4)).save(root / "train" / "cat" / "float.tif")
    return "float.tif: pixels of kind F, expected 8 or 16 bits a channel"


BREAKS = [
    break_text,
    break_truncated,
    break_nested,
    break_loose,
    break_class_missing,
    break_empty_split,
    break_two_validations,
    break_no_train,
    break_flat_splits,
    break_kind,
]


@pytest.mark.parametrize("damage", BREAKS, ids=lambda damage: damage.__name__)
def test_bad_folders_are_named(damage: object, tmp_path: Path) -> None:
    root = two_classes(tmp_path / "data")
    expected = damage(root)
    assert_refused(root, expected, tmp_path / "cache")


def test_huge_images_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two_classes(tmp_path)
    save(tmp_path / "train" / "cat" / "big.png", 0, size=(101, 100))
    monkeypatch.setattr(decoding, "MAX_PIXELS", 10_000)
    with pytest.raises(UserError, match=r"big\.png: 101x100 pixels, expected at most 10,000"):
        load(tmp_path, cache=None)


def test_pillows_own_limit_becomes_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two_classes(tmp_path)
    save(tmp_path / "train" / "cat" / "big.png", 0, size=(100, 100))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(UserError, match=r"big\.png: more than 100 million pixels, expected at most 50,000,000"):
        load(tmp_path, cache=None)


def test_colour_becomes_grey_by_luminance_and_sizes_by_bilinear_filter(tmp_path: Path) -> None:
    two_classes(tmp_path)
    gradient = np.zeros((8, 8, 3), dtype=np.uint8)
    gradient[..., 0] = np.arange(8) * 30
    gradient[..., 1] = 100
    Image.fromarray(gradient).save(tmp_path / "train" / "cat" / "z.png")
    dataset = load(tmp_path, ReadOptions(channels=1, size=4), cache=None)
    # Pixels 2k and 2k+1 with weight 3/8 each, their neighbours with 1/8 each, then 0.299 red + 0.587 green.
    red = [24.0, 75.0, 135.0, 186.0]
    expected = [0.299 * value + 58.7 for value in red]
    image = dataset.train.images[dataset.train.sample_ids == "z"][0, 0, :, 0].astype(float)
    np.testing.assert_allclose(image, expected, atol=2)


def test_an_unlabelled_test_keeps_its_stems_whatever_train_does(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        for split in ("train", "validation"):
            save(tmp_path / split / name / "1.png", 5)
    save(tmp_path / "test" / "0001.png", 5)
    dataset = load(tmp_path, cache=None)
    assert dataset.test is not None
    assert dataset.test.sample_ids.tolist() == ["0001"]
    assert dataset.train.sample_ids.tolist() == ["train/cat/1", "train/dog/1"]


def test_splits_that_number_their_own_images_can_be_pooled(tmp_path: Path) -> None:
    for split in ("train", "validation"):
        for first, name in enumerate(("cat", "dog")):
            for number in range(5):
                save(tmp_path / split / name / f"{2 * number + first}.png", 5)
    dataset = load(tmp_path, ReadOptions(split="70/30"), cache=None)
    ids = {*dataset.train.sample_ids.tolist(), *dataset.validation.sample_ids.tolist()}
    assert ids == {f"{split}/{number}" for split in ("train", "validation") for number in range(10)}
