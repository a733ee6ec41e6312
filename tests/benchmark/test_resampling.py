"""Bootstrap intervals against one resample after another, scipy and scikit-learn."""

import math
import time
from typing import Any

import numpy as np
import pytest

from benchmark import metrics
from benchmark.metrics import accuracy, macro_f1
from benchmark.resampling import (
    QUANTILES,
    bootstrap_intervals,
    occurrence_parts,
    occurrences,
    resampled_difference,
    resampled_scores,
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


def _interval(score: Any, *data: Any) -> tuple[float, float]:
    (interval,) = bootstrap_intervals([score], *data)
    return interval


def _ends(score: Any, probabilities: Any, labels: Any, resamples: int) -> tuple[float, float]:
    """The interval over fewer or more resamples."""
    (drawn,) = resampled_scores(score, [(probabilities, labels)], occurrences(len(labels), resamples))
    low, high = np.quantile(drawn, QUANTILES)
    return low, high


@pytest.mark.parametrize("score", SCORES)
def test_bootstrap_at_once_equals_one_resample_after_another(score: Any) -> None:
    probabilities, labels = _case()
    rows = np.random.default_rng(0).integers(0, len(labels), (50, len(labels)))
    slow = np.quantile([score(probabilities[row], labels[row]) for row in rows], [0.025, 0.975])
    assert _ends(score, probabilities, labels, 50) == pytest.approx(tuple(slow), rel=1e-6)


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
    found = _ends(score, probabilities, labels, 2000)
    width = interval.high - interval.low
    assert found == pytest.approx((interval.low, interval.high), abs=0.1 * width)


def test_bootstrap_does_not_depend_on_how_many_resamples_fit_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    probabilities, labels = _case()
    whole = _interval(metrics.macro_f1, probabilities, labels)
    monkeypatch.setattr("benchmark.resampling.CELLS", 3000)
    assert _interval(metrics.macro_f1, probabilities, labels) == whole


def test_bootstrap_of_one_certain_sample_has_no_width() -> None:
    assert _interval(metrics.accuracy, np.array([[1.0, 0.0]]), np.array([0])) == (1, 1)


def test_bootstrap_repeats_with_its_seed() -> None:
    probabilities, labels = _case()
    low, high = _interval(metrics.log_loss, probabilities, labels)
    assert low < metrics.log_loss(probabilities, labels) < high
    assert _interval(metrics.log_loss, probabilities, labels) == (low, high)
    assert not np.array_equal(occurrences(300, seed=0), occurrences(300, seed=1))


def test_bootstrap_refuses_what_cannot_be_resampled() -> None:
    probabilities, labels = _case()
    with pytest.raises(ValueError, match="at least one"):
        _interval(metrics.accuracy, probabilities[:0], labels[:0])


def test_a_leaderboard_of_fer_2013_is_quick() -> None:
    """A generous limit for a busy machine: 3,589 samples and 1,000 resamples."""
    probabilities, labels = _case(3589, 7)
    started = time.perf_counter()
    for score in SCORES:
        _interval(score, probabilities, labels)
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
    found = _ends(metrics.macro_f1, probabilities, labels, 50)
    assert found == pytest.approx(tuple(np.quantile(expected, [0.025, 0.975])))
    assert found[0] < metrics.macro_f1(probabilities, labels) < found[1] < 0.75


@pytest.mark.parametrize("few", [0, 1000])
def test_the_interval_of_macro_f1_has_the_score_in_it_where_classes_are_rare(
    few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two samples a class: a seventh of the classes are in no resample, and would count as never right."""
    monkeypatch.setattr("benchmark.resampling.FEW_CLASSES", few)
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(100), 2)
    probabilities = generator.random((200, 100)).astype(np.float32)
    probabilities[np.arange(200), labels] += np.where(generator.random(200) < 0.8, 1, 0)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    low, high = _interval(metrics.macro_f1, probabilities, labels)
    assert low < metrics.macro_f1(probabilities, labels) < high


def test_macro_f1_of_many_classes_is_that_of_few(monkeypatch: pytest.MonkeyPatch) -> None:
    classifiers = [_case(300, 12), _case(300, 12, seed=8)]
    counts = occurrences(300, 40)
    few = resampled_scores(metrics.macro_f1, classifiers, counts)
    monkeypatch.setattr("benchmark.resampling.FEW_CLASSES", 11)
    many = resampled_scores(metrics.macro_f1, classifiers, counts)
    assert len(np.unique(few)) > 40
    np.testing.assert_allclose(many, few, rtol=1e-12)


def test_products_of_few_classifiers_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    classifiers = [(generator.random((90, 7)), generator.integers(0, 6, 90)) for _ in range(3)]
    expected = resampled_scores(metrics.macro_f1, classifiers, occurrences(90, 50))
    monkeypatch.setattr("benchmark.resampling.PARTS_BYTES", 1)
    found = resampled_scores(metrics.macro_f1, classifiers, occurrences(90, 50))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_resampled_differences() -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, 400)
    good, bad = (np.eye(3)[np.where(generator.random(400) < share, labels, (labels + 1) % 3)] for share in (0.8, 0.6))
    found = resampled_difference(macro_f1, good[None], bad[None], labels)
    difference = macro_f1(good, labels) - macro_f1(bad, labels)
    assert found.low < difference < found.high
    assert found.p_value == pytest.approx(math.erfc(difference / found.deviation / math.sqrt(2)), rel=0.5)
    assert 28 * found.p_value < 0.001, "so many resamples alone could not tell it from chance among 28 pairs"
    assert resampled_difference(accuracy, good[None], good[None], labels).p_value == 1
    # Of accuracy the standard error is known.
    differences = (good.argmax(axis=1) == labels).astype(float) - (bad.argmax(axis=1) == labels)
    expected = differences.std() / math.sqrt(400)
    assert resampled_difference(accuracy, good[None], bad[None], labels).deviation == pytest.approx(expected, rel=0.1)
    # The mean of two trainings.
    both = resampled_difference(accuracy, np.stack([good, bad]), bad[None], labels)
    assert both.low < differences.mean() / 2 < both.high


def test_parts_are_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """With an odd number of samples, whose random numbers end in the middle of a word."""
    whole = occurrences(301)
    assert whole.shape == (1000, 301)
    assert (whole.sum(axis=1) == 301).all()
    monkeypatch.setattr("benchmark.resampling.KEPT_CELLS", 301 * 7 + 1)
    parts = list(occurrence_parts(301))
    assert {len(part) for part in parts} == {7, 1000 % 7}
    np.testing.assert_array_equal(np.concatenate(parts), whole)
