"""Images of any size fit their cells: enlarged by a whole number, or reduced; grey ones become colour."""

import numpy as np
import pytest

from reports.pages.image_sheets import EDGE, _evenly, _fitted


@pytest.mark.parametrize(
    ("shape", "fitted"),
    [
        ((48, 48, 1), (96, 96, 3)),
        ((28, 20, 3), (84, 60, 3)),
        ((64, 64, 1), (64, 64, 3)),
        ((96, 96, 3), (96, 96, 3)),
        ((224, 112, 3), (96, 48, 3)),
        ((1000, 2, 1), (96, 1, 3)),
        ((1, 1, 1), (96, 96, 3)),
    ],
)
def test_every_size_fits(shape: tuple[int, int, int], fitted: tuple[int, int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    found = _fitted(image)
    assert found.dtype == np.uint8
    assert found.shape == fitted
    assert max(found.shape) <= EDGE
    if shape[0] <= EDGE:
        np.testing.assert_array_equal(found[:: fitted[0] // shape[0], :: fitted[1] // shape[1], 0], image[..., 0])


def test_too_many_are_thinned_out_evenly_with_both_ends() -> None:
    assert _evenly(np.arange(9), 14).tolist() == list(range(9))
    assert _evenly(np.arange(101), 5).tolist() == [0, 25, 50, 75, 100]
