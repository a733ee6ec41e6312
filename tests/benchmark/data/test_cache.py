"""The cache: never trusted when damaged, never in the way when it cannot be written."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmark.data import ReadOptions, default_cache, load, loading
from benchmark.data.cache import cache_key, fetch, pack, unpack
from benchmark.data.loading import find
from benchmark.data.read_options import dataset_name
from benchmark.dataset import Dataset, Split
from zoo.errors import UserError


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "fer.csv"
    rows = [f"{n % 2},{n} 1 2 3,{usage}" for usage in ("Training", "PublicTest", "PrivateTest") for n in range(4)]
    path.write_text("\n".join(["emotion,pixels,Usage", *rows]))
    return path


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows by one whenever images are read from the source."""
    calls: list[str] = []
    original = loading._read

    def counted(found: object, options: ReadOptions) -> Dataset:
        calls.append("read")
        return original(found, options)

    monkeypatch.setattr(loading, "_read", counted)
    return calls


def only_entry(cache: Path) -> Path:
    (entry,) = cache.iterdir()
    return entry


def test_second_load_reads_nothing(source: Path, reads: list[str], tmp_path: Path) -> None:
    first, second = (load(source, cache=tmp_path / "cache") for _ in range(2))
    assert reads == ["read"]
    assert first.fingerprint == second.fingerprint
    np.testing.assert_array_equal(first.test.labels, second.test.labels)
    assert load(source, ReadOptions(name="My Data!"), cache=tmp_path / "cache").name == "my-data"
    assert reads == ["read"], "the name is no reason to read again"


@pytest.mark.parametrize(
    "options",
    [
        ReadOptions(size=5),
        ReadOptions(channels=3),
        ReadOptions(split="50/50"),
        ReadOptions(split_seed=1),
        ReadOptions(classes=("angry", "disgust")),
    ],
)
def test_other_options_are_other_entries(options: ReadOptions, source: Path, reads: list[str], tmp_path: Path) -> None:
    load(source, cache=tmp_path / "cache")
    load(source, options, cache=tmp_path / "cache")
    assert len(reads) == len(list((tmp_path / "cache").iterdir())) == 2


def test_changed_and_moved_files_are_read_again(source: Path, reads: list[str], tmp_path: Path) -> None:
    before = load(source, cache=tmp_path / "cache")
    status = source.stat()
    source.write_text(source.read_text().replace("3 1 2 3", "9 1 2 3"))
    os.utime(source, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    after = load(source, cache=tmp_path / "cache")
    assert len(reads) == 2
    assert before.fingerprint != after.fingerprint
    # As some programs copy a file: of the same size and time.
    status = source.stat()
    source.write_text(source.read_text().replace("9 1 2 3", "8 1 2 3"))
    os.utime(source, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert load(source, cache=tmp_path / "cache").fingerprint != after.fingerprint
    assert len(reads) == 3
    source.rename(tmp_path / "other.csv")
    load(tmp_path / "other.csv", cache=tmp_path / "cache")
    assert len(reads) == 4


def test_no_flipped_byte_is_trusted(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"
    expected = load(source, cache=cache)
    key = cache_key(find(source).identity, ReadOptions())
    entry = only_entry(cache)
    whole = entry.read_bytes()
    monkeypatch.setattr(logging.getLogger("benchmark.data.cache"), "disabled", True)
    refused = 0
    for position in range(0, len(whole), 2):
        entry.write_bytes(whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :])
        fetched = fetch(cache, key)
        refused += fetched is None
        # What is left are bytes that carry nothing, such as a time of day.
        if fetched is not None:
            assert fetched[0].fingerprint == expected.fingerprint, position
            assert fetched[0].split == expected.split, position
            np.testing.assert_array_equal(fetched[0].test.labels, expected.test.labels)
    assert refused > len(whole) / 2 * 0.8


@pytest.mark.parametrize("length", [0, 1, 100, -1, -100])
def test_truncated_entries_are_rebuilt_with_a_warning(
    length: int, source: Path, reads: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = tmp_path / "cache"
    expected = load(source, cache=cache).fingerprint
    entry = only_entry(cache)
    entry.write_bytes(entry.read_bytes()[:length])
    with caplog.at_level(logging.WARNING):
        assert load(source, cache=cache).fingerprint == expected
    assert len(reads) == 2
    assert str(entry) in caplog.text
    load(source, cache=cache)
    assert len(reads) == 2


def test_an_entry_under_a_false_name_is_not_trusted(source: Path, reads: list[str], tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    load(source, cache=cache)
    entry = only_entry(cache)
    load(source, ReadOptions(size=5), cache=cache)
    (other,) = set(cache.iterdir()) - {entry}
    other.replace(entry)
    assert load(source, cache=cache).input_shape == (2, 2, 1)
    assert len(reads) == 3


def test_a_cache_that_cannot_be_written_costs_a_warning(
    source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    with caplog.at_level(logging.WARNING):
        assert len(load(source, cache=tmp_path / "file" / "cache").train) == 4
    assert "cannot be kept" in caplog.text


def test_a_failed_write_leaves_nothing(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    assert len(load(source, cache=tmp_path / "cache").train) == 4
    assert not list((tmp_path / "cache").iterdir())


def test_no_cache_is_no_cache(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCHMARK_CACHE", str(tmp_path / "elsewhere"))
    load(source, cache=None)
    assert not (tmp_path / "elsewhere").exists()
    load(source)
    assert len(list((tmp_path / "elsewhere").iterdir())) == 1


def test_default_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCHMARK_CACHE", "/a")
    monkeypatch.setenv("XDG_CACHE_HOME", "/b")
    assert default_cache() == Path("/a")
    monkeypatch.delenv("BENCHMARK_CACHE")
    assert default_cache() == Path("/b/ensemble-benchmark")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/c")
    assert default_cache() == Path("/c/.cache/ensemble-benchmark")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("FER 2013", "fer-2013"),
        ("a_b-c", "a_b-c"),
        ("***", "data"),
        ("", "data"),
        ("x" * 60, "x" * 40),
        ("Ärger", "rger"),
    ],
)
def test_names_are_plain(text: str, name: str) -> None:
    assert dataset_name(text) == name


@pytest.mark.parametrize("values", [{"size": 0}, {"channels": 2}, {"split_seed": -1}])
def test_options_out_of_range_are_refused(values: dict[str, int]) -> None:
    (value,) = values.values()
    with pytest.raises(UserError, match=f"is {value}, expected"):
        ReadOptions(**values)


def test_importing_the_package_imports_no_numpy() -> None:
    code = "import sys, benchmark.data; benchmark.data.ReadOptions; print('numpy' in sys.modules, 'PIL' in sys.modules)"
    root = Path(loading.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_a_packed_dataset_comes_back_as_it_is(tmp_path: Path) -> None:
    """Also with classes in an order of its own, which a reader would put right, and a test set without labels."""
    images = np.arange(3 * 4, dtype=np.uint8).reshape(3, 2, 2, 1)
    splits = [
        Split(name, images + at, labels, np.array([f"{name}/{row}" for row in range(3)]))
        for at, (name, labels) in enumerate(
            [("train", np.array([0, 1, 1])), ("validation", np.array([1, 0, 0])), ("test", None)]
        )
    ]
    dataset = Dataset("mine", ("sad", "angry"), *splits, "70/30, seed 1")
    pack(tmp_path / "it.npz", dataset)
    found = unpack(tmp_path / "it.npz")
    assert (found.fingerprint, found.class_names, found.split) == (dataset.fingerprint, ("sad", "angry"), dataset.split)
    assert found.test is not None
    assert found.test.labels is None
