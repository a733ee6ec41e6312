"""A stored ensemble as a tree of networks and of what combines them: what one network of it all is built from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.store.stored_run import StoredRun
from ensembles.building.building import stored_combination
from ensembles.explaining.anatomy import members_of, untempered
from ensembles.methods.calibration import Tempered
from ensembles.methods.combination import Combination
from ensembles.methods.pooling import Pool, equal
from ensembles.methods.stacking import Stack
from zoo.errors import UserError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Network:
    """A leaf of an ensemble: one trained network, by its place among all of them."""

    position: int

    def __call__(self, said: Array) -> Array:
        """What it says, (n, classes), of what all networks say, (networks, n, classes)."""
        found: Array = said[self.position]
        return found

    def to_json(self) -> dict[str, Any]:
        """As `benchmark.training.joint_model` reads it."""
        return {"network": self.position}


@dataclass(frozen=True, eq=False)
class Blend:
    """Several voices and how they become one.

    Attributes:
        combination: takes what the parts say, in their order.
        parts: those that weigh more than 0.
    """

    combination: Combination
    parts: tuple["Network | Blend", ...]

    def __call__(self, said: Array) -> Array:
        """What it says, (n, classes), of what all networks say, (networks, n, classes)."""
        return self.combination(np.stack([part(said) for part in self.parts]))

    def to_json(self) -> dict[str, Any]:
        """As `benchmark.training.joint_model` reads it."""
        return {**self.combination.to_json(), "parts": [part.to_json() for part in self.parts]}


def voice(
    run: StoredRun, stored: Mapping[str, StoredRun], networks: dict[str, StoredRun], silent: list[str]
) -> Network | Blend:
    """The tree behind a run. What it needs is added to `networks`, members that weigh 0 to `silent`."""
    if run.config.kind != "ensemble":
        _check_network(run)
        networks.setdefault(run.name, run)
        return Network(list(networks).index(run.name))
    members, combination = members_of(run, stored), stored_combination(run)
    _check_combination(run, combination)
    weights = np.ones(len(members)) if combination.weights is None else combination.weights
    silent += [member.name for member, weight in zip(members, weights, strict=True) if not weight]
    parts = []
    for member in (members[position] for position in np.flatnonzero(weights)):
        seeds = tuple(voice(one, stored, networks, silent) for one in member.runs)
        parts.append(Blend(equal("linear", len(seeds)), seeds) if len(seeds) > 1 else seeds[0])
    return Blend(_narrowed(combination, np.flatnonzero(weights).tolist()), tuple(parts))


def _narrowed(combination: Combination, kept: Sequence[int]) -> Combination:
    """The combination of the members at some positions, the others weighing 0."""
    if isinstance(combination, Tempered):
        return Tempered(_narrowed(combination.combination, kept), combination.temperature)
    return Pool(combination.kind, combination.weights[kept]) if isinstance(combination, Pool) else combination


def _check_combination(run: StoredRun, combination: Combination) -> None:
    inner = untempered(combination)
    if isinstance(inner, Stack) and len(inner.present) < len(run.class_names):
        raise UserError(
            f"{run.config.model} is stacking fitted on {len(inner.present)} of {len(run.class_names)} classes, for "
            "which there are no layers: build the members with another method"
        )


def _check_network(run: StoredRun) -> None:
    title = run.config.title
    if run.config.kind == "external":
        raise UserError(f"member {title} was imported and has no network: build the ensemble without it")
    if run.config.folds or run.config.tta != "none":
        raise UserError(f"member {title} is no single network: build the ensemble of {run.config.model} alone")
