"""Whatever is in a file, reading it ends in a result or in one line for the user, soon, and in little memory.

The default suite tries some hundred damaged files, always the same; `pytest -m slow tests/test_fuzz.py` thousands of
new ones. What was found so stands below as files of its own.
"""

import gzip
import io
import json
import os
import resource
import shutil
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fuzzing import ends_well, fresh, image_bytes, mutations, npz_bytes
from hypothesis import HealthCheck, given, settings, strategies as st
from stored_runs import CLASS_NAMES, DATASET, config, ids, predictions, probabilities_for, store_model, true_labels

from benchmark.data import ReadOptions, load
from benchmark.data.readers.arrays import array_values
from benchmark.files import npz_files
from benchmark.store.checking import check
from benchmark.store.run_store import RunStore
from benchmark.store.stored_predictions import read_predictions, write_predictions
from ensembles.importing.importing import import_predictions
from reports.submissions.samples import read_sample
from reports.submissions.scoring import score, score_text
from zoo.errors import UserError

SECONDS = 10
BYTES = 2 << 30

SHORT = settings(
    max_examples=100,
    derandomize=True,
    database=None,
    deadline=1000 * SECONDS,
    suppress_health_check=list(HealthCheck),
)
LONG = settings(SHORT, max_examples=2000, derandomize=False)

Read = Callable[[Path, bytes], Any]


@pytest.fixture(autouse=True)
def little_memory() -> Iterator[None]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) < BYTES


def rows(header: str, *lines: str) -> bytes:
    return "\n".join([header, *lines, ""]).encode()


PIXELS = [" ".join(str((7 * row + 31 * place) % 256) for place in range(16)) for row in range(24)]
USAGES = ["Training"] * 12 + ["PublicTest"] * 6 + ["PrivateTest"] * 6
IMAGES = np.arange(24 * 16, dtype=np.uint8).reshape(24, 4, 4)
LABELS = np.tile([0, 1], 12)

CSV_FILES = [
    rows("emotion,pixels,Usage", *(f"{row % 3},{PIXELS[row]},{USAGES[row]}" for row in range(24))),
    rows("id,label,pixels", *(f'{row},"cl,ass{row % 2}",{PIXELS[row]}' for row in range(24))),
    rows(
        f"label,{','.join(f'pixel{place}' for place in range(16))},Usage",
        *(f"{row % 2},{PIXELS[row].replace(' ', ',')},{USAGES[row]}" for row in range(24)),
    ),
]
NPZ_FILES = [
    npz_bytes(images=IMAGES, labels=LABELS, class_names=np.array(["a", "b"]), ids=np.arange(24)),
    npz_bytes(x_train=IMAGES, y_train=LABELS, x_test=IMAGES.astype(np.int16), y_test=LABELS[:, None]),
]


def read_data(name: str) -> Read:
    return lambda folder, content: load(fresh(folder / name, content), cache=None).fingerprint


def read_packed(folder: Path, content: bytes) -> Any:
    """Read a folder with a file that may be an archive beside another archive."""
    data = folder / "packed"
    data.mkdir(exist_ok=True)
    fresh(data / "test.csv.gz", gzip.compress(CSV_FILES[0]))
    fresh(data / "train.zip", content)
    return load(data, cache=None).fingerprint


def archives() -> list[bytes]:
    """A zip of pictures and one of a CSV file; a tar archive of arrays; CSV and tar compressed."""
    pictures = {
        f"{split}/{name}/{number}.png": CONTENTS[0]
        for split in ("train", "test")
        for name in ("one", "two")
        for number in range(9)
    }
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as made:
        for name, content in pictures.items():
            member = tarfile.TarInfo(f"data/{name}")
            member.size = len(content)
            made.addfile(member, io.BytesIO(content))
    zips = [io.BytesIO(), io.BytesIO()]
    for file, members in zip(zips, (pictures, {"a/fer2013.csv": CSV_FILES[0]}), strict=True):
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, content in members.items():
                packed.writestr(name, content)
    plain = [file.getvalue() for file in (*zips, tar)]
    return [*plain, gzip.compress(tar.getvalue()), gzip.compress(CSV_FILES[0])]


def read_npy(name: str) -> Read:
    """One of the two files of images and labels; the other is whole."""

    def read(folder: Path, content: bytes) -> Any:
        for other, values in (("X.npy", IMAGES), ("y.npy", LABELS)):
            fresh(folder / other, content if other == name else saved(values))
        return load(folder, cache=None).fingerprint

    return read


def parquet_files() -> list[bytes]:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    features = {"image": {"_type": "Image"}, "label": {"names": ["a", "b"], "_type": "ClassLabel"}}
    about = {"huggingface": json.dumps({"info": {"features": features}})}
    images = [{"bytes": CONTENTS[0], "path": f"{row}.png"} for row in range(24)]
    made = []
    for labels in (LABELS.tolist(), [f"class {label}" for label in LABELS]):
        file = io.BytesIO()
        table = pyarrow.table({"image": images, "label": labels}).replace_schema_metadata(about)
        parquet.write_table(table, file, compression="none")
        made.append(file.getvalue())
    return made


EMOTIONS = rows("emotion,pixels,Usage", *(f"{row % 8},{PIXELS[row]},{USAGES[row]}" for row in range(24)))
VOTES = rows(
    "Usage,Image name,neutral,happiness,anger,unknown,NF",
    *(
        f"{USAGES[row]},{row}.png,{9 * (row % 3 == 0)},{8 * (row % 3 == 1)},{7 * (row % 3 == 2)},1,0"
        for row in range(24)
    ),
)


def read_votes(folder: Path, content: bytes) -> Any:
    images = fresh(folder / "fer2013.csv", CSV_FILES[0])
    options = ReadOptions(labels_from=str(fresh(folder / "fer2013new.csv", content)))
    return load(images, options, cache=None).fingerprint


def read_list(name: str) -> Read:
    """A list beside pictures, in folders of splits and of none."""

    def read(folder: Path, content: bytes) -> Any:
        if not (folder / "images").exists():
            for row in range(24):
                home = folder / ("images", "train", "test")[row % 3]
                home.mkdir(exist_ok=True)
                fresh(home / f"{('train', 'test')[row % 2]}_{row:05}.png", image_bytes("PNG"))
        return load(fresh(folder / name, content).parent, cache=None).fingerprint

    return read


def listed_pictures() -> list[bytes]:
    names = [f"{('train', 'test')[row % 2]}_{row:05}" for row in range(24)]
    votes = [f'{name}.png,"(0, 0, 6, 6)",{",".join("09"[row // 2 % 2 == place] for place in range(10))}'
             for row, name in enumerate(names)]  # fmt: skip
    return [
        rows("id,image,label,split", *(f"{row},{names[row]},c{row % 4 // 2},{USAGES[row]}" for row in range(24))),
        rows(f"{names[0]}.jpg 1", *(f"{name}.jpg {row % 4 // 2 + 1}" for row, name in enumerate(names))),
        rows(votes[0], *votes[1:]),
        rows("filename;one;two", *(f"{name}.png;{row % 4 // 2};{1 - row % 4 // 2}" for row, name in enumerate(names))),
    ]


def read_numbers(folder: Path, content: bytes) -> Any:
    options = ReadOptions(class_names=tuple("abcdefgh"))
    return load(fresh(folder / "data.csv", content), options, cache=None).fingerprint


def read_external(suffix: str) -> Read:
    """Into a store that has one run."""

    def read(folder: Path, content: bytes) -> Any:
        store = RunStore(folder / "runs")
        if not store.datasets():
            store_model(store, "cnn4", 30, 28)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of ids, rounding and copies
            return import_predictions("theirs", fresh(folder / f"theirs{suffix}", content), runs=store.root)

    return read


def read_imported(suffix: str, **options: Any) -> Read:
    """Predictions of test into a store of their own, or nothing."""

    def read(folder: Path, content: bytes) -> Any:
        runs = folder / "runs"
        shutil.rmtree(runs, ignore_errors=True)
        path = fresh(folder / f"theirs{suffix}", content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            try:
                return import_predictions("theirs", path, labels=TRUE_LABELS, runs=runs, **options)
            except UserError:
                assert not runs.exists()
                raise

    return read


def read_true_labels(suffix: str) -> Read:
    """Labels that make a dataset."""

    def read(folder: Path, content: bytes) -> Any:
        shutil.rmtree(folder / "runs", ignore_errors=True)
        path = fresh(folder / f"labels{suffix}", content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of labels of test that nothing predicts
            return import_predictions("mine", np.full((8, 3), 1 / 3), labels=path, runs=folder / "runs")

    return read


TRUE_LABELS = pd.DataFrame({"id": [f"{row:03d}" for row in range(8)], "label": list("abcabcab")})


def imported_csvs() -> list[bytes]:
    """Wide with a prefix and rounded numbers, long, hard labels, and without ids."""
    numbers = [[0.25, 0.5, 0.25], [0.999, 0.001, 0.001]]
    wide = [",".join([f"{row:03d}", *map(str, numbers[row % 2])]) for row in range(8)]
    long = [f"{row:03d},{name},{numbers[row % 2][at]}" for row in range(8) for at, name in enumerate("abc")]
    return [
        rows("id,p_a,p_b,p_c", *wide),
        rows("id,class,probability", *long),
        rows("id,label", *(f"{row:03d},{'abc'[row % 3]}" for row in range(8))),
        rows("id;split;0;1;2", *(f"{row};val;0.2;0.3;0.5" for row in range(8))),
        rows("0.25,0.5,0.25", *["0.2,0.3,0.5"] * 7),
    ]


def saved(values: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def imported_arrays() -> list[bytes]:
    values = np.full((8, 3), [0.25, 0.5, 0.25])
    return [saved(values), saved(values.astype(np.float16)), saved(np.arange(8) % 3), saved(values.T.copy().T)]


def imported_archives() -> list[bytes]:
    values = np.full((8, 3), [0.25, 0.5, 0.25], np.float32)
    return [npz_bytes(oof=values), npz_bytes(preds=values, ids=np.arange(8), classes=np.array(["a", "b", "c"]))]


def label_csvs() -> list[bytes]:
    lines = [f"{row},{row % 3 + 1},{'test' if row > 7 else 'val'},{row % 2}" for row in range(12)]
    return [rows("id,target,split,fold", *lines), rows("label", *"abcabcab"), b"1\n2\n3\n1\n2\n3\n1\n2\n"]


def external_csv() -> bytes:
    said = probabilities_for(true_labels("test"), len(CLASS_NAMES), 20)
    lines = (",".join([name, "test", *map(str, row)]) for name, row in zip(ids("test"), said.tolist(), strict=True))
    return rows(",".join(["sample_id", "split", *CLASS_NAMES]), *lines)


def external_npz() -> bytes:
    said = probabilities_for(true_labels("test"), len(CLASS_NAMES), 20)
    return npz_bytes(sample_ids=ids("test"), class_names=np.array(CLASS_NAMES), probabilities=said, split="test")


TRUTH = rows("id,emotion", *(f"{row},{row % 3}" for row in range(8)))
SUBMISSIONS = [
    rows("id,emotion", *(f"{row},{row % 2}" for row in range(8))),
    rows("id,angry,disgust,fear", *(f"{row}.png,0.5,0.25,0.25" for row in range(8))),
    "".join(f"{row % 3}\n" for row in range(8)).encode(),
]


def read_submission(folder: Path, content: bytes) -> Any:
    truth = fresh(folder / "truth.csv", TRUTH)
    return score_text(score(fresh(folder / "submission.csv", content), truth))


def read_labels(folder: Path, content: bytes) -> Any:
    submission = fresh(folder / "submission.csv", SUBMISSIONS[0])
    return score_text(score(submission, fresh(folder / "truth.csv", content)))


def read_sample_file(folder: Path, content: bytes) -> Any:
    sample = read_sample(fresh(folder / "sample.csv", content))
    names = np.array([str(row) for row in range(8)])
    return sample.filled(names, ("angry", "disgust", "fear"), np.full((8, 3), 1 / 3))


def read_stored(folder: Path, content: bytes) -> Any:
    return read_predictions(fresh(folder / "validation.npz", content))


def stored_npz() -> bytes:
    path = Path(os.environ["HYPOTHESIS_STORAGE_DIRECTORY"]).parent / "whole.npz"
    write_predictions(path, predictions("validation", 20))
    return path.read_bytes()


def read_record(name: str) -> Read:
    """One of the two JSON files of a stored run; the other run of the store must stay in sight."""

    def read(folder: Path, content: bytes) -> Any:
        store = RunStore(folder / "runs")
        if not store.datasets():
            store_model(store, "cnn4", 30, 28)
            store_model(store, "mlp", 20, 18)
        run = next(store.root.glob("*/cnn4-*/seed-0"))
        (run / name).write_bytes(content)
        whole = [run.config.model for run in store.runs(DATASET)]
        assert whole[-1] == "mlp"
        assert len(whole) + len(store.snapshot(DATASET).damaged) == 2
        return check(store.root)

    return read


def record_json() -> bytes:
    record = {"schema_version": 1, "seed": 0, "status": "ok", "error": None, "durations": {"train": 1.5}, "files": {}}
    return json.dumps(record, indent=2).encode()


def config_json() -> bytes:
    return json.dumps(config("cnn4").to_json(), indent=2).encode()


READERS: dict[str, tuple[Read, Callable[[], list[bytes]]]] = {
    "csv": (read_data("data.csv"), lambda: CSV_FILES),
    "image list": (read_list("labels.csv"), listed_pictures),
    "image list in text": (read_list("list.txt"), listed_pictures),
    "votes": (read_votes, lambda: [VOTES]),
    "numbered classes": (read_numbers, lambda: [EMOTIONS]),
    "npz": (read_data("data.npz"), lambda: NPZ_FILES),
    "archive": (read_data("data"), archives),
    "folder with archives": (read_packed, archives),
    "npy images": (read_npy("X.npy"), lambda: [saved(IMAGES), saved(IMAGES[:, None] / 255)]),
    "npy labels": (read_npy("y.npy"), lambda: [saved(LABELS), saved(np.eye(2)[LABELS]), saved(LABELS.astype("U3"))]),
    "parquet": (read_data("data.parquet"), parquet_files),
    "external csv": (read_external(".csv"), lambda: [external_csv()]),
    "external npz": (read_external(".npz"), lambda: [external_npz()]),
    "imported csv": (read_imported(".csv"), imported_csvs),
    "imported gzip": (read_imported(".csv.gz"), lambda: [gzip.compress(content) for content in imported_csvs()]),
    "imported npy": (read_imported(".npy"), imported_arrays),
    "imported npz": (read_imported(".npz"), imported_archives),
    "imported logits": (read_imported(".npy", logits=True), lambda: [saved(np.arange(24.0).reshape(8, 3) - 9)]),
    "label csv": (read_true_labels(".csv"), label_csvs),
    "label npy": (
        read_true_labels(".npy"),
        lambda: [saved(np.arange(8) % 3 + 1.0), saved(np.eye(3)[np.arange(8) % 3])],
    ),
    "submission": (read_submission, lambda: SUBMISSIONS),
    "labels": (read_labels, lambda: [TRUTH, SUBMISSIONS[2]]),
    "sample": (read_sample_file, lambda: [TRUTH, SUBMISSIONS[1]]),
    "stored predictions": (read_stored, lambda: [stored_npz()]),
    "record": (read_record("record.json"), lambda: [record_json()]),
    "config": (read_record("../config.json"), lambda: [config_json()]),
}


def fuzz(reader: str, folder: Path, how: Callable[[Any], Any]) -> None:
    """Try damaged files; `how` is Hypothesis' settings, or whatever else decorates a test of its."""
    read, whole = READERS[reader]
    files = whole()

    @how
    @given(st.sampled_from(range(len(files))), mutations())
    def run(which: int, mutate: Callable[[bytes], bytes]) -> None:
        ends_well(lambda: read(folder, mutate(files[which])))

    run()


@pytest.mark.parametrize("reader", READERS)
def test_damaged_files_are_a_result_or_one_line(reader: str, tmp_path: Path) -> None:
    fuzz(reader, tmp_path, SHORT)


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
def test_thousands_of_damaged_files(reader: str, tmp_path: Path) -> None:
    fuzz(reader, tmp_path, LONG)


@pytest.mark.parametrize("reader", READERS)
def test_whole_files_are_read(reader: str, tmp_path: Path) -> None:
    """Otherwise the tests above would find nothing but the first complaint."""
    read, whole = READERS[reader]
    for content in whole():
        assert read(tmp_path, content) is not None


# Folders of images: one file's bytes change, and one entry is added.

KINDS = [("a.png", "PNG"), ("b.jpg", "JPEG"), ("c.bmp", "BMP"), ("d.gif", "GIF"), ("e.tif", "TIFF"), ("f.webp", "WEBP"),
         ("g.pgm", "PPM"), ("h.jfif", "JPEG")]  # fmt: skip
ADDED = [
    "", "train/one/.png", "train/one/sub/a.png", "train/h.png", "train/one/" + "9" * 240, "train/one/a\nb.png",
    "train/one/\udcff.png", "train/\udcff/a.png", "train/one/٣.png", "test/two/a.png", "Training/one/a.png",
    "validation/three/a.png", "fer2013.csv", "train/one/a", "valid/one/a.png",
    "test_images/a.png", "train/one/@eaDir/a.png", "test/test/a.png", "train/e\u0301/a.png", "train/\u00e9/README.txt",
]  # fmt: skip
CONTENTS = [image_bytes(kind, "RGB" if kind in ("JPEG", "WEBP") else "L") for _, kind in KINDS]
# On its side: FF D8 begins a JPEG, and a segment FF E1 holds EXIF data of one tag, 0x112.
TAG = b"\x00\x01" + b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00" + bytes(4)
EXIF = b"Exif\0\0MM\0*\0\0\0\x08" + TAG
CONTENTS[-1] = CONTENTS[-1][:2] + b"\xff\xe1" + (len(EXIF) + 2).to_bytes(2, "big") + EXIF + CONTENTS[-1][2:]


def read_folder(folder: Path, name: str, content: bytes, added: str) -> Any:
    for split in ("train", "validation"):
        for class_name in ("one", "two"):
            (folder / split / class_name).mkdir(parents=True)
            for (file, _), whole in zip(KINDS, CONTENTS, strict=True):
                (folder / split / class_name / file).write_bytes(content if file == name else whole)
    if added:
        extra = folder / added
        extra.parent.mkdir(parents=True, exist_ok=True)
        extra.write_bytes(content)
    return load(folder, cache=None).fingerprint


def fuzz_folders(tmp_path: Path, how: Callable[[Any], Any]) -> None:
    made = iter(range(1 << 30))

    @how
    @given(st.sampled_from(range(len(KINDS))), st.one_of(st.none(), mutations()), st.sampled_from(ADDED))
    def run(which: int, mutate: Callable[[bytes], bytes] | None, added: str) -> None:
        content = mutate(CONTENTS[which]) if mutate else CONTENTS[which]
        ends_well(lambda: read_folder(tmp_path / str(next(made)), KINDS[which][0], content, added))

    run()


def test_damaged_folders_are_a_result_or_one_line(tmp_path: Path) -> None:
    fuzz_folders(tmp_path, SHORT)


@pytest.mark.slow
def test_thousands_of_damaged_folders(tmp_path: Path) -> None:
    fuzz_folders(tmp_path, LONG)


def test_whole_folders_are_read(tmp_path: Path) -> None:
    assert read_folder(tmp_path / "data", "none", b"", "")


# Found: each of these was a traceback, a hang, or memory without bound.


def member(header: str, content: bytes = b"") -> bytes:
    """An .npy whose header says this."""
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + content


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


HUGE = member("{'descr': '|u1', 'fortran_order': False, 'shape': (99999999, 99, 99), }")
NO_UNICODE = member("{'descr': '<U1', 'fortran_order': False, 'shape': (2,), }", b"\xff\xff\xff\x7f" * 2)
SURROGATE = member("{'descr': '<U1', 'fortran_order': False, 'shape': (2,), }", b"\x00\xd8\x00\x00" * 2)
THEIRS = {"sample_ids": ids("test"), "probabilities": np.zeros((40, 3)), "class_names": np.array(CLASS_NAMES)}

FOUND: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "a shape of a terabyte": ("npz", lambda: zipped(images=HUGE), "its header says"),
    "code points that are none": ("external npz", lambda: npz_with(class_names=NO_UNICODE), "not Unicode"),
    "surrogates": ("stored predictions", lambda: zipped(class_names=SURROGATE), "not Unicode"),
    "ids of bytes beyond ASCII": (
        "external npz",
        lambda: npz_bytes(**{**THEIRS, "sample_ids": np.array([b"\xff"] * 40)}),
        "not ASCII text",
    ),
    "ids that differ in nulls": (
        "csv",
        lambda: rows("id,label,pixels", f"a,1,{PIXELS[0]}", f"a\0,2,{PIXELS[1]}"),
        "a null character",
    ),
    "an id as long as a book": (
        "csv",
        lambda: rows("id,label,pixels", f"{'a' * 100_000},1,{PIXELS[0]}", *(f"{n},2,{PIXELS[1]}" for n in range(9))),
        "id has 100,000 characters",
    ),
    "an imported id as long as a book": (
        "external csv",
        lambda: rows("id,apple,banana,cherry", f"{'a' * 100_000},1,0,0"),
        "at most 1000",
    ),
    "a line without end": ("csv", lambda: b"label,pixels\n1," + b"1 " * 20_000_000, "more than 16,777,216 bytes"),
    "labels too long for numbers": (
        "csv",
        lambda: rows("label,pixels", *(f"{str(2 + row % 2) * 900},{PIXELS[row]}" for row in range(24))),
        "",
    ),
    "brackets without end": ("record", lambda: b"[" * 100_000, ""),
}


def npz_with(**members: bytes) -> bytes:
    whole = zipfile.ZipFile(io.BytesIO(npz_bytes(**THEIRS)))
    return zipped(**{**{name.removesuffix(".npy"): whole.read(name) for name in whole.namelist()}, **members})


@pytest.mark.parametrize("name", FOUND)
def test_found(name: str, tmp_path: Path) -> None:
    reader, content, says = FOUND[name]
    found = ends_well(lambda: READERS[reader][0](tmp_path, content()))
    assert says in str(found)


def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / "data" / name).mkdir(parents=True)
        (tmp_path / "data" / name / "a.png").write_bytes(CONTENTS[0])
    os.mkfifo(tmp_path / "data" / "one" / "b.png")
    os.mkfifo(tmp_path / "pipe.csv")
    for path in (tmp_path / "data", tmp_path / "pipe.csv"):
        assert "a pipe" in ends_well(lambda path=path: load(path, cache=None))


def test_postscript_is_never_run(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")
    assert "not an image" in ends_well(lambda: load(tmp_path, cache=None))


def test_bombs_are_refused_before_they_are_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npz_files, "SMALL_BYTES", 1_000_000)
    images = member("{'descr': '|u1', 'fortran_order': False, 'shape': (20, 1000, 1000), }", bytes(20_000_000))
    bomb = fresh(tmp_path / "bomb.npz", zipped(images=images))
    assert bomb.stat().st_size < 30_000
    assert "claim to unpack to 20,000" in ends_well(lambda: load(bomb, cache=None))


def test_images_in_arrays_are_limited_in_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(array_values, "MAX_PIXELS", 15)
    path = fresh(tmp_path / "large.npz", NPZ_FILES[0])
    assert "has images of 4x4 pixels, expected at most 15" in ends_well(lambda: load(path, cache=None))


def test_images_that_no_memory_holds_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sysconf", lambda _: 3)
    assert "this machine has" in ends_well(lambda: read_folder(tmp_path / "data", "none", b"", ""))
