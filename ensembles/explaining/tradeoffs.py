"""Accuracy against cost: which members an ensemble could do without."""

from collections.abc import Sequence
from pathlib import Path

from benchmark.explanation import COSTS, Cost, Point, Tradeoff
from benchmark.store.run_store import RunStore
from ensembles.costs import Combine, Search, Subset, cost, pareto_front, search
from ensembles.explaining.anatomy import AVERAGE, Anatomy, known_labels
from ensembles.members import find_members, load_members
from ensembles.methods.methods import plain
from ensembles.methods.options import PLAIN, check_method
from zoo.errors import UserError


def tradeoff(anatomy: Anatomy, own: Subset, within: float) -> Tradeoff:
    """Search the subsets of an ensemble's members, on validation alone.

    Args:
        anatomy: the ensemble.
        own: the ensemble itself with the members that have a say; a point of its own where its method is fitted, which
            subsets are not.
        within: points of accuracy that the smallest may be below the best.
    """
    method = plain_or_average(anatomy.method)
    found = search(_plainly(method), anatomy.validation.probabilities, known_labels(anatomy.validation))
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


def smallest(
    members: str | Sequence[str],
    *,
    within: float,
    runs: Path | str = "runs",
    data: str | None = None,
    method: str = AVERAGE,
) -> tuple[str, ...]:
    """The fewest of the members whose ensemble is within so many points of the best on validation.

    Args:
        members: as for `ensembles.build`.
        within: points of validation accuracy, 0 to 100.
        runs: where the runs are.
        data: the dataset, needed where several are stored.
        method: how subsets are combined; a method that is fitted is stood for by plain averaging.

    Returns:
        Their names, to be given to `ensembles.build`; at least two.

    Raises:
        UserError: the errors of `find_members`; no labels; or one member alone is within the margin.
    """
    check_within(within)
    store = RunStore(Path(runs))
    loaded = load_members(find_members(store, store.find_dataset(data), members), "validation")
    if loaded.labels is None or not loaded.labels.size:
        raise UserError("validation has no labels, without which no members can be chosen: leave --within out")
    check_method(method)
    found = search(_plainly(method), loaded.probabilities, loaded.labels)
    chosen = found.smallest(within)
    names = tuple(loaded.names[position] for position in chosen.members)
    if len(names) == 1:
        raise UserError(
            f"{names[0]} alone ({chosen.accuracy:.2%} on validation) is within {within:g} points of the best of "
            f"{len(found.subsets)} ensembles ({found.best.accuracy:.2%}), none is needed: lower --within to build one"
        )
    return names


def check_within(within: float) -> None:
    """Refuse a margin that is none.

    Raises:
        UserError: it is not 0 to 100.
    """
    if not 0 <= within <= 100:
        raise UserError(f"--within is in points of accuracy, 0 to 100, got {within:g}")


def plain_or_average(method: str) -> str:
    """The method by which subsets are tried: itself, or plain averaging for one that would have to be fitted."""
    return method if method in PLAIN else AVERAGE


def _plainly(method: str) -> Combine:
    return lambda some: plain(plain_or_average(method), len(some))(some)


def _fronts(subsets: Sequence[Subset], costs: Sequence[Cost]) -> list[tuple[str, ...]]:
    accuracies = [subset.accuracy for subset in subsets]
    by_kind = {kind: pareto_front([getattr(one, kind) for one in costs], accuracies) for kind in COSTS}
    return [tuple(kind for kind in COSTS if by_kind[kind][position]) for position in range(len(subsets))]


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
