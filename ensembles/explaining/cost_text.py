"""What an ensemble costs, and its accuracy against the cost of fewer members, as text of at most 80 columns."""

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Final

from benchmark.explanation import COSTS, MEASURED, Cost, Explanation, Point, folded
from ensembles.explaining.paragraphs import WIDTH, paragraph, seeds_text, table, told_apart

LISTED: Final = 8
"""Members of a set that are named."""


def cost_text(explanation: Explanation) -> str:
    """What each member and all together cost; empty where nothing is known, as of imported predictions."""
    costs = [explanation.cost, *(member.cost for member in explanation.members)]
    if all(value is None for cost in costs for value in vars(cost).values()):
        return ""
    summed, shown = folded(explanation.members), told_apart(explanation.names, 22)
    rows = [
        [f"{shown[member.name]}{seeds_text(member)}", *_cost(member.cost)]
        for member in explanation.members
        if member.name not in summed
    ]
    weighted = ", without weights of 0" if any(member.is_idle for member in explanation.members) else ""
    rows.append([f"together{weighted}", *_cost(explanation.cost)])
    left_out = f"; {len(summed)} members of weight 0 are not listed" if summed else ""
    headers = ["", "parameters", "operations", "ms/image", "hours"]
    heading = paragraph(f"Cost; a network that several members share counts once{left_out}")
    measured = any(cost.milliseconds is not None or cost.train_hours is not None for cost in costs)
    return "\n".join([heading, table(rows, "lrrrr", headers), *([paragraph(MEASURED)] if measured else [])])


def tradeoff_text(explanation: Explanation) -> str:
    """The best and the smallest of the sets of members that were tried, and the Pareto fronts."""
    tradeoff = explanation.tradeoff
    best, smallest = tradeoff.best, tradeoff.smallest
    alone = ". One member is enough" if len(smallest.members) == 1 else ""
    lines = [
        paragraph(
            f"Accuracy on validation against cost: {tradeoff.search} of the members ({tradeoff.tried:,} tried), "
            f"combined by {tradeoff.method}. The best was chosen on validation, so its accuracy there is too high."
        ),
        paragraph(f"Best: {', '.join(best.members)} with {best.accuracy:.2%}."),
        paragraph(
            f"Smallest within {tradeoff.within:g} points of it: {', '.join(smallest.members)} with "
            f"{smallest.accuracy:.2%}{alone}."
        ),
    ]
    for kind, title in COSTS.items():
        if front := [point for point in tradeoff.points if kind in point.front]:
            front.sort(key=lambda point: point.accuracy)
            lines += ["", f"Pareto front by {title}", *_front(front, kind, explanation)]
    return "\n".join(lines)


def _front(front: Sequence[Point], kind: str, explanation: Explanation) -> list[str]:
    """A point a line, or several where its members do not fit."""
    shown, form = told_apart(explanation.names, 36), "{:,}" if kind in ("parameters", "operations") else "{:,.3f}"
    costs = [form.format(getattr(point.cost, kind)) for point in front]
    sets = [_members(point.members, shown, LISTED) for point in front]
    lines = []
    for point, cost, members in zip(front, costs, sets, strict=True):
        start = f"{cost:>{max(map(len, costs))}} {100 * point.accuracy:.2f}% "
        other = f" ({point.method})" if point.method not in (None, explanation.tradeoff.method) else ""
        # Two sets that would look alike are listed whole.
        whole = members if sets.count(members) == 1 else _members(point.members, shown, len(point.members))
        text, rest = whole + other, " " * len(start)
        lines += wrap(text, WIDTH, initial_indent=start, subsequent_indent=rest, break_on_hyphens=False)
    return lines


def _members(names: Sequence[str], shown: Mapping[str, str], most: int) -> str:
    more = f" + ... ({len(names)} in all)" if len(names) > most else ""
    return " + ".join(shown[name] for name in names[:most]) + more


def _cost(cost: Cost) -> list[str]:
    return [
        "-" if cost.parameters is None else f"{cost.parameters:,}",
        "-" if cost.operations is None else _magnitude(cost.operations),
        "-" if cost.milliseconds is None else f"{cost.milliseconds:.3f}",
        "-" if cost.train_hours is None else f"{cost.train_hours:.3f}",
    ]


def _magnitude(count: float) -> str:
    """A count with a unit: 12.3M."""
    for unit in ("", "k", "M", "G"):
        if count < 1000:
            return f"{count:.3g}{unit}"
        count /= 1000
    return f"{count:.3g}T"
