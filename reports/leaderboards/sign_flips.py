"""The sign-flip permutation test of paired differences, over all sign patterns, of many pairs at once."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

SMALLEST: Final = 1e-12
"""Smallest p-value given: the transform that it comes from rounds at about 1e-15."""

BLOCK_VALUES: Final = 1 << 20
"""How many values of characteristic functions are computed at a time."""


def sign_flip_p_values(counts: NDArray[np.float64], totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two-sided p-values, not corrected: the share of all sign patterns whose sum is as far from 0 as the one found.

    In whole multiples of one step the differences have few sizes. Their sum under random signs has the characteristic
    function prod cos(size t)^count, which a Fourier transform turns into the probability of each sum.

    Args:
        counts: how many differences of a pair have the size 0, 1, 2, ..., shape (sizes, pairs).
        totals: the absolute value of the sum of a pair's differences, shape (pairs,).

    Returns:
        shape (pairs,), `SMALLEST` to 1.
    """
    sizes = np.arange(len(counts))[1:]
    deviations = np.sqrt(sizes**2.0 @ counts[1:])
    p_values = np.ones(len(totals))
    # Beyond nine deviations there is less than 1e-17 on either side (Hoeffding 1963), too little to wrap around.
    p_values[totals > 9 * deviations] = SMALLEST
    within = (totals > 0) & (totals <= 9 * deviations)
    powers = np.ceil(np.log2(9 * deviations + 1)).astype(int)
    for power in np.unique(powers[within]).tolist():
        half = 2**power
        angles = np.outer(sizes, np.pi / half * np.arange(half + 1))
        cosines, squares = np.cos(angles), np.sin(angles) ** 2
        # Of a cosine near 1 the logarithm would keep its rounding, which counts multiply.
        near = squares < 0.5
        logs = np.where(near, np.log1p(-squares * near) / 2, np.log(np.maximum(np.abs(cosines), 1e-300)))
        negative = (cosines < 0).astype(np.float64)
        pairs = np.flatnonzero(within & (powers == power))
        for some in np.array_split(pairs, -(-len(pairs) * half // BLOCK_VALUES)):
            own = counts[1:, some].T
            characteristic = np.exp(own @ logs) * (1 - 2 * ((own @ negative) % 2))
            p_values[some] = _beyond(characteristic, totals[some].astype(int))
    return p_values


def _beyond(characteristic: NDArray[np.float64], totals: NDArray[np.int64]) -> NDArray[np.float64]:
    """The probability of a sum of at least `totals` on either side, from half of each even characteristic function."""
    from scipy.fft import dct

    half = characteristic.shape[1] - 1
    # Of the sums 0 to `half`; but for the first and the last they stand for two, one on either side.
    chances: NDArray[np.float64] = dct(characteristic, type=1, axis=1) / half
    chances[:, half] /= 2
    beyond = np.cumsum(chances[:, ::-1], axis=1)[:, ::-1]
    return np.clip(np.take_along_axis(beyond, totals[:, None], axis=1)[:, 0], SMALLEST, 1)
