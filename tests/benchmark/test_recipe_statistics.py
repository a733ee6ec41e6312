"""Without one source of chance the test is the textbook's of the other; with both it holds its level."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmark.recipe_statistics import recipe_difference
from benchmark.statistics import paired_interval


@pytest.fixture(scope="module")
def stats() -> Any:
    return pytest.importorskip("scipy.stats")


def test_images_that_are_all_alike_leave_welchs_test_of_the_trainings(stats: Any) -> None:
    a, b = np.array([0.61, 0.64, 0.66]), np.array([0.55, 0.62, 0.56])
    found = recipe_difference(*(np.repeat(means[:, None], 50, axis=1) for means in (a, b)))
    expected = stats.ttest_ind(a, b, equal_var=False)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.degrees_of_freedom == pytest.approx(expected.df)
    interval = expected.confidence_interval()
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_the_same_trainings_are_paired(stats: Any) -> None:
    a, b = np.array([0.61, 0.64, 0.66]), np.array([0.55, 0.60, 0.58])
    found = recipe_difference(*(np.repeat(means[:, None], 50, axis=1) for means in (a, b)), same_trainings=True)
    expected = stats.ttest_rel(a, b)
    assert (found.p_value, found.degrees_of_freedom) == pytest.approx((expected.pvalue, 2))


def test_trainings_that_are_all_alike_leave_students_test_of_the_images(stats: Any) -> None:
    a, b = (np.random.default_rng(seed).random(60) < share for seed, share in ((0, 0.7), (1, 0.5)))
    found = recipe_difference(np.repeat(a[None], 3, axis=0), np.repeat(b[None], 2, axis=0))
    expected = stats.ttest_rel(a.astype(float), b.astype(float))
    assert (found.difference, found.p_value) == pytest.approx((a.mean() - b.mean(), expected.pvalue))
    assert found.degrees_of_freedom == pytest.approx(59)


def test_by_hand(stats: Any) -> None:
    # Each training of a has one image more than the last; b has none. Means .25 and .75, whose variance over 2 is 1/16.
    a = [[1, 0, 0, 0], [1, 1, 1, 0]]
    found = recipe_difference(a, np.zeros((2, 4)))
    # Differences 1, 1/2, 1/2, 0 vary by 1/6, over 4 images by 1/24. The rest, in quarters: 1 -1 -1 1 in one training
    # and the opposite in the other, 8/16 in all, over 3 degrees of freedom 1/6, over 2 trainings and 4 images 1/48.
    common, trainings = 1 / 24 - 1 / 48, 1 / 16
    freedom = (common + trainings) ** 2 / (common**2 / 3 + trainings**2)
    assert found.difference == 0.5
    assert found.degrees_of_freedom == pytest.approx(freedom)
    half = stats.t.ppf(0.975, freedom) * (common + trainings) ** 0.5
    assert (found.low, found.high) == pytest.approx((0.5 - half, 0.5 + half))


def test_unequal_numbers_of_trainings_have_at_most_the_freedom_of_trainings_of_one_scatter(stats: Any) -> None:
    # Two that happen to agree against five: Welch would have 4.4 degrees of freedom.
    a, b = np.array([0.601, 0.602]), np.array([0.55, 0.62, 0.56, 0.60, 0.57])
    found = recipe_difference(*(np.repeat(means[:, None], 50, axis=1) for means in (a, b)))
    assert stats.ttest_ind(a, b, equal_var=False).df > 4
    # Variances 1/2 and 1/5, of which the parts are 5/7 and 2/7.
    assert found.degrees_of_freedom == pytest.approx(1 / ((5 / 7) ** 2 / 1 + (2 / 7) ** 2 / 4))


def test_never_surer_than_over_images_alone() -> None:
    generator = np.random.default_rng(3)
    chance = generator.random(200)
    # Every training is right equally often, on other images: no variance between trainings at all.
    a = np.array([np.roll(chance < 0.6, shift) for shift in range(3)])
    b = np.array([np.roll(chance < 0.5, shift) for shift in range(3)])
    found, (_, low, high) = recipe_difference(a, b), paired_interval(a.mean(axis=0), b.mean(axis=0))
    assert found.high - found.low >= high - low - 1e-12


def drawn(generator: np.random.Generator, trainings: int, n: int) -> list[NDArray[np.bool_]]:
    """Two recipes that are equally good: their trainings differ by about 2.5 points and on a tenth of the images."""
    difficulty = generator.normal(0.3, 1, n)
    recipes = []
    for _ in range(2):
        own = difficulty + generator.normal(0, 0.4, n)
        shifts = generator.normal(0, 0.09, (trainings, 1))
        recipes.append(own + shifts + generator.normal(0, 0.4, (trainings, n)) > 0)
    return recipes


@pytest.mark.parametrize("trainings", [(3, 3), (2, 10)])
def test_it_holds_its_level_where_the_test_over_images_does_not(trainings: tuple[int, int]) -> None:
    generator = np.random.default_rng(0)
    rejected = over_images = 0
    for _ in range(300):
        a, b = (one[:count] for one, count in zip(drawn(generator, max(trainings), 1200), trainings, strict=True))
        rejected += recipe_difference(a, b).p_value < 0.05
        _, low, high = paired_interval(a.mean(axis=0), b.mean(axis=0))
        over_images += not low <= 0 <= high
    assert rejected <= 25  # 15 are expected; 26 or more of 300 have a chance below 0.5 %
    assert over_images > 100


def test_equal_everywhere_and_apart_everywhere() -> None:
    ones = np.ones((2, 5))
    same, apart = recipe_difference(ones, ones), recipe_difference(ones, 0 * ones)
    assert (same.difference, same.p_value) == (0, 1)
    assert (apart.low, apart.difference, apart.high, apart.p_value) == (1, 1, 1, 0)


@pytest.mark.parametrize(
    ("a", "b", "more"),
    [
        (np.ones((1, 5)), np.ones((2, 5)), {}),
        (np.ones((2, 1)), np.ones((2, 1)), {}),
        (np.ones(5), np.ones((2, 5)), {}),
        (np.ones((2, 5)), np.ones((2, 6)), {}),
        (np.full((2, 5), np.nan), np.ones((2, 5)), {}),
        (np.ones((2, 5)), np.ones((3, 5)), {"same_trainings": True}),
    ],
)
def test_what_it_refuses(a: Any, b: Any, more: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        recipe_difference(a, b, **more)
