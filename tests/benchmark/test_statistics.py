"""Intervals and paired tests against numbers worked by hand, scipy and simulation."""

import math
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from scipy.stats import ttest_rel

from benchmark.statistics import (
    holm,
    mcnemar_exact,
    paired_interval,
    paired_t_p_value,
    smallest_mean_difference,
    smallest_share_difference,
    wilson_interval,
)


@pytest.fixture
def stats() -> Any:
    return pytest.importorskip("scipy.stats")


def test_wilson_by_hand() -> None:
    # 8 of 10 with z = 1.96: (0.8 + 0.19208 -+ 1.96 sqrt(0.016 + 0.009604)) / 1.38416.
    low, high = wilson_interval(8, 10)
    assert low == pytest.approx(0.4902, abs=5e-5)
    assert high == pytest.approx(0.9433, abs=5e-5)


@pytest.mark.parametrize(("hits", "n"), [(0, 5), (5, 5), (1, 1), (2508, 3589), (13, 40)])
def test_wilson_agrees_with_scipy(stats: Any, hits: int, n: int) -> None:
    expected = stats.binomtest(hits, n).proportion_ci(0.95, method="wilson")
    assert wilson_interval(hits, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize(("hits", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_wilson_refuses_impossible_counts(hits: int, n: int) -> None:
    with pytest.raises(ValueError, match="hits"):
        wilson_interval(hits, n)


def _discordant(only_a: int, only_b: int, both: int = 5) -> tuple[Any, Any]:
    a = np.r_[np.ones(only_a), np.zeros(only_b), np.ones(both)].astype(bool)
    b = np.r_[np.zeros(only_a), np.ones(only_b), np.ones(both)].astype(bool)
    return a, b


def test_mcnemar_by_hand() -> None:
    # 1 against 5: 2 (1 + 6) / 64.
    assert mcnemar_exact(*_discordant(1, 5)) == pytest.approx(14 / 64, rel=1e-12)
    assert mcnemar_exact(*_discordant(3, 3)) == 1
    assert mcnemar_exact(*_discordant(0, 0)) == 1


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 9), (12, 30), (30, 12), (250, 311), (2000, 2200)])
def test_mcnemar_agrees_with_scipy(stats: Any, only_a: int, only_b: int) -> None:
    expected = stats.binomtest(only_a, only_a + only_b).pvalue
    assert mcnemar_exact(*_discordant(only_a, only_b)) == pytest.approx(expected, rel=1e-9)


def test_mcnemar_refuses_averages_and_other_lengths() -> None:
    with pytest.raises(ValueError, match="sign-flip test"):
        mcnemar_exact([0.5, 1], [1, 1])
    with pytest.raises(ValueError, match="one shape"):
        mcnemar_exact([1, 0, 1], [1, 0])


def test_paired_interval_of_hits_by_hand() -> None:
    # 12 only a, 4 only b, 100 samples: (13 - 5) / 102 and variance (18/102 - (8/102)^2) / 102.
    difference, low, high = paired_interval(*_discordant(12, 4, both=84))
    half = 1.959964 * math.sqrt((18 / 102 - (8 / 102) ** 2) / 102)
    assert difference == pytest.approx(0.08)
    assert (low, high) == pytest.approx((8 / 102 - half, 8 / 102 + half), abs=1e-6)


def test_paired_interval_of_equal_hits_has_a_width() -> None:
    assert paired_interval(np.ones(100), np.ones(100), shares=False) == (0, 0, 0)
    difference, low, high = paired_interval(np.ones(100), np.ones(100))
    assert difference == 0
    assert low == -high
    assert 0.01 < high < 0.04


def test_paired_interval_of_losses_agrees_with_scipy(stats: Any) -> None:
    generator = np.random.default_rng(4)
    a, b = generator.gamma(2, 1, (2, 25))
    expected = stats.ttest_rel(a, b).confidence_interval(0.95)
    found = paired_interval(a, b)
    assert found == pytest.approx((float((a - b).mean()), expected.low, expected.high), rel=1e-9)


def test_paired_interval_covers_the_truth_as_often_as_it_says() -> None:
    generator = np.random.default_rng(9)
    covered = 0
    for _ in range(1000):
        kind = generator.choice(4, 60, p=[0.6, 0.2, 0.12, 0.08])
        _, low, high = paired_interval(kind <= 1, (kind == 0) | (kind == 2))
        covered += low <= 0.08 <= high
    assert 930 <= covered <= 975


@pytest.mark.parametrize(("a", "b", "problem"), [([1], [0], "at least 2"), ([1, np.inf], [0, 0], "finite")])
def test_paired_interval_refuses(a: Any, b: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        paired_interval(a, b)


def test_holm_by_hand() -> None:
    # Sorted 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1: 0.04, 0.06, 0.06 (never falling), 0.06.
    np.testing.assert_allclose(holm([0.04, 0.01, 0.03, 0.02]), [0.06, 0.04, 0.06, 0.06])
    np.testing.assert_allclose(holm([0.6, 0.9]), [1, 1])
    assert holm([]).shape == (0,)


def test_holm_refuses_what_is_no_p_value() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([0.1, float("nan")])


def test_paired_t_agrees_with_scipy() -> None:
    a, b = np.random.default_rng(0).normal(0, 1, (2, 50))
    assert paired_t_p_value(a - b) == pytest.approx(ttest_rel(a, b).pvalue, rel=1e-9)
    assert paired_t_p_value(np.zeros(5)) == 1
    assert paired_t_p_value(np.ones(5)) == 0
    with pytest.raises(ValueError, match="at least 2"):
        paired_t_p_value([1.0])


@pytest.mark.parametrize(("n", "differing"), [(200, 0.3), (3589, 0.11), (10_000, 0.02)])
def test_the_smallest_difference_solves_connors_formula(n: int, differing: float) -> None:
    found = smallest_share_difference(n, differing)
    assert found is not None
    level, power = NormalDist().inv_cdf(0.975), NormalDist().inv_cdf(0.8)
    needed = (level * math.sqrt(differing) + power * math.sqrt(differing - found**2)) ** 2 / found**2
    assert needed == pytest.approx(n)


def test_mcnemar_finds_it_in_four_of_five_cases() -> None:
    n, differing = 2000, 0.15
    smallest = smallest_share_difference(n, differing)
    assert smallest is not None
    generator = np.random.default_rng(0)
    chances = [(differing + smallest) / 2, (differing - smallest) / 2, 1 - differing]
    found = 0
    for _ in range(400):
        kinds = generator.choice(3, n, p=chances)
        found += mcnemar_exact(kinds == 0, kinds == 1) < 0.05
    # The exact test is a little more careful than the formula; three standard errors are 6 %.
    assert 0.72 < found / 400 < 0.86


def test_too_few_samples_that_differ_show_nothing() -> None:
    assert smallest_share_difference(1000, 0) is None
    assert smallest_share_difference(1000, 5 / 1000) is None
    assert smallest_share_difference(1, 1) is None


def test_a_normal_test_finds_it_in_four_of_five_cases() -> None:
    generator = np.random.default_rng(0)
    drawn = generator.normal(smallest_mean_difference(0.01), 0.01, 100_000)
    assert np.mean(np.abs(drawn) > 1.96 * 0.01) == pytest.approx(0.8, abs=0.01)
