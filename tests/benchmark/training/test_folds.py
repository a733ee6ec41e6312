"""Folds and refits: what each network is trained and judged on, and how what they say becomes one run."""

import weakref

import numpy as np
import pytest

from benchmark.data.splits import stratified
from benchmark.dataset import Dataset, Split
from benchmark.records import Predictions, RunConfig
from benchmark.training.folds import combined, folds_of, labelled


def split(name: str, count: int, prefix: str, first: int = 0) -> Split:
    """Images that hold their own number, from `first`."""
    images = np.arange(first, first + count, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 1), np.uint8)
    ids = np.array([f"{prefix}{row}" for row in range(count)])
    return Split(name, images, np.arange(count) % 3, ids)


def dataset(validation_prefix: str = "v") -> Dataset:
    """20 training images, 10 of validation, 4 of test."""
    return Dataset(
        "tiny",
        ("a", "b", "c"),
        split("train", 20, "t"),
        split("validation", 10, validation_prefix, 20),
        split("test", 4, "x"),
    )


def config(**changes: object) -> RunConfig:
    return RunConfig("tiny", "00000000", "mlp", **changes)


def test_an_ordinary_run_sees_the_data_as_it_is() -> None:
    data = dataset()
    (fold,) = folds_of(data, config(), 0)
    assert (fold.train, fold.validation, fold.rows) == (data.train, data.validation, None)


def test_a_refit_learns_from_all_that_is_labelled() -> None:
    (fold,) = folds_of(dataset(), config(refit=True), 0)
    assert fold.validation is None
    assert fold.train.name == "train"
    np.testing.assert_array_equal(fold.train.images[:, 0, 0, 0], np.arange(30))
    assert fold.train.sample_ids.tolist() == [f"t{k}" for k in range(20)] + [f"v{k}" for k in range(10)]
    np.testing.assert_array_equal(fold.train.labels, np.r_[np.arange(20) % 3, np.arange(10) % 3])


def test_ids_that_are_in_both_splits_get_their_splits_name() -> None:
    ids = labelled(dataset(validation_prefix="t")).sample_ids.tolist()
    assert ids[:2] == ["train/t0", "train/t1"]
    assert ids[20:22] == ["validation/t0", "validation/t1"]


@pytest.mark.parametrize("count", [2, 3, 7])
def test_each_image_is_held_out_once_and_never_trained_on_there(count: int) -> None:
    folds = list(folds_of(dataset(), config(folds=count), 0))
    assert len(folds) == count
    held_out = [set(fold.validation.sample_ids.tolist()) for fold in folds]
    assert sum(map(len, held_out)) == len(set().union(*held_out)) == 30
    for fold, held in zip(folds, held_out, strict=True):
        learnt = set(fold.train.sample_ids.tolist())
        assert not learnt & held
        assert len(learnt | held) == 30
        assert (fold.train.name, fold.validation.name) == ("train", "validation")


def test_folds_are_stratified_and_drawn_by_the_seed() -> None:
    def drawn(seed: int) -> list[list[int]]:
        return [fold.rows.tolist() for fold in folds_of(dataset(), config(folds=5), seed)]

    # 11, 10 and 9 images of the classes.
    for fold in folds_of(dataset(), config(folds=5), 0):
        assert len(fold.validation) == 6
        counts = np.bincount(fold.validation.labels, minlength=3)
        assert (counts >= [2, 2, 1]).all()
        assert (counts <= [3, 2, 2]).all()
    assert drawn(0) == drawn(0)
    assert drawn(0) != drawn(1)


def test_images_of_one_fold_at_a_time_are_in_memory() -> None:
    seen = []
    for fold in folds_of(dataset(), config(folds=5), 0):
        seen.append(weakref.ref(fold.train.images))
        assert [images() is None for images in seen[:-1]] == [True] * (len(seen) - 1)


def said(split: Split, hundredths: int) -> Predictions:
    """Of an image numbered k the first probability is k/100, of test it is `hundredths`/100."""
    first = split.images[:, 0, 0, 0] / 100 if split.name == "validation" else np.full(len(split), hundredths / 100)
    probabilities = np.stack([first, 1 - first, 0 * first], axis=1).astype(np.float32)
    return Predictions(split.name, split.sample_ids, ("a", "b", "c"), probabilities, split.labels)


@pytest.mark.parametrize(("classes", "each", "folds"), [(100, 3, 10), (20, 8, 10), (7, 1, 5), (3, 40, 4)])
def test_folds_are_of_one_size_where_classes_are_small(classes: int, each: int, folds: int) -> None:
    labels = np.repeat(np.arange(classes), each)
    held_out = stratified(labels, [1] * folds, 0, first=False)
    sizes = [len(rows) for rows in held_out]
    assert max(sizes) - min(sizes) <= 1
    for rows in held_out:
        assert np.bincount(labels[rows], minlength=classes).max() <= -(-each // folds)


def test_what_folds_say_becomes_one_run() -> None:
    data = dataset()
    folds = list(folds_of(data, config(folds=3), 0))
    validation, test = combined(
        [fold.rows for fold in folds],
        [(said(fold.validation, 0), said(data.test, 10 * k)) for k, fold in enumerate(folds)],
    )
    everything = labelled(data)
    assert validation.split == "validation"
    np.testing.assert_array_equal(validation.sample_ids, everything.sample_ids)
    np.testing.assert_array_equal(validation.labels, everything.labels)
    np.testing.assert_allclose(validation.probabilities[:, 0], np.arange(30) / 100, atol=1e-7)
    np.testing.assert_allclose(test.probabilities, np.tile([[0.1, 0.9, 0]], (4, 1)), atol=1e-7)
    assert test.probabilities.dtype == np.float32


def test_what_one_network_says_stays() -> None:
    data = dataset()
    predicted = (said(data.validation, 0), said(data.test, 5))
    assert combined([None], [predicted]) == list(predicted)
