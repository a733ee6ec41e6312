"""Test-time augmentation: which views there are, and that what is said of them is averaged."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from benchmark.training.inference.tta import VIEWS, averaged, views


def images(size: int = 48, channels: int = 1) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (3, size, size, channels)).astype(np.uint8)


@pytest.mark.parametrize("kind", VIEWS)
@pytest.mark.parametrize("channels", [1, 3])
def test_so_many_views_of_the_same_shape(kind: str, channels: int) -> None:
    shown = list(views(images(channels=channels), kind))
    assert len(shown) == VIEWS[kind]
    assert {(view.shape, view.dtype.name) for view in shown} == {((3, 48, 48, channels), "uint8")}


def test_flip_is_the_image_and_its_mirror_image() -> None:
    plain, mirror = views(images(), "flip")
    np.testing.assert_array_equal(plain, images())
    for column in range(48):
        np.testing.assert_array_equal(mirror[:, :, column], images()[:, :, 47 - column])


def test_ten_crops_are_corners_and_centre_and_their_mirror_images() -> None:
    shown = list(views(images(), "tencrop"))
    # 7/8 of 48 is 42, which leaves 6 pixels.
    for view, (top, left) in zip(shown[::2], [(0, 0), (0, 6), (6, 0), (6, 6), (3, 3)], strict=True):
        crop = Image.fromarray(images()[1, top : top + 42, left : left + 42, 0])
        expected = np.asarray(crop.resize((48, 48), Image.Resampling.BILINEAR))
        np.testing.assert_array_equal(view[1, :, :, 0], expected)
    for view, mirror in zip(shown[::2], shown[1::2], strict=True):
        np.testing.assert_array_equal(mirror, view[:, :, ::-1])


@pytest.mark.parametrize(("kind", "expected"), [("none", 0.0), ("flip", 0.5)])
def test_probabilities_are_averaged(kind: str, expected: float) -> None:
    picture = np.zeros((2, 4, 4, 1), np.uint8)
    picture[:, :, 3] = 255

    def left_is_bright(shown: NDArray[np.uint8]) -> NDArray[np.float32]:
        bright = (shown[:, 0, 0, 0] > 0).astype(np.float32)
        return np.stack([bright, 1 - bright], axis=1)

    found = averaged(left_is_bright, picture, kind)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[expected, 1 - expected]] * 2)
