"""CSV files: the pixel parser against Python's int, and every kind of bad file."""

import bz2
import gzip
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from refusals import assert_refused

from benchmark.data import ReadOptions, load
from benchmark.data.loading import load_with_layout
from benchmark.data.readers.pixels import parse_pixels
from zoo.errors import UserError

GOOD = "emotion,pixels,Usage\n" + "".join(
    f"{label},1 2 3 {number},{usage}\n"
    for number, (label, usage) in enumerate(
        [(0, "Training"), (3, "Training"), (0, "PublicTest"), (3, "PublicTest"), (0, "PrivateTest"), (3, "PrivateTest")]
    )
)


@pytest.mark.parametrize("seed", range(5))
def test_parser_agrees_with_int(seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 256, 270).tolist()
    text = (" " * (seed + 1)).join(["", *map(str, values), ""]).encode()
    assert parse_pixels(text, 270) == bytes(values)


def test_every_value_parses_and_leading_zeros_do() -> None:
    assert parse_pixels(" ".join(map(str, range(256))).encode(), 256) == bytes(range(256))
    assert parse_pixels(b"007 0255 00 1", 4) == bytes([7, 255, 0, 1])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"1 2 3 256", "pixel 256, expected 0-255"),
        (b"1 2 3 1000", "pixel 1000, expected 0-255"),
        (b"1 2 3 65536", "pixel 65536, expected 0-255"),
        (b"1 2 3 99999999999999999999999999", "pixel 99999999999999999999, expected 0-255"),
        (b"1 2 3 -1", "pixel -1, expected 0-255"),
        (b"1 2 3 12.5", "pixel '12.5', expected a whole number"),
        (b"1 2 3 abc", "pixel 'abc', expected a whole number"),
        (b"1 2 3 nan", "pixel 'nan', expected a whole number"),
        (b"1 2 3\t4", "expected a whole number"),
        (b"1 2 3", "3 pixels, expected 4"),
        (b"1 2 3 4 5", "5 pixels, expected 4"),
        (b"", "0 pixels, expected 4"),
    ],
)
def test_parser_names_the_fault(text: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_pixels(text, 4)


def test_a_last_line_without_end_is_a_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(GOOD)
    expected = load(path, cache=None).fingerprint
    path.write_text(GOOD.rstrip("\n"))
    assert load(path, cache=None).fingerprint == expected


def test_present_emotions_are_the_classes(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    dataset = load(tmp_path / "a.csv", cache=None)
    assert dataset.class_names == ("angry", "happy")
    assert dataset.train.sample_ids.tolist() == ["Training-0", "Training-1"]
    assert dataset.test.sample_ids.tolist() == ["PrivateTest-4", "PrivateTest-5"]


def test_a_file_beside_it_that_has_no_pixels_is_none_of_its_splits(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(GOOD)
    (tmp_path / "test.csv").write_text("id,name\n1,x\n")
    by_file, by_folder = (load(path, ReadOptions(), cache=None) for path in (tmp_path / "train.csv", tmp_path))
    assert by_file.fingerprint == by_folder.fingerprint


def test_row_numbers_of_pandas_are_no_column(tmp_path: Path) -> None:
    lines = GOOD.splitlines()
    (tmp_path / "a.csv").write_text("\n".join([f",{lines[0]}", *(f"{n},{line}" for n, line in enumerate(lines[1:]))]))
    assert load(tmp_path / "a.csv", cache=None).class_names == ("angry", "happy")


def test_numbers_with_a_decimal_point_are_in_numerical_order(tmp_path: Path) -> None:
    """3.0, as pandas writes a column with gaps, is the class 3 that another file has."""
    names = [f"{number}.0" for number in range(1, 13)]
    rows = [f"{name},{value}" for value, name in enumerate(names * 10)]
    (tmp_path / "train.csv").write_text("\n".join(["label,pixels", *reversed(rows)]))
    (tmp_path / "validation.csv").write_text("\n".join(["label,pixels", *(row.replace(".0", "") for row in rows)]))
    dataset = load(tmp_path, cache=None)
    assert dataset.class_names == tuple(str(number) for number in range(1, 13))
    assert len(dataset.validation) == 120


@pytest.mark.parametrize("order", [1, -1])
def test_names_beside_numbers_of_emotions(order: int, tmp_path: Path) -> None:
    """Whichever comes first: the numbers would become classes of their own."""
    labels = ["happy", *"0123456"][::order]
    (tmp_path / "a.csv").write_text("\n".join(["emotion,pixels", *(f"{label},1" for label in labels)]))
    with pytest.raises(UserError, match="emotion 'happy', expected 0-6, or 7 for contempt"):
        load(tmp_path / "a.csv", cache=None)


def edited(old: str, new: str) -> bytes:
    assert old in GOOD
    return GOOD.replace(old, new, 1).encode()


def zip_bytes(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "?")
    return file.getvalue()


BAD = {
    "empty": (b"", "the file is empty"),
    "blank": (b"\n\n", "the first line is empty"),
    "header only": (b"emotion,pixels,Usage\n", "no rows after the header"),
    "binary": (bytes(range(256)) * 20, "the first line is not UTF-8 text"),
    "utf-16": (GOOD.encode("utf-16"), "UTF-16 text, expected a CSV file; save it as UTF-8"),
    "utf-16 without mark": (GOOD.encode("utf-16-le"), "UTF-16 text, expected a CSV file; save it as UTF-8"),
    "image": (b"\x89PNG\r\n\x1a\n" + bytes(100), "a picture, expected a CSV file; give the folder that holds"),
    "bzip2": (bz2.compress(GOOD.encode()), "compressed by bzip2, expected a CSV file; unpack it"),
    "gzip": (gzip.compress(GOOD.encode())[:-9], "damaged (Compressed file ended before the end"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(100), "an HDF5 file, expected a CSV file; save images and labels"),
    "npy": (b"\x93NUMPY\x01\x00" + bytes(100), "a single NumPy array, expected a CSV file; save images and labels"),
    "tar": (b"a.csv".ljust(257, b"\0") + b"ustar\0" + bytes(249), "damaged (bad checksum)"),
    "tabs": (GOOD.replace(",", "\t").encode(), "its columns are separated by tabs, expected commas"),
    "semicolons": (GOOD.replace(",", ";").encode(), "its columns are separated by semicolons, expected commas"),
    "old Mac": (GOOD.replace("\n", "\r").encode(), "its lines end in carriage returns alone; save it with"),
    "zip": (zip_bytes("train/cat/1.png"), "train/cat/1.png: not an image"),
    "zip of nothing": (zip_bytes(), "an empty zip archive, expected a CSV file"),
    "xlsx": (zip_bytes("[Content_Types].xml", "xl/workbook.xml"), "an Excel workbook, expected a CSV or .npz file"),
    "latin-1 usage": (edited("0,Training", "0,Tr\xe4ining").decode().encode("latin-1"), "line 2: byte 0xe4"),
    "unknown column": (edited("Usage", "Usge"), "unknown column 'Usge'; found emotion, pixels, Usge; accepted are"),
    "no pixels": (b"emotion,Usage\n1,Training\n", "no column pixels; found emotion, Usage; accepted are"),
    "two labels": (b"emotion,label,pixels\n1,1,1\n", "columns emotion and label found, expected one of them"),
    "pixel count": (edited("1 2 3 2", "1 2 3"), "line 4: 3 pixels, expected 4"),
    "no square": (GOOD.replace("1 2 3", "1 2").encode(), "line 2: 3 pixels, expected a square number"),
    "float pixel": (edited("1 2 3 2", "1 2 3 12.5"), "line 4: pixel '12.5', expected a whole number 0-255"),
    "word pixel": (edited("1 2 3 2", "1 2 3 abc"), "line 4: pixel 'abc', expected a whole number 0-255"),
    "high pixel": (edited("1 2 3 2", "1 2 3 256"), "line 4: pixel 256, expected 0-255"),
    "low pixel": (edited("1 2 3 2", "1 2 3 -7"), "line 4: pixel -7, expected 0-255"),
    "after blank lines": (edited("0,1 2 3 2", "\n\n0,1 2 3 x"), "line 6: pixel 'x'"),
    "label range": (
        edited("3,1 2 3 3", "8,1 2 3 3"),
        "line 5: emotion '8', expected 0-6, or 7 for contempt; name other classes with --class-names",
    ),
    "label negative": (edited("3,1 2 3 3", "-1,1 2 3 3"), "line 5: emotion '-1', expected 0-6"),
    "label minus one": (b"label,pixels\n0,1\n-1,2\n", "line 3: label '-1', expected whole numbers from 0"),
    "label fraction": (edited("3,1 2 3 3", "3.5,1 2 3 3"), "line 5: emotion '3.5', expected 0-6"),
    "label fraction of another kind": (b"label,pixels\n0,1\n1.5,2\n", "line 3: label '1.5', expected whole numbers"),
    "label NaN": (edited("3,1 2 3 3", "NaN,1 2 3 3"), "line 5: emotion 'NaN', expected a class"),
    "label empty": (edited("3,1 2 3 3", ",1 2 3 3"), "line 5: emotion '', expected a class"),
    "half-sealed test": (edited("3,1 2 3 5", ",1 2 3 5"), "line 7: emotion '', expected a class"),
    "usage": (edited("1,Training", "1,Trainig"), "line 3: Usage 'Trainig', expected Training, PublicTest or"),
    "columns": (edited("3 3,PublicTest", "3 3,PublicTest,9"), "line 5: 4 columns, expected 3"),
    "quote": (edited("3,1 2 3 3", '3,"1 2 3 3'), "line 5: "),
    "cut in pixels": (GOOD[: GOOD.rindex(" 5,")].encode(), "line 7: 2 columns, expected 3"),
    "class not in train": (edited("3,1 2 3 3", "6,1 2 3 3"), "class 'neutral' has no image in train (validation has 1"),
    "one class": (
        GOOD.replace("3,1", "0,1").encode(),
        "only class 'angry' found, expected labelled images of at least",
    ),
    "no train": (GOOD.replace("Training", "PublicTest").encode(), "no train split, only validation and test"),
    "no label column": (b"pixels\n1 2 3 4\n", "no class found"),
    "cut pixels only": (
        b"emotion,pixels\n1,1 2 3 4\n0,1 2 3",
        "line 3: 3 pixels, expected 4 as in the rows before; the",
    ),
    "duplicate id": (b"id,label,pixels\n5,0,1\n6,1,1\n\n5,0,2\n", "line 5: id '5' is on line 2 too"),
    "empty id": (b"id,label,pixels\n5,0,1\n,1,1\n", "line 3: the id is empty"),
    "mixed labels": (b"label,pixels\n0,1\n1,2\ncat,3\n", "line 4: label 'cat', expected whole numbers from 0"),
    "too few": (b"label,pixels\n0,1\n1,2\n", "splitting 2 images 80/10/10 leaves no image for validation"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_files_are_named(kind: str, tmp_path: Path) -> None:
    content, expected = BAD[kind]
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    assert_refused(path, expected, tmp_path / "cache")


def test_directories_without_data_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no images and no CSV with a pixels column"):
        load(tmp_path, cache=None)
    (tmp_path / "train.csv").write_text("file,label\na.jpg,cat\n")
    with pytest.raises(UserError, match=r"train\.csv: of the pictures that it lists none is in .* \(a\.jpg\)"):
        load(tmp_path, cache=None)
    with pytest.raises(UserError, match=r"nowhere: no such file or directory"):
        load(tmp_path / "nowhere", cache=None)
    (tmp_path / "train.csv").unlink()
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(GOOD)
    with pytest.raises(UserError, match=r"several CSV files, a\.csv, b\.csv; give the path of one"):
        load(tmp_path, cache=None)


def test_classes_keep_a_subset_and_an_unlabelled_test_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = [f"{n % 3},{n} 0 0 0,Training" for n in range(9)] + [f"{n % 3},{n} 0 0 0,PublicTest" for n in range(3)]
    path.write_text("\n".join(["emotion,pixels,Usage", *rows, *[f",{n} 9 9 9,PrivateTest" for n in range(5)]]))
    dataset = load(path, ReadOptions(classes=("fear", "Anger")), cache=None)
    assert dataset.class_names == ("angry", "fear")
    assert dataset.train.images[:, 0, 0, 0].tolist() == [0, 2, 3, 5, 6, 8]
    assert dataset.train.labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert len(dataset.test) == 5
    with pytest.raises(UserError, match="unknown class 'feer': did you mean fear"):
        load(path, ReadOptions(classes=("feer", "angry")), cache=None)
    with pytest.raises(UserError, match="only class 'fear' found"):
        load(path, ReadOptions(classes=("fear",)), cache=None)


def test_names_of_files_in_any_case_and_what_a_mac_leaves_beside(tmp_path: Path) -> None:
    train, test = GOOD.replace("PrivateTest", "PublicTest"), "".join(GOOD.splitlines(keepends=True)[:3])
    for folder, names in (("one", ("Train.CSV", "Test.csv")), ("two", ("train.csv", "TEST.CSV"))):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "._data.csv").write_bytes(b"\0\5\x16\7\0\xff")
        for name, text in zip(names, (train, test), strict=True):
            (tmp_path / folder / name).write_text(text)
        for source in (tmp_path / folder, tmp_path / folder / names[0]):
            assert len(load(source, cache=None).test or ()) == 2


@pytest.mark.parametrize(("brightest", "said"), [(16, True), (63, True), (64, False)])
def test_it_is_said_that_images_come_out_nearly_black(brightest: int, said: bool, tmp_path: Path) -> None:
    lines = [f"{'cd'[row % 2]},{row % 9} 0 0 {brightest}" for row in range(40)]
    (tmp_path / "train.csv").write_text("\n".join(["label,pixels", *lines]))
    note = f"pixels of train.csv are at most {brightest} of 255, nearly black: scale them to 0-255"
    assert (note in load_with_layout(tmp_path / "train.csv", cache_directory=None).notes) is said
