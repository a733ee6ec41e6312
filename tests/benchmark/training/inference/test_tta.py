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


def test_shifts_are_the_image_moved_by_a_pixel_in_all_directions_and_their_mirror_images() -> None:
    shown = list(views(images(), "shifts"))
    moves = {}
    for view in shown[::2]:
        inner = view[:, 2:46, 2:46]
        [move] = [
            (down, right)
            for down in (-1, 0, 1)
            for right in (-1, 0, 1)
            if np.array_equal(inner, images()[:, 2 + down : 46 + down, 2 + right : 46 + right])
        ]
        moves[move] = view
    assert set(moves) == {(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)}
    np.testing.assert_array_equal(shown[0], images())
    # What comes in at the border repeats the border.
    np.testing.assert_array_equal(moves[1, 0][:, 47], images()[:, 47])
    for view, mirror in zip(shown[::2], shown[1::2], strict=True):
        np.testing.assert_array_equal(mirror, view[:, :, ::-1])


def test_shifts_of_large_images_are_a_share_of_each_edge() -> None:
    large = np.random.default_rng(0).integers(0, 256, (1, 96, 144, 1)).astype(np.uint8)
    moved = list(views(large, "shifts"))[2]  # left of the first
    np.testing.assert_array_equal(moved[:, :, 3:], large[:, :, :-3])


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
