"""Which rows of a leaderboard differ: exact paired tests of every pair, corrected for their number, and rank groups."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmark.files.npz_files import let_go
from benchmark.metrics import sample_correct
from benchmark.records import Predictions
from benchmark.statistics import ALPHA, holm

SMALLEST: Final = 1e-12
"""Smallest p-value given for averaged seeds: the transform that it comes from rounds at about 1e-15."""


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
    """Two-sided p-value of the sign-flip permutation test of two rows on the same samples, not corrected.

    The share of all sign patterns of the differences whose sum is as far from 0 as the one found; at least `SMALLEST`.
    In whole multiples of one step the differences have few sizes. Their sum under random signs has the characteristic
    function prod cos(size t)^count, which a Fourier transform turns into the probability of each sum.
    """
    step = math.lcm(a.seeds, b.seeds)
    differences = a.counts * (step // a.seeds) - b.counts * (step // b.seeds)
    total = abs(int(differences.sum()))
    counts = np.bincount(np.abs(differences))
    sizes = np.flatnonzero(counts)
    deviation = math.sqrt(float((sizes.astype(np.float64) ** 2 * counts[sizes]).sum()))
    if total == 0 or deviation == 0:
        return 1.0
    # Beyond nine deviations there is less than 1e-17 on either side (Hoeffding 1963), too little to wrap around.
    if total > 9 * deviation:
        return SMALLEST
    length = 2 ** math.ceil(math.log2(18 * deviation + 2))
    angles = 2 * np.pi / length * np.arange(length)
    characteristic = np.ones(length)
    for size in sizes[sizes > 0]:
        characteristic *= np.cos(size * angles) ** int(counts[size])
    chances = np.fft.fft(characteristic).real / length
    # The sum -k stands at length - k.
    return max(SMALLEST, float(chances[total : length - total + 1].sum()))


def pair_p_values(rows: Sequence[Hits]) -> NDArray[np.float64]:
    """Two-sided p-values of every two rows, Holm-corrected over all pairs: (rows, rows) with 1 on the diagonal.

    Two rows of one run each get the exact McNemar test. All others get the sign-flip permutation test of correctness
    averaged over the runs, over all sign patterns. With one run a row the two are the same test.
    """
    from scipy.special import bdtr

    p_values = np.ones((len(rows), len(rows)))
    upper = np.triu_indices(len(rows), 1)
    if not len(upper[0]):
        return p_values
    counts = np.array([row.counts for row in rows], np.float64)
    # Samples that the one has right and the other wrong: all pairs in one product. Means nothing for averaged seeds.
    only = (counts @ (1 - counts).T).astype(np.int64)
    seeds = np.array([row.seeds for row in rows])
    single = (seeds[upper[0]] == 1) & (seeds[upper[1]] == 1)
    ahead, behind = only[upper][single], only.T[upper][single]
    raw = np.empty(len(single))
    # As `benchmark.statistics.mcnemar_exact`: the binomial distribution at one half.
    raw[single] = 2 * bdtr(np.minimum(ahead, behind), ahead + behind, 0.5)
    for pair in np.flatnonzero(~single):
        raw[pair] = sign_flip_p_value(rows[upper[0][pair]], rows[upper[1][pair]])
    p_values[upper] = holm(np.minimum(raw, 1))
    return np.minimum(p_values, p_values.T)


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
