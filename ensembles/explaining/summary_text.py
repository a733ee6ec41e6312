"""An explanation in ten lines, and what to take: by validation, as everything that is chosen."""

import shlex
from collections.abc import Callable
from typing import Final

from benchmark.explanation import EnsembleMember, Explanation, MemberReport, Point
from ensembles.explaining.comparing import p_value_text, points
from ensembles.members import ALL

WIDTH: Final = 80
LABEL: Final = 13
NAME: Final = 18
"""Letters of a name in a table or a line."""

AVERAGE: Final = "average"

Command = Callable[[str], str]
"""Makes a command of the words behind `python -m`: adds where the runs are."""


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
        )
        or "not known",
        "smaller": _smaller(explanation),
    }
    if explanation.test:
        contest = explanation.test.contest
        lines["test"] = (
            f"{explanation.test.accuracy:.2%}, {points(contest.difference.value)} points against "
            f"{short(contest.member)}, {p_value_text(contest.p_value)} (report only)"
        )
    return "\n".join(_cut(f"{label:<{LABEL}}{text}") for label, text in lines.items())


def advice(explanation: Explanation, command: Command) -> tuple[str, str]:
    """What to take, in a sentence, and the command that builds it; "" where nothing needs building.

    The simplest of these that is within `tradeoff.within` points of the most accurate of them on validation: the best
    member, the smallest set of members, the ensemble itself, another method on the same members.
    """
    tradeoff, own = explanation.tradeoff, explanation.validation.accuracy
    within = tradeoff.within / 100
    members = {member.name: scores.accuracy for member, scores in _pairs(explanation)}
    member = max(members, key=lambda name: members[name])
    others = [method for method in explanation.methods if method.kind == "method"]
    other = max(others, key=lambda method: method.validation.accuracy, default=None)
    everything = [own, members[member], tradeoff.best.accuracy, *[method.validation.accuracy for method in others]]
    enough = max(everything) - within - 1e-12
    if members[member] >= enough:
        return (
            f"Take {member} alone: it is right for {members[member]:.2%} on validation, within {tradeoff.within:g} "
            "points of all that was tried, and needs no building"
        ), ""
    fewer = len(tradeoff.smallest.members) < len(_counted(explanation))
    if tradeoff.smallest.accuracy >= enough and (fewer or own < enough):
        return _take_subset(explanation, tradeoff.smallest), command(_build(tradeoff.smallest.members, tradeoff.method))
    names, calibrated = explanation.names, explanation.calibration.validation.kept
    if own >= enough or other is None or other.validation.accuracy <= own:
        ending = " --calibrate" if calibrated or explanation.calibration.stored else ""
        scaled = ", with the temperature that lowers its log loss" if calibrated else ""
        return (
            f"Take {explanation.ensemble}{scaled}: it is right for {own:.2%} on validation, and nothing simpler comes "
            f"within {tradeoff.within:g} points of that"
        ), command(_build(names, explanation.method, explanation.ensemble) + ending)
    return (
        f"Take {other.name} of the same members: it is right for {other.validation.accuracy:.2%} on validation, "
        f"{explanation.ensemble} for {own:.2%}"
    ), command(_build(names, other.name, explanation.ensemble))


def short(name: str, width: int = NAME) -> str:
    """The name, with `..` in its middle where it is longer than `width`."""
    if len(name) <= width:
        return name
    tail = (width - 2) // 2
    return f"{name[: width - 2 - tail]}..{name[-tail:]}"


def is_idle(member: EnsembleMember) -> bool:
    """Whether the ensemble gives it no weight."""
    return member.weight == 0


def _take_subset(explanation: Explanation, chosen: Point) -> str:
    count = len(_counted(explanation))
    return (
        f"Take the {explanation.tradeoff.method} of {', '.join(chosen.members)}: {chosen.accuracy:.2%} on validation "
        f"with {len(chosen.members)} members, where {explanation.ensemble} has {explanation.validation.accuracy:.2%} "
        f"with {count}. They were chosen on validation, so expect a little less elsewhere"
    )


def _build(members: tuple[str, ...] | list[str], method: str, ensemble: str = "") -> str:
    """The words of the command; an ensemble of everything is named as such, for that is how it was built."""
    whole = ensemble.endswith(f"-{ALL}")
    words = "--from all" if whole else shlex.quote(",".join(members))
    kind = method.partition(":")[0].partition(" ")[0]
    return f"ensembles build {words}{'' if kind == AVERAGE else f' --method {kind}'}"


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
