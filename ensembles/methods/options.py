"""The methods by name, and their options."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmark.arguments import bring_to_types
from zoo.errors import UserError, unknown_name

AVERAGE: Final = "average"

PLAIN: Final[Mapping[str, str]] = {AVERAGE: "linear", "geometric": "geometric", "vote": "vote"}
"""The methods that fit nothing, and the pool (`methods.pooling`) of each."""

FITTED: Final = ("weighted", "greedy", "stacking")
METHODS: Final = (*PLAIN, *FITTED)

FOLDS: Final = 5
"""Folds of cross-fitting, stratified by class."""

SHARED: Final = "shared"
FEATURES: Final = ("all", SHARED)
"""What stacking uses for a class: all probabilities of all members, or only their probabilities of that class."""

METRICS: Final = ("log_loss", "accuracy")
RANGES: Final = {"rounds": (1, 10_000), "bags": (0, 1_000), "seed": (0, 2**32 - 1)}

CONCERNED: Final[Mapping[str, tuple[str, ...]]] = {
    "metric": ("greedy",),
    "rounds": ("greedy",),
    "bags": ("greedy",),
    "seed": FITTED,
    "features": ("stacking",),
}
"""The methods that use each option; see `concerns`."""


def concerns(option: str, method: str, calibrate: bool) -> bool:
    """Whether an option changes a method's result; the seed also draws the folds in which a temperature is fitted."""
    return method in CONCERNED[option] or (option == "seed" and calibrate)


def check_within(within: float) -> None:
    """Raises:
    UserError: `within` is not 0 to 100.
    """
    if not 0 <= within <= 100:
        raise UserError(f"--within is in points of accuracy, 0 to 100, got {within:g}")


def check_method(method: str, known: Sequence[str] = METHODS) -> None:
    """Raises:
    UserError: there is no such method.
    """
    if method == "all" and method not in known:
        raise UserError("all stands for every method: call ensembles.build_all, or give the command `--method all`")
    if method not in known:
        raise unknown_name("ensemble method", str(method), known)


@dataclass(frozen=True)
class Options:
    """How members are chosen and methods fitted. A method ignores the options of others, so that all can have the same.

    Attributes:
        metric: what greedy selection improves on validation, log_loss or accuracy.
        rounds: largest number of picks of greedy selection, 1-10000.
        bags: number of random halves of the members over which greedy selection is repeated and its weights averaged,
            0-1000; 0 selects once among all members.
        seed: of those halves, and of the folds of cross-fitting; at least 0.
        features: of stacking: "all", a coefficient for each member and two classes; "shared", one for each member.
        seeds: build the ensemble of the first so many seeds of its only member; None otherwise.
        within: margin in points, 0-100, with which `ensembles.smallest` chose the members; None if it did not. It only
            becomes part of the ensemble's configuration.
        calibrate: scale the pooled probabilities by a temperature if that helps on held-out samples of validation.

    Raises:
        UserError: a value outside its range.
    """

    metric: str = "log_loss"
    rounds: int = 100
    bags: int = 0
    seed: int = 0
    features: str = "all"
    seeds: int | None = None
    within: float | None = None
    calibrate: bool = False

    def __post_init__(self) -> None:
        bring_to_types(self)
        if self.metric not in METRICS:
            raise unknown_name("metric", self.metric, METRICS)
        if self.features not in FEATURES:
            raise unknown_name("features", self.features, FEATURES)
        for name, (smallest, largest) in RANGES.items():
            if not smallest <= getattr(self, name) <= largest:
                raise UserError(f"{name} must be {smallest} to {largest}, got {getattr(self, name)}")
        if self.seeds is not None and self.seeds < 2:
            raise UserError(f"an ensemble of seeds needs at least 2, got {self.seeds}")
        if self.within is not None:
            check_within(self.within)

    def of(self, method: str) -> dict[str, Any]:
        """The options that change the result of `method`: its hyperparameters in the run's configuration."""
        options = {name: getattr(self, name) for name, methods in CONCERNED.items() if method in methods}
        if not self.bags:
            options.pop("bags", None)
        if self.features == FEATURES[0]:
            options.pop("features", None)
        # What is stored of validation was in-sample before it was cross-fitted: another result, hence another run.
        if method in ("weighted", "greedy") or self.calibrate:
            options["folds"] = FOLDS
        if self.within is not None:
            options["within"] = self.within
        # Only where they are set, so that the hashes of ensembles without them stay what they were.
        if self.calibrate and self.seed:
            options["seed"] = self.seed
        return {**options, "calibrate": True} if self.calibrate else options
