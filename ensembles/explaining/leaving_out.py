"""An ensemble without each of its members."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmark.metrics import SMALLEST_PROBABILITY, softmax
from ensembles.explaining.anatomy import Anatomy, untempered, without
from ensembles.member_rows import BLOCK_BYTES, MemberRows, blocks, spread
from ensembles.members import Members
from ensembles.methods.calibration import fit_temperature, scaled
from ensembles.methods.combination import predict
from ensembles.methods.methods import plain
from ensembles.methods.pooling import Pool
from ensembles.methods.shared_stacking import SharedStack
from ensembles.sample_scores import SampleScores

Array = NDArray[np.float64]
Floats = NDArray[np.floating]

FEWEST_SAMPLES: Final = 500
"""A temperature is fitted on at least so many, where there are as many."""

Watch = Callable[[Sequence[int]], Iterable[int]]
"""Yields the members' positions one by one, and may show the progress."""


def left_out(anatomy: Anatomy, pooled: Sequence[Floats], watch: Watch) -> list[list[SampleScores]]:
    """The ensemble without each member, by split of the anatomy and member.

    Its method is fitted again for each. Members that are read in blocks are read once instead: there the others keep
    their weights, divided by their sum, or their exponents. A temperature is fitted again, on some samples.

    Args:
        pooled: the ensemble's own probabilities, by split of the anatomy: without a member that weighs nothing.
        watch: shows the progress.
    """
    positions = range(len(anatomy.members))
    if not isinstance(anatomy.validation.probabilities, np.ndarray):
        fits = anatomy.fitted or anatomy.options.calibrate
        combination = anatomy.fit(anatomy.validation) if fits else plain(anatomy.method, len(positions))
        pool = untempered(combination)
        if isinstance(pool, Pool | SharedStack):
            list(watch(positions))
            calibrated = anatomy.options.calibrate
            temperatures = _temperatures(pool, anatomy.validation) if calibrated else [1.0 for _ in positions]
            splits = zip(anatomy.splits, pooled, strict=True)
            return [_in_blocks(pool, temperatures, members, whole) for members, whole in splits]
    scores: list[list[SampleScores]] = [[] for _ in anatomy.splits]
    for position in watch(positions):
        rest = anatomy.fit(without(anatomy.validation, position))
        for members, split_scores in zip(anatomy.splits, scores, strict=True):
            split_scores.append(SampleScores.of(predict(rest, without(members, position)), members.known_labels))
    return scores


def _temperatures(pool: Pool | SharedStack, validation: Members) -> list[float]:
    """The temperature of the pool without each of its members, fitted on samples from all over validation."""
    members, count, classes = validation.probabilities.shape
    samples = min(count, max(FEWEST_SAMPLES, BLOCK_BYTES // (members * classes * 8)))
    outputs, labels = validation.probabilities, validation.known_labels
    assert isinstance(outputs, MemberRows)  # noqa: S101 - for mypy: whoever calls this reads them in blocks
    parts = spread(count, samples, samples)
    some = np.concatenate([outputs.block(part) for part in parts], axis=1)
    truth = np.concatenate([labels[part] for part in parts])
    return [fit_temperature(rest, truth) for rest in without_each(pool, some)]


def _in_blocks(
    pool: Pool | SharedStack, temperatures: Sequence[float], members: Members, pooled: Floats
) -> list[SampleScores]:
    """The scores of `without_each`, each at its temperature; of the ensemble itself without what weighs nothing."""
    labels, whole = members.known_labels, SampleScores.of(pooled, members.known_labels)
    parts: list[list[SampleScores]] = [[] for _ in pool.weights]
    for rows, outputs in blocks(members.probabilities):
        for rest, temperature, member_parts in zip(without_each(pool, outputs), temperatures, parts, strict=True):
            member_parts.append(SampleScores.of(scaled(rest, temperature), labels[rows]))
    return [
        SampleScores(*(np.concatenate([getattr(part, name) for part in each]) for name in ("correct", "losses")))
        if weight
        else whole
        for weight, each in zip(pool.weights.tolist(), parts, strict=True)
    ]


def without_each(pool: Pool | SharedStack, outputs: Array) -> Iterator[Array]:
    """The probabilities of a pool without each of its members, from sums over all; the other weights are rescaled.

    Args:
        pool: of all members.
        outputs: their probabilities, shape (members, n, classes).

    Yields:
        Shape (n, classes), rows summing to 1; the equal mean of the others where these weigh nothing.
    """
    if isinstance(pool, SharedStack):
        shares = _shares("geometric", outputs)
        scores = np.tensordot(pool.exponents, shares, 1)
        for exponent, share in zip(pool.exponents.tolist(), shares, strict=True):
            yield np.asarray(softmax(scores - exponent * share), np.float64)
        return
    shares, plain = _shares(pool.kind, outputs), outputs.sum(axis=0)
    alike, others_alike = shares.sum(axis=0), len(outputs) - 1
    # Equal weights as 1, so that whole votes are summed exactly.
    weights = np.ones(len(outputs)) if np.ptp(pool.weights) == 0 else pool.weights
    total = np.tensordot(weights, shares, 1) if np.ptp(weights) else alike
    for position, weight in enumerate(weights.tolist()):
        left = float(np.delete(weights, position).sum())
        others = total - weight * shares[position] if left > 0 else alike - shares[position]
        if pool.kind == "geometric":
            others = np.exp(others / (left if left > 0 else others_alike))
        elif pool.kind == "vote":
            others += (plain - outputs[position]) / others_alike
        # What is left of a small sum may be a little below 0.
        np.maximum(others, 0, out=others)
        others /= others.sum(axis=1, keepdims=True)
        yield others


def _shares(kind: str, outputs: Array) -> Array:
    """What each member gives to the sum that a pool of this kind is made of."""
    if kind == "geometric":
        return np.log(np.maximum(outputs, SMALLEST_PROBABILITY))
    return np.eye(outputs.shape[2])[outputs.argmax(axis=2)] if kind == "vote" else outputs
