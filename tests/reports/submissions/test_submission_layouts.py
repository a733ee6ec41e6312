"""From data in every layout to a submission and back: rows, order and score are those of the user's test file."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from stored_runs import probabilities_for, store_run

import reports
from benchmark.data import load
from benchmark.dataset import Dataset
from benchmark.matching.class_names import label_numbers
from benchmark.records import Predictions, RunConfig
from benchmark.store.run_store import RunStore

NAMES = ("happy", "sad", "neutral")
USAGES = {"train": "Training", "validation": "PublicTest", "test": "PrivateTest"}
IMAGES = {"train": 12, "validation": 6, "test": 9}


def images_and_labels() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Splits whose labels come in no order."""
    generator = np.random.default_rng(3)
    found = {}
    for split, count in IMAGES.items():
        labels = generator.permutation(np.arange(count) % 3)
        found[split] = generator.integers(0, 256, (count, 4, 4), dtype=np.uint8), labels
    return found


def text(image: np.ndarray) -> str:
    return " ".join(map(str, image.ravel()))


def one_csv(folder: Path) -> Path:
    numbers = label_numbers(NAMES)
    rows = [
        [numbers[label], text(image), USAGES[split]]
        for split, (images, labels) in images_and_labels().items()
        for image, label in zip(images, labels, strict=True)
    ]
    with (folder / "fer2013.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["emotion", "pixels", "Usage"], *rows])
    return folder / "fer2013.csv"


def two_csvs(folder: Path) -> Path:
    found = images_and_labels()
    numbers = label_numbers(NAMES)
    train = [[numbers[label], text(image)] for image, label in zip(*found["train"], strict=True)]
    # Ids that sort otherwise than the rows, of which one needs quotes.
    test = [[f"{90 - row},x" if row == 4 else 90 - row, text(image)] for row, image in enumerate(found["test"][0])]
    with (folder / "train.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["emotion", "pixels"], *train * 3])
    with (folder / "test.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["id", "pixels"], *test])
    return folder


def folders(folder: Path) -> Path:
    for split, (images, labels) in images_and_labels().items():
        for row, (image, label) in enumerate(zip(images, labels, strict=True)):
            path = folder / split / NAMES[label] / f"{split}_{row}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
    return folder


def sealed_folder(folder: Path) -> Path:
    folders(folder)
    for path in sorted((folder / "test").rglob("*.png")):
        path.rename(folder / "test" / path.name)
    for name in NAMES:
        (folder / "test" / name).rmdir()
    return folder


def arrays(folder: Path) -> Path:
    values = {}
    for split, (images, labels) in images_and_labels().items():
        values |= {f"{split}_images": images, f"{split}_labels": labels}
    np.savez(folder / "faces.npz", class_names=np.array(NAMES), **values)
    return folder / "faces.npz"


LAYOUTS = (one_csv, two_csvs, folders, sealed_folder, arrays)
HITS = 6


def stored(folder: Path, write: Callable[[Path], Path]) -> tuple[RunStore, Dataset, np.ndarray]:
    """A store with one run on the data in this layout, right for `HITS` of the test images, and the true labels."""
    (folder / "data").mkdir()
    dataset = load(write(folder / "data"), cache=None)
    assert dataset.test is not None
    assert len(dataset.test) == IMAGES["test"]
    truth = np.arange(IMAGES["test"]) % 3 if dataset.test.labels is None else dataset.test.labels
    predicted = Predictions(
        split="test",
        sample_ids=dataset.test.sample_ids,
        class_names=dataset.class_names,
        probabilities=probabilities_for(truth, 3, HITS),
        labels=dataset.test.labels,
    )
    store = RunStore(folder / "runs")
    store_run(store, RunConfig(dataset="data", fingerprint=dataset.fingerprint, model="cnn4"), [predicted])
    return store, dataset, truth


@pytest.mark.parametrize("write", LAYOUTS, ids=lambda write: write.__name__)
def test_every_format_comes_back_with_its_score(write: Callable[[Path], Path], tmp_path: Path) -> None:
    store, dataset, truth = stored(tmp_path, write)
    assert dataset.test is not None
    ids = dataset.test.sample_ids.tolist()
    sample = tmp_path / "sample.csv"
    with sample.open("w", newline="") as file:
        csv.writer(file).writerows([["image", "Label"], *[[name, "Neutral"] for name in reversed(ids)]])
    wide = tmp_path / "wide.csv"
    with wide.open("w", newline="") as file:
        csv.writer(file).writerows([["image", "sad", "neutral", "happy"], *[[name, 0, 0, 1] for name in sorted(ids)]])
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        pairs = [[name, dataset.class_names[label]] for name, label in zip(ids, truth, strict=True)]
        csv.writer(file).writerows([["id", "emotion"], *sorted(pairs)])
    (tmp_path / "in-order.csv").write_text("".join(f"{label_numbers(NAMES)[label]}\n" for label in truth))

    asked: list[tuple[dict[str, object], list[str]]] = [
        ({"format": "id-emotion"}, ids),
        ({"format": "probabilities"}, ids),
        ({"sample": sample}, ids[::-1]),
        ({"sample": wide}, sorted(ids)),
    ]
    for options, order in asked:
        path = reports.submission("cnn4", runs=store.root, output=tmp_path / "out.csv", **options)  # type: ignore[arg-type]
        with path.open(newline="") as file:
            assert [row[0] for row in csv.reader(file)][1:] == order
        found = reports.score(path, tmp_path / "labels.csv")
        assert (found.matched_by, found.images, found.accuracy.value) == ("id", len(ids), HITS / len(ids))
    path = reports.submission("cnn4", runs=store.root, output=tmp_path / "out.csv", format="icml")
    found = reports.score(path, tmp_path / "in-order.csv")
    assert (found.matched_by, found.images, found.accuracy.value) == ("row", len(ids), HITS / len(ids))


@pytest.mark.parametrize("names", [["9", "10", "11"], ["img10", "img 2", "img"], ["a", "a b", "a.1"]])
def test_labels_may_have_ids_in_the_order_of_a_folder(names: list[str], tmp_path: Path) -> None:
    """What is accepted beside a submission without ids is how a folder of images is read."""
    data = sealed_folder(tmp_path / "data")
    for path, name in zip(sorted((data / "test").iterdir()), names, strict=False):
        path.rename(data / "test" / f"{name}.png")
    dataset = load(data, cache=None)
    assert dataset.test is not None
    ids = dataset.test.sample_ids.tolist()
    assert set(names) < set(ids)
    (tmp_path / "labels.csv").write_text(
        "".join(f"{line}\n" for line in ["id,emotion", *[f"{name},0" for name in ids]])
    )
    (tmp_path / "out.csv").write_text("0\n" * len(ids))
    assert reports.score(tmp_path / "out.csv", tmp_path / "labels.csv").matched_by == "row"


def test_probabilities_are_kept_to_the_last_digit_that_counts(tmp_path: Path) -> None:
    store, dataset, _ = stored(tmp_path, arrays)
    path = reports.submission("cnn4", runs=store.root, output=tmp_path / "out.csv", format="probabilities")
    (run,) = store.resolve(store.find_dataset(), "cnn4")
    predicted = run.predictions("test")
    assert predicted is not None
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["id", *dataset.class_names]
    written = np.array([row[1:] for row in rows], np.float64)
    np.testing.assert_allclose(written, predicted.probabilities, rtol=1e-8)
