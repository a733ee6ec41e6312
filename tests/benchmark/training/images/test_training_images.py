"""Which training images are left where none may stand twice."""

import numpy as np
import pytest

from benchmark.dataset import Split
from benchmark.training.images.training_images import distinct
from zoo import UserError


def split(name: str, shades: list[int], labels: list[int] | None) -> Split:
    """Images of one shade each."""
    images = np.repeat(np.array(shades, np.uint8), 4).reshape(-1, 2, 2, 1)
    ids = np.array([f"{name}-{k}" for k in range(len(shades))])
    return Split(name, images, None if labels is None else np.array(labels, np.int64), ids)


def test_the_first_of_equal_images_stays() -> None:
    train = split("train", [10, 20, 10, 30, 20, 10], [0, 1, 0, 0, 1, 0])
    assert distinct(train, []).tolist() == [0, 1, 3]


def test_what_is_in_another_split_goes_whatever_its_label_there() -> None:
    train = split("train", [10, 20, 30, 40, 40], [0, 1, 0, 1, 1])
    others = [split("validation", [10, 50], [1, 1]), split("test", [40], None)]
    assert distinct(train, others).tolist() == [1, 2]


def test_of_contradicting_labels_the_commonest_stays_and_none_of_equally_common_ones() -> None:
    train = split("train", [10, 10, 10, 20, 20, 30, 40], [1, 0, 0, 0, 1, 0, 1])
    assert distinct(train, []).tolist() == [1, 5, 6]


def test_a_class_without_images_is_one_line() -> None:
    train = split("train", [10, 20, 30], [0, 1, 2])
    with pytest.raises(UserError, match="no training image of class 1 is left: add --set duplicates=keep"):
        distinct(train, [split("validation", [20], [1])])
