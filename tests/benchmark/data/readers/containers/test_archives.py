"""Archives read in place: the same dataset as from the unpacked folder, and nothing left behind."""

import gzip
import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark.data import ReadOptions, inspect, load
from benchmark.data.loading import load_with_layout
from benchmark.data.read_options import default_cache
from benchmark.data.readers.containers import archives
from benchmark.data.readers.containers.own_folders import PREFIX
from zoo.errors import UserError

USAGES = ["Training"] * 12 + ["PublicTest"] * 6 + ["PrivateTest"] * 6
CSV = "emotion,pixels,Usage\n" + "".join(
    f"{row % 3},{row} 2 3 {row},{usage}\n" for row, usage in enumerate(USAGES)
)  # fmt: skip
VOTES = "Usage,Image name,neutral,happiness,anger\n" + "".join(
    f"{usage},{row}.png,{9 * (row % 3 == 0)},{8 * (row % 3 == 1)},{7 * (row % 3 == 2)}\n"
    for row, usage in enumerate(USAGES)
)


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    assert not list(default_cache().glob(f"{PREFIX}*"))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder `fer` of splits of classes."""
    draw = np.random.default_rng(0)
    for split, count in (("train", 6), ("validation", 3), ("test", 3)):
        for name in ("happy", "sad"):
            folder = tmp_path / "fer" / split / name
            folder.mkdir(parents=True)
            for row in range(count):
                Image.fromarray(draw.integers(0, 255, (4, 4), np.uint8)).save(folder / f"{name}{row}.png")
    return tmp_path / "fer"


def archive(folder: Path, kind: str, target: Path, wrapped: bool = False) -> Path:
    root, base = (folder.parent, folder.name) if wrapped else (folder, None)
    return Path(shutil.make_archive(str(target), kind, root, base)).resolve()


@pytest.mark.parametrize("kind", ["zip", "tar", "gztar"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_it_is_the_same_dataset(pictures: Path, tmp_path: Path, kind: str, wrapped: bool) -> None:
    (tmp_path / "out").mkdir()
    path = archive(pictures, kind, tmp_path / "out" / "FER-2013", wrapped)
    found, folder = load_with_layout(path, cache_directory=None), load(pictures, cache=None)
    assert found.dataset.fingerprint == folder.fingerprint
    assert found.dataset.name == "fer-2013"
    assert found.layout == f"archive {path.name}"
    assert found.notes == (f"read from {path.name}: folders train/, validation/, test/",)
    assert list((tmp_path / "out").iterdir()) == [path]


def test_the_cache_saves_unpacking(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = archive(pictures, "zip", tmp_path / "pictures")
    first = load_with_layout(path, cache_directory=tmp_path / "cache")
    monkeypatch.setattr(archives, "unpack", None)
    again = load_with_layout(path, cache_directory=tmp_path / "cache")
    assert (again.dataset.fingerprint, again.notes) == (first.dataset.fingerprint, first.notes)


def test_another_archive_of_that_name_is_read_anew(pictures: Path, tmp_path: Path) -> None:
    path = archive(pictures, "zip", tmp_path / "pictures")
    first = load(path, cache=tmp_path / "cache")
    shutil.copy(pictures / "test" / "sad" / "sad0.png", pictures / "train" / "sad" / "new.png")
    archive(pictures, "zip", tmp_path / "pictures")
    assert len(load(path, cache=tmp_path / "cache").train) == len(first.train) + 1


def zipped(path: Path, **members: bytes | str) -> Path:
    with zipfile.ZipFile(path, "w") as made:
        for name, content in members.items():
            made.writestr(name, content)
    return path


def tar_gz(name: str, content: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as made:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        made.addfile(member, io.BytesIO(content.encode()))
    return stream.getvalue()


def test_fer2013_as_kaggle_serves_it(tmp_path: Path) -> None:
    plain = tmp_path / "fer2013.csv"
    plain.write_text(CSV)
    expected = load(plain, cache=None).fingerprint
    inner = tar_gz("fer2013/fer2013.csv", CSV)
    (tmp_path / "fer2013.tar.gz").write_bytes(inner)
    (tmp_path / "fer2013.csv.gz").write_bytes(gzip.compress(CSV.encode()))
    made = [
        tmp_path / "fer2013.tar.gz",
        tmp_path / "fer2013.csv.gz",
        zipped(tmp_path / "fer2013.csv.zip", **{"fer2013.csv": CSV}),
        # The challenge's archive, with what else lies in it and without the CSV files of later years.
        zipped(tmp_path / "challenges.zip", **{"fer2013.tar.gz": inner, "example_submission.csv": "emotion\n0\n"}),
        zipped(tmp_path / "both.zip", **{"c/fer2013.tar.gz": inner, "c/icml_face_data.csv": CSV}),
    ]
    for path in made:
        found = load_with_layout(path, cache_directory=None)
        assert found.dataset.fingerprint == expected
        assert found.dataset.name == path.name.partition(".")[0]
        assert "emotions numbered as FER-2013's: 0 angry" in " ".join(found.notes)


def test_archives_in_an_archive_become_folders(pictures: Path, tmp_path: Path) -> None:
    inner = {
        f"{name}.zip": archive(pictures / name, "zip", tmp_path / name) for name in ("train", "validation", "test")
    }
    outer = zipped(tmp_path / "outer.zip", **{name: path.read_bytes() for name, path in inner.items()})
    assert load(outer, cache=None).fingerprint == load(pictures, cache=None).fingerprint
    deeper = zipped(tmp_path / "deeper.zip", **{"a.zip": outer.read_bytes()})
    with pytest.raises(UserError, match=r"deeper\.zip"):  # one level only
        load(deeper, cache=None)


def test_labels_by_votes(tmp_path: Path, pictures: Path) -> None:
    votes = tmp_path / "fer2013new.csv"
    votes.write_text(VOTES)
    (tmp_path / "fer2013.csv").write_text(CSV)
    (tmp_path / "fer2013.csv.gz").write_bytes(gzip.compress(CSV.encode()))
    options = ReadOptions(labels_from=str(votes))
    plain, packed = (load(tmp_path / f"fer2013.csv{suffix}", options, cache=None) for suffix in ("", ".gz"))
    assert packed.fingerprint == plain.fingerprint
    assert packed.name == plain.name == "fer2013-fer2013new"
    with pytest.raises(UserError, match=r"pictures\.zip: labels from fer2013new\.csv are by row"):
        load(archive(pictures, "zip", tmp_path / "pictures"), options, cache=None)


def test_archives_are_merged(pictures: Path, tmp_path: Path) -> None:
    first = archive(pictures, "zip", tmp_path / "one")
    second = archive(pictures, "tar", tmp_path / "two")
    report = inspect([first, second], cache=None)
    assert report.name == "one+two"
    assert "read from two.tar: folders train/, validation/, test/" in " ".join(report.notes)


def test_what_is_wrong_is_said_of_the_archive(pictures: Path, tmp_path: Path) -> None:
    (pictures / "train" / "sad" / "sad0.png").write_bytes(b"\x89PNG\r\n\x1a\n?")
    path = archive(pictures, "zip", tmp_path / "bad")
    with pytest.raises(UserError) as caught:
        load(path, cache=None)
    assert str(caught.value).startswith(f"{path}/train/sad/sad0.png: ")
    outside = zipped(tmp_path / "outside.zip", **{"../x.png": b"1"})
    with pytest.raises(UserError, match=r"outside\.zip: the name '\.\./x\.png' may lead out of the folder"):
        load(outside, cache=None)
    assert not (default_cache() / "x.png").exists()


def test_arrays_are_none(tmp_path: Path) -> None:
    images, labels = np.arange(80, dtype=np.uint8).reshape(20, 2, 2), np.tile([0, 1], 10)
    np.savez(tmp_path / "a.npz", images=images, labels=labels)
    shutil.copy(tmp_path / "a.npz", tmp_path / "a.zip")
    assert load_with_layout(tmp_path / "a.zip", cache_directory=None).layout == "arrays in a.zip: images, labels"


def test_what_a_killed_process_left_is_removed(pictures: Path, tmp_path: Path) -> None:
    path = archive(pictures, "zip", tmp_path / "pictures")
    code = (
        "import os, sys; from benchmark.data.readers.containers.archives import in_place\n"
        "with in_place([sys.argv[1]]): os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", code, path], check=False)
    (left,) = default_cache().glob(f"{PREFIX}*")
    load(path, cache=None)
    assert left.exists()  # it may be in use
    os.utime(left, (0, 0))
    load(path, cache=None)
    assert not left.exists()


def test_a_home_that_may_not_be_written(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BENCHMARK_CACHE", str(tmp_path / "file"))
    assert load(archive(pictures, "zip", tmp_path / "pictures"), cache=None).name == "pictures"


def test_a_list_and_its_pictures(pictures: Path, tmp_path: Path) -> None:
    """As the older competitions have it: train.csv beside train.zip."""
    folder, packed = tmp_path / "plain", tmp_path / "packed"
    (folder / "train").mkdir(parents=True)
    packed.mkdir()
    names = []
    for path in sorted((pictures / "train").rglob("*.png")):
        shutil.copy(path, folder / "train" / path.name)
        names.append(path.name)
    text = "image,label\n" + "".join(f"{name},{name[:3]}\n" for name in names)
    for place in (folder, packed):
        (place / "train.csv").write_text(text)
    archive(folder / "train", "zip", packed / "train")
    expected = load(folder, ReadOptions(split="70/30"), cache=None)
    for path in (archive(folder, "zip", tmp_path / "one"), archive(packed, "gztar", tmp_path / "two")):
        assert load(path, ReadOptions(split="70/30"), cache=None).fingerprint == expected.fingerprint
