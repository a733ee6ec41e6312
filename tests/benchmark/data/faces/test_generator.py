"""The drawn faces: the same for the same seed, balanced, labelled as promised, neither trivial nor noise."""

import subprocess
import sys
from dataclasses import fields
from itertools import chain

import numpy as np
import pytest
from sklearn.neighbors import NearestCentroid

from benchmark.data.faces import generator, measures
from benchmark.dataset import Dataset
from zoo.errors import UserError


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return generator.generate(train=700, validation=100, test=210, seed=3)


def test_shapes_types_and_names(dataset: Dataset) -> None:
    assert dataset.name == "faces"
    assert dataset.split == "given"
    assert dataset.class_names == ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
    assert dataset.input_shape == (48, 48, 1)
    assert [len(split) for split in dataset.splits] == [700, 100, 210]
    for split in dataset.splits:
        assert split.images.dtype == np.uint8
        assert split.labels is not None
        assert split.labels.dtype == np.int64


def test_sample_ids_name_split_and_position(dataset: Dataset) -> None:
    assert dataset.train.sample_ids[12] == "train-00012"
    assert dataset.validation.sample_ids[0] == "validation-00000"
    assert dataset.test is not None
    assert dataset.test.sample_ids[-1] == "test-00209"


def test_the_same_seed_gives_the_same_bytes() -> None:
    first, second = (generator.generate(14, 7, 7, seed=5) for _ in range(2))
    assert first.fingerprint == second.fingerprint


def test_the_pictures_have_not_changed_without_a_new_version() -> None:
    """The fingerprint of version 1; a change of the pictures needs a new FACES_VERSION and a new value here."""
    assert (generator.FACES_VERSION, generator.generate(70, 7, 7).fingerprint) == (1, "5db3f44c")


def test_seeds_and_splits_share_no_picture() -> None:
    first, second = generator.generate(70, 70, 70, seed=0), generator.generate(70, 70, 70, seed=1)
    pictures = np.concatenate([split.images for one in (first, second) for split in one.splits])
    assert len(np.unique(pictures.reshape(len(pictures), -1), axis=0)) == 6 * 70


@pytest.mark.parametrize("count", [7, 40, 70, 95, 140])
def test_more_images_keep_the_earlier_ones(dataset: Dataset, count: int) -> None:
    fewer = generator.generate(count, 7, 0, seed=3).train
    assert fewer.labels is not None
    assert dataset.train.labels is not None
    np.testing.assert_array_equal(fewer.images, dataset.train.images[:count])
    np.testing.assert_array_equal(fewer.labels, dataset.train.labels[:count])
    np.testing.assert_array_equal(fewer.sample_ids, dataset.train.sample_ids[:count])


def test_classes_are_balanced_and_interleaved(dataset: Dataset) -> None:
    for split in dataset.splits:
        assert split.labels is not None
        counts = np.bincount(split.labels, minlength=7)
        assert counts.max() - counts.min() <= 1
        whole = split.labels[: len(split) // 7 * 7].reshape(-1, 7)
        assert (np.sort(whole, axis=1) == np.arange(7)).all()
        assert len(np.unique(whole, axis=0)) > 1


def test_no_picture_is_blank_or_washed_out(dataset: Dataset) -> None:
    for split in dataset.splits:
        assert split.images.std(axis=(1, 2, 3)).min() > 8
        assert 80 < split.images.mean() < 170
        assert (split.images == 255).mean() < 0.05
        assert (split.images == 0).mean() < 0.05


def test_label_noise_has_the_documented_rate_and_is_uniform() -> None:
    draws = np.random.default_rng(0)
    pairs = [generator._labels(draws) for _ in range(600)]
    given, drawn = (np.concatenate(column) for column in zip(*pairs, strict=True))
    wrong = given != drawn
    # 42,000 labels: the standard deviation of the rate is sqrt(0.035 * 0.965 / 42000) = 0.0009.
    assert wrong.mean() == pytest.approx(generator.LABEL_NOISE, abs=0.0036)
    distances = np.bincount((drawn - given)[wrong] % 7, minlength=7)
    assert distances[0] == 0
    assert distances[1:].min() > 0.75 * distances[1:].mean()


def test_every_measure_that_an_expression_changes_is_drawn() -> None:
    known = {field.name for field in fields(measures.Expression)}
    for changes in chain(*measures.ACTIONS.values()):
        assert set(changes) <= known
    assert tuple(measures.ACTIONS) == generator.CLASS_NAMES


def test_a_linear_classifier_learns_something_but_not_all(dataset: Dataset) -> None:
    assert dataset.test is not None
    model = NearestCentroid().fit(dataset.train.images.reshape(700, -1) / 255, dataset.train.labels)
    accuracy = model.score(dataset.test.images.reshape(210, -1) / 255, dataset.test.labels)
    assert 0.2 < accuracy < 0.6


def test_no_test_images_make_no_test_split() -> None:
    assert generator.generate(7, 7, 0).test is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"train": 6}, "train is 6: expected 7 or more"),
        ({"validation": 0}, "validation is 0: expected 7 or more"),
        ({"test": -1}, "test is -1: expected 0 or more"),
        ({"seed": -1}, "seed is -1: expected 0 or more"),
    ],
)
def test_arguments_out_of_range(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        generator.generate(**arguments)


def test_the_import_needs_nothing_heavy() -> None:
    program = (
        "import sys, benchmark.data.faces.generator; "
        "print([name for name in ('keras', 'tensorflow', 'sklearn', 'PIL') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
