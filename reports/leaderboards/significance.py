"""Which rows of a leaderboard differ: exact paired tests of every pair, corrected for their number, and rank groups."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement, product

import numpy as np
from numpy.typing import NDArray

from benchmark.files.npz_files import let_go
from benchmark.metrics import sample_correct
from benchmark.records import Predictions
from benchmark.statistics import ALPHA, holm
from reports.leaderboards.sign_flips import sign_flip_p_values


@dataclass(frozen=True, eq=False)
class Hits:
    """How often the runs of one row had each sample right.

    Attributes:
        counts: int64, shape (n,), 0 to `seeds`.
        seeds: how many runs, at least 1.
    """

    counts: NDArray[np.int64]
    seeds: int


def hits(
    predictions: Sequence[Predictions], sample_ids: NDArray[np.str_], labels: NDArray[np.int64] | None = None
) -> Hits | None:
    """The hits of a row's runs on the samples in this order.

    Args:
        predictions: of the row's runs on one split, at least one.
        sample_ids: shape (n,), unique.
        labels: of these samples, which those of the runs must be; None where any will do.

    Returns:
        None where a run has no labels, other ones, or other samples.
    """
    counts = np.zeros(len(sample_ids), np.int64)
    for predicted in predictions:
        if predicted.labels is None or len(predicted.sample_ids) != len(sample_ids):
            return None
        correct, own_labels = sample_correct(predicted.probabilities, predicted.labels), predicted.labels.copy()
        let_go(predicted.probabilities)
        if not np.array_equal(predicted.sample_ids, sample_ids):
            own, order = np.argsort(predicted.sample_ids), np.argsort(sample_ids)
            if not np.array_equal(predicted.sample_ids[own], sample_ids[order]):
                return None
            correct[order], own_labels[order] = correct[own], own_labels[own]
        if labels is not None and not np.array_equal(own_labels, labels):
            return None
        counts += correct
    return Hits(counts, len(predictions))


def sign_flip_p_value(a: Hits, b: Hits) -> float:
    """Two-sided p-value of the sign-flip permutation test of two rows on the same samples, see `sign_flip_p_values`."""
    step = math.lcm(a.seeds, b.seeds)
    differences = a.counts * (step // a.seeds) - b.counts * (step // b.seeds)
    sizes = np.bincount(np.abs(differences)).astype(np.float64)
    return float(sign_flip_p_values(sizes[:, None], np.array([abs(float(differences.sum()))]))[0])


def pair_p_values(rows: Sequence[Hits]) -> NDArray[np.float64]:
    """Two-sided p-values of every two rows, Holm-corrected over all pairs: (rows, rows) with 1 on the diagonal.

    Two rows of one run each get the exact McNemar test. All others get the sign-flip permutation test of correctness
    averaged over the runs, over all sign patterns. With one run a row the two are the same test.
    """
    p_values = np.ones((len(rows), len(rows)))
    upper = np.triu_indices(len(rows), 1)
    if not len(upper[0]):
        return p_values
    # Single precision counts exactly up to 16 million samples.
    counts = np.array([row.counts for row in rows], np.float32)
    seeds = np.array([row.seeds for row in rows])
    for one, other in combinations_with_replacement(np.unique(seeds).tolist(), 2):
        first, second = np.flatnonzero(seeds == one), np.flatnonzero(seeds == other)
        single = one == other == 1
        found = _mcnemar(counts[first]) if single else _sign_flips(counts[first], counts[second], one, other)
        p_values[np.ix_(first, second)] = found
        p_values[np.ix_(second, first)] = found.T
    p_values[upper] = holm(np.minimum(p_values[upper], 1))
    p_values.T[upper] = p_values[upper]
    np.fill_diagonal(p_values, 1)
    return p_values


def _mcnemar(counts: NDArray[np.float32]) -> NDArray[np.float64]:
    """Of every two rows, as `benchmark.statistics.mcnemar_exact`: the binomial distribution at one half."""
    from scipy.special import bdtr

    # Samples that the one has right and the other wrong: all pairs in one product.
    only = (counts @ (1 - counts).T).astype(np.int64)
    return np.asarray(2 * bdtr(np.minimum(only, only.T), only + only.T, 0.5))


def _sign_flips(
    first: NDArray[np.float32], second: NDArray[np.float32], seeds: int, other_seeds: int
) -> NDArray[np.float64]:
    """Of each row of `first` and each of `second`, which are averaged over so many seeds; shape (first, second)."""
    step = math.lcm(seeds, other_seeds)
    shape = len(first), len(second)
    sizes = np.zeros((step + 1, *shape))
    for count, other in product(range(seeds + 1), range(other_seeds + 1)):
        # The samples that one row has right so often and the other so often: all pairs in one product.
        both = np.equal(first, count).astype(np.float32) @ np.equal(second, other).astype(np.float32).T
        sizes[abs(count * (step // seeds) - other * (step // other_seeds))] += both
    sums, other_sums = (rows.sum(axis=1, dtype=np.float64) for rows in (first, second))
    totals = np.abs(sums[:, None] * (step // seeds) - other_sums * (step // other_seeds))
    # A row and another of as many seeds are one pair.
    pairs = np.nonzero(np.triu(np.ones(shape), 1) if seeds == other_seeds else np.ones(shape))
    p_values = np.ones(shape)
    p_values[pairs] = sign_flip_p_values(sizes[:, pairs[0], pairs[1]], totals[pairs])
    return np.minimum(p_values, p_values.T) if seeds == other_seeds else p_values


def rank_groups(p_values: NDArray[np.float64]) -> tuple[list[int], list[float]]:
    """Ranks of rows from best to worst, and the p-value that decided each.

    Going down, a row belongs to the current group unless it differs significantly from the group's first row, which
    makes it the first of the next group. All of a group have the place of its first row as their rank: 1, 1, 1, 4.
    Where no row differs from another, the chance that any pair is said to differ is at most `ALPHA`. That is about
    networks as they were trained: how much another training would differ is not part of it.

    Args:
        p_values: corrected, shape (rows, rows), rows in the order of the table.

    Returns:
        Rank of each row, from 1, and its p-value against the first row of the group above or, within a group, of its
        own; NaN for the first row of all.
    """
    ranks: list[int] = []
    decided: list[float] = []
    first = 0
    for row in range(len(p_values)):
        decided.append(float(p_values[first, row]) if row else math.nan)
        if row and p_values[first, row] < ALPHA:
            first = row
        ranks.append(first + 1)
    return ranks, decided
