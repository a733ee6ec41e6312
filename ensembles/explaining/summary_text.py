"""An explanation in eight lines: by validation, as everything that is chosen."""

from collections.abc import Mapping
from typing import Final

from benchmark.explanation import EnsembleMember, Explanation, MemberReport
from benchmark.statistics import precise_p_value_text
from ensembles.explaining.paragraphs import WIDTH, short, told_apart
from ensembles.explaining.split_reports import points

LABEL: Final = 13


def summary_text(explanation: Explanation) -> str:
    """The explanation in at most eight lines of 80 columns: one for each question."""
    report, calibration, cost = explanation.validation, explanation.calibration.validation, explanation.cost
    smallest = explanation.tradeoff.smallest
    pairs = zip(explanation.members, report.members, strict=True)
    counted = [(member, scores) for member, scores in pairs if not member.is_idle]
    difference, shown = report.contest.difference, told_apart(explanation.names)
    lines = {
        "validation": f"{report.accuracy:.2%}, {points(difference.value)} points against its best member "
        f"{shown[report.contest.member]}",
        "members": _members(explanation, [member for member, _ in counted], shown),
        "useful": _useful(counted, shown),
        "methods": "; ".join(
            f"{short(method.name, 24)} {method.validation.accuracy:.2%}"
            for method in sorted(explanation.methods, key=lambda method: -method.validation.accuracy)
        ),
        "temperature": f"{calibration.temperature:.3f}: held-out log loss {calibration.log_loss_before:.4f} becomes "
        f"{calibration.log_loss_after:.4f}{'' if calibration.kept else ', so it is not kept'}",
        "cost": ", ".join(
            part
            for part in (
                "" if cost.parameters is None else f"{cost.parameters:,} parameters",
                "" if cost.milliseconds is None else f"{cost.milliseconds:.3f} ms an image",
                "" if cost.train_hours is None else f"{cost.train_hours:.1f} h of training",
            )
            if part
        ),
    }
    if len(smallest.members) < len(counted):
        lines["smaller"] = (
            f"{smallest.accuracy:.2%} with {len(smallest.members)}, by {explanation.tradeoff.method}: "
            f"{', '.join(shown[name] for name in smallest.members)}"
        )
    if explanation.test:
        contest = explanation.test.contest
        lines["test"] = (
            f"{explanation.test.accuracy:.2%}, {points(contest.difference.value)} points against "
            f"{shown[contest.member]}, {precise_p_value_text(contest.p_value)} (report only)"
        )
    whole = [f"{label:<{LABEL}}{text}" for label, text in lines.items() if text]
    return "\n".join(map(_fitting, whole))


def _fitting(line: str) -> str:
    """The line without its last parts where it is too long; never without a part of a number."""
    if len(line) <= WIDTH:
        return line
    kept = line.rfind(" ", LABEL, WIDTH - 3)
    return f"{line[: kept if kept > LABEL else WIDTH - 4].rstrip(';, ')} ..."


def _members(explanation: Explanation, counted: list[EnsembleMember], shown: Mapping[str, str]) -> str:
    every = len(explanation.members)
    weights = {member.weight for member in counted}
    if None in weights or len(weights) == 1:
        how = ", with coefficients of each class" if None in weights else ", of equal weight" * (len(counted) > 1)
        return f"{len(counted)} of {every}{how}: {', '.join(shown[member.name] for member in counted)}"
    heavy = sorted(counted, key=lambda member: -(member.weight or 0))
    weighted = ", ".join(f"{shown[member.name]} {member.weight:.2f}" for member in heavy)
    return f"{len(counted)} of {every}: {weighted}"


def _useful(counted: list[tuple[EnsembleMember, MemberReport]], shown: Mapping[str, str]) -> str:
    """The member without which the ensemble loses most, and how many may not help at all."""
    member, report = max(counted, key=lambda pair: pair[1].gain_accuracy.value)
    harmful = sum(report.gain_accuracy.high < 0 for _, report in counted)
    doubtful = sum(not report.gain_accuracy.low > 0 for _, report in counted) - harmful
    doubt = f"{doubtful} of {len(counted)} in doubt" if doubtful else "none is in doubt"
    if harmful:
        doubt = f"{harmful} of {len(counted)} harm{'s' if harmful == 1 else ''}, {doubtful} in doubt"
    if not report.gain_accuracy.value > 0:
        return f"no member by itself; {doubt}"
    return f"{shown[member.name]} most, {points(-report.gain_accuracy.value)} points without it; {doubt}"
