"""Files with what a teacher says of the training images: written, found, read, and what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmark.dataset import Dataset, Split
from benchmark.training.soft_targets import find_targets, named_as_file, read_targets, write_targets
from zoo import UserError

CLASSES = ("calm", "glad", "sad")
TEACHER = "cnn4-1a2b3c4d/seed-0"
ABOUT = {"teacher": TEACHER, "duplicates": True}


def split(name: str, count: int) -> Split:
    images = np.arange(count, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 1), np.uint8)
    ids = np.array([f"{name}/{place:03}" for place in range(count)])
    return Split(name, images, np.arange(count) % len(CLASSES), ids)


@pytest.fixture
def dataset() -> Dataset:
    return Dataset("tiny", CLASSES, split("train", 12), split("validation", 6), split("test", 6))


def said(count: int = 12) -> np.ndarray:
    return np.random.default_rng(0).dirichlet([1.0] * len(CLASSES), count).astype(np.float32)


def read(file: Path, dataset: Dataset) -> np.ndarray:
    return read_targets(find_targets(file, dataset.full_name), dataset.train, CLASSES).probabilities


def table(dataset: Dataset, probabilities: np.ndarray) -> pd.DataFrame:
    frame = pd.DataFrame(probabilities.astype(np.float64), columns=list(CLASSES))
    frame.insert(0, "id", dataset.train.sample_ids)
    return frame


def test_what_is_written_is_read_in_half_precision(dataset: Dataset, tmp_path: Path) -> None:
    file, expected = tmp_path / "teacher.npz", said()
    write_targets(file, expected, dataset, ABOUT)
    targets = find_targets(file, dataset.full_name)
    assert (targets.teacher, targets.file) == (f"{TEACHER}@{targets.checksum[:8]}", file.resolve())
    assert targets.duplicates
    found, notes = read_targets(targets, dataset.train, CLASSES)
    assert notes == ()
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=5e-4)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


def test_rows_find_their_images_and_columns_their_classes(dataset: Dataset, tmp_path: Path) -> None:
    expected = said()
    shuffled = table(dataset, expected).sample(frac=1, random_state=0)[["id", "sad", "calm", "glad"]]
    shuffled.to_csv(tmp_path / "theirs.csv", index=False)
    targets = find_targets(tmp_path / "theirs.csv", dataset.full_name)
    assert (targets.teacher, targets.duplicates) == (f"theirs@{targets.checksum[:8]}", None)
    np.testing.assert_allclose(read(tmp_path / "theirs.csv", dataset), expected, atol=1e-6)


def test_rows_without_ids_are_in_the_order_of_the_images(dataset: Dataset, tmp_path: Path) -> None:
    np.save(tmp_path / "theirs.npy", said())
    np.testing.assert_allclose(read(tmp_path / "theirs.npy", dataset), said(), atol=1e-6)


def test_rows_of_other_splits_are_left_out(dataset: Dataset, tmp_path: Path) -> None:
    np.savez(tmp_path / "apart.npz", train=said(), validation=said(6)[::-1])
    np.testing.assert_allclose(read(tmp_path / "apart.npz", dataset), said(), atol=1e-6)
    both = table(dataset, said()).assign(split="train")
    others = both.head(6).assign(split="validation", id=dataset.validation.sample_ids)
    pd.concat([others, both]).to_csv(tmp_path / "both.csv", index=False)
    np.testing.assert_allclose(read(tmp_path / "both.csv", dataset), said(), atol=1e-6)


def test_a_file_that_changes_meanwhile_is_not_read(dataset: Dataset, tmp_path: Path) -> None:
    file = tmp_path / "teacher.npz"
    write_targets(file, said(), dataset, ABOUT)
    targets = find_targets(file, dataset.full_name)
    write_targets(file, said()[::-1], dataset, ABOUT)
    with pytest.raises(UserError, match="is gone or has changed"):
        read_targets(targets, dataset.train, CLASSES)


def test_a_name_inside_a_file_is_not_believed_unless_it_is_a_runs(dataset: Dataset, tmp_path: Path) -> None:
    for number, teacher in enumerate(["$(touch x)", "a b-1a2b3c4d/seed-0", "x" * 5000, 7]):
        file = tmp_path / f"given {number}.NPZ"
        write_targets(file, said(), dataset, {"teacher": teacher})
        targets = find_targets(file, dataset.full_name)
        assert targets.teacher == f"given-{number}@{targets.checksum[:8]}"
    np.savez(tmp_path / "b.npz", probabilities=said(), dataset="other", teacher=np.array([{}], object))
    assert find_targets(tmp_path / "b.npz", dataset.full_name).teacher.startswith("b@")


def test_what_was_done_to_a_file_is_said(dataset: Dataset, tmp_path: Path) -> None:
    labels = pd.DataFrame({"id": dataset.train.sample_ids, "label": [CLASSES[place] for place in dataset.train.labels]})
    labels["id"] += ".png"
    labels.to_csv(tmp_path / "hard.csv", index=False)
    found, notes = read_targets(find_targets(tmp_path / "hard.csv", dataset.full_name), dataset.train, CLASSES)
    np.testing.assert_array_equal(found.argmax(axis=1), dataset.train.labels)
    assert any("hard labels" in note for note in notes)
    assert any("12 ids matched without the suffix" in note for note in notes)


def test_one_column_is_the_second_of_two_classes(tmp_path: Path) -> None:
    train, validation = (
        replace(one, labels=np.arange(len(one)) % 2) for one in (split("train", 8), split("validation", 4))
    )
    two = Dataset("two", ("no", "yes"), train, validation, None)
    np.save(tmp_path / "yes.npy", np.linspace(0, 1, 8))
    targets = find_targets(tmp_path / "yes.npy", two.full_name)
    found = read_targets(targets, train, two.class_names).probabilities
    np.testing.assert_allclose(found, np.stack([1 - np.linspace(0, 1, 8), np.linspace(0, 1, 8)], axis=1), atol=1e-6)


def test_what_is_wrong_with_a_file_is_said(dataset: Dataset, tmp_path: Path) -> None:
    whole = table(dataset, said())
    faults = {
        "train/011' is missing": whole.head(11),
        "no id of the training images is 'else'": whole.assign(id=[*whole["id"][:11], "else"]),
        "occurs a second time": pd.concat([whole, whole.head(1)]),
        "the softmax of logits": whole.assign(calm=whole["calm"] - 2),
        "expected 1": whole.assign(calm=whole["calm"] + 0.5),
        "has no column for the class calm": whole.drop(columns="calm"),
        "expected 12, one for each of the training images": whole.head(5).drop(columns="id"),
    }
    for number, (message, frame) in enumerate(faults.items()):
        file = tmp_path / f"wrong-{number}.csv"
        frame.to_csv(file, index=False)
        with pytest.raises(UserError, match=message):
            read(file, dataset)
    with pytest.raises(UserError, match=r"cannot read the soft targets .*none\.csv"):
        read(tmp_path / "none.csv", dataset)
    for name, values in {"empty": np.zeros((12, 0)), "nan": np.full((12, 3), np.nan)}.items():
        np.save(tmp_path / f"{name}.npy", values)
        with pytest.raises(UserError, match=f"{name}.npy"):
            read(tmp_path / f"{name}.npy", dataset)
    (tmp_path / "cut.npz").write_bytes(b"PK")
    with pytest.raises(UserError, match=r"cut\.npz cannot be read as \.npz"):
        read(tmp_path / "cut.npz", dataset)
    write_targets(tmp_path / "teacher.npz", said(), dataset, ABOUT)
    with pytest.raises(UserError, match=f"has predictions of {dataset.full_name}, expected those of other-00000000"):
        find_targets(tmp_path / "teacher.npz", "other-00000000")


@pytest.mark.parametrize("names", [("test",), ("oof_preds",), ("validation", "test")])
def test_predictions_of_another_split_are_no_soft_targets(
    dataset: Dataset, tmp_path: Path, names: tuple[str, ...]
) -> None:
    np.savez(tmp_path / "others.npz", **dict.fromkeys(names, said()))
    with pytest.raises(UserError, match=r"has predictions of .*, expected those of train"):
        read(tmp_path / "others.npz", dataset)
    table(dataset, said()).assign(split="PublicTest").to_csv(tmp_path / "others.csv", index=False)
    with pytest.raises(UserError, match="has predictions of validation, expected those of train"):
        read(tmp_path / "others.csv", dataset)


def test_what_is_named_as_a_file(tmp_path: Path) -> None:
    # A file of a run's name does not hide the run.
    (tmp_path / "teacher").touch()
    assert named_as_file("teacher.csv")
    assert named_as_file(Path("teacher"))
    assert not named_as_file(str(tmp_path / "teacher"))
    assert not named_as_file("greedy-all")
    assert not named_as_file("cnn4-1a2b3c4d/seed-0")
