"""What folders of images may be called, and what else may lie in them."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark.data.loading import Loaded, load_with_layout
from benchmark.data.readers.split_names import may_be_class, role_of
from zoo.errors import UserError


def save(path: Path, value: int = 7, kind: str | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (4, 4), value).save(path, kind)


def classes(root: Path, names: tuple[str, ...] = ("cat", "dog"), count: int = 10) -> Path:
    for value, name in enumerate(names):
        for number in range(count):
            save(root / name / f"{name}{number}.png", 10 * value + number)
    return root


def read(root: Path) -> Loaded:
    return load_with_layout(root, cache_directory=None)


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("train", "train"), ("Training", "train"), ("train_images", "train"), ("FER2013Train", "train"),
        ("train-set", "train"), ("trainset", "train"), ("TRAIN DATA", "train"), ("FER2013Valid", "validation"),
        ("val_set", "validation"), ("dev", "validation"), ("eval", "validation"), ("public_test", "validation"),
        ("PublicTest", "validation"), ("private test", "test"), ("test tube", "test"), ("testImages", "test"),
        ("train_test", None), ("contest", None), ("straining", None), ("attest", None), ("cat", None),
        ("devil", None), ("values", None), ("évaluation", None), ("", None),
    ],
)  # fmt: skip
def test_a_split_is_a_word_of_the_name(name: str, role: str | None) -> None:
    assert role_of(name) == role


def test_what_could_be_a_class() -> None:
    names = [
        "train",
        "valid",
        "dev",
        "bullet train",
        "test tube",
        "test",
        "testing",
        "train_images",
        "val_set",
        "testset",
    ]
    assert [name for name in names if may_be_class(name)] == ["train", "valid", "dev", "bullet train", "test tube"]


def test_flat_split_folders_are_never_classes(tmp_path: Path) -> None:
    for number, names in enumerate(
        [("train_images", "test_images"), ("train_set", "val_set"), ("Train", "Dev"), ("train", "test", "cat")]
    ):
        with pytest.raises(UserError, match=r"is outside of any class folder, expected .*rain.*/<class>/"):
            read(classes(tmp_path / str(number), names))
    for number, names in enumerate([("test_images", "cat", "dog"), ("test", "cat", "dog"), ("eval_images", "cat")]):
        with pytest.raises(UserError, match="no train folder beside "):
            read(classes(tmp_path / f"no train {number}", names))


def test_folders_with_a_split_in_their_names_are_splits(tmp_path: Path) -> None:
    for split, number in (("FER2013Train", 8), ("FER2013Valid", 3), ("FER2013Test", 2)):
        classes(tmp_path / split, count=number)
    loaded = read(tmp_path)
    assert [len(split) for split in loaded.dataset.splits] == [16, 6, 4]
    assert loaded.dataset.class_names == ("cat", "dog")
    assert loaded.dataset.split == "given"


def test_dev_is_validation(tmp_path: Path) -> None:
    classes(tmp_path / "train")
    classes(tmp_path / "dev", count=3)
    loaded = read(tmp_path)
    assert len(loaded.dataset.validation) == 6
    assert loaded.dataset.test is None
    classes(tmp_path / "val")
    with pytest.raises(UserError, match="dev and val are both validation folders"):
        read(tmp_path)


@pytest.mark.parametrize(
    "names", [("bus", "car", "train"), ("invalid", "valid"), ("bullet train", "bus"), ("dev", "ops")]
)
def test_a_class_may_be_called_like_a_split_where_all_others_are_classes(
    names: tuple[str, ...], tmp_path: Path
) -> None:
    loaded = read(classes(tmp_path, names))
    assert loaded.dataset.class_names == names
    assert loaded.layout == "one folder of classes"
    assert [note.partition("/ is read as a class")[0] in names for note in loaded.notes] == [True]


def test_folders_beside_splits_are_said(tmp_path: Path) -> None:
    for split in ("train", "validation"):
        classes(tmp_path / split)
    for name in ("masks", "annotations"):
        save(tmp_path / name / "1.png")
    (tmp_path / "test_labels").mkdir()
    (tmp_path / "test_labels" / "labels.csv").write_text("id,label\n")
    loaded = read(tmp_path)
    assert loaded.dataset.test is None
    assert loaded.notes == ("left out, not splits by their names: annotations/, masks/, test_labels/",)


def test_a_split_in_a_folder_of_its_own_name_goes_in(tmp_path: Path) -> None:
    classes(tmp_path / "train" / "train")
    classes(tmp_path / "val" / "images", count=2)
    loaded = read(tmp_path)
    assert loaded.dataset.class_names == ("cat", "dog")
    assert [len(split) for split in loaded.dataset.splits] == [20, 4]


def test_deeper_class_folders_name_the_folder_to_give(tmp_path: Path) -> None:
    classes(tmp_path / "images")
    save(tmp_path / "masks" / "1.png")
    with pytest.raises(
        UserError, match=r"images/(cat|dog): a folder, expected images only; .* give the path of the folder"
    ):
        read(tmp_path)


@pytest.mark.parametrize("name", ["test", "unknown"])
def test_test_pictures_in_one_dummy_folder_have_no_labels(name: str, tmp_path: Path) -> None:
    classes(tmp_path / "train")
    save(tmp_path / "test" / name / "2.png", 9)
    loaded = read(tmp_path)
    assert loaded.dataset.test.labels is None
    assert loaded.dataset.test.sample_ids.tolist() == ["2"]
    assert loaded.dataset.test.images.max() == 9
    assert loaded.layout.endswith("test without labels")


def test_a_test_of_one_class_has_labels(tmp_path: Path) -> None:
    classes(tmp_path / "train")
    save(tmp_path / "test" / "dog" / "2.png", 9)
    assert read(tmp_path).dataset.test.labels.tolist() == [1]


def test_names_in_two_unicode_forms_are_one_class(tmp_path: Path) -> None:
    name, whole, apart = "entêté", *(unicodedata.normalize(form, "entêté") for form in ("NFC", "NFD"))
    assert whole != apart
    for split, form in (("train", whole), ("validation", apart)):
        classes(tmp_path / split, (form, "calme"))
    save(tmp_path / "train" / apart / f"{apart}-more.png", 99)
    dataset = read(tmp_path).dataset
    assert dataset.class_names == ("calme", unicodedata.normalize("NFC", name))
    assert np.bincount(dataset.train.labels).tolist() == [10, 11]
    assert np.bincount(dataset.validation.labels).tolist() == [10, 10]
    ids = dataset.train.sample_ids.tolist()
    assert f"{whole}-more" in ids
    assert dataset.train.labels[ids.index(f"{whole}-more")] == 1


def test_class_names_in_csv_rows_are_composed(tmp_path: Path) -> None:
    rows = [f"{unicodedata.normalize(('NFC', 'NFD')[n // 2 % 2], ('été', 'ère')[n % 2])},{n} 0 0 0" for n in range(40)]
    (tmp_path / "a.csv").write_text("\n".join(["label,pixels", *rows]))
    dataset = read(tmp_path / "a.csv").dataset
    assert dataset.class_names == ("ère", "été")
    for split in dataset.splits:
        assert split.labels.tolist() == [1 - pixel % 2 for pixel in split.images[:, 0, 0, 0].tolist()]


def test_classes_meet_in_any_case_beside_classes_that_are_not_ferss(tmp_path: Path) -> None:
    for split, names in (("train", ("Angry", "contempt")), ("test", ("angry", "Contempt"))):
        classes(tmp_path / split, names)
    dataset = read(tmp_path).dataset
    assert dataset.class_names == ("Angry", "contempt")
    said = [dataset.class_names[label].casefold() for label in dataset.test.labels]
    assert said == [sample_id.rstrip("0123456789").casefold() for sample_id in dataset.test.sample_ids.tolist()]
    letters = classes(tmp_path / "letters", ("A", "a", "b"))
    loaded = read(letters)
    assert loaded.dataset.class_names == ("A", "a", "b"), "side by side they are two classes"
    assert loaded.notes == ("A and a are classes of their own; if they are one, give them one name",)


def test_classes_of_one_file_meet_in_any_case(tmp_path: Path) -> None:
    names = {
        "Training": ("Angry", "contempt"),
        "PublicTest": ("angry", "Contempt"),
        "PrivateTest": ("ANGRY", "contempt"),
    }
    rows = [f"{pair[n % 2]},{n} 0 0 200,{usage}" for usage, pair in names.items() for n in range(8)]
    (tmp_path / "a.csv").write_text("\n".join(["label,pixels,Usage", *rows]))
    loaded = read(tmp_path / "a.csv")
    assert loaded.dataset.class_names == ("Angry", "contempt")
    for split in loaded.dataset.splits:
        assert split.labels.tolist() == [n % 2 for n in range(8)]
    assert not loaded.notes


def test_one_stem_with_two_suffixes(tmp_path: Path) -> None:
    for split in ("train", "val"):
        classes(tmp_path / split, count=2)
    save(tmp_path / "train" / "cat" / "cat1.bmp", 50)
    dataset = read(tmp_path).dataset
    assert dataset.train.sample_ids.tolist() == [
        "train/cat/cat0.png", "train/cat/cat1.bmp", "train/cat/cat1.png", "train/dog/dog0.png", "train/dog/dog1.png"
    ]  # fmt: skip
    assert dataset.train.images[1].max() == 50


def test_what_is_no_picture_is_left_out_and_counted(tmp_path: Path) -> None:
    for split in ("train", "val"):
        classes(tmp_path / split, count=2)
        (tmp_path / split / "emu").mkdir()
        save(tmp_path / split / "cat" / "@eaDir" / "cat0.png" / "SYNOPHOTO.jpg")
        (tmp_path / split / "cat" / "README.txt").write_text("P1 cats")
    (tmp_path / "train" / "labels.csv").write_text("a,b\n")
    loaded = read(tmp_path)
    assert loaded.dataset.class_names == ("cat", "dog")
    assert [len(split) for split in loaded.dataset.splits] == [4, 4]
    assert loaded.notes == (
        "left out, as folders without pictures: emu",
        "left out, not pictures of a known format: train/cat/@eaDir, train/cat/README.txt, train/labels.csv and 2 more",
    )


def test_pictures_without_a_pictures_suffix_are_pictures(tmp_path: Path) -> None:
    for split in ("train", "val"):
        classes(tmp_path / split, count=2)
    for name, kind in (("0001", "PNG"), ("a.jfif", "JPEG"), ("b.jpe", "JPEG"), ("c.dat", "BMP")):
        save(tmp_path / "train" / "cat" / name, 60, kind)
    loaded = read(tmp_path)
    assert len(loaded.dataset.train) == 8
    assert not loaded.notes


def test_a_store_beside_the_classes_is_left_out(tmp_path: Path) -> None:
    classes(tmp_path)
    before = read(tmp_path)
    (tmp_path / "runs" / "animals-0123abcd" / "cnn4-89abcdef" / "seed-0").mkdir(parents=True)
    save(tmp_path / "runs" / "animals-0123abcd" / "reports" / "cnn4" / "page.png")
    loaded = read(tmp_path)
    assert loaded.dataset.class_names == ("cat", "dog")
    assert loaded.dataset.fingerprint == before.dataset.fingerprint
    assert loaded.notes == ("left out runs/, which holds stored runs",)
