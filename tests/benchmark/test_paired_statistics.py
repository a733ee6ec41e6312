"""Paired tests agree with an independent library, and the power formulas with simulation."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from scipy.stats import ttest_rel

from benchmark.metrics import accuracy, macro_f1
from benchmark.paired_statistics import (
    paired_t_p_value,
    resampled_difference,
    smallest_mean_difference,
    smallest_share_difference,
)
from benchmark.statistics import mcnemar_exact


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


def test_resampled_differences() -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, 400)
    good, bad = (np.eye(3)[np.where(generator.random(400) < share, labels, (labels + 1) % 3)] for share in (0.8, 0.6))
    found = resampled_difference(macro_f1, good[None], bad[None], labels)
    difference = macro_f1(good, labels) - macro_f1(bad, labels)
    assert found.low < difference < found.high
    assert found.p_value == pytest.approx(2 / 1001)
    assert resampled_difference(accuracy, good[None], good[None], labels).p_value == 1
    # Of accuracy the standard error is known.
    differences = (good.argmax(axis=1) == labels).astype(float) - (bad.argmax(axis=1) == labels)
    expected = differences.std() / math.sqrt(400)
    assert resampled_difference(accuracy, good[None], bad[None], labels).deviation == pytest.approx(expected, rel=0.1)
    # The mean of two trainings.
    both = resampled_difference(accuracy, np.stack([good, bad]), bad[None], labels)
    assert both.low < differences.mean() / 2 < both.high
