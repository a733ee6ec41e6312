"""Intervals and paired tests against numbers worked by hand and against scipy."""

import math
import time
from typing import Any

import numpy as np
import pytest

from benchmark import metrics, statistics
from benchmark.statistics import (
    bootstrap_interval,
    holm,
    mcnemar_exact,
    occurrences,
    paired_interval,
    resampled_scores,
    wilson_interval,
)

SCORES = [
    metrics.accuracy,
    metrics.log_loss,
    metrics.mse,
    metrics.expected_calibration_error,
    metrics.macro_f1,
]


@pytest.fixture
def stats() -> Any:
    return pytest.importorskip("scipy.stats")


def _case(n: int = 300, classes: int = 4, seed: int = 7) -> tuple[Any, Any]:
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, n)
    scores = generator.dirichlet(np.full(classes, 0.5), n) + 0.4 * np.eye(classes)[labels]
    return (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32), labels


def test_wilson_by_hand() -> None:
    # 8 of 10 with z = 1.96: (0.8 + 0.19208 -+ 1.96 sqrt(0.016 + 0.009604)) / 1.38416.
    low, high = wilson_interval(8, 10)
    assert low == pytest.approx(0.4902, abs=5e-5)
    assert high == pytest.approx(0.9433, abs=5e-5)


@pytest.mark.parametrize(("hits", "n"), [(0, 5), (5, 5), (1, 1), (2508, 3589), (13, 40)])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_wilson_agrees_with_scipy(stats: Any, hits: int, n: int, confidence: float) -> None:
    expected = stats.binomtest(hits, n).proportion_ci(confidence, method="wilson")
    assert wilson_interval(hits, n, confidence) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize(("hits", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_wilson_refuses_impossible_counts(hits: int, n: int) -> None:
    with pytest.raises(ValueError, match="hits"):
        wilson_interval(hits, n)


@pytest.mark.parametrize("score", SCORES)
def test_bootstrap_at_once_equals_one_resample_after_another(score: Any) -> None:
    probabilities, labels = _case()
    rows = np.random.default_rng(0).integers(0, len(labels), (50, len(labels)))
    slow = np.quantile([score(probabilities[row], labels[row]) for row in rows], [0.025, 0.975])
    assert bootstrap_interval(score, probabilities, labels, resamples=50) == pytest.approx(tuple(slow), rel=1e-9)


@pytest.mark.parametrize("score", SCORES)
def test_bootstrap_agrees_with_scipy(stats: Any, score: Any) -> None:
    probabilities, labels = _case()
    expected = stats.bootstrap(
        (np.arange(len(labels)),),
        lambda rows: score(probabilities[rows], labels[rows]),
        vectorized=False,
        n_resamples=2000,
        method="percentile",
        rng=np.random.default_rng(3),
    )
    interval = expected.confidence_interval
    found = bootstrap_interval(score, probabilities, labels, resamples=2000)
    width = interval.high - interval.low
    assert found == pytest.approx((interval.low, interval.high), abs=0.1 * width)


def test_bootstrap_does_not_depend_on_how_many_resamples_fit_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    probabilities, labels = _case()
    whole = bootstrap_interval(metrics.macro_f1, probabilities, labels, resamples=101)
    monkeypatch.setattr("benchmark.statistics.CELLS", 3000)
    assert bootstrap_interval(metrics.macro_f1, probabilities, labels, resamples=101) == pytest.approx(whole)


def test_bootstrap_of_one_certain_sample_has_no_width() -> None:
    assert bootstrap_interval(metrics.accuracy, np.array([[1.0, 0.0]]), np.array([0])) == (1, 1)


def test_bootstrap_narrows_with_less_confidence_and_repeats_with_its_seed() -> None:
    probabilities, labels = _case()
    wide = bootstrap_interval(metrics.log_loss, probabilities, labels)
    narrow = bootstrap_interval(metrics.log_loss, probabilities, labels, confidence=0.5)
    assert wide[0] < narrow[0] < metrics.log_loss(probabilities, labels) < narrow[1] < wide[1]
    assert bootstrap_interval(metrics.log_loss, probabilities, labels) == wide
    assert bootstrap_interval(metrics.log_loss, probabilities, labels, seed=1) != wide


def test_bootstrap_refuses_what_cannot_be_resampled() -> None:
    probabilities, labels = _case()
    with pytest.raises(ValueError, match="at least one"):
        bootstrap_interval(metrics.accuracy, probabilities[:0], labels[:0])
    with pytest.raises(ValueError, match="confidence"):
        bootstrap_interval(metrics.accuracy, probabilities, labels, confidence=1)


def _discordant(only_a: int, only_b: int, both: int = 5) -> tuple[Any, Any]:
    a = np.r_[np.ones(only_a), np.zeros(only_b), np.ones(both)].astype(bool)
    b = np.r_[np.zeros(only_a), np.ones(only_b), np.ones(both)].astype(bool)
    return a, b


def test_mcnemar_by_hand() -> None:
    # 1 against 5: 2 (1 + 6) / 64.
    assert mcnemar_exact(*_discordant(1, 5)) == 14 / 64
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
    difference, low, high = paired_interval(np.ones(100), np.ones(100))
    assert difference == 0
    assert low == -high
    assert 0.01 < high < 0.04


def test_paired_interval_of_losses_agrees_with_scipy(stats: Any) -> None:
    generator = np.random.default_rng(4)
    a, b = generator.gamma(2, 1, (2, 25))
    expected = stats.ttest_rel(a, b).confidence_interval(0.9)
    found = paired_interval(a, b, confidence=0.9)
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


def test_a_leaderboard_of_fer_2013_is_quick() -> None:
    """A generous limit for a busy machine: 3,589 samples and 1,000 resamples."""
    probabilities, labels = _case(3589, 7)
    started = time.perf_counter()
    for score in SCORES:
        bootstrap_interval(score, probabilities, labels)
    assert time.perf_counter() - started < 10


def test_macro_f1_is_over_the_same_classes_in_every_resample() -> None:
    """One answer of 200 names a class that no label has: it counts where it was drawn and where it was not."""
    sklearn_metrics = pytest.importorskip("sklearn.metrics")
    probabilities, labels = _case(200, 3)
    probabilities = np.hstack([probabilities, np.zeros((200, 1), np.float32)])
    probabilities[5] = [0, 0, 0, 1]
    rows = np.random.default_rng(0).integers(0, 200, (50, 200))
    assert 0 < (rows == 5).any(axis=1).sum() < 50
    expected = [
        sklearn_metrics.f1_score(
            labels[row], probabilities[row].argmax(axis=1), average="macro", labels=range(4), zero_division=0
        )
        for row in rows
    ]
    found = bootstrap_interval(metrics.macro_f1, probabilities, labels, resamples=50)
    assert found == pytest.approx(tuple(np.quantile(expected, [0.025, 0.975])))
    assert found[0] < metrics.macro_f1(probabilities, labels) < found[1] < 0.75


@pytest.mark.parametrize("few", [0, 1000])
def test_the_interval_of_macro_f1_has_the_score_in_it_where_classes_are_rare(
    few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two samples a class: a seventh of the classes are in no resample, and would count as never right."""
    monkeypatch.setattr("benchmark.statistics.FEW_CLASSES", few)
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(100), 2)
    probabilities = generator.random((200, 100)).astype(np.float32)
    probabilities[np.arange(200), labels] += np.where(generator.random(200) < 0.8, 1, 0)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    low, high = bootstrap_interval(metrics.macro_f1, probabilities, labels)
    assert low < metrics.macro_f1(probabilities, labels) < high


def test_macro_f1_of_many_classes_is_that_of_few(monkeypatch: pytest.MonkeyPatch) -> None:
    classifiers = [_case(300, 12), _case(300, 12, seed=8)]
    counts = occurrences(300, 40)
    few = resampled_scores(metrics.macro_f1, classifiers, counts)
    monkeypatch.setattr("benchmark.statistics.FEW_CLASSES", 11)
    many = resampled_scores(metrics.macro_f1, classifiers, counts)
    assert len(np.unique(few)) > 40
    np.testing.assert_allclose(many, few, rtol=1e-12)


def test_products_of_few_classifiers_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    classifiers = [(generator.random((90, 7)), generator.integers(0, 6, 90)) for _ in range(3)]
    expected = resampled_scores(metrics.macro_f1, classifiers, occurrences(90, 50))
    monkeypatch.setattr(statistics, "PARTS_BYTES", 1)
    found = resampled_scores(metrics.macro_f1, classifiers, occurrences(90, 50))
    np.testing.assert_allclose(found, expected, rtol=1e-12)
