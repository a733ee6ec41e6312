"""Every pair's exact test at once agrees with one test after the other, and ranks follow the rule."""

import math
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom, permutation_test
from stored_runs import CLASS_NAMES, ids, predictions

from benchmark.records import Predictions
from benchmark.statistics import holm, mcnemar_exact
from reports.leaderboards.sign_flips import SMALLEST
from reports.leaderboards.significance import Hits, hits, pair_p_values, rank_groups, sign_flip_p_value


def drawn(shares: list[float], n: int, seeds: int = 1, seed: int = 0) -> list[Hits]:
    """Rows whose runs have each sample right with these chances."""
    generator = np.random.default_rng(seed)
    return [Hits(generator.binomial(seeds, share, n).astype(np.int64), seeds) for share in shares]


def scipys_sign_flip(first: Hits, second: Hits) -> float:
    """Over all sign patterns of up to 13 samples, over 9,999 random ones of more."""
    differences = first.counts / first.seeds - second.counts / second.seeds
    found = permutation_test(
        # Equal sums of thirds and fifths may differ in the last bit.
        (np.round(differences, 12),),
        lambda values, axis: np.round(values.mean(axis=axis), 12),
        permutation_type="samples",
        n_resamples=9999,
        vectorized=True,
        batch=1000,
        rng=np.random.default_rng(1),
    )
    return float(found.pvalue)


def test_single_runs_get_the_exact_mcnemar_test() -> None:
    rows = drawn([0.7, 0.68, 0.72, 0.5, 0.1, 0.95], 500)
    pairs = list(combinations(range(len(rows)), 2))
    expected = holm([mcnemar_exact(rows[a].counts, rows[b].counts) for a, b in pairs])
    found = pair_p_values(rows)
    assert [found[pair] for pair in pairs] == pytest.approx(expected, rel=1e-9)
    assert np.array_equal(found, found.T)
    assert found.diagonal().tolist() == [1] * len(rows)


def test_rows_of_one_and_of_several_runs_in_one_table() -> None:
    rows = [row for seeds in (1, 2, 1, 3) for row in drawn([0.7, 0.5, 0.9], 60, seeds, seeds)]
    pairs = list(combinations(range(len(rows)), 2))
    expected = [
        mcnemar_exact(rows[a].counts, rows[b].counts)
        if rows[a].seeds == rows[b].seeds == 1
        else sign_flip_p_value(rows[a], rows[b])
        for a, b in pairs
    ]
    found = pair_p_values(rows)
    assert [found[pair] for pair in pairs] == pytest.approx(holm(np.minimum(expected, 1)), rel=1e-9)


def test_mcnemar_by_hand() -> None:
    # The first alone is right twice, the second never: 2 (1/2)^2.
    assert pair_p_values([Hits(np.array([1, 1, 1, 0]), 1), Hits(np.array([0, 0, 1, 0]), 1)])[0, 1] == pytest.approx(0.5)
    # None differs.
    assert pair_p_values([Hits(np.array([1, 0]), 1)] * 2)[0, 1] == 1


@pytest.mark.parametrize(("seeds", "n", "seed"), [((2, 2), 11, 0), ((3, 2), 12, 1), ((1, 3), 12, 2), ((5, 3), 13, 3)])
def test_averaged_seeds_get_the_sign_flip_test_over_all_patterns(seeds: tuple[int, int], n: int, seed: int) -> None:
    (first,), (second,) = drawn([0.8], n, seeds[0], seed), drawn([0.4], n, seeds[1], seed + 9)
    assert pair_p_values([first, second])[0, 1] == pytest.approx(scipys_sign_flip(first, second), abs=1e-12)


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.25])
@pytest.mark.parametrize("seeds", [1, 3])
def test_sign_flips_of_many_samples_agree_with_random_patterns(seeds: int, shift: float) -> None:
    (first,), (second,) = drawn([0.5 + shift], 200, seeds), drawn([0.5], 200, seeds, seed=4)
    expected = scipys_sign_flip(first, second)
    # Three standard errors of scipy's draws.
    error = 3 * math.sqrt(max(expected, 1e-3) / 10_000)
    assert sign_flip_p_value(first, second) == pytest.approx(expected, abs=error)


def test_sign_flips_by_hand() -> None:
    # Of the eight sums of 1, 2 and 3 under signs, those of size 6 are two; of size 4 or more, four.
    none, all_better = Hits(np.zeros(3, np.int64), 3), Hits(np.array([1, 2, 3]), 3)
    assert sign_flip_p_value(all_better, none) == pytest.approx(2 / 8, abs=1e-12)
    mixed = Hits(np.array([0, 2, 3]), 3), Hits(np.array([1, 0, 0]), 3)
    assert sign_flip_p_value(*mixed) == sign_flip_p_value(*mixed[::-1]) == pytest.approx(4 / 8, abs=1e-12)
    assert sign_flip_p_value(none, none) == 1


def test_sign_flips_of_one_run_each_are_mcnemar() -> None:
    single = drawn([0.7, 0.66], 400)
    # The same correctness said twice.
    doubled = [Hits(row.counts * 2, 2) for row in single]
    assert pair_p_values(doubled)[0, 1] == pytest.approx(pair_p_values(single)[0, 1], abs=1e-12)


def test_sign_flips_of_many_samples_are_exact() -> None:
    count, ahead = 400_000, 202_200
    first, second = np.zeros(count, np.int64), np.zeros(count, np.int64)
    first[:ahead], second[ahead:] = 2, 1
    expected = 2 * binom.cdf(count - ahead, count, 0.5)
    assert sign_flip_p_value(Hits(first, 2), Hits(second, 1)) == pytest.approx(expected, rel=1e-3)


def test_sign_flips_far_apart() -> None:
    rows = [Hits(np.full(3000, 3), 3), Hits(np.zeros(3000, np.int64), 3)]
    assert pair_p_values(rows)[0, 1] == SMALLEST
    assert pair_p_values([rows[0], rows[0]])[0, 1] == 1


def test_no_and_one_row() -> None:
    assert pair_p_values([]).shape == (0, 0)
    assert pair_p_values(drawn([0.5], 10)).tolist() == [[1]]
    assert rank_groups(np.ones((0, 0))) == ([], [])


def symmetric(upper: dict[tuple[int, int], float], rows: int) -> NDArray[np.float64]:
    found = np.ones((rows, rows))
    for (a, b), value in upper.items():
        found[a, b] = found[b, a] = value
    return found


def test_a_row_belongs_to_the_group_unless_separated_from_its_first() -> None:
    # 2 is separated from 0 and so leads a group; 3 is not separated from 2, though it is from 0 and 1.
    separated = symmetric({(0, 2): 0.01, (0, 3): 0.001, (1, 3): 0.001, (0, 4): 0.001, (2, 4): 0.04}, 5)
    ranks, decided = rank_groups(separated)
    assert ranks == [1, 1, 3, 3, 5]
    assert np.isnan(decided[0])
    assert decided[1:] == [1, 0.01, 1, 0.04]


def test_separation_from_another_than_the_first_does_not_count() -> None:
    assert rank_groups(symmetric({(1, 2): 0.001}, 3))[0] == [1, 1, 1]


def test_a_level_of_five_percent_does_not_separate() -> None:
    assert rank_groups(symmetric({(0, 1): 0.05}, 2))[0] == [1, 1]
    assert rank_groups(symmetric({(0, 1): 0.0499}, 2))[0] == [1, 2]


def shuffled(found: Predictions, order: NDArray[np.int64]) -> Predictions:
    assert found.labels is not None
    return Predictions(
        found.split, found.sample_ids[order], CLASS_NAMES, found.probabilities[order], found.labels[order]
    )


def test_hits_are_aligned_by_sample() -> None:
    first, second = predictions("test", 30), predictions("test", 20, seed=1)
    order = np.random.default_rng(0).permutation(len(first.sample_ids))
    expected = (np.arange(40) < 30).astype(int) + (np.arange(40) < 20)
    for other in (second, shuffled(second, order)):
        found = hits([first, other], ids("test"))
        assert found is not None
        assert (found.counts.tolist(), found.seeds) == (expected.tolist(), 2)


def test_no_hits_without_labels_or_on_other_samples() -> None:
    assert hits([predictions("test", 30, sealed=True)], ids("test")) is None
    assert hits([predictions("test", 30, count=39)], ids("test")) is None
    assert hits([predictions("test", 30)], ids("tent")) is None
    shown = predictions("test", 30)
    assert shown.labels is not None
    assert hits([shown], ids("test"), shown.labels) is not None
    assert hits([shown], ids("test"), np.roll(shown.labels, 1)) is None
    found = hits([shuffled(shown, np.arange(40)[::-1])], ids("test"), shown.labels)
    assert found is not None
    assert found.counts.tolist() == [1] * 30 + [0] * 10
