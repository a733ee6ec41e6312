"""Figures on an ensemble: gains and disagreement of the members, and accuracy against cost."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pandas as pd

from benchmark.explanation import COSTS, Explanation, Point
from benchmark.nouns import Noun
from reports.text.drawing import COLOURS, QUIET, heatmap, member_name, png, title

MARKERS: Final = ("o", "s")
SPAN: Final = 1000
"""Up to what ratio of its ends an axis has room for numbers between powers of ten."""

LETTER: Final = (8.5, 15.0)
"""Width (of a wide one) and height in pixels of a letter at a point, for keeping names apart."""

PLACES: Final = ((0, 9, 0), (1, -9, 0), (0.5, 0, 15), (0.5, 0, -15), (0, 8, 14), (0, 8, -14), (0, -6, 20), (0, -6, -20))
"""Where a name may stand: how much of it lies left of its anchor, and the anchor's distance from the point."""

ALIGNED: Final = {0: "left", 0.5: "center", 1: "right"}


def member_gains(explanation: Explanation, noun: Noun) -> bytes:
    """Gain of each member in accuracy and in log loss, with 95 % intervals, by split."""
    rows = np.arange(len(explanation.members))[::-1]
    panels = (
        ("gain_accuracy", 100, "gain in accuracy, points"),
        ("gain_log_loss", 1000, "gain in log loss, nats / 1000"),
    )

    def draw(figure: Any) -> None:
        from matplotlib.ticker import MaxNLocator

        axes_pair = figure.subplots(1, 2, sharey=True)
        figure.suptitle(title(f"What {explanation.ensemble} loses without each member"), fontsize=13)
        for axes, (attribute, unit, label) in zip(axes_pair, panels, strict=True):
            axes.axvline(0, color=QUIET, linewidth=1)
            for place, (split, report) in enumerate(explanation.splits.items()):
                gains = [getattr(member, attribute) for member in report.members]
                value, low, high = unit * np.array([[gain.value, gain.low, gain.high] for gain in gains]).T
                axes.errorbar(
                    value,
                    rows + 0.16 - 0.32 * place if explanation.test else rows,
                    xerr=[value - low, high - value],
                    fmt=MARKERS[place],
                    color=COLOURS[(0, 3)[place]],
                    capsize=3,
                    markersize=6,
                    label=f"{split} ({noun.counted(report.samples)})",
                )
            axes.set_xlabel(f"{label}\n(right of 0: it helps)")
            axes.xaxis.set_major_locator(MaxNLocator(4))
            axes.set_ylim(-0.6, len(rows) - 0.4)
        axes_pair[0].set_yticks(rows, [member_name(name) for name in explanation.names])
        handles, labels = axes_pair[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2)

    return png(draw, height=190 + 36 * len(rows))


def disagreement(explanation: Explanation, noun: Noun) -> bytes:
    """Share of validation samples that two members classify differently, in %."""
    names = [member_name(name) for name in explanation.names]
    return heatmap(
        pd.DataFrame(100 * np.array(explanation.validation.disagreement), names, names),
        f"Disagreement on validation between members of {explanation.ensemble}",
        f"% of {noun.many} classified differently",
        cell=50,
        rotation=45,
        mask=np.eye(len(names), dtype=bool),
        annot=True,
        fmt=".0f",
        linewidths=1,
        annot_kws={"fontsize": 12},
    )


def accuracy_against_cost(explanation: Explanation, kind: str) -> bytes:
    """Accuracy on validation against one kind of cost, with the Pareto front of all sets that were tried."""
    tradeoff = explanation.tradeoff
    single = [point for point in tradeoff.points if len(point.members) == 1]
    several = [point for point in tradeoff.points if len(point.members) > 1]
    front = front_points(explanation, kind)
    report = explanation.validation
    own = Point(tuple(explanation.names), explanation.method, report.accuracy, report.log_loss, explanation.cost, ())

    def draw(figure: Any) -> None:
        axes = figure.add_subplot()
        axes.set_title(title(f"{explanation.ensemble}: accuracy on validation against cost"))
        axes.set_xscale("log")
        _scatter(axes, several, kind, label="several members", marker="o", s=30, color=COLOURS[5])
        _scatter(axes, single, kind, label="one member", marker="o", s=60, color=COLOURS[0])
        _scatter(axes, [own], kind, label="this ensemble", marker="*", s=260, color=COLOURS[3])
        ringed = {"facecolor": "none", "linewidths": 2}
        _scatter(axes, [tradeoff.best], kind, label="best found", marker="D", s=130, edgecolor=COLOURS[2], **ringed)
        label = f"fewest members within {tradeoff.within:g} points of it"
        _scatter(axes, [tradeoff.smallest], kind, label=label, marker="s", s=220, edgecolor=COLOURS[4], **ringed)
        axes.step(
            [getattr(point.cost, kind) for point in front],
            [100 * point.accuracy for point in front],
            where="post",
            color=QUIET,
            linewidth=1.5,
            zorder=1,
            label="Pareto front",
        )
        axes.set_xlabel(f"{COSTS[kind]} (logarithmic)")
        axes.set_ylabel("accuracy on validation in %")
        axes.margins(x=0.12, y=0.1)
        _ticks(axes)
        figure.legend(loc="outside lower center", ncols=3)
        figure.draw_without_rendering()
        _names(axes, single, [*several, own, *single], front, kind)

    return png(draw, height=600)


def front_points(explanation: Explanation, kind: str) -> list[Point]:
    """The points on the Pareto front of one kind of cost, the cheapest first."""
    front = [point for point in explanation.tradeoff.points if kind in point.front]
    return sorted(front, key=lambda point: float(getattr(point.cost, kind)))


def _scatter(axes: Any, points: Sequence[Point], kind: str, **style: Any) -> None:
    axes.scatter(
        [getattr(point.cost, kind) for point in points], [100 * point.accuracy for point in points], zorder=3, **style
    )


def _ticks(axes: Any) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axes.get_xlim()
    # Over several decades the numbers between their ends have no room.
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < SPAN * low else (1,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _plain(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _plain(value: float) -> str:
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e4, " k")):
        if value >= size:
            return f"{value / (1000 if unit == ' k' else size):g}{unit}"
    return f"{value:g}"


def _names(axes: Any, points: Sequence[Point], all_points: Sequence[Point], front: Sequence[Point], kind: str) -> None:
    """Write each member's name beside its point, where nothing else is; a name with no such place is left out."""

    def place_of(point: Point) -> tuple[float, float]:
        x, y = axes.transData.transform((getattr(point.cost, kind), 100 * point.accuracy))
        return float(x), float(y)

    taken = [(x - 6, y - 6, x + 6, y + 6) for x, y in map(place_of, all_points)]
    steps = [place_of(point) for point in front]
    for (x, y), (next_x, next_y) in pairwise(steps):
        taken += [(x, y - 2, next_x, y + 2), (next_x - 2, min(y, next_y), next_x + 2, max(y, next_y))]
    frame = axes.get_window_extent()
    for point in points:
        x, y = place_of(point)
        name = member_name(point.members[0])
        width, height = LETTER[0] * len(name), LETTER[1]
        for share, dx, dy in PLACES:
            left, middle = x + dx - share * width, y + dy
            box = (left, middle - height / 2, left + width, middle + height / 2)
            if frame.x0 < left and box[2] < frame.x1 and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                anchor = axes.transData.inverted().transform((x + dx, middle))
                axes.text(*anchor, name, fontsize=10, va="center", ha=ALIGNED[share])
                break


def _overlap(one: Sequence[float], other: Sequence[float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
