"""What `ensembles.explain` finds out, as plain data. docs/ensembles.md documents the JSON."""

import math
from dataclasses import asdict, dataclass
from typing import Any, Final

from ensembles.costs import Cost
from ensembles.methods.calibration import Calibration

SCHEMA_VERSION: Final = 1


@dataclass(frozen=True)
class Estimate:
    """A difference of means over samples with its 95 % interval, paired over samples."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class MemberTruth:
    """One member on one split.

    Attributes:
        accuracy: its own, 0-1.
        log_loss: its own, nats.
        gain_accuracy: the ensemble's accuracy less that of the ensemble fitted without it; positive where it helps.
        gain_log_loss: the log loss without it less the ensemble's, nats; positive where it helps.
        right_alone: samples that it has right and no other member.
    """

    accuracy: float
    log_loss: float
    gain_accuracy: Estimate
    gain_log_loss: Estimate
    right_alone: int


@dataclass(frozen=True)
class Contest:
    """The ensemble against its best member.

    Attributes:
        member: the most accurate on validation, also where the contest is on test.
        difference: the ensemble's accuracy less the member's.
        only_ensemble: samples the ensemble has right and the member has not.
        only_member: the other way round.
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
class SplitTruth:
    """The ensemble and its members on one split.

    Attributes:
        samples: how many.
        accuracy: of the ensemble, 0-1.
        log_loss: of the ensemble, nats.
        members: in the order of the ensemble's members.
        disagreement: (members, members), 0-1.
        error_correlation: (members, members), -1 to 1; NaN, in JSON null, where a member is always or never right.
        oracle_accuracy: share of samples that some member has right.
        contest: against the best member.
    """

    samples: int
    accuracy: float
    log_loss: float
    members: tuple[MemberTruth, ...]
    disagreement: tuple[tuple[float, ...], ...]
    error_correlation: tuple[tuple[float, ...], ...]
    oracle_accuracy: float
    contest: Contest


@dataclass(frozen=True)
class Scores:
    """Accuracy (0-1), log loss (nats) and expected calibration error (0-1)."""

    accuracy: float
    log_loss: float
    calibration_error: float


@dataclass(frozen=True)
class MethodTruth:
    """What one way to use the members scores.

    Attributes:
        name: the method's, or the best member's.
        kind: "this" (the ensemble explained), "method" (another on the same members) or "member" (the best one).
        validation: what anything fitted was fitted on, so that it flatters.
        test: None without labels.
        drop: accuracy on validation less that on test, 0-1; None without labels.
    """

    name: str
    kind: str
    validation: Scores
    test: Scores | None
    drop: float | None


@dataclass(frozen=True)
class CalibrationTruth:
    """Temperature scaling of the pooled probabilities, before and after.

    Attributes:
        stored: whether the ensemble was built with it.
        validation: by cross-fitting.
        test_before: scores of the pooled probabilities on test; None without labels.
        test_after: with the temperature that validation decided for.
    """

    stored: bool
    validation: Calibration
    test_before: Scores | None
    test_after: Scores | None


@dataclass(frozen=True)
class Point:
    """One set of members on the plane of cost and accuracy.

    Attributes:
        members: names.
        method: how they were combined; None for one alone.
        accuracy: on validation, 0-1.
        log_loss: on validation, nats.
        cost: of all networks, each once.
        front: the costs (`ensembles.costs.KINDS`) by which no other set tried is better.
    """

    members: tuple[str, ...]
    method: str | None
    accuracy: float
    log_loss: float
    cost: Cost
    front: tuple[str, ...]


@dataclass(frozen=True)
class Tradeoff:
    """Which members the ensemble could do without.

    Attributes:
        method: how subsets were combined: the ensemble's own where it fits nothing, else plain averaging.
        search: "all subsets" or "backward elimination".
        tried: how many subsets.
        within: points of accuracy on validation below the best subset.
        best: the most accurate subset on validation.
        smallest: that of fewest members within so many points.
        points: every single member, the best subset of each size, the two above, the ensemble itself where its method
            is fitted, and all on a front.
    """

    method: str
    search: str
    tried: int
    within: float
    best: Point
    smallest: Point
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Voice:
    """A member as such.

    Attributes:
        name: short, unique within the ensemble.
        runs: the stored runs it averages.
        weight: its share of the ensemble, summing to 1; None where the method has no weights.
        cost: of its networks.
    """

    name: str
    runs: tuple[str, ...]
    weight: float | None
    cost: Cost


@dataclass(frozen=True)
class Explanation:
    """An ensemble, and the truth about it."""

    ensemble: str
    run: str
    dataset: str
    method: str
    fitted: bool
    members: tuple[Voice, ...]
    cost: Cost
    validation: SplitTruth
    test: SplitTruth | None
    methods: tuple[MethodTruth, ...]
    calibration: CalibrationTruth
    tradeoff: Tradeoff

    def to_json(self) -> dict[str, Any]:
        """As a JSON object; what is not a number (NaN) is null."""
        plain: dict[str, Any] = _plain({"schema_version": SCHEMA_VERSION, **asdict(self)})
        return plain


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
