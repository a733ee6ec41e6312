"""Cost of an ensemble, subsets of its members, and their Pareto front."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from benchmark.explanation import Cost
from benchmark.files.run_layout import ENSEMBLE
from benchmark.metrics import accuracy, log_loss
from benchmark.store.stored_run import StoredRun
from benchmark.training.inference.tta import INCLUDED

EXHAUSTIVE: Final = 12
"""Most members for which all subsets are tried (4,095 of 12)."""

SECONDS_PER_HOUR: Final = 3600

Number = TypeVar("Number", int, float)

Combine = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Takes probabilities (members, n, classes) and returns those of their ensemble (n, classes)."""


@dataclass(frozen=True)
class Subset:
    """Some of the members together.

    Attributes:
        members: their positions, ascending.
        accuracy: on validation, 0-1.
        log_loss: on validation, nats.
    """

    members: tuple[int, ...]
    accuracy: float
    log_loss: float

    @property
    def merit(self) -> tuple[float, float]:
        """The larger is the better: accuracy, and of equals the lower log loss."""
        return self.accuracy, -self.log_loss


@dataclass(frozen=True)
class Search:
    """Subsets that were tried.

    Attributes:
        subsets: in the order they were tried; single members and the set of all are always included.
        exhaustive: whether all subsets were tried; otherwise backward elimination.
    """

    subsets: tuple[Subset, ...]
    exhaustive: bool

    @property
    def best(self) -> Subset:
        """The most accurate subset; among equals the one with the lowest log loss."""
        return max(self.subsets, key=lambda subset: subset.merit)

    def smallest(self, within: float) -> Subset:
        """The subset with the fewest members within `within` points of the best; among equals the most accurate.

        Args:
            within: points of accuracy, hundredths, at least 0.
        """
        # 1e-9 makes up for rounding: a subset exactly 0.3 points below is within 0.3 points.
        enough = self.best.accuracy - within / 100 - 1e-9
        return min(
            (subset for subset in self.subsets if subset.accuracy >= enough),
            key=lambda subset: (len(subset.members), -subset.accuracy, subset.log_loss),
        )


def networks(runs: Iterable[StoredRun], stored: Mapping[str, StoredRun]) -> list[StoredRun]:
    """The runs of trained networks that are needed to predict as these runs do, each once.

    An ensemble needs its members with weights above 0. If they were deleted, the ensemble's own record takes their
    place.
    """
    parts: dict[str, StoredRun] = {}
    for run in runs:
        needed = _used_members(run)
        complete = bool(needed) and all(name in stored for name in needed)
        inner = networks((stored[name] for name in needed), stored) if complete else [run]
        parts |= {part.name: part for part in inner}
    return list(parts.values())


def trained(networks: Iterable[StoredRun]) -> list[StoredRun]:
    """The same runs with each trained network once; test-time augmentation makes no other network."""
    return list({_network(run): run for run in networks}.values())


def predicting(networks: Iterable[StoredRun]) -> list[StoredRun]:
    """The same runs once each, without those whose views another run of the same network predicts, too."""
    runs = {run.name: run for run in networks}.values()
    seen = {(_network(run), kind) for run in runs for kind in INCLUDED.get(run.config.tta, ())}
    return [run for run in runs if (_network(run), run.config.tta) not in seen]


def training_seconds(networks: Iterable[StoredRun]) -> float | None:
    """The summed seconds of all trainings, each once; the last cycle of a training has those of the cycles before."""
    by_cycle = sorted(trained(networks), key=lambda run: run.config.cycle)
    last = {(run.config.first_cycle.hash, run.record.seed): run for run in by_cycle}
    return total(run.record.train_seconds for run in last.values())


def _network(run: StoredRun) -> tuple[str, int]:
    return run.config.network.hash, run.record.seed


def cost(networks: Iterable[StoredRun]) -> Cost:
    """The summed cost of trained networks, each once.

    With test-time augmentation, a network is trained once, and each of its views is predicted once.
    """
    runs = predicting(networks := list(networks))
    seconds = training_seconds(networks)
    return Cost(
        parameters=total(_times_folds(run, run.record.parameters) for run in trained(networks)),
        operations=total(run.record.flops for run in runs),
        milliseconds=total(run.record.milliseconds_per_image for run in runs),
        train_hours=None if seconds is None else seconds / SECONDS_PER_HOUR,
    )


def milliseconds_one_image(networks: Iterable[StoredRun]) -> float | None:
    """The summed milliseconds for a batch of one image, each view of a network once."""
    return total(run.record.milliseconds_one_image for run in predicting(networks))


def model_bytes(networks: Iterable[StoredRun]) -> int | None:
    """The summed size of the weights of trained networks, each once, as stored."""
    return total(_times_folds(run, run.record.model_bytes) for run in trained(networks))


def _times_folds(run: StoredRun, one: int | None) -> int | None:
    # The record has the value of one network; a prediction needs those of all folds.
    return None if one is None else one * max(1, run.config.folds)


def _used_members(run: StoredRun) -> Sequence[str]:
    if run.config.kind != "ensemble":
        return ()  # a joint training has members, too, but is one network
    document = run.document(ENSEMBLE)
    if document is None:
        return run.config.members
    return [name for member in document["members"] if member["weight"] != 0 for name in member["runs"]]


def total(values: Iterable[Number | None]) -> Number | None:
    """The sum, or None if a value is unknown."""
    result: Number = 0
    for value in values:
        if value is None:
            return None
        result += value
    return result


def search(combine: Combine, probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> Search:
    """Score subsets of the members on validation.

    Up to `EXHAUSTIVE` members all subsets are tried. With more, the single members and those of backward elimination
    are: starting from all members, it drops the one without which the rest scores best, down to two.

    Args:
        combine: makes an ensemble of any members; not a fitted method, which would be fitted thousands of times.
        probabilities: on validation, shape (members, n, classes).
        labels: shape (n,).
    """
    count = len(probabilities)

    def score(members: Sequence[int]) -> Subset:
        combined = combine(probabilities[list(members)])
        return Subset(tuple(members), accuracy(combined, labels), log_loss(combined, labels))

    if count <= EXHAUSTIVE:
        sizes = range(1, count + 1)
        return Search(tuple(score(chosen) for size in sizes for chosen in combinations(range(count), size)), True)
    return eliminate(
        count, score, lambda members: [score([one for one in members if one != dropped]) for dropped in members]
    )


def eliminate(
    count: int,
    score: Callable[[Sequence[int]], Subset],
    without_each: Callable[[Sequence[int]], Sequence[Subset]],
) -> Search:
    """Backward elimination as in `search`.

    Args:
        without_each: of some of them without each, in their order.
    """
    tried = [score([member]) for member in range(count)]
    left = score(range(count))
    tried.append(left)
    while len(left.members) > 2:
        steps = without_each(left.members)
        left = max(steps, key=lambda subset: subset.merit)
        tried += steps
    return Search(tuple(tried), False)


def pareto_front(costs: Sequence[float | None], accuracies: Sequence[float]) -> list[bool]:
    """Which points are on the Pareto front: no other point costs at most as much and scores at least as high, with one
    of the two being better. Points of unknown cost are not on it.

    Args:
        costs: None where unknown.
    """
    known = [position for position, value in enumerate(costs) if value is not None]
    # By cost, then by falling accuracy: the front is where accuracy rises.
    known.sort(key=lambda position: (costs[position], -accuracies[position]))
    front = [False] * len(costs)
    highest, cheapest = -np.inf, None
    for position in known:
        equal = accuracies[position] == highest and costs[position] == cheapest
        if accuracies[position] > highest or equal:
            front[position] = True
            highest, cheapest = accuracies[position], costs[position]
    return front
