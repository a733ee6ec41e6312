"""What numbers mean: FER-2013's emotions, contempt, names that the user gives, and votes in another file."""

from pathlib import Path

import numpy as np
import pytest

from benchmark import cli
from benchmark.data import ReadOptions, load
from benchmark.data.loading import Loaded, load_with_layout
from benchmark.matching.class_names import FER_CLASSES
from zoo.errors import UserError

USAGES = ["Training"] * 24 + ["PublicTest"] * 8 + ["PrivateTest"] * 8


def emotions(path: Path, classes: list[int], column: str = "emotion", first: int = 0) -> Path:
    """40 rows, whose classes repeat; the first pixel is the row's number."""
    rows = [f"{classes[row % len(classes)]},{first + row} 1 2 200,{usage}" for row, usage in enumerate(USAGES)]
    path.write_text("\n".join([f"{column},pixels,Usage", *rows, ""]))
    return path


def read(*sources: Path, **options: object) -> Loaded:
    return load_with_layout(list(sources), ReadOptions(**options), cache_directory=None)


def by_pixel(loaded: Loaded) -> dict[int, str]:
    """The class of each image by its first pixel."""
    return {
        int(image[0, 0, 0]): loaded.dataset.class_names[label]
        for split in loaded.dataset.splits
        for image, label in zip(split.images, split.labels, strict=True)
    }


def test_data_says_which_names_it_took(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = emotions(tmp_path / "a.csv", [0, 3])
    assert cli.main(["data", str(path)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert (
        "emotions numbered as FER-2013's: 0 angry, 1 disgust, 2 fear, 3 happy, 4 sad, 5 surprise, 6 neutral, 7 contempt"
        in said
    )
    assert cli.main(["data", str(path), "--class-names", "neutral,happy,sad,surprise"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "FER-2013" not in said
    assert "classes are named as asked for: 0 neutral, 3 surprise" in said


def test_words_and_other_columns_are_not_said_to_be_fers(tmp_path: Path) -> None:
    assert "FER-2013" not in read(emotions(tmp_path / "a.csv", [0, 3], "label")).layout
    words = tmp_path / "b.csv"
    words.write_text((tmp_path / "a.csv").read_text().replace("label", "emotion").replace("\n0,", "\nx,"))
    words.write_text(words.read_text().replace("\n3,", "\ny,"))
    assert "FER-2013" not in read(words).layout


def test_given_names_are_those_of_the_numbers_in_their_order(tmp_path: Path) -> None:
    path = emotions(tmp_path / "a.csv", [0, 1, 2])
    names = ("neutral", "happy", "angry")
    loaded = read(path, class_names=names)
    assert loaded.dataset.class_names == names
    assert by_pixel(loaded) == {row: names[row % 3] for row in range(40)}
    assert read(path).dataset.class_names == FER_CLASSES[:3]
    assert loaded.dataset.fingerprint != read(path).dataset.fingerprint


def test_numbers_from_one_have_the_first_name_at_one(tmp_path: Path) -> None:
    names = ("surprise", "fear", "disgust")
    loaded = read(emotions(tmp_path / "a.csv", [1, 2, 3], "label"), class_names=names)
    assert by_pixel(loaded) == {row: names[row % 3] for row in range(40)}
    assert loaded.notes == ("classes are named as asked for: 1 surprise, 2 fear, 3 disgust",)


def test_names_for_folders_and_arrays_of_numbers(tmp_path: Path) -> None:
    from PIL import Image

    for number in range(3):
        (tmp_path / "raf" / str(number + 1)).mkdir(parents=True)
        for row in range(10):
            Image.new("L", (2, 2), 10 * number + row).save(tmp_path / "raf" / str(number + 1) / f"{number}-{row}.png")
    loaded = read(tmp_path / "raf", class_names=("b", "a", "c"))
    assert loaded.dataset.class_names == ("b", "a", "c")
    assert by_pixel(loaded) == {pixel: "bac"[pixel // 10] for pixel in range(30)}
    images, labels = np.arange(40, dtype=np.uint8).reshape(40, 1, 1), np.tile([0, 2], 20)
    np.savez(tmp_path / "a.npz", images=images, labels=labels)
    loaded = read(tmp_path / "a.npz", class_names=("z", "y", "x"))
    assert loaded.dataset.class_names == ("z", "x")
    assert by_pixel(loaded) == {pixel: "zx"[pixel % 2] for pixel in range(40)}


def test_wrong_names_are_refused(tmp_path: Path) -> None:
    path = emotions(tmp_path / "a.csv", [0, 3])
    with pytest.raises(UserError, match="class 3 found, but 3 class names are given from 0"):
        read(path, class_names=("a", "b", "c"))
    for names in (("a",), ("a", "a"), ("a", "")):
        with pytest.raises(UserError, match="expected two or more that differ"):
            ReadOptions(class_names=names)
    words = tmp_path / "words.csv"
    words.write_text(path.read_text().replace("\n0,", "\nx,").replace("\n3,", "\ny,"))
    with pytest.raises(UserError, match="the classes are not numbers: x, y"):
        read(words, class_names=("a", "b"))


def test_names_are_in_the_cache_s_key(tmp_path: Path) -> None:
    path = emotions(tmp_path / "a.csv", [0, 1])
    found = {
        load(path, ReadOptions(class_names=names), cache=tmp_path / "cache").class_names for names in [("b", "a"), ()]
    }
    assert found == {("b", "a"), ("angry", "disgust")}


def test_seven_is_contempt_and_merges_by_name(tmp_path: Path) -> None:
    extended = emotions(tmp_path / "ckextended.csv", list(range(8)))
    names = (*FER_CLASSES, "contempt")
    alone = read(extended)
    assert alone.dataset.class_names == names
    assert by_pixel(alone) == {row: names[row % 8] for row in range(40)}
    fer = emotions(tmp_path / "fer.csv", list(range(7)), first=100)
    merged = read(fer, extended)
    assert merged.dataset.class_names == names
    assert by_pixel(merged) == {**by_pixel(alone), **{100 + row: FER_CLASSES[row % 7] for row in range(40)}}
    assert "only ckextended has images of contempt" in merged.notes


def test_of_several_sources_names_are_for_the_one_with_numbers(tmp_path: Path) -> None:
    theirs = emotions(tmp_path / "theirs.csv", [0, 1])
    words = tmp_path / "words.csv"
    emotions(words, [0, 1], first=100)
    words.write_text(words.read_text().replace("\n0,", "\nsad,").replace("\n1,", "\nhappy,"))
    loaded = read(words, theirs, class_names=("happy", "sad"))
    assert by_pixel(loaded) == {row: ("happy", "sad")[row % 2] for row in range(40)} | {
        100 + row: ("sad", "happy")[row % 2] for row in range(40)
    }
    assert "theirs: classes are named as asked for: 0 happy, 1 sad" in loaded.notes
    with pytest.raises(UserError, match="but theirs and more have such classes"):
        read(theirs, emotions(tmp_path / "more.csv", [0, 1], first=100), class_names=("happy", "sad"))


HEADER = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
VOTES = [
    ("4,0,0,1,3,2,0,0,0,0", None),  # 4 of 9 that count
    ("5,0,0,1,2,2,0,0,0,0", "neutral"),  # 5 of 9: the single vote does not count
    ("0,0,0,0,0,0,1,8,1,0", "contempt"),
    ("0,0,0,0,0,0,0,0,10,0", None),
    ("0,0,0,0,0,0,0,0,0,10", None),
    ("1,1,1,1,1,1,1,1,1,1", None),
    ("0,0,0,2,6,2,0,0,0,0", "angry"),
    ("5,5,0,0,0,0,0,0,0,0", None),
]


def votes(path: Path, wrong: str = "") -> Path:
    rows = [f"{usage},fer{row:07}.png,{VOTES[row % 8][0]}" for row, usage in enumerate(USAGES)]
    path.write_text("\n".join([HEADER, *rows, wrong]))
    return path


def test_votes_give_labels_by_majority(tmp_path: Path) -> None:
    fer, new = emotions(tmp_path / "fer2013.csv", list(range(7))), votes(tmp_path / "fer2013new.csv")
    loaded = read(fer, labels_from=str(new))
    assert loaded.dataset.name == "fer2013-fer2013new"
    assert loaded.dataset.class_names == ("angry", "neutral", "contempt")
    assert by_pixel(loaded) == {row: name for row in range(40) if (name := VOTES[row % 8][1])}
    assert loaded.dataset.train.sample_ids[:3].tolist() == ["Training-1", "Training-2", "Training-6"]
    assert [len(split) for split in loaded.dataset.splits] == [9, 3, 3]
    assert loaded.notes == ("25 images are left out, of whose votes no class has more than half",)
    assert loaded.layout.endswith("labels by majority of fer2013new.csv")
    assert loaded.dataset.fingerprint != read(fer).dataset.fingerprint


def test_votes_that_are_not_used_are_said(tmp_path: Path) -> None:
    fer, new = emotions(tmp_path / "fer2013.csv", list(range(7))), votes(tmp_path / "fer2013new.csv")
    for source in (fer, tmp_path):
        (note,) = read(source).notes
        assert note == f"fer2013new.csv beside it is not used; --labels-from {new} takes the labels of FER+"
    emotions(tmp_path / "ckextended.csv", [0, 7])
    assert "not used: ckextended.csv; give the path of a file to read it" in read(tmp_path).notes


def test_changed_votes_are_read_again(tmp_path: Path) -> None:
    fer, new = emotions(tmp_path / "fer2013.csv", list(range(7))), votes(tmp_path / "new.csv")
    options = ReadOptions(labels_from=str(new))
    before = load(fer, options, cache=tmp_path / "cache")
    new.write_text(new.read_text().replace("0,0,0,0,0,0,1,8,1,0", "0,0,0,0,0,0,8,01,1,0"))
    assert before.class_names != load(fer, options, cache=tmp_path / "cache").class_names


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("PrivateTest,x,0,0,0,0,0,0,0,0,0,9", "9 rows for test, expected 8"),
        ("PrivateTest,x,0,0", "line 42: 4 columns, expected 12"),
        ("PrivateTest,x,0,0,0,0,0,0,0,0,0,nan", "line 42: 'nan' votes, expected a number from 0"),
        ("PrivateTest,x,0,0,0,0,0,0,0,0,0,-1", "line 42: '-1' votes"),
        ("Private,x,0,0,0,0,0,0,0,0,0,1", "line 42: Usage 'Private'"),
        ("PrivateTest,fer0000038.png,0,0,0,0,0,0,0,0,0,9", "line 42: 'fer0000038.png' after image 39, expected the"),
        ('PrivateTest,"x,0,0,0,0,0,0,0,0,0,1', "line 42: not a line of a CSV file"),
    ],
)
def test_votes_that_do_not_fit_are_named(wrong: str, message: str, tmp_path: Path) -> None:
    fer, new = emotions(tmp_path / "fer2013.csv", list(range(7))), votes(tmp_path / "new.csv", wrong)
    with pytest.raises(UserError, match=message):
        read(fer, labels_from=str(new))


def test_other_columns_are_no_votes(tmp_path: Path) -> None:
    """pandas' index, another number of the row, and FER-2013's own labels."""
    fer, new = emotions(tmp_path / "fer2013.csv", list(range(7))), votes(tmp_path / "new.csv")
    expected = by_pixel(read(fer, labels_from=str(new)))
    lines = new.read_text().splitlines()
    rows = [f"{row},{row},{row % 7},{line}" for row, line in enumerate(lines[1:])]
    new.write_text("\n".join([f",index,emotion,{lines[0]}", *rows]))
    loaded = read(fer, labels_from=str(new))
    assert by_pixel(loaded) == expected
    assert loaded.notes[0] == "new.csv: index, emotion not counted, as the votes are for FER+'s classes"


def test_shares_are_no_votes(tmp_path: Path) -> None:
    fer, new = emotions(tmp_path / "fer2013.csv", list(range(7))), tmp_path / "new.csv"
    new.write_text("\n".join(["Usage,neutral,happiness,anger", *(f"{usage},0.8,0.1,0.1" for usage in USAGES)]))
    with pytest.raises(UserError, match=r"new\.csv: no row gives a class, expected numbers of votes"):
        read(fer, labels_from=str(new))


def test_votes_need_rows_and_one_source(tmp_path: Path) -> None:
    new = votes(tmp_path / "new.csv")
    a, b = emotions(tmp_path / "a.csv", [0, 1]), emotions(tmp_path / "b.csv", [0, 1], first=100)
    with pytest.raises(UserError, match="for a single source only"):
        read(a, b, labels_from=str(new))
    with pytest.raises(UserError, match="no such file, expected a CSV file of votes"):
        read(a, labels_from=str(tmp_path / "nowhere.csv"))
    np.savez(tmp_path / "a.npz", images=np.zeros((4, 2, 2), np.uint8), labels=np.arange(4))
    with pytest.raises(UserError, match=r"labels from new\.csv are by row, expected a CSV file"):
        read(tmp_path / "a.npz", labels_from=str(new))
    (tmp_path / "c.csv").write_text("\n".join(["emotion,pixels", *(f"{row % 2},{row}" for row in range(40))]))
    with pytest.raises(UserError, match="its Usage gives test, train, validation, expected train as in"):
        read(tmp_path / "c.csv", labels_from=str(new))
