"""Stacking with one coefficient a member, shared by all classes: what scales to many classes.

    p(class | x) = prod_m p_m(class | x)^w_m / sum over classes of the same,   w >= 0

This is a conditional logit (McFadden 1974, Conditional logit analysis of qualitative choice behavior) on the members'
log-probabilities, or a logarithmic pool with free weights; coefficients are not negative, as in Breiman 1996, Stacked
regressions. Unlike a geometric mean it can be sharper or flatter than its members. The objective is convex. Members may
be read in blocks; memory is that of a few blocks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.metrics import SMALLEST_PROBABILITY, softmax
from ensembles.member_rows import BLOCK_BYTES, Probabilities, sample_blocks, spread
from ensembles.methods.combination import check_classes, held_out_of, stratified_folds
from ensembles.methods.options import FOLDS

Array = NDArray[np.float64]
Rows = NDArray[np.bool_]

PENALTY: Final = 0.5
"""Coefficients are pulled towards 0 by this times their squares, as those of the full regression are."""

CURVATURE_SAMPLES: Final = 2_000
"""Second derivatives are taken of so many samples, or of all; the gradient is always that of all."""

TOLERANCE: Final = 1e-6
"""A step must promise to lower the objective by so many nats a sample."""

MOST_PASSES: Final = 50


@dataclass(frozen=True, eq=False)
class SharedStack:
    """The fitted coefficients.

    Attributes:
        exponents: float64, shape (members,), not negative.
        held_out: cross-fitted probabilities of the validation rows, shape (n, classes); None where it was read back.

    Raises:
        ValueError: exponents that are no such numbers.
    """

    exponents: Array
    held_out: NDArray[np.floating] | None = None

    def __post_init__(self) -> None:
        if self.exponents.ndim != 1 or not (self.exponents >= 0).all() or not np.isfinite(self.exponents).all():
            raise ValueError(f"exponents must be finite and not negative, got {self.exponents.tolist()}")

    @property
    def weights(self) -> Array:
        """Each member's share of the exponents, shape (members,), sum 1; equal where all are 0."""
        total = self.exponents.sum()
        return self.exponents / total if total > 0 else np.full(len(self.exponents), 1 / len(self.exponents))

    def __call__(self, probabilities: Array) -> Array:
        """The distribution for probabilities (members, n, classes): shape (n, classes), rows sum to 1.

        Raises:
            ValueError: another number of members.
        """
        if len(probabilities) != len(self.exponents):
            raise ValueError(f"expected probabilities of {len(self.exponents)} members, got {len(probabilities)}")
        scores = np.tensordot(self.exponents, np.log(np.maximum(probabilities, SMALLEST_PROBABILITY)), 1)
        return np.asarray(softmax(scores), np.float64)

    def to_json(self) -> dict[str, Any]:
        """As a JSON object; `methods.restored` is the way back, `held_out` aside."""
        return {"exponents": self.exponents.tolist()}


def fit_shared_stack(probabilities: Probabilities, labels: NDArray[np.int64], seed: int) -> SharedStack:
    """Fit on all rows; predict each row by coefficients fitted on the other folds.

    Args:
        probabilities: of validation, or out of fold, shape (members, n, classes), 0-1.
        labels: shape (n,).
        seed: of the folds, which are stratified by class.

    Raises:
        UserError: of `check_classes`.
    """
    check_classes(labels)
    folds = stratified_folds(labels, FOLDS, seed)
    outside = {fold: folds != fold for fold in np.unique(folds).tolist() if (folds != fold).any()}
    exponents = best_exponents(probabilities, labels, [np.ones(len(labels), bool), *outside.values()])
    fits = dict(zip(outside, (SharedStack(one) for one in exponents[1:]), strict=True))
    return replace(SharedStack(exponents[0]), held_out=held_out_of(fits, folds, probabilities))


def best_exponents(probabilities: Probabilities, labels: NDArray[np.int64], fits: Sequence[Rows]) -> Array:
    """The exponents of lowest summed log loss and penalty on the samples of each fit, all fitted in the same passes.

    Newton's method: each step minimises the quadratic model over w >= 0, and is halved while it leads upwards. Where
    second derivatives are taken of some samples only, those alone are fitted first.

    Args:
        probabilities: shape (members, n, classes).
        labels: shape (n,).
        fits: masks of shape (n,).

    Returns:
        Shape (fits, members).
    """
    members, count, _ = probabilities.shape
    parts = sample_blocks(probabilities.shape, BLOCK_BYTES // 8)
    sampled = spread(count, CURVATURE_SAMPLES, parts[0].stop) if count > CURVATURE_SAMPLES else parts
    problem = Problem(probabilities, labels, np.array(fits), sampled)
    weights = np.full((len(fits), members), 1 / members)
    if sampled is not parts:
        weights = _descended(problem, weights, sampled)
    return _descended(problem, weights, parts)


@dataclass(frozen=True, eq=False)
class Problem:
    """What is minimised.

    Attributes:
        probabilities: shape (members, n, classes).
        labels: shape (n,).
        fits: which samples each fit sees, shape (fits, n).
        curved: the blocks of which second derivatives are taken.
    """

    probabilities: Probabilities
    labels: NDArray[np.int64]
    fits: Rows
    curved: Sequence[slice]

    def derivatives(self, weights: Array, parts: Sequence[slice]) -> "Derivatives":
        """At the weights of each fit (fits, members), on the samples of some blocks."""
        count, members = weights.shape
        losses, gradients = np.zeros(count), np.zeros((count, members))
        for rows in parts:
            logs, true, seen = self._logarithms(rows), self.labels[rows], self.fits[:, rows]
            flat, own = logs.reshape(members, -1), np.arange(len(true))
            shares = softmax((weights.astype(flat.dtype) @ flat).reshape(count, *logs.shape[1:]))
            given = np.maximum(shares[:, own, true], np.finfo(flat.dtype).tiny)
            losses -= (np.log(given) * seen).sum(axis=1)
            shares[:, own, true] -= 1
            shares *= seen[:, :, None]
            gradients += shares.reshape(count, -1) @ flat.T
        samples = np.array([sum(int(np.count_nonzero(fit[rows])) for rows in parts) for fit in self.fits])
        losses += PENALTY * (weights**2).sum(axis=1)
        return Derivatives(losses, gradients + 2 * PENALTY * weights, self._curvature(weights[0]), samples)

    def _curvature(self, weights: Array) -> Array:
        """Of a sample's loss, its mean, at the weights of one fit (members,)."""
        curvature, samples = np.zeros((len(weights), len(weights))), 0
        for rows in self.curved:
            logs = self._logarithms(rows)
            weighted = logs * softmax(np.tensordot(weights.astype(logs.dtype), logs, 1))
            means = weighted.sum(axis=2)
            curvature += weighted.reshape(len(weights), -1) @ logs.reshape(len(weights), -1).T - means @ means.T
            samples += logs.shape[1]
        return curvature / samples

    def _logarithms(self, rows: slice) -> NDArray[np.floating]:
        outputs = self.probabilities
        block = outputs[:, rows] if isinstance(outputs, np.ndarray) else outputs.block(rows).astype(np.float32)
        logs: NDArray[np.floating] = np.maximum(block, SMALLEST_PROBABILITY, dtype=block.dtype)
        np.log(logs, out=logs)
        return logs


@dataclass(frozen=True, eq=False)
class Derivatives:
    """Of the objective of each fit: its value (fits,), its gradient (fits, members), the curvature of a sample's loss
    (members, members), which is that of the first fit, and how many samples each fit has (fits,)."""

    values: Array
    gradients: Array
    curvature: Array
    samples: NDArray[np.int64]

    def steps(self, weights: Array) -> Array:
        """To the lowest points, over weights of at least 0, of the quadratic models, shape (fits, members)."""
        from scipy.optimize import nnls

        steps = []
        for point, gradient, samples in zip(weights, self.gradients, self.samples.tolist(), strict=True):
            hessian = samples * self.curvature + 2 * PENALTY * np.eye(len(point))
            # With H = L L', the model is half the squared length of L' x - L^-1 (H w - g), up to a constant.
            lower = np.linalg.cholesky(hessian)
            steps.append(nnls(lower.T, np.linalg.solve(lower, hessian @ point - gradient))[0] - point)
        return np.array(steps)


def _descended(problem: Problem, weights: Array, parts: Sequence[slice]) -> Array:
    """The weights of lowest objectives on these blocks."""
    here = problem.derivatives(weights, parts)
    for _ in range(MOST_PASSES):
        steps = here.steps(weights)
        promised = -(here.gradients * steps).sum(axis=1) / 2
        if (promised <= TOLERANCE * here.samples).all():
            break
        lengths = np.ones(len(weights))
        there = problem.derivatives(weights + steps, parts)
        while (worse := there.values > here.values + TOLERANCE * here.samples).any() and lengths.min() > 1e-3:
            lengths[worse] /= 2
            there = problem.derivatives(weights + lengths[:, None] * steps, parts)
        weights, here = weights + lengths[:, None] * steps, there
    return weights
