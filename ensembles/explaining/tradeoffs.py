"""Accuracy against cost: smaller ensembles of the same members."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmark.arguments import typed
from benchmark.explanation import COSTS, Cost, Point, Tradeoff
from benchmark.store.run_store import RunStore
from ensembles.costs import Search, Subset, cost, eliminate, pareto_front, search
from ensembles.explaining.anatomy import Anatomy
from ensembles.explaining.mean_subsets import MeanSubsets
from ensembles.member_rows import Probabilities
from ensembles.members import find_members, load_members
from ensembles.methods.methods import plain
from ensembles.methods.options import AVERAGE, PLAIN, check_method, check_within
from zoo.errors import UserError


def tradeoff(anatomy: Anatomy, own: Subset, within: float) -> Tradeoff:
    """Search the subsets of an ensemble's members, on validation only.

    Args:
        own: the ensemble with its members of positive weight; if its method is fitted, it is a point of its own,
            because subsets are not fitted.
        within: points of accuracy that the smallest may be below the best.
    """
    method, tried = _searched(anatomy.method, anatomy.validation.probabilities, anatomy.validation.known_labels)
    subsets = [*tried.subsets, own] if anatomy.method != method else list(tried.subsets)
    costs = [cost(anatomy.networks(subset.members)) for subset in subsets]
    points = [
        Point(
            members=tuple(anatomy.names[position] for position in subset.members),
            method=anatomy.method if subset is own else method if len(subset.members) > 1 else None,
            accuracy=subset.accuracy,
            log_loss=subset.log_loss,
            cost=subset_cost,
            front=front,
        )
        for subset, subset_cost, front in zip(subsets, costs, _fronts(subsets, costs), strict=True)
    ]
    best, smallest = tried.subsets.index(tried.best), tried.subsets.index(tried.smallest(within))
    kept = {best, smallest, len(tried.subsets), *_landmarks(tried)}
    return Tradeoff(
        method=method,
        search="all subsets" if tried.exhaustive else "backward elimination",
        tried=len(tried.subsets),
        within=within,
        best=points[best],
        smallest=points[smallest],
        points=tuple(point for position, point in enumerate(points) if position in kept or point.front),
    )


def smallest(
    members: str | Sequence[str],
    *,
    within: float,
    runs: Path | str = "runs",
    data: str | None = None,
    method: str = AVERAGE,
) -> tuple[str, ...]:
    """The fewest members whose ensemble is within `within` points of the best subset on validation.

    Args:
        members: as for `ensembles.build`.
        within: points of validation accuracy, 0 to 100.
        runs: where the runs are.
        data: the dataset, needed where several are stored.
        method: how subsets are combined; plain averaging takes the place of a fitted method.

    Returns:
        Their names, for `ensembles.build`; at least two.

    Raises:
        UserError: those of `find_members`; no labels; or a single member is within the margin.
    """
    check_within(within := typed("within", within, float))
    store = RunStore(Path(runs))
    loaded = load_members(find_members(store.snapshot(store.find_dataset(data)), members), "validation")
    if loaded.labels is None:
        raise UserError("validation has no labels, which are needed to choose members: leave --within out")
    check_method(method)
    _, tried = _searched(method, loaded.probabilities, loaded.labels)
    chosen = tried.smallest(within)
    names = tuple(loaded.names[position] for position in chosen.members)
    if len(names) == 1:
        raise UserError(
            f"{names[0]} alone ({chosen.accuracy:.2%} on validation) is within {within:g} points of the best of "
            f"{len(tried.subsets)} subsets ({tried.best.accuracy:.2%}): lower --within to build an ensemble"
        )
    return names


def _searched(method: str, probabilities: Probabilities, labels: NDArray[np.int64]) -> tuple[str, Search]:
    """The method that combines subsets, and what was tried.

    Averages take the place of a method that is fitted, and of any where members are read in blocks.
    """
    if isinstance(probabilities, np.ndarray):
        unfitted = method if method in PLAIN else AVERAGE
        return unfitted, search(lambda some: plain(unfitted, len(some))(some), probabilities, labels)
    means = MeanSubsets(probabilities, labels)
    return AVERAGE, eliminate(len(probabilities), means.score, means.without_each)


def _fronts(subsets: Sequence[Subset], costs: Sequence[Cost]) -> list[tuple[str, ...]]:
    accuracies = [subset.accuracy for subset in subsets]
    by_kind = {kind: pareto_front([getattr(one, kind) for one in costs], accuracies) for kind in COSTS}
    return [tuple(kind for kind in COSTS if by_kind[kind][position]) for position in range(len(subsets))]


def _landmarks(tried: Search) -> set[int]:
    """Positions of the single members, and of the best subset of each size."""
    best: dict[int, int] = {}
    singles = set()
    for position, subset in enumerate(tried.subsets):
        size = len(subset.members)
        if size == 1:
            singles.add(position)
        if size not in best or subset.merit > tried.subsets[best[size]].merit:
            best[size] = position
    return singles | set(best.values())
