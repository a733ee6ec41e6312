"""The stored result of `python -m ensembles explain`, as far as it is drawn; docs/ensembles.md has the schema."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.files.run_layout import EXPLANATION
from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun
from zoo.errors import UserError

SCHEMA_VERSION: Final = 1

COSTS: Final[Mapping[str, str]] = {
    "parameters": "parameters of all networks",
    "operations": "operations an image",
    "milliseconds": "milliseconds an image",
    "train_hours": "hours of training",
}
"""The kinds of cost, and what the axis says."""


@dataclass(frozen=True, eq=False)
class SplitFacts:
    """The ensemble on one split.

    Attributes:
        split: "validation" or "test".
        samples: images.
        accuracy: of the ensemble, 0-1.
        accuracies: of the members, shape (members,), 0-1.
        accuracy_gains: what the ensemble loses without the member, 0-1: value, low, high; shape (members, 3).
        log_loss_gains: the same of log loss, nats.
        disagreement: share of images that two members name differently, shape (members, members), 0-1.
        oracle_accuracy: share of images that some member has right.
        sentence: the ensemble against its best member, to quote.
    """

    split: str
    samples: int
    accuracy: float
    accuracies: NDArray[np.float64]
    accuracy_gains: NDArray[np.float64]
    log_loss_gains: NDArray[np.float64]
    disagreement: NDArray[np.float64]
    oracle_accuracy: float
    sentence: str


@dataclass(frozen=True)
class Point:
    """A set of members on the plane of cost and accuracy.

    Attributes:
        members: names.
        accuracy: on validation, 0-1.
        cost: by kind (`COSTS`); a kind that is not known is missing.
        front: the kinds by which no other set that was tried is better.
    """

    members: tuple[str, ...]
    accuracy: float
    cost: Mapping[str, float]
    front: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Explained:
    """An ensemble, its members, and what they are worth.

    Attributes:
        ensemble: its name.
        method: how the members are combined.
        members: names, unique.
        splits: validation, and test where there are labels for it.
        own: the ensemble as a point.
        best: the most accurate subset on validation.
        smallest: that of fewest members within `within` points of it.
        within: points of accuracy.
        search: how subsets were tried, in words.
        points: single members, good subsets, and all on a front.
    """

    ensemble: str
    method: str
    members: tuple[str, ...]
    splits: tuple[SplitFacts, ...]
    own: Point
    best: Point
    smallest: Point
    within: float
    search: str
    points: tuple[Point, ...]

    def costs(self) -> list[str]:
        """The kinds of cost that are known of every point."""
        return [kind for kind in COSTS if all(kind in point.cost for point in (self.own, *self.points))]


def read_explanation(store: RunStore, runs: Sequence[StoredRun], name: str) -> Explained:
    """What is stored about the ensemble that these runs are.

    Raises:
        UserError: it is no ensemble, was not explained yet, or by another version; or the file is damaged.
    """
    config = runs[0].config
    dataset = f"{config.dataset}-{config.fingerprint}"
    if config.kind != "ensemble":
        raise UserError(f"{name} is no ensemble: see `{store.command(f'reports model {name}', dataset)}`")
    again = f"run `{store.command(f'ensembles explain {name}', dataset)}`"
    text = store.read_beside(runs[0], EXPLANATION)
    if text is None:
        raise UserError(f"{name} has not been explained: {again} first")
    try:
        data = json.loads(text)
        version = data["schema_version"]
        if version == SCHEMA_VERSION:
            return _explained(data)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"the explanation of {name} is damaged ({type(error).__name__}: {error}): {again}") from error
    raise UserError(f"the explanation of {name} has schema {version!r}, this toolkit reads {SCHEMA_VERSION}: {again}")


def _explained(data: Mapping[str, Any]) -> Explained:
    tradeoff = data["tradeoff"]
    splits = tuple(_split(split, data[split]) for split in ("validation", "test") if data[split] is not None)
    names = tuple(str(member["name"]) for member in data["members"])
    own = {"members": names, "accuracy": splits[0].accuracy, "cost": data["cost"], "front": ()}
    return Explained(
        ensemble=str(data["ensemble"]),
        method=str(data["method"]),
        members=names,
        splits=splits,
        own=_point(own),
        best=_point(tradeoff["best"]),
        smallest=_point(tradeoff["smallest"]),
        within=float(tradeoff["within"]),
        search=f"{tradeoff['search']}, {int(tradeoff['tried']):,} tried, combined by {tradeoff['method']}",
        points=tuple(_point(point) for point in tradeoff["points"]),
    )


def _split(split: str, data: Mapping[str, Any]) -> SplitFacts:
    members = data["members"]
    count = len(members)
    return SplitFacts(
        split=split,
        samples=int(data["samples"]),
        accuracy=float(data["accuracy"]),
        accuracies=np.array([member["accuracy"] for member in members], np.float64),
        accuracy_gains=_estimates([member["gain_accuracy"] for member in members]),
        log_loss_gains=_estimates([member["gain_log_loss"] for member in members]),
        disagreement=np.array(data["disagreement"], np.float64).reshape(count, count),
        oracle_accuracy=float(data["oracle_accuracy"]),
        sentence=str(data["contest"]["sentence"]),
    )


def _estimates(found: Sequence[Mapping[str, float]]) -> NDArray[np.float64]:
    return np.array([[one["value"], one["low"], one["high"]] for one in found], np.float64)


def _point(data: Mapping[str, Any]) -> Point:
    return Point(
        members=tuple(map(str, data["members"])),
        accuracy=float(data["accuracy"]),
        cost={kind: float(value) for kind, value in data["cost"].items() if kind in COSTS and value is not None},
        front=tuple(data["front"]),
    )
