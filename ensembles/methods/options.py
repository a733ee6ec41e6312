"""What can be asked of an ensemble besides its members and its method."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ensembles.methods.cross_fitting import FOLDS
from zoo.errors import UserError, unknown_name

METRICS: Final = ("log_loss", "accuracy")
MOST_ROUNDS: Final = 10_000
MOST_BAGS: Final = 1_000

CONCERNED: Final[Mapping[str, tuple[str, ...]]] = {
    "metric": ("greedy",),
    "rounds": ("greedy",),
    "bags": ("greedy",),
    "seed": ("weighted", "greedy", "stacking"),
}
"""The methods that each of the options matters to."""


@dataclass(frozen=True)
class Options:
    """How members are chosen and methods fitted; a method ignores what does not concern it.

    Attributes:
        metric: what greedy selection improves on validation: log_loss or accuracy.
        rounds: how many members greedy selection picks at most, 1-10000.
        bags: greedy selection is repeated on so many random halves of the members and the weights are averaged, 0-1000;
            0 is one selection among all of them.
        seed: of those halves, and of the folds of whatever is fitted; at least 0.
        seeds: build the ensemble of so many seeds of its only member; None for none of that.
        within: the members were chosen by `ensembles.smallest` with this margin, in points; None where they were not.
            It changes nothing but what the ensemble is said to be.
        calibrate: scale the pooled probabilities by a temperature where that helps on held-out samples of validation.

    Raises:
        UserError: a value outside its range.
    """

    metric: str = "log_loss"
    rounds: int = 100
    bags: int = 0
    seed: int = 0
    seeds: int | None = None
    within: float | None = None
    calibrate: bool = False

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            raise unknown_name("metric", self.metric, METRICS)
        for name, smallest, largest in (("rounds", 1, MOST_ROUNDS), ("bags", 0, MOST_BAGS), ("seed", 0, 2**32 - 1)):
            value = getattr(self, name)
            if not smallest <= value <= largest:
                raise UserError(f"{name} must be {smallest} to {largest}, got {value}")
        if self.seeds is not None and self.seeds < 2:
            raise UserError(f"an ensemble of seeds needs at least 2, got {self.seeds}")

    def of(self, method: str) -> dict[str, Any]:
        """What of this changes the result of `method`: its hyperparameters in the run's configuration."""
        asked = {name: getattr(self, name) for name, methods in CONCERNED.items() if method in methods}
        if not self.bags:
            asked.pop("bags", None)
        # What is stored of validation was in-sample before it was cross-fitted: another result, hence another run.
        if method in ("weighted", "greedy") or self.calibrate:
            asked["folds"] = FOLDS
        if self.within is not None:
            asked["within"] = self.within
        # Only where asked for, so that the hashes of ensembles without it stay what they were.
        return {**asked, "calibrate": True} if self.calibrate else asked
