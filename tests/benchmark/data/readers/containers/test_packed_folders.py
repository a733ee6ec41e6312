"""Folders with archives in them: the same dataset as with everything unpacked, and nothing left behind."""

import gzip
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark.data import ReadOptions, load
from benchmark.data.loading import load_with_layout
from benchmark.data.read_options import default_cache
from benchmark.data.readers.containers.own_folders import PREFIX
from benchmark.files import unpacking
from zoo.errors import UserError

HALVES = ReadOptions(split="70/30")
PIXELS = "label,pixel0,pixel1,pixel2,pixel3\n" + "".join(f"{row % 2},{row},2,3,{row}\n" for row in range(20))
UNLABELLED = "pixel0,pixel1,pixel2,pixel3\n" + "".join(f"{row},9,9,{row}\n" for row in range(6))


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    assert not list(default_cache().glob(f"{PREFIX}*"))


def draw(folder: Path, count: int, seed: int) -> list[str]:
    folder.mkdir(parents=True)
    values = np.random.default_rng(seed)
    names = [f"{folder.name}_{row}.png" for row in range(count)]
    for name in names:
        Image.fromarray(values.integers(0, 255, (4, 4), np.uint8)).save(folder / name)
    return names


@pytest.fixture
def competition(tmp_path: Path) -> Path:
    """A folder as a competition on Kaggle has it, unpacked: a list, two folders of pictures, a sample submission."""
    folder = tmp_path / "plain" / "moods"
    names, tests = draw(folder / "train", 12, 0), draw(folder / "test", 4, 1)
    (folder / "train.csv").write_text(
        "id,label\n" + "".join(f"{name},{'ab'[row % 2]}\n" for row, name in enumerate(names))
    )
    (folder / "sample_submission.csv").write_text("id,label\n" + "".join(f"{name},a\n" for name in tests))
    return folder


def packed(folder: Path, *names: str, copy_of: Path, compress: Callable[[Path, Path], None] | None = None) -> Path:
    """A copy of a folder with these of its files and folders packed, each into an archive of its own."""
    shutil.copytree(copy_of, folder)
    for name in names:
        path = folder / name
        if compress is not None:
            compress(path, folder / f"{name}.gz")
        else:
            with zipfile.ZipFile(folder / f"{name}.zip", "w") as made:
                for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                    made.write(file, file.relative_to(path if path.is_dir() else folder))
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return folder


def gzipped(path: Path, target: Path) -> None:
    target.write_bytes(gzip.compress(path.read_bytes()))


@pytest.mark.parametrize(
    "names",
    [("train", "test"), ("train.csv", "train", "test"), ("train.csv",), ("train.csv", "test"),
     ("train.csv", "train", "test", "sample_submission.csv")],
    ids=" ".join,
)  # fmt: skip
def test_a_competition_is_the_same_dataset(competition: Path, tmp_path: Path, names: tuple[str, ...]) -> None:
    expected = load(competition, HALVES, cache=None)
    folder = packed(tmp_path / "packed" / "moods", *names, copy_of=competition)
    before = sorted(tmp_path.rglob("*"))
    found = load_with_layout(folder, HALVES, cache_directory=None)
    assert found.dataset.fingerprint == expected.fingerprint
    assert found.dataset.name == "moods"
    assert sorted(tmp_path.rglob("*")) == before
    (said,) = [note for note in found.notes if note.startswith("read from ")]
    assert all(f"{name}.zip" in said for name in names)
    assert str(default_cache()) not in " ".join(found.notes)


@pytest.mark.parametrize("given", [".", "train.csv.gz"])
def test_tables_packed_one_by_one(tmp_path: Path, given: str) -> None:
    plain = tmp_path / "digits"
    plain.mkdir()
    (plain / "train.csv").write_text(PIXELS)
    (plain / "test.csv").write_text(UNLABELLED)
    expected = load(plain / "train.csv", HALVES, cache=None)
    assert len(expected.test) == 6
    for number, names in enumerate([("train.csv", "test.csv"), ("train.csv",)]):
        folder = packed(tmp_path / str(number), *names, copy_of=plain, compress=gzipped)
        assert load(folder / given, HALVES, cache=None).fingerprint == expected.fingerprint


def test_one_folder_of_pictures_and_a_packed_list(competition: Path, tmp_path: Path) -> None:
    """Without the list the folder looks like a single class."""
    shutil.rmtree(competition / "test")
    (competition / "train").rename(competition / "images")
    folder = packed(tmp_path / "packed", "train.csv", copy_of=competition)
    assert load(folder, HALVES, cache=None).fingerprint == load(competition, HALVES, cache=None).fingerprint


def test_what_can_be_read_unpacked_is_read_so(competition: Path, tmp_path: Path) -> None:
    expected = load(competition, HALVES, cache=None)
    shutil.make_archive(str(competition / "original"), "zip", tmp_path / "plain")
    found = load_with_layout(competition, HALVES, cache_directory=None)
    assert found.dataset.fingerprint == expected.fingerprint
    assert found.layout.startswith("list of pictures")
    assert "not unpacked: original.zip beside the data" in found.notes


def test_what_is_unpacked_already_is_not_unpacked_again(competition: Path, tmp_path: Path) -> None:
    expected = load(competition, HALVES, cache=None)
    folder = packed(tmp_path / "packed", "train.csv", copy_of=competition)
    shutil.make_archive(str(folder / "train"), "zip", competition / "test")  # other pictures
    found = load_with_layout(folder, HALVES, cache_directory=None)
    assert found.dataset.fingerprint == expected.fingerprint
    assert "not unpacked: train.zip beside the data" in found.notes


def test_a_cache_sees_what_changes(competition: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = packed(tmp_path / "packed", "train.csv", copy_of=competition)
    first = load(folder, HALVES, cache=tmp_path / "cache")
    Image.fromarray(np.full((4, 4), 9, np.uint8)).save(folder / "train" / "train_0.png")
    assert load(folder, HALVES, cache=tmp_path / "cache").fingerprint != first.fingerprint
    monkeypatch.setattr(unpacking, "Room", None)
    load(folder, HALVES, cache=tmp_path / "cache")  # unpacked no more


def test_stores_of_runs_are_left_alone(competition: Path, tmp_path: Path) -> None:
    folder = packed(tmp_path / "packed", "train.csv", copy_of=competition)
    first = load_with_layout(folder, HALVES, cache_directory=tmp_path / "cache").dataset
    store = folder / "runs" / "moods-0123456789ab" / "reports"
    store.mkdir(parents=True)
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(store / "curve.png")
    assert load(folder, HALVES, cache=None).fingerprint == first.fingerprint


def test_all_archives_have_one_limit(competition: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = packed(tmp_path / "packed", "train", "test", copy_of=competition)
    sizes = [sum(file.stat().st_size for file in (competition / name).iterdir()) for name in ("train", "test")]
    monkeypatch.setattr(unpacking, "LARGEST_EXPANSION", 0)
    monkeypatch.setattr(unpacking, "SMALL_BYTES", sum(sizes))
    load(folder, HALVES, cache=None)
    monkeypatch.setattr(unpacking, "SMALL_BYTES", sum(sizes) - 1)
    with pytest.raises(UserError, match=r"train\.zip: it unpacks to more than"):
        load(folder, HALVES, cache=None)


def test_errors_name_what_the_user_has(competition: Path, tmp_path: Path) -> None:
    folder = packed(tmp_path / "packed", "train.csv", copy_of=competition)
    (folder / "train" / "train_3.png").write_bytes(b"\x89PNG\r\n\x1a\n?")
    with pytest.raises(UserError) as caught:
        load(folder, HALVES, cache=None)
    assert str(caught.value).startswith(f"{folder}/train/train_3.png: ")
    with zipfile.ZipFile(folder / "more.zip", "w") as made:
        made.writestr("../x.png", "1")
    with pytest.raises(UserError, match=r"more\.zip: the name '\.\./x\.png' may lead out of the folder"):
        load(folder, HALVES, cache=None)
    assert (folder / "train" / "train_3.png").read_bytes()  # nothing is written through a link


def test_two_archives_with_the_same_file(competition: Path, tmp_path: Path) -> None:
    folder = packed(tmp_path / "packed", "train.csv", copy_of=competition)
    shutil.copy(folder / "train.csv.zip", folder / "labels.zip")
    with pytest.raises(UserError, match=r"train\.csv\.zip: there is a train\.csv beside it"):
        load(folder, HALVES, cache=None)


def test_pictures_outside_of_classes_are_not_replaced_by_an_archive(tmp_path: Path) -> None:
    """What is wrong is said, although the archive alone could be read."""
    for name in ("happy", "sad"):
        draw(tmp_path / "data" / "train" / name, 6, 2)
    shutil.make_archive(str(tmp_path / "data" / "original"), "zip", tmp_path / "data" / "train")
    shutil.copy(tmp_path / "data" / "train" / "sad" / "sad_0.png", tmp_path / "data" / "train" / "stray.png")
    with pytest.raises(UserError, match=r"data/train/stray\.png: is outside of any class folder"):
        load(tmp_path / "data", HALVES, cache=None)
