"""Pictures with a list of their classes, in the layouts in which such data is given away."""

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark.data import ReadOptions, load
from benchmark.data.loading import Loaded, load_with_layout
from benchmark.dataset import Dataset, Split
from zoo.errors import UserError

SHADES = {"surprise": 10, "fear": 40, "disgust": 70, "happy": 100, "sad": 130, "angry": 160, "neutral": 190}
RAF_DB = tuple(SHADES)
PLUS = ["neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF"]


def draw(path: Path, shade: int, size: tuple[int, int] = (4, 4)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, shade).save(path)
    return path


def write(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*lines, ""]))
    return path


def read(source: Path, **options: object) -> Loaded:
    return load_with_layout(source, ReadOptions(**options), cache_directory=None)  # type: ignore[arg-type]


def refusal(source: Path) -> str:
    with pytest.raises(UserError) as caught:
        load(source, cache=None)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def by_id(split: Split, names: Sequence[str]) -> dict[str, str]:
    assert split.labels is not None
    return {name: names[label] for name, label in zip(split.sample_ids.tolist(), split.labels, strict=True)}


def check_shades(dataset: Dataset, shades: dict[str, int]) -> None:
    """Each image has the shade of its class, one to nine brighter."""
    for split in dataset.splits:
        if split.labels is not None:
            for image, label in zip(split.images, split.labels, strict=True):
                assert 0 <= int(image[0, 0, 0]) - shades[dataset.class_names[label]] < 10


def text_of(loaded: Loaded) -> str:
    return " | ".join([loaded.layout, *loaded.notes])


# RAF-DB


def raf_db(root: Path, folder: str = "Image/aligned", end: str = "_aligned") -> Path:
    lines = []
    for number in range(70):
        name = f"{'train' if number < 49 else 'test'}_{number:05}"
        shade = list(SHADES.values())[number % 7]
        draw(root / folder / f"{name}{end}.jpg", shade + 2)
        lines.append(f"{name}.jpg {number % 7 + 1}")
    write(root / "EmoLabel" / "list_patition_label.txt", *lines)
    return root


def test_raf_db(tmp_path: Path) -> None:
    raf_db(tmp_path / "basic")
    for number in range(70):  # not aligned, and as good as any other file of that name
        draw(tmp_path / "basic/Image/original" / f"{'train' if number < 49 else 'test'}_{number:05}.jpg", 250)
    loaded = read(tmp_path)
    dataset = loaded.dataset
    assert dataset.class_names == ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
    check_shades(dataset, SHADES)
    assert (len(dataset.train) + len(dataset.validation), len(dataset.test or ())) == (49, 21)
    assert by_id(dataset.test, dataset.class_names)["test_00069_aligned"] == "neutral"  # type: ignore[arg-type]
    said = text_of(loaded)
    assert "list_patition_label.txt (column 1, column 2), split by how the names begin" in said
    assert "Image/aligned/" in said
    assert "numbered as RAF-DB's: 1 surprise, 2 fear, 3 disgust, 4 happy, 5 sad, 6 angry, 7 neutral" in said
    assert "pictures: 70 left out, as they are in no list: Image/original/test_00049.jpg" in said


def test_raf_db_as_given_names_or_with_its_own_pictures_only(tmp_path: Path) -> None:
    root = raf_db(tmp_path, "Image/original", "")
    check_shades(read(root).dataset, SHADES)
    named = read(root, class_names=tuple("ABCDEFG"))
    assert named.dataset.class_names == tuple("ABCDEFG")
    assert "RAF-DB" not in text_of(named)


def kaggle_raf_db(root: Path) -> Path:
    for split, numbers in (("train", range(49)), ("test", range(49, 70))):
        rows = []
        for number in numbers:
            name = f"{split}_{number:05}_aligned.jpg"
            draw(root / "DATASET" / split / str(number % 7 + 1) / name, list(SHADES.values())[number % 7])
            rows.append(f"{name},{number % 7 + 1}")
        write(root / f"{split}_labels.csv", "image,label", *rows)
    return root


def test_raf_db_from_kaggle(tmp_path: Path) -> None:
    root = kaggle_raf_db(tmp_path)
    loaded = read(root)
    check_shades(loaded.dataset, SHADES)
    assert (len(loaded.dataset.train) + len(loaded.dataset.validation), len(loaded.dataset.test or ())) == (49, 21)
    assert "train_labels.csv (image, label) for train with test_labels.csv (image, label) for test" in text_of(loaded)
    # The folders alone are the same images, whose classes have numbers for names.
    alone = load(root / "DATASET", ReadOptions(class_names=RAF_DB), cache=None)
    assert alone.test is not None
    assert loaded.dataset.test is not None
    assert by_id(alone.test, alone.class_names) == by_id(loaded.dataset.test, loaded.dataset.class_names)


# AffectNet


def affect_net(root: Path) -> Path:
    rows: dict[str, list[str]] = {"training": [], "validation": []}
    for number in range(33):
        split = "validation" if number % 3 == 0 else "training"
        path = f"{number % 4}/{number:032x}.jpg"
        draw(root / "Manually_Annotated" / "Manually_Annotated_Images" / path, 20 * (number % 11))
        rows[split].append(f"{path},1,2,3,4,0.1;0.2;0.3,{number % 11},-0.1,0.2")
    head = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
    for split, lines in rows.items():
        write(root / "Manually_Annotated_file_lists" / f"{split}.csv", head, *lines)
    return root


def test_affect_net(tmp_path: Path) -> None:
    loaded = read(affect_net(tmp_path))
    dataset = loaded.dataset
    assert dataset.class_names == ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral", "contempt")
    order = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "contempt")
    check_shades(dataset, {name: 20 * place for place, name in enumerate(order)})
    assert dataset.split == "given"
    said = text_of(loaded)
    assert "training.csv (subDirectory_filePath, expression) for train with validation.csv" in said
    assert "training.csv: 6 left out, as they show no class: none, uncertain, no face" in said
    assert "in no list" not in said
    assert (
        "numbered as AffectNet's: 0 neutral, 1 happy, 2 sad, 3 surprise, 4 fear, 5 disgust, 6 angry, 7 contempt" in said
    )


def test_affect_net_without_a_label_in_one_row_is_numbered_as_before(tmp_path: Path) -> None:
    file = affect_net(tmp_path) / "Manually_Annotated_file_lists" / "training.csv"
    lines = file.read_text().splitlines()
    lines[1] = ",".join([*lines[1].split(",")[:6], "", *lines[1].split(",")[7:]])
    file.write_text("\n".join([*lines, ""]))
    assert read(tmp_path).dataset.class_names[0] == "angry"


# FER+


def plus_votes(number: int) -> list[int]:
    """Ten votes: of every eighth picture no class has more than half, the others' class is the number modulo 7."""
    votes = [0] * 10
    if number % 8 == 7:
        votes[0], votes[1] = 5, 5
    else:
        votes[number % 7], votes[9] = 9, 1
    return votes


PLUS_SHADES = {
    name: 20 * place for place, name in enumerate(("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear"))
}
PLUS_FOLDERS = {"FER2013Train": range(40), "FER2013Valid": range(40, 60), "FER2013Test": range(60, 80)}


def fer_plus(root: Path) -> Path:
    for folder, numbers in PLUS_FOLDERS.items():
        for number in numbers:
            draw(root / folder / f"fer{number:07}.png", 20 * (number % 7))
    return root


def test_fer_plus_with_a_list_in_each_folder(tmp_path: Path) -> None:
    root = fer_plus(tmp_path / "data")
    for folder, numbers in PLUS_FOLDERS.items():
        lines = [f'fer{n:07}.png,"(0, 0, 48, 48)",{",".join(map(str, plus_votes(n)))}' for n in numbers]
        write(root / folder / "label.csv", *lines)
    loaded = read(tmp_path)
    check_shades(loaded.dataset, PLUS_SHADES)
    assert loaded.dataset.class_names == ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
    assert [len(split) for split in loaded.dataset.splits] == [35, 18, 17]
    assert "label.csv (column 1, votes) for train with label.csv (column 1, votes) for validation" in text_of(loaded)
    assert "label.csv: 5 left out, as no class has more than half of the votes" in text_of(loaded)


def test_fer_plus_with_one_list(tmp_path: Path) -> None:
    root = fer_plus(tmp_path)
    usages = dict(zip(PLUS_FOLDERS, ("Training", "PublicTest", "PrivateTest"), strict=True))
    rows = [
        f"{usages[folder]},fer{number:07}.png,{','.join(map(str, plus_votes(number)))}"
        for folder, numbers in PLUS_FOLDERS.items()
        for number in numbers
    ]
    write(root / "fer2013new.csv", ",".join(["Usage", "Image name", *PLUS]), *rows, "Training,,0,0,0,0,0,0,0,0,0,10")
    loaded = read(root)
    check_shades(loaded.dataset, PLUS_SHADES)
    assert [len(split) for split in loaded.dataset.splits] == [35, 18, 17]
    assert loaded.dataset.split == "given"
    assert "fer2013new.csv (Image name, votes), split by Usage" in text_of(loaded)


@pytest.mark.parametrize(
    ("odd", "left"),
    [(["0,0,0"], 1), (["1,1,0"], 1), (["0,0,0", "0,1,1", "1,1,1"], 3)],
    ids=["none", "two", "several"],
)
def test_ones_and_zeros_of_which_some_rows_are_not_one_class(odd: list[str], left: int, tmp_path: Path) -> None:
    rows = [",".join("1" if place == number % 3 else "0" for place in range(3)) for number in range(30)]
    rows[-left:] = odd
    for number in range(30):
        draw(tmp_path / "pictures" / f"p{number}.png", number)
    write(tmp_path / "list.csv", "image,happy,sad,angry", *(f"p{number}.png,{row}" for number, row in enumerate(rows)))
    loaded = read(tmp_path)
    assert sum(map(len, loaded.dataset.splits)) == 30 - left
    assert f"list.csv: {left} left out, as not exactly one class has a 1" in text_of(loaded)


def test_shares_are_no_votes(tmp_path: Path) -> None:
    for number in range(9):
        draw(tmp_path / "pictures" / f"p{number}.png", number)
    write(tmp_path / "list.csv", "image,happy,sad,angry", *(f"p{number}.png,0.8,0.1,0.1" for number in range(9)))
    assert "list.csv: no row gives a class, expected a single 1, or votes of which" in refusal(tmp_path)


# muxspace


def test_muxspace_whose_classes_are_spelled_in_several_ways(tmp_path: Path) -> None:
    spelled = ["anger", "angry", "happiness", "HAPPINESS", "contempt", "Neutral", "neutral", "surprised"]
    rows = []
    for number in range(80):
        draw(tmp_path / "images" / f"Some_One_{number:04}.jpg", number)
        rows.append(f"302,Some_One_{number:04}.jpg,{spelled[number % 8]}")
    rows += [rows[0], "628,Some_One_0001.jpg,contempt"]
    write(tmp_path / "data" / "legend.csv", "user.id,image,emotion", *rows)
    loaded = read(tmp_path)
    assert loaded.dataset.class_names == ("angry", "happy", "surprise", "neutral", "contempt")
    assert sum(len(split) for split in loaded.dataset.splits) == 79
    said = text_of(loaded)
    assert "legend.csv (image, emotion)" in said
    assert "anger and angry are read as one class, angry" in said
    assert "legend.csv: 2 listed again" in said
    assert "legend.csv: 1 left out, as they have several classes: images/Some_One_0001.jpg" in said


def test_one_of_several_lists_beside_a_folder_of_images(tmp_path: Path) -> None:
    names = pictures(tmp_path)
    draw(tmp_path / "private" / "p99.png", 1)
    for name in ("legend.csv", "others.csv"):
        write(tmp_path / "data" / name, "image,label", *listed(names), "p99,a", "private/p99.png,b")
    assert "several lists of pictures, data/legend.csv, data/others.csv" in refusal(tmp_path)
    loaded = read(tmp_path / "data" / "legend.csv")
    assert sum(len(split) for split in loaded.dataset.splits) == 30
    assert "pictures in images/" in text_of(loaded)
    assert "legend.csv: 2 missing: p99, private/p99.png" in text_of(loaded)


def test_contempt_stands_last_also_where_only_one_split_has_it(tmp_path: Path) -> None:
    names = pictures(tmp_path)
    rows = [f"{name},{('anger', 'happiness', 'contempt')[place % (3 if place < 20 else 2)]}" for place, name in
            enumerate(names)]  # fmt: skip
    write(tmp_path / "train.csv", "image,emotion", *rows[:20])
    write(tmp_path / "validation.csv", "image,emotion", *rows[20:])
    assert load(tmp_path, cache=None).class_names == ("angry", "happy", "contempt")


# Kaggle


def kaggle(root: Path, suffix: str = "") -> Path:
    rows = []
    for number in range(40):
        draw(root / "train_images" / f"{number:04}.png", 100 * (number % 2) + 5)
        rows.append(f"{number:04}{suffix},{'ab'[number % 2]}")
    for number in range(10):  # the same names as in train
        draw(root / "test_images" / f"{number:04}.png", 240)
    write(root / "train.csv", "image,label", *rows)
    write(root / "sample_submission.csv", "image,label", *(f"{number:04}{suffix},a" for number in range(10)))
    return root


@pytest.mark.parametrize("suffix", ["", ".png", ".jpg"])
def test_kaggle(tmp_path: Path, suffix: str) -> None:
    root = kaggle(tmp_path, suffix)
    for source in (root, root / "train.csv"):
        loaded = read(source)
        check_shades(loaded.dataset, {"a": 0, "b": 100})
        test = loaded.dataset.test
        assert test is not None
        assert test.labels is None
        assert test.sample_ids.tolist() == [f"{number:04}" for number in range(10)]
        assert set(test.images.ravel().tolist()) == {240}
        assert len(loaded.dataset.train) + len(loaded.dataset.validation) == 40
        assert "train.csv (image, label) for train, pictures in test_images/, train_images/" in text_of(loaded)
        assert "10 test pictures without labels" in text_of(loaded)


def test_kaggle_with_a_list_of_test_pictures(tmp_path: Path) -> None:
    root = kaggle(tmp_path)
    write(root / "test.csv", "image", *(f"{number:04}" for number in range(5)))
    loaded = read(root)
    assert loaded.dataset.test is not None
    assert len(loaded.dataset.test) == 5
    assert "with test.csv (image) for test" in text_of(loaded)
    assert "pictures: 5 left out, as they are in no list: test_images/0005.png" in text_of(loaded)


def test_kaggle_in_its_archive(tmp_path: Path) -> None:
    root = kaggle(tmp_path / "leaf")
    shutil.make_archive(str(tmp_path / "packed"), "zip", root)
    loaded = read(tmp_path / "packed.zip")
    assert loaded.dataset.fingerprint == load(root, cache=None).fingerprint
    assert "train.csv (image, label)" in text_of(loaded)


@pytest.mark.parametrize("content", [b"hello", b"\x89PNG\r\n\x1a\n damaged", b""])
def test_what_is_listed_and_no_picture_is_an_error(tmp_path: Path, content: bytes) -> None:
    write(tmp_path / "labels.csv", "image,label", *listed(pictures(tmp_path)))
    (tmp_path / "images" / "p3.png").write_bytes(content)
    assert "p3.png: " in refusal(tmp_path)


# Columns, splits, missing pictures


@pytest.mark.parametrize(
    ("header", "image", "label"),
    [
        ("image_id,diagnosis", "image_id", "diagnosis"),
        ("id,category", "id", "category"),
        ("label,file", "file", "label"),
        ("Filename,Class Name", "Filename", "Class Name"),
        ("target,File_Name", "File_Name", "target"),
        (",pth,label", "pth", "label"),
        ("id,filepaths,labels", "filepaths", "labels"),
        ("image_id\tlabel", "image_id", "label"),
    ],
)
def test_columns_by_their_usual_names(tmp_path: Path, header: str, image: str, label: str) -> None:
    separator = "\t" if "\t" in header else ","
    rows = []
    for number in range(30):
        draw(tmp_path / "pictures" / f"p{number}.png", 100 * (number % 3 == 0))
        cells = {image: f"p{number}", label: "yes" if number % 3 == 0 else "no"}
        rows.append(separator.join(cells.get(name, str(number)) for name in header.split(separator)))
    write(tmp_path / "labels.csv", header, *rows)
    loaded = read(tmp_path)
    check_shades(loaded.dataset, {"no": 0, "yes": 100})
    assert f"labels.csv ({image}, {label})" in text_of(loaded)


def test_one_column_for_each_class(tmp_path: Path) -> None:
    rows = []
    for number in range(30):
        draw(tmp_path / "images" / f"p{number}.png", 50 * (number % 3))
        rows.append(f"p{number},{','.join(str(int(number % 3 == place)) for place in range(3))}")
    write(tmp_path / "labels.csv", "image,healthy,rust,scab", *rows)
    check_shades(load(tmp_path, cache=None), {"healthy": 0, "rust": 50, "scab": 100})


def pictures(root: Path, count: int = 30, folder: str = "images") -> list[str]:
    return [draw(root / folder / f"p{number}.png", 7 * number).stem for number in range(count)]


def listed(names: Iterable[str], end: str = "") -> list[str]:
    return [f"{name},{'ab'[int(name[1:]) % 2]}{end}" for name in names]


def test_a_column_of_splits_or_one_of_folds(tmp_path: Path) -> None:
    names = pictures(tmp_path)
    splits = ("train", "valid", "test")
    rows = [f"{row},{splits[place // 10]}" for place, row in enumerate(listed(names))]
    write(tmp_path / "labels.csv", "image,label,split", *rows)
    loaded = read(tmp_path)
    assert [split.sample_ids[0] for split in loaded.dataset.splits] == ["p0", "p10", "p20"]
    write(tmp_path / "labels.csv", "image,label,fold", *listed(names, ",3"))
    assert "column fold names no splits and is not used" in text_of(read(tmp_path))
    write(tmp_path / "labels.csv", "image,label,split", *rows[:-1], "p29,b,teste")
    assert "line 31: split 'teste', expected train, validation or test" in refusal(tmp_path)


def test_the_pictures_folders_are_splits(tmp_path: Path) -> None:
    names = pictures(tmp_path, 20, "faces/train") + [
        draw(tmp_path / "faces" / "val" / f"q{number}.png", 3).stem for number in range(10)
    ]
    write(tmp_path / "labels.csv", "image,label", *listed(names))
    loaded = read(tmp_path)
    assert [len(split) for split in loaded.dataset.splits] == [20, 10]
    assert "split by the pictures' folders" in text_of(loaded)


def test_missing_and_unlisted_pictures_are_counted(tmp_path: Path) -> None:
    names = pictures(tmp_path)
    gone = [f"g{number}" for number in range(12)]
    write(tmp_path / "labels.csv", "image,label", *listed([*gone, *names[:28]]))
    said = text_of(read(tmp_path))
    assert "labels.csv: 12 missing: g0, g1, g2" in said
    assert "pictures: 2 left out, as they are in no list: images/p28.png, images/p29.png" in said
    write(tmp_path / "labels.csv", "image,label", *listed(gone))
    assert "none is in" in refusal(tmp_path)
    assert "(g0, g1, g2)" in refusal(tmp_path / "labels.csv")


def test_paths_of_a_list_stay_in_its_folder(tmp_path: Path) -> None:
    root = tmp_path / "inside"
    outside = draw(tmp_path / "secret" / "s1.png", 255)
    rows = [f"../secret/s1.png,a\n{outside},a\nsecret/s1.png,a\n..\\secret\\s1.png,b\n/etc/hostname,b"]
    write(root / "labels.csv", "image,label", *listed(pictures(root)), *rows)
    loaded = read(root)
    assert "labels.csv: 5 missing" in text_of(loaded)
    assert all(int(split.images.max()) < 255 for split in loaded.dataset.splits)


def test_paths_from_another_machine_end_in_those_here(tmp_path: Path) -> None:
    names = pictures(tmp_path)
    rows = [f"C:\\data\\images\\{name}.png,{'ab'[place % 2]}" for place, name in enumerate(names)]
    write(tmp_path / "lists" / "labels.csv", "path,label", *rows)
    assert sum(len(split) for split in read(tmp_path).dataset.splits) == 30
    # Another folder's picture is another picture.
    write(tmp_path / "lists" / "labels.csv", "path,label", *(row.replace("images", "faces") for row in rows))
    assert "none is in" in refusal(tmp_path)


def test_a_name_that_could_be_two_pictures(tmp_path: Path) -> None:
    write(tmp_path / "labels.csv", "image,label", *listed(pictures(tmp_path, folder="faces/images")))
    draw(tmp_path / "faces" / "small" / "p3.png", 1)
    message = refusal(tmp_path)
    assert "'p3' could be" in message
    assert "'faces/small/p3.png'" in message


def test_several_lists(tmp_path: Path) -> None:
    names = pictures(tmp_path)
    for name in ("first.csv", "second.csv"):
        write(tmp_path / name, "image,label", *listed(names))
    assert "several lists of pictures, first.csv, second.csv; give the path of one" in refusal(tmp_path)
    assert len(load(tmp_path / "second.csv", cache=None).train) == 24
    (tmp_path / "first.csv").rename(tmp_path / "train.csv")
    assert "not used: second.csv" in text_of(read(tmp_path))


# Folders of classes


def test_folders_of_classes_go_before_a_list_that_says_the_same(tmp_path: Path) -> None:
    for number in range(30):
        draw(tmp_path / ("cat", "dog")[number % 2] / f"p{number}.png", number)
    before = read(tmp_path)
    write(tmp_path / "labels.csv", "image,label", *(f"p{number},{number % 2}" for number in range(30)))
    after = read(tmp_path)
    assert after.dataset.fingerprint == before.dataset.fingerprint
    assert after.layout == "one folder of classes"
    assert "not used: labels.csv beside the folders of classes" in text_of(after)
    # Two folders that have nothing to do with the classes are none.
    write(tmp_path / "labels.csv", "image,label", *(f"p{number},{number % 3}" for number in range(30)))
    assert read(tmp_path).dataset.class_names == ("0", "1", "2")
    # But a list of few pictures is not the data.
    write(tmp_path / "labels.csv", "image,label", *(f"p{number},{number % 3}" for number in range(9)))
    assert read(tmp_path).dataset.class_names == ("cat", "dog")


def test_damaged_lists_do_not_hide_folders_of_classes(tmp_path: Path) -> None:
    for number in range(30):
        draw(tmp_path / ("cat", "dog")[number % 2] / f"p{number}.png", number)
    write(tmp_path / "labels.csv", "image,label", "p1,1", "p2")
    loaded = read(tmp_path)
    assert loaded.dataset.class_names == ("cat", "dog")
    assert "line 3: 1 columns, expected 2" in text_of(loaded)


def test_the_cache_knows_when_a_list_changed(tmp_path: Path) -> None:
    root, cache = tmp_path / "data", tmp_path / "cache"
    names = pictures(root)
    write(root / "labels.csv", "image,label", *listed(names))
    first = load(root, cache=cache)
    assert load(root, cache=cache).fingerprint == first.fingerprint
    write(root / "labels.csv", "image,label", *(f"{name},{'abc'[place % 3]}" for place, name in enumerate(names)))
    assert load(root, cache=cache).class_names == ("a", "b", "c")
    np.testing.assert_array_equal(load(root, cache=cache).train.images, load(root, cache=None).train.images)


# A picture in one split


def two_classes(root: Path, numbers: Iterable[int]) -> list[str]:
    """Pictures in `root` and the rows of a list of them."""
    return [f"{draw(root / f'{number}.png', 100 * (number % 2)).name},{'ab'[number % 2]}" for number in numbers]


def test_a_picture_that_is_listed_for_several_splits_is_in_the_last(tmp_path: Path) -> None:
    rows = two_classes(tmp_path, range(40))
    write(tmp_path / "labels.csv", "image,label", *rows)
    write(tmp_path / "test.csv", "image,label", *rows[:10])
    loaded = read(tmp_path)
    ids = {split.name: set(split.sample_ids.tolist()) for split in loaded.dataset.splits}
    assert ids["test"] == {str(number) for number in range(10)}
    assert not ids["test"] & (ids["train"] | ids["validation"])
    assert "pictures: 10 listed for several splits, kept in the last: 0.png" in text_of(loaded)


def test_lists_of_splits_that_share_pictures_are_refused(tmp_path: Path) -> None:
    rows = two_classes(tmp_path / "train", range(20))
    write(tmp_path / "train.csv", "image,label", *rows)
    write(tmp_path / "test.csv", "image", *(row.split(",")[0] for row in rows[:6]))
    said = refusal(tmp_path)
    assert "train/0.png is listed for train and for test" in said
    assert "are the pictures of test missing?" in said


def test_it_is_said_where_a_few_names_keep_splits_from_being_told(tmp_path: Path) -> None:
    rows = []
    for number, name in enumerate([*(f"train_{k}" for k in range(20)), *(f"test_{k}" for k in range(10)), "extra_1"]):
        rows.append(f"{draw(tmp_path / f'{name}.png', 100 * (number % 2)).name},{'ab'[number % 2]}")
    write(tmp_path / "labels.csv", "image,label", *rows)
    assert "labels.csv: no splits by how the names begin, as extra_1.png has none" in text_of(read(tmp_path))


def test_two_spellings_of_one_class_are_that_class(tmp_path: Path) -> None:
    for number in range(12):
        draw(tmp_path / f"{number}.png", SHADES["happy"] if number % 2 else SHADES["sad"])
    rows = [f"{number}.png,{'happy' if number % 2 else 'sad'}" for number in range(12)]
    write(tmp_path / "labels.csv", "image,label", *rows, "1.png,Happy", "2.png,SADNESS", "3.png,sad")
    loaded = read(tmp_path)
    assert sum(map(len, loaded.dataset.splits)) == 11
    assert "1 left out, as they have several classes: 3.png" in text_of(loaded)
    check_shades(loaded.dataset, SHADES)


def test_raf_db_with_paths_of_windows(tmp_path: Path) -> None:
    raf_db(tmp_path)
    file = tmp_path / "EmoLabel" / "list_patition_label.txt"
    file.write_text("".join(f"aligned\\{line}\n" for line in file.read_text().splitlines()))
    loaded = read(tmp_path)
    assert "numbered as RAF-DB's" in text_of(loaded)
    check_shades(loaded.dataset, SHADES)
