"""A stored ensemble as a tree: its leaves are networks, its nodes combine them. One network is built from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.store.stored_run import StoredRun
from ensembles.building.building import stored_combination
from ensembles.explaining.anatomy import stored_members, untempered
from ensembles.methods.calibration import Tempered
from ensembles.methods.combination import Combination
from ensembles.methods.pooling import Pool, equal
from ensembles.methods.shared_stacking import SharedStack
from ensembles.methods.stacking import Stack
from zoo.errors import UserError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Leaf:
    """A trained network, by its position among all networks of the tree."""

    position: int

    def __call__(self, predictions: Array) -> Array:
        """Its predictions, (n, classes), among those of all networks, (networks, n, classes)."""
        return np.asarray(predictions[self.position])

    def to_json(self) -> dict[str, Any]:
        """As `benchmark.training.joint_model` reads it."""
        return {"network": self.position}


@dataclass(frozen=True, eq=False)
class Node:
    """A combination of several parts, all of which have a weight above 0."""

    combination: Combination
    parts: tuple["Leaf | Node", ...]

    def __call__(self, predictions: Array) -> Array:
        """Combined predictions, (n, classes), from those of all networks, (networks, n, classes)."""
        return self.combination(np.stack([part(predictions) for part in self.parts]))

    def to_json(self) -> dict[str, Any]:
        """As `benchmark.training.joint_model` reads it."""
        return {**self.combination.to_json(), "parts": [part.to_json() for part in self.parts]}


@dataclass(frozen=True, eq=False)
class NetworkTree:
    """The tree of a run.

    Attributes:
        root: the whole.
        networks: the runs of its networks, each once, in the order of the leaves' positions.
        unused: names of members that are left out, because their weight is 0.
    """

    root: Leaf | Node
    networks: tuple[StoredRun, ...]
    unused: tuple[str, ...]


def network_tree(root: StoredRun, stored: Mapping[str, StoredRun]) -> NetworkTree:
    """The tree of a run.

    Raises:
        UserError: a member that is not a stored network, or stacking that was fitted without samples of some class.
    """
    networks: dict[str, StoredRun] = {}
    unused: list[str] = []

    def tree(run: StoredRun) -> Leaf | Node:
        if run.config.kind != "ensemble":
            _check_network(run, root)
            networks.setdefault(run.name, run)
            return Leaf(list(networks).index(run.name))
        members, combination = stored_members(run, stored), stored_combination(run)
        _check_combination(run, combination)
        weights = np.ones(len(members)) if combination.weights is None else combination.weights
        unused.extend(member.name for member, weight in zip(members, weights, strict=True) if not weight)
        used = np.flatnonzero(weights).tolist()
        return Node(_narrowed(combination, used), tuple(mean(members[position].runs) for position in used))

    def mean(seeds: Sequence[StoredRun]) -> Leaf | Node:
        parts = tuple(map(tree, seeds))
        return Node(equal("linear", len(parts)), parts) if len(parts) > 1 else parts[0]

    return NetworkTree(tree(root), tuple(networks.values()), tuple(unused))


def _narrowed(combination: Combination, used: Sequence[int]) -> Combination:
    """The combination of the members at these positions; the weights of all others are 0."""
    if isinstance(combination, Tempered):
        return Tempered(_narrowed(combination.combination, used), combination.temperature)
    return Pool(combination.kind, combination.weights[used]) if isinstance(combination, Pool) else combination


def _check_combination(run: StoredRun, combination: Combination) -> None:
    inner = untempered(combination)
    if isinstance(inner, SharedStack):
        raise UserError(
            f"{run.config.model} is stacking with shared features, for which there are no layers: build the "
            "members with another method"
        )
    if isinstance(inner, Stack) and len(inner.present) < len(run.class_names):
        raise UserError(
            f"{run.config.model} is stacking fitted on {len(inner.present)} of {len(run.class_names)} classes, for "
            "which there are no layers: build the members with another method"
        )


def _check_network(run: StoredRun, root: StoredRun) -> None:
    who = run.config.title if run is root else f"member {run.config.title}"
    if run.config.kind == "external":
        without = "name a network" if run is root else "build the ensemble without it"
        raise UserError(f"{who} was imported and has no network: {without}")
    if run.config.folds or run.config.tta != "none":
        single = replace(run.config.network, folds=0).title
        instead = f"name {single}" if run is root else f"build the ensemble of {single} in its place"
        raise UserError(f"{who} is not a single network: {instead}")
