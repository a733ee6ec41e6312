"""The same little dataset, written in every layout, must load to the same images, labels and class names."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark.data import load

EDGE = 6
FER = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
USAGES = {"train": "Training", "validation": "PublicTest", "test": "PrivateTest"}
COUNTS = {"train": 3, "validation": 2, "test": 1}  # images of each class


def little() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Images and labels by split, sorted by class."""
    generator = np.random.default_rng(7)
    return {
        split: (
            generator.integers(0, 256, (count * 7, EDGE, EDGE), dtype=np.uint8),
            np.repeat(np.arange(7), count),
        )
        for split, count in COUNTS.items()
    }


def text(image: np.ndarray) -> str:
    return " ".join(map(str, image.ravel()))


def write_csv(path: Path, header: list[str], rows: list[list[object]], **options: object) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, **options)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def usage_rows(order: str, labelled_test: bool = True) -> list[list[object]]:
    rows: list[list[object]] = []
    for split, (images, labels) in little().items():
        for image, label in zip(images, labels, strict=True):
            shown = label if labelled_test or split != "test" else ""
            values = {"e": shown, "p": text(image), "u": USAGES[split]}
            rows.append([values[letter] for letter in order])
    return rows


def save(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


def folders(root: Path, names: tuple[str, ...] = FER, validation: str = "validation", test_labels: bool = True) -> Path:
    number = 0
    for split, (images, labels) in little().items():
        folder = {"validation": validation}.get(split, split)
        for image, label in zip(images, labels, strict=True):
            number += 1
            inner = names[label] if test_labels or split != "test" else ""
            save(root / folder / inner / f"{USAGES[split]}_{number}.png", image)
    return root


def fer2013(tmp: Path) -> Path:
    return write_csv(tmp / "fer2013.csv", ["emotion", "pixels", "Usage"], usage_rows("epu"))


def fer2013_directory(tmp: Path) -> Path:
    fer2013(tmp)
    return tmp


def icml(tmp: Path) -> Path:
    return write_csv(tmp / "icml_face_data.csv", ["emotion", " Usage", " pixels"], usage_rows("eup"))


def quoted_with_mark(tmp: Path) -> Path:
    path = write_csv(tmp / "x.csv", ["Usage", "PIXELS", "Emotion"], usage_rows("upe"), quoting=csv.QUOTE_ALL)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\r\n", b"\n").rstrip(b"\n"))
    return path


def class_folders(tmp: Path) -> Path:
    return folders(tmp)


def synonyms(tmp: Path) -> Path:
    return folders(tmp, ("Anger", "DISGUSTED", "fearful", "Happiness", "sadness", "Surprised", "Neutral"), "val")


def shared_test_folder(tmp: Path) -> Path:
    return folders(tmp, validation="test")


def named_arrays(tmp: Path) -> Path:
    values = {}
    for split, (images, labels) in little().items():
        values |= {f"{split}_images": images, f"{split}_labels": labels}
    np.savez(tmp / "faces.npz", class_names=np.array(FER), **values)
    return tmp / "faces.npz"


def medmnist_arrays(tmp: Path) -> Path:
    values = {}
    for split, (images, labels) in little().items():
        short = "val" if split == "validation" else split
        values |= {
            f"{short}_images": images[..., None].astype(np.int32),
            f"{short}_labels": np.array(FER)[labels][:, None],
        }
    np.savez_compressed(tmp / "faces.npz", **values)
    return tmp / "faces.npz"


LABELLED: list[Callable[[Path], Path]] = [
    fer2013,
    fer2013_directory,
    icml,
    quoted_with_mark,
    class_folders,
    synonyms,
    shared_test_folder,
    named_arrays,
    medmnist_arrays,
]


@pytest.mark.parametrize("write", LABELLED, ids=lambda write: write.__name__)
def test_every_layout_loads_alike(write: Callable[[Path], Path], tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    source = write(tmp_path / "data")
    for _ in ("read", "cached"):
        dataset = load(source, cache=tmp_path / "cache")
        assert dataset.class_names == FER
        assert dataset.split == "given"
        assert [split.name for split in dataset.splits] == ["train", "validation", "test"]
        for split in dataset.splits:
            images, labels = little()[split.name]
            assert split.images.shape == (len(images), EDGE, EDGE, 1)
            np.testing.assert_array_equal(split.images[..., 0], images)
            np.testing.assert_array_equal(split.labels, labels)
    assert len(list((tmp_path / "cache").iterdir())) == 1


def sealed_usage(tmp: Path) -> Path:
    return write_csv(tmp / "fer.csv", ["emotion", "pixels", "Usage"], usage_rows("epu", labelled_test=False))


def without_test_rows(tmp: Path) -> Path:
    rows = [row for row in usage_rows("epu") if row[2] != "PrivateTest"]
    write_csv(tmp / "fer2013.csv", ["emotion", "pixels", "Usage"], rows)
    write_csv(tmp / "test.csv", ["pixels"], [[text(image)] for image in little()["test"][0]])
    return tmp


def flat_test_folder(tmp: Path) -> Path:
    return folders(tmp, test_labels=False)


def arrays_without_test_labels(tmp: Path) -> Path:
    path = named_arrays(tmp)
    with np.load(path) as arrays:
        kept = {name: arrays[name] for name in arrays.files if name != "test_labels"}
    np.savez(path, **kept)
    return path


@pytest.mark.parametrize(
    "write",
    [sealed_usage, without_test_rows, flat_test_folder, arrays_without_test_labels],
    ids=lambda write: write.__name__,
)
def test_sealed_labels_stay_none_through_the_cache(write: Callable[[Path], Path], tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    source = write(tmp_path / "data")
    fingerprints = set()
    for _ in ("read", "cached"):
        dataset = load(source, cache=tmp_path / "cache")
        assert dataset.test is not None
        assert dataset.test.labels is None
        np.testing.assert_array_equal(dataset.test.images[..., 0], little()["test"][0])
        np.testing.assert_array_equal(dataset.validation.labels, little()["validation"][1])
        fingerprints.add(dataset.fingerprint)
    assert len(fingerprints) == 1


def test_sealed_and_opened_test_are_the_same_dataset(tmp_path: Path) -> None:
    opened = load(fer2013(tmp_path), cache=None)
    sealed = load(sealed_usage(tmp_path), cache=None)
    assert opened.fingerprint == sealed.fingerprint


def pair(tmp: Path, labelled_test: bool = False) -> None:
    images, labels = little()["train"]
    train = [[label, text(image)] for image, label in zip(images, labels, strict=True)]
    write_csv(tmp / "train.csv", ["emotion", "pixels"], [row for _ in range(4) for row in train])
    images, labels = little()["test"]
    header = ["id", "pixels", "emotion"] if labelled_test else ["id", "pixels"]
    rows = [[f"t{n}", text(image), label][: len(header)] for n, (image, label) in enumerate(zip(images, labels))]  # noqa: B905
    write_csv(tmp / "test.csv", header, rows)


@pytest.mark.parametrize("labelled", [False, True])
@pytest.mark.parametrize("named", ["", "train.csv"])
def test_train_and_test_files(labelled: bool, named: str, tmp_path: Path) -> None:
    pair(tmp_path, labelled)
    dataset = load(tmp_path / named, cache=None)
    assert dataset.split == "80/10 seed 0"
    assert len(dataset.train) + len(dataset.validation) == 84
    assert len(dataset.validation) in (9, 10)  # 84 x 10 / 90 = 9.3
    assert dataset.test is not None
    assert dataset.test.sample_ids.tolist() == [f"t{n}" for n in range(7)]
    assert (dataset.test.labels is not None) == labelled
    everything = sorted([*dataset.train.sample_ids, *dataset.validation.sample_ids])
    assert everything == sorted(f"train-{n}" for n in range(84))


@pytest.mark.parametrize("named", ["", "train.csv"])
def test_three_files(named: str, tmp_path: Path) -> None:
    for split, (images, labels) in little().items():
        rows = [[text(image), label] for image, label in zip(images, labels, strict=True)]
        write_csv(tmp_path / f"{split}.csv", ["pixels", "emotion"], rows)
    dataset = load(tmp_path / named, cache=None)
    assert dataset.split == "given"
    for split in dataset.splits:
        np.testing.assert_array_equal(split.images[..., 0], little()[split.name][0])
        np.testing.assert_array_equal(split.labels, little()[split.name][1])
        assert split.sample_ids[0] == f"{split.name}-0"


def test_another_file_is_read_alone(tmp_path: Path) -> None:
    pair(tmp_path)
    shutil.copy(tmp_path / "train.csv", tmp_path / "mine.csv")
    dataset = load(tmp_path / "mine.csv", cache=None)
    assert dataset.split == "80/10/10 seed 0"
    assert sum(map(len, dataset.splits)) == 84


def test_a_complete_file_goes_before_a_pair(tmp_path: Path) -> None:
    pair(tmp_path)
    icml(tmp_path)
    dataset = load(tmp_path, cache=None)
    assert dataset.split == "given"
    np.testing.assert_array_equal(dataset.test.labels, little()["test"][1])


def test_keras_arrays_have_numbers_for_names_and_colour(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (40, 4, 5, 3), dtype=np.uint8)
    labels = np.tile([2, 10], 20)
    np.savez(tmp_path / "a.npz", x_train=images, y_train=labels, x_test=images[:4], y_test=labels[:4])
    dataset = load(tmp_path / "a.npz", cache=None)
    assert dataset.class_names == ("2", "10")
    assert dataset.input_shape == (4, 5, 3)
    for split in dataset.splits:
        for image, label, sample_id in zip(split.images, split.labels, split.sample_ids, strict=True):
            row = int(sample_id.split("-")[1])
            np.testing.assert_array_equal(image, images[row])
            assert dataset.class_names[label] == str(labels[row])


@pytest.mark.parametrize(
    ("column", "values"), [("label", ("1", "0")), ("class", ("dog", "cat")), ("target", ("b", "a"))]
)
def test_any_classes_in_any_column(column: str, values: tuple[str, str], tmp_path: Path) -> None:
    rows = [[values[n % 2], f"{n} 0 {n} 0", f"s{n}"] for n in range(40)]
    dataset = load(write_csv(tmp_path / "a.csv", [column, "pixels", "id"], rows), cache=None)
    assert dataset.class_names == tuple(sorted(values))
    for split in dataset.splits:
        for image, label, sample_id in zip(split.images, split.labels, split.sample_ids, strict=True):
            number = int(sample_id[1:])
            assert image[0, 0, 0] == number
            assert dataset.class_names[label] == values[number % 2]


def test_faces_are_built_in_and_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faces = pytest.importorskip("benchmark.data.faces.generator")
    calls = []

    def few(train: int, validation: int, test: int, seed: int) -> object:
        calls.append((train, validation, test, seed))
        return generate(21, 14, 14, seed=seed)

    generate = faces.generate
    monkeypatch.setattr(faces, "generate", few)
    first, second = (load("faces", cache=tmp_path) for _ in range(2))
    assert calls == [(2100, 700, 700, 0)]
    assert first.fingerprint == second.fingerprint == generate(21, 14, 14).fingerprint
    assert (second.name, second.split, second.class_names) == ("faces", "given", FER)
    assert [len(split) for split in second.splits] == [21, 14, 14]
