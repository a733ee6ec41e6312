"""What an ensemble costs, and which of its members it could do without."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from benchmark.explanation import Cost
from benchmark.files.run_layout import ENSEMBLE
from benchmark.metrics import accuracy, log_loss
from benchmark.store.stored_run import StoredRun
from benchmark.training.inference.tta import NONE, WITH_THE_IMAGE

EXHAUSTIVE: Final = 12
"""Up to so many members every subset is tried (4,095 of 12)."""

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


@dataclass(frozen=True)
class Search:
    """Subsets that were tried.

    Attributes:
        subsets: in the order they were tried; those of one member and that of all are always among them.
        exhaustive: whether all there are were tried; otherwise the worst member was dropped again and again.
    """

    subsets: tuple[Subset, ...]
    exhaustive: bool

    @property
    def best(self) -> Subset:
        """The most accurate one; among equals that of the lowest log loss."""
        return max(self.subsets, key=lambda subset: (subset.accuracy, -subset.log_loss))

    def smallest(self, within: float) -> Subset:
        """The subset of fewest members within so many points of the best; among equals the most accurate.

        Args:
            within: points of accuracy, hundredths, at least 0.
        """
        # One part in 10^9 of a sample: 0.3 points below is within, whatever the last binary digit says.
        enough = self.best.accuracy - within / 100 - 1e-9
        return min(
            (subset for subset in self.subsets if subset.accuracy >= enough),
            key=lambda subset: (len(subset.members), -subset.accuracy, subset.log_loss),
        )


def networks(runs: Iterable[StoredRun], stored: Mapping[str, StoredRun]) -> list[StoredRun]:
    """The runs of trained networks that predicting as these runs do takes, each once, however many ensembles it is in.

    An ensemble takes those of its members that weigh more than 0; one whose members are gone stands for them with its
    own sums.

    Args:
        runs: models, imports or ensembles.
        stored: every run of the dataset, by name.
    """
    found: dict[str, StoredRun] = {}
    for run in runs:
        needed = _weighing(run)
        inside = bool(needed) and all(name in stored for name in needed)
        parts = networks((stored[name] for name in needed), stored) if inside else [run]
        found |= {part.name: part for part in parts}
    return list(found.values())


def trained(networks: Iterable[StoredRun]) -> list[StoredRun]:
    """The same with each trained network once: views of it (test-time augmentation) are no other network."""
    return list({_network(run): run for run in networks}.values())


def predicting(networks: Iterable[StoredRun]) -> list[StoredRun]:
    """The same with each run once, and without those whose views another run of the same network predicts as well."""
    runs = {run.name: run for run in networks}.values()
    seen = {_network(run) for run in runs if run.config.tta in WITH_THE_IMAGE}
    return [run for run in runs if run.config.tta != NONE or _network(run) not in seen]


def _network(run: StoredRun) -> tuple[str, int]:
    return replace(run.config, tta=NONE).hash, run.record.seed


def cost(networks: Iterable[StoredRun]) -> Cost:
    """The summed cost of trained networks; each counts once, however often it is named.

    What was trained counts once whatever views there are of it (test-time augmentation); each view has to be predicted,
    once.
    """
    weights = trained(networks := list(networks))
    runs = predicting(networks)
    seconds = total(run.record.durations.get("train") for run in weights)
    return Cost(
        parameters=total(_of_all_folds(run, run.record.parameters) for run in weights),
        operations=total(run.record.flops for run in runs),
        milliseconds=total(run.record.milliseconds_per_image for run in runs),
        train_hours=None if seconds is None else seconds / SECONDS_PER_HOUR,
    )


def milliseconds_one_image(networks: Iterable[StoredRun]) -> float | None:
    """The summed time of trained networks over an image that is predicted by itself, each view of one counted once."""
    return total(run.record.milliseconds_one_image for run in predicting(networks))


def model_bytes(networks: Iterable[StoredRun]) -> int | None:
    """The summed size of the weights of trained networks, each once, as stored."""
    return total(_of_all_folds(run, run.record.model_bytes) for run in trained(networks))


def _of_all_folds(run: StoredRun, one: int | None) -> int | None:
    # The record has it of one network, and a prediction takes all.
    return None if one is None else one * max(1, run.config.folds)


def _weighing(run: StoredRun) -> Sequence[str]:
    if run.config.kind != "ensemble":
        return ()  # a joint training has members too, but is a network of its own
    document = run.document(ENSEMBLE)
    if document is None:
        return run.config.members
    return [name for member in document["members"] if member["weight"] != 0 for name in member["runs"]]


def total(values: Iterable[Number | None]) -> Number | None:
    """The sum, or None where one of the values is unknown."""
    found: Number = 0
    for value in values:
        if value is None:
            return None
        found += value
    return found


def search(combine: Combine, probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> Search:
    """Score subsets of the members on validation.

    Up to `EXHAUSTIVE` members all subsets are tried. Of more, backward elimination tries the single ones, and from all
    of them on drops the member without which the rest is best, down to two: the best found need not be the best.

    Args:
        combine: makes an ensemble of any members; nothing fitted, which would have to be fitted thousands of times.
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
    tried = [score([member]) for member in range(count)]
    left = score(range(count))
    tried.append(left)
    while len(left.members) > 2:
        steps = [score([one for one in left.members if one != dropped]) for dropped in left.members]
        left = max(steps, key=lambda subset: (subset.accuracy, -subset.log_loss))
        tried += steps
    return Search(tuple(tried), False)


def pareto_front(costs: Sequence[float | None], accuracies: Sequence[float]) -> list[bool]:
    """Which of several are on the Pareto front: no other costs at most as much and scores at least as high, with one of
    the two being better. What costs nobody knows how much is not on it.

    Args:
        costs: None where unknown.
        accuracies: as many.
    """
    known = [position for position, value in enumerate(costs) if value is not None]
    # Cheapest first, the most accurate of equally cheap ones first: a front is where accuracy rises.
    known.sort(key=lambda position: (costs[position], -accuracies[position]))
    front = [False] * len(costs)
    highest, cheapest = -np.inf, None
    for position in known:
        equal = accuracies[position] == highest and costs[position] == cheapest
        if accuracies[position] > highest or equal:
            front[position] = True
            highest, cheapest = accuracies[position], costs[position]
    return front
