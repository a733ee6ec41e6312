"""Intervals of a whole leaderboard are those of one score after the other."""

import numpy as np
import pytest
from stored_runs import IMAGES, predictions

from benchmark import metrics, resampling
from benchmark.statistics import wilson_interval
from reports.leaderboards.intervals import BOOTSTRAPPED, accuracy_interval, bootstrap_intervals, drop_interval


def test_every_row_at_once_equals_one_after_the_other() -> None:
    rows = [[predictions("test", hits, seed=hits)] for hits in (5, 25, 38)]
    rows.append([predictions("test", 30, count=60)])
    found = bootstrap_intervals(rows, list(BOOTSTRAPPED))
    for (predicted,), intervals in zip(rows, found, strict=True):
        assert predicted.labels is not None
        assert set(intervals) == set(BOOTSTRAPPED)
        for name, score in BOOTSTRAPPED.items():
            (expected,) = resampling.bootstrap_intervals([score], predicted.probabilities, predicted.labels)
            assert intervals[name] == pytest.approx(expected, rel=1e-5), name


def test_seeds_are_averaged_within_each_resample() -> None:
    runs = [predictions("test", 20 + seed, seed=seed) for seed in range(3)]
    generator = np.random.default_rng(0)
    drawn = []
    for sample in generator.integers(0, IMAGES, (1000, IMAGES)):
        labelled = [(run.probabilities[sample], run.labels[sample]) for run in runs if run.labels is not None]
        drawn.append(np.mean([metrics.log_loss(*pair) for pair in labelled]))
    (found,) = bootstrap_intervals([runs], ["log_loss"])
    assert found["log_loss"] == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), rel=1e-5)


def test_nothing_asked_nothing_drawn() -> None:
    assert bootstrap_intervals([[predictions("test", 5)]], []) == [{}]
    assert bootstrap_intervals([], ["mse"]) == []


def test_accuracy_of_seeds_is_their_mean() -> None:
    assert accuracy_interval([predictions("test", 30)]) == wilson_interval(30, IMAGES)
    runs = [predictions("test", hits) for hits in (29, 30, 30)]
    assert accuracy_interval(runs) == pytest.approx(wilson_interval(89 / 3, IMAGES))


def test_drop_by_newcombes_example() -> None:
    # Newcombe 1998, table II, example (a): 56/70 against 48/80, method 10: 0.0524 to 0.3339.
    first, second = (56 / 70, wilson_interval(56, 70)), (48 / 80, wilson_interval(48, 80))
    assert drop_interval(first, second) == pytest.approx((0.0524, 0.3339), abs=5e-5)


@pytest.mark.parametrize(("a", "b"), [((30, 40), (25, 40)), ((9, 10), (3, 10)), ((0, 10), (10, 10))])
def test_drop_turns_round(a: tuple[int, int], b: tuple[int, int]) -> None:
    first, second = [(hits / n, wilson_interval(hits, n)) for hits, n in (a, b)]
    low, high = drop_interval(first, second)
    assert -1 <= low <= a[0] / a[1] - b[0] / b[1] <= high <= 1
    assert drop_interval(second, first) == pytest.approx((-high, -low))
