"""An explanation in ten lines: by validation, as everything that is chosen."""

from typing import Final

from benchmark.explanation import EnsembleMember, Explanation, MemberReport
from ensembles.explaining.comparing import points, precise_p_value

WIDTH: Final = 80
LABEL: Final = 13
NAME: Final = 18
"""Letters of a name in a table or a line."""


def summary_text(explanation: Explanation) -> str:
    """The explanation in at most nine lines of 80 columns: one for each question."""
    report, calibration, cost = explanation.validation, explanation.calibration.validation, explanation.cost
    counted = _counted(explanation)
    difference = report.contest.difference
    lines = {
        "validation": f"{report.accuracy:.2%}, {points(difference.value)} points against its best member "
        f"{short(report.contest.member)}",
        "members": _members(explanation, [member for member, _ in counted]),
        "useful": f"{_most_useful(counted)}; {_in_doubt(counted)}",
        "methods": ", ".join(
            f"{short(method.name)} {method.validation.accuracy:.2%}"
            for method in sorted(explanation.methods, key=lambda method: -method.validation.accuracy)
        ),
        "temperature": f"{calibration.temperature:.3f}: held-out log loss {calibration.log_loss_before:.4f} becomes "
        f"{calibration.log_loss_after:.4f}{'' if calibration.kept else ', so it is not kept'}",
        "cost": ", ".join(
            part
            for part in (
                "" if cost.parameters is None else f"{cost.parameters:,} parameters",
                "" if cost.milliseconds is None else f"{cost.milliseconds:.3f} ms a prediction",
                "" if cost.train_hours is None else f"{cost.train_hours:.1f} hours of training",
            )
            if part
        ),
        "smaller": _smaller(explanation),
    }
    if explanation.test:
        contest = explanation.test.contest
        lines["test"] = (
            f"{explanation.test.accuracy:.2%}, {points(contest.difference.value)} points against "
            f"{short(contest.member)}, {precise_p_value(contest.p_value)} (report only)"
        )
    return "\n".join(_cut(f"{label:<{LABEL}}{text}") for label, text in lines.items() if text)


def short(name: str, width: int = NAME) -> str:
    """The name, with `..` in its middle where it is longer than `width`."""
    if len(name) <= width:
        return name
    tail = (width - 2) // 2
    return f"{name[: width - 2 - tail]}..{name[-tail:]}"


def is_idle(member: EnsembleMember) -> bool:
    """Whether the ensemble gives it no weight."""
    return member.weight == 0


def _pairs(explanation: Explanation) -> list[tuple[EnsembleMember, MemberReport]]:
    return list(zip(explanation.members, explanation.validation.members, strict=True))


def _counted(explanation: Explanation) -> list[tuple[EnsembleMember, MemberReport]]:
    """The members that weigh something, with what they score."""
    return [(member, report) for member, report in _pairs(explanation) if not is_idle(member)]


def _members(explanation: Explanation, counted: list[EnsembleMember]) -> str:
    every = len(explanation.members)
    if any(member.weight is None for member in counted) or len({member.weight for member in counted}) == 1:
        return f"{len(counted)} of {every}, all alike: {', '.join(short(member.name) for member in counted)}"
    heavy = sorted(counted, key=lambda member: -(member.weight or 0))
    weighted = ", ".join(f"{short(member.name)} {member.weight:.2f}" for member in heavy)
    return f"{len(counted)} of {every}: {weighted}"


def _most_useful(counted: list[tuple[EnsembleMember, MemberReport]]) -> str:
    member, report = max(counted, key=lambda pair: pair[1].gain_accuracy.value)
    return f"{short(member.name)} most, {points(-report.gain_accuracy.value)} points without it"


def _in_doubt(counted: list[tuple[EnsembleMember, MemberReport]]) -> str:
    doubtful = sum(not report.gain_accuracy.low > 0 for _, report in counted)
    return f"{doubtful} of {len(counted)} in doubt" if doubtful else "none is in doubt"


def _smaller(explanation: Explanation) -> str:
    tradeoff = explanation.tradeoff
    chosen = tradeoff.smallest
    names = ", ".join(short(name) for name in chosen.members)
    return f"{chosen.accuracy:.2%} with {len(chosen.members)}, by {tradeoff.method}: {names}"


def _cut(line: str) -> str:
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 3].rstrip()}..."
