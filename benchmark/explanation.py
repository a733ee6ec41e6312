"""What `ensembles explain` stores about an ensemble, as `explanation.json`: written by `ensembles`, read by `reports`.

The fields are the keys of the file. Accuracies, shares and calibration errors are 0-1, log losses in nats.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from benchmark.strict_json import Nullable, decoded, encoded

SCHEMA_VERSION: Final = 1

COSTS: Final[Mapping[str, str]] = {
    "parameters": "parameters of all networks",
    "operations": "operations per image",
    "milliseconds": "milliseconds per image",
    "train_hours": "hours of training",
}
"""The fields of `Cost`, in words."""

MEASURED: Final = (
    "Hours are those of the networks' own trainings, without teachers and searches. Milliseconds and hours are as "
    "measured where each was trained, with whatever else ran there."
)
"""What two of these costs leave out."""

Matrix = tuple[tuple[Nullable, ...], ...]


@dataclass(frozen=True)
class Estimate:
    """A score, or a difference of two, with its 95 % interval over samples; no interval for a single sample."""

    value: float
    low: Nullable
    high: Nullable


@dataclass(frozen=True)
class Cost:
    """Cost of training networks and of predicting with them; None where a network's record lacks it.

    Attributes:
        parameters: weights of all kinds.
        operations: floating-point operations per image.
        milliseconds: per image, as measured where each network was trained.
    """

    parameters: int | None
    operations: int | None
    milliseconds: float | None
    train_hours: float | None


@dataclass(frozen=True)
class Scores:
    """Accuracy (0-1), log loss (nats) and expected calibration error (0-1)."""

    accuracy: float
    log_loss: float
    calibration_error: float


@dataclass(frozen=True)
class MemberReport:
    """One member on one split: its own scores, and what the ensemble fitted without it loses.

    Attributes:
        gain_accuracy: the ensemble's accuracy minus that without the member.
        gain_log_loss: the log loss without the member minus the ensemble's.
        right_alone: number of samples that this member classifies correctly and no other member does.
    """

    accuracy: float
    log_loss: float
    gain_accuracy: Estimate
    gain_log_loss: Estimate
    right_alone: int


@dataclass(frozen=True)
class Contest:
    """The ensemble compared with its best member.

    Attributes:
        member: the most accurate member on validation, for test as well.
        difference: the ensemble's accuracy minus the member's.
        only_ensemble: number of samples that the ensemble classifies correctly and the member does not.
        only_member: the reverse.
        p_value: of the exact McNemar test.
        sentence: all of it, to quote.
    """

    member: str
    difference: Estimate
    only_ensemble: int
    only_member: int
    p_value: float
    sentence: str


@dataclass(frozen=True)
class SplitReport:
    """The ensemble and its members on one split.

    Attributes:
        members: in the order of the ensemble's members.
        disagreement: share of samples that two members classify differently, (members, members), to six decimals.
        error_correlation: (members, members), -1 to 1, to six decimals; NaN where a member is always or never right.
        oracle_accuracy: share of samples that at least one member classifies correctly.

    Raises:
        ValueError: a matrix of another shape.
    """

    samples: int
    accuracy: float
    log_loss: float
    members: tuple[MemberReport, ...]
    disagreement: Matrix
    error_correlation: Matrix
    oracle_accuracy: float
    contest: Contest

    def __post_init__(self) -> None:
        count = len(self.members)
        for matrix in (self.disagreement, self.error_correlation):
            if [len(row) for row in matrix] != [count] * count:
                raise ValueError(f"expected a matrix of {count} x {count} members")


@dataclass(frozen=True)
class MethodReport:
    """Scores of one way to use the members.

    Attributes:
        name: the method's, with the ensemble's name behind it where several have one method; or the best member's.
        kind: "this" (the ensemble explained), "method" (another on the same members) or "member" (the best one).
        test, drop: None without labels; the drop is accuracy on validation minus that on test.
    """

    name: str
    kind: str
    validation: Scores
    test: Scores | None
    drop: float | None


@dataclass(frozen=True)
class Calibration:
    """Temperature scaling on validation.

    Attributes:
        temperature: fitted on all of validation; above 1 where the probabilities are overconfident.
        kept: whether it lowers the cross-fitted log loss.
        log_loss_after, calibration_error_after: each sample is scaled by a temperature fitted on the other folds.
    """

    temperature: float
    kept: bool
    log_loss_before: float
    log_loss_after: float
    calibration_error_before: float
    calibration_error_after: float

    @property
    def applied(self) -> float:
        """The temperature to predict with: 1, which changes nothing, unless it is kept."""
        return self.temperature if self.kept else 1.0


@dataclass(frozen=True)
class CalibrationReport:
    """Temperature scaling of the ensemble.

    Attributes:
        stored: whether the ensemble was built with it.
        test_before: scores on test without scaling; None without labels.
        test_after: scores with the temperature that validation chose.
    """

    stored: bool
    validation: Calibration
    test_before: Scores | None
    test_after: Scores | None


@dataclass(frozen=True)
class Point:
    """A set of members with its cost and its scores on validation.

    Attributes:
        method: how they were combined; None for a single member.
        cost: of all networks, each once.
        front: the costs (`COSTS`) for which it is on the Pareto front.
    """

    members: tuple[str, ...]
    method: str | None
    accuracy: float
    log_loss: float
    cost: Cost
    front: tuple[str, ...]


@dataclass(frozen=True)
class Tradeoff:
    """Subsets of the members: accuracy against cost.

    Attributes:
        method: how subsets were combined: the ensemble's own method if it fits nothing, else plain averaging.
        search: "all subsets" or "backward elimination".
        within: points of accuracy on validation below the best subset.
        best: the most accurate subset on validation.
        smallest: the subset with the fewest members within `within` points of the best.
        points: every single member, the best subset of each size, the two above, the ensemble itself where its method
            is fitted, and all points on a Pareto front.
    """

    method: str
    search: str
    tried: int
    within: float
    best: Point
    smallest: Point
    points: tuple[Point, ...]


@dataclass(frozen=True)
class EnsembleMember:
    """A member of the ensemble.

    Attributes:
        name: short, unique within the ensemble.
        runs: the stored runs whose predictions it averages.
        weight: 0-1, all sum to 1; None where the method has no weights.
    """

    name: str
    runs: tuple[str, ...]
    weight: float | None
    cost: Cost

    @property
    def is_idle(self) -> bool:
        """Whether the ensemble gives it no weight."""
        return self.weight == 0


def folded(members: Sequence[EnsembleMember]) -> set[str]:
    """The names of members without weight that reports sum up in place of listing each: several, and not all."""
    idle = {member.name for member in members if member.is_idle}
    return idle if 1 < len(idle) < len(members) else set()


@dataclass(frozen=True)
class Explanation:
    """What is known of an ensemble.

    Attributes:
        run: `model-hash/seed-0`.
        dataset: its name without the fingerprint.
        fitted: whether the method is fitted on validation.
        cost: of all networks whose weight is above 0, each once.
        test: None without labels.
        methods: this ensemble, others of the same members, and the best member.

    Raises:
        ValueError: no members, or a split with another number of members.
    """

    ensemble: str
    run: str
    dataset: str
    method: str
    fitted: bool
    members: tuple[EnsembleMember, ...]
    cost: Cost
    validation: SplitReport
    test: SplitReport | None
    methods: tuple[MethodReport, ...]
    calibration: CalibrationReport
    tradeoff: Tradeoff

    def __post_init__(self) -> None:
        for split, report in self.splits.items():
            if not self.members or len(report.members) != len(self.members):
                raise ValueError(f"{len(self.members)} members, {len(report.members)} on {split}")

    def __repr__(self) -> str:
        contest = (self.test or self.validation).contest
        return f"<{self.ensemble}: {self.method} of {len(self.members)} members. {contest.sentence}>"

    @property
    def names(self) -> list[str]:
        """Of the members."""
        return [member.name for member in self.members]

    @property
    def splits(self) -> dict[str, SplitReport]:
        """Validation, and test if its labels are known."""
        return {"validation": self.validation} | ({"test": self.test} if self.test else {})

    def to_json(self) -> dict[str, Any]:
        """As a JSON object; NaN becomes null."""
        as_json: dict[str, Any] = encoded({"schema_version": SCHEMA_VERSION, **asdict(self)})
        return as_json

    @classmethod
    def from_json(cls, data: Any) -> "Explanation":
        """What `to_json` wrote. Unknown keys are ignored.

        Raises:
            ValueError: a key is missing, or a value has another type or is too large.
        """
        explanation: Explanation = decoded(cls, data)
        return explanation
