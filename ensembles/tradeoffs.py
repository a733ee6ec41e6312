"""Accuracy against cost: which members an ensemble could do without."""

from collections.abc import Sequence

from ensembles.anatomy import Anatomy, known_labels
from ensembles.costs import KINDS, Combine, Cost, Search, Subset, cost, pareto_front, search
from ensembles.explanation import Point, Tradeoff


def tradeoff(anatomy: Anatomy, method: str, combine: Combine, within: float, own: Subset) -> Tradeoff:
    """Search the subsets of an ensemble's members, on validation alone.

    Args:
        anatomy: the ensemble.
        method: the name of how subsets are combined.
        combine: the same as a function; it fits nothing.
        within: points of accuracy that the smallest may be below the best.
        own: the ensemble itself with the members that have a say. By another method than `method` it is a point of
            its own.
    """
    found = search(combine, anatomy.validation.probabilities, known_labels(anatomy.validation))
    subsets = [*found.subsets, own] if anatomy.method != method else list(found.subsets)
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
    best, smallest = found.subsets.index(found.best), found.subsets.index(found.smallest(within))
    drawn = {best, smallest, len(found.subsets), *_landmarks(found)}
    return Tradeoff(
        method=method,
        search="all subsets" if found.exhaustive else "backward elimination",
        tried=len(found.subsets),
        within=within,
        best=points[best],
        smallest=points[smallest],
        points=tuple(point for position, point in enumerate(points) if position in drawn or point.front),
    )


def _fronts(subsets: Sequence[Subset], costs: Sequence[Cost]) -> list[tuple[str, ...]]:
    accuracies = [subset.accuracy for subset in subsets]
    by_kind = {kind: pareto_front([getattr(one, kind) for one in costs], accuracies) for kind in KINDS}
    return [tuple(kind for kind in KINDS if by_kind[kind][position]) for position in range(len(subsets))]


def _landmarks(found: Search) -> set[int]:
    """Positions of every member alone, and of the best subset of each size."""
    best: dict[int, int] = {}
    singles = set()
    for position, subset in enumerate(found.subsets):
        size = len(subset.members)
        if size == 1:
            singles.add(position)
        if size not in best or _merit(subset) > _merit(found.subsets[best[size]]):
            best[size] = position
    return singles | set(best.values())


def _merit(subset: Subset) -> tuple[float, float]:
    return subset.accuracy, -subset.log_loss
