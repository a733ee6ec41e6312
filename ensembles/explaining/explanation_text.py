"""An explanation as text, at most 80 columns wide."""

import math
import textwrap
from collections.abc import Iterable, Sequence
from typing import Final

from tabulate import DataRow, TableFormat, tabulate

from benchmark.explanation import (
    COSTS,
    Cost,
    EnsembleMember,
    Estimate,
    Explanation,
    MemberReport,
    MethodReport,
    Point,
    SplitReport,
)
from benchmark.nouns import SAMPLES, Noun
from ensembles.explaining.comparing import points
from ensembles.explaining.summary_text import is_idle, short, summary_text

WIDTH: Final = 80
METHOD: Final = 38
"""Letters of a method in its table."""

ACROSS: Final = 9
"""Columns of a matrix that fit beside each other."""

MOST_SHOWN: Final = 2 * ACROSS
"""Most members for which every pair is shown."""

REPORT_ONLY: Final = "report only: nothing was fitted or chosen on it"
ROWS: Final = TableFormat(None, None, None, None, DataRow("", " ", ""), DataRow("", " ", ""), 0, None)
"""Columns with one space between them, without lines."""


def explanation_text(explanation: Explanation, noun: Noun = SAMPLES) -> str:
    """The whole explanation; the samples are called by the noun."""
    fitted = ", fitted on validation" if explanation.fitted else ""
    parts = [
        _wrapped(
            f"{explanation.ensemble}: {explanation.method} of {len(explanation.members)} members{fitted}; "
            f"{explanation.dataset}, {explanation.run}"
        ),
        summary_text(explanation),
        _wrapped(explanation.validation.contest.sentence),
        _split(explanation.members, "validation", explanation.validation, noun),
        _matrices(explanation, noun),
        _methods(explanation),
        _calibration(explanation),
        *([_costs(explanation)] if _has_costs(explanation) else []),
        _tradeoff(explanation),
    ]
    if explanation.test:
        parts.append(_split(explanation.members, f"test ({REPORT_ONLY})", explanation.test, noun))
        parts.append(_wrapped(explanation.test.contest.sentence))
    return "\n\n".join(parts)


def _split(members: Sequence[EnsembleMember], title: str, report: SplitReport, noun: Noun) -> str:
    pairs = list(zip(members, report.members, strict=True))
    notes = [
        "A member's gain is the ensemble's score minus its score without the member, with a 95% interval. It is "
        "positive if the member helps."
    ]
    averaged = [f"{short(member.name)}{_seeds(member)}" for member in members if len(member.runs) > 1]
    if averaged:
        notes.append(f"Seeds are averaged before a member is scored: {', '.join(averaged)}.")
    idle = [scores for member, scores in pairs if is_idle(member)]
    folded = idle if len(idle) > 1 else []
    rows = [
        [
            str(position),
            short(member.name),
            "-" if member.weight is None else f"{member.weight:.3f}",
            f"{100 * scores.accuracy:.2f}",
            _with_interval(scores.gain_accuracy, 100),
            _with_interval(scores.gain_log_loss, 1000),
        ]
        for position, (member, scores) in enumerate(pairs, 1)
        if not folded or not is_idle(member)
    ]
    alone = [
        f"{short(member.name)} {scores.right_alone:,}"
        for member, scores in pairs
        if scores.right_alone and (not folded or not is_idle(member))
    ]
    if folded:
        alone.append(f"those of weight 0 {sum(scores.right_alone for scores in folded):,}")
    return "\n".join(
        [
            f"On {title}",
            _wrapped(" ".join(notes)),
            _table(rows, "rlrrll", ["", "member", "weight", "acc. %", "gain, points", "gain, log loss/1000"]),
            *([_folded(folded)] if folded else []),
            _wrapped(
                f"The ensemble is right for {report.accuracy:.2%} of {noun.counted(report.samples)}, log loss "
                f"{report.log_loss:.4f}. At least one member is right for {report.oracle_accuracy:.2%}. "
                f"{noun.many.capitalize()} that only one member classifies correctly: {', '.join(alone) or 'none'}."
            ),
        ]
    )


def _folded(idle: Sequence[MemberReport]) -> str:
    """The members of weight 0 in one sentence; explanation.json has each of them."""
    lowest, highest = (pick(scores.accuracy for scores in idle) for pick in (min, max))
    gains = [scores.gain_accuracy.value for scores in idle]
    # Adding 0 makes a rounded -0.0 a 0.
    low, high = (round(100 * pick(gains), 2) + 0.0 for pick in (min, max))
    return _wrapped(
        f"{len(idle)} members of weight 0: alone {100 * lowest:.2f} to {100 * highest:.2f} %, gains of {low:+.2f} to "
        f"{high:+.2f} points."
    )


def _with_interval(estimate: Estimate, unit: float) -> str:
    value, low, high = (unit * one for one in (estimate.value, estimate.low, estimate.high))
    # Three digits: 1.23, 12.3, 123.
    largest = max(abs(value), abs(low), abs(high))
    digits = 2 if largest < 10 else 1 if largest < 100 else 0
    # Adding 0 makes a rounded -0.0 a 0.
    value, low, high = (round(one, digits) + 0.0 for one in (value, low, high))
    return f"{value:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]"


def _matrices(explanation: Explanation, noun: Noun) -> str:
    report = explanation.validation
    if len(explanation.members) > MOST_SHOWN:
        return _wrapped(
            f"On validation two members disagree on {_range(report.disagreement, '.1%')} of the {noun.many}. The "
            f"correlation of their errors is {_range(report.error_correlation, '.2f')}. "
            "explanation.json has every pair."
        )
    names = [short(name) for name in explanation.names]
    correlations = [["-" if math.isnan(value) else f"{value:.2f}" for value in row] for row in report.error_correlation]
    return "\n".join(
        [
            f"Disagreement on validation: % of {noun.many} that two members classify differently",
            *_matrix(names, [[f"{100 * value:.1f}" for value in row] for row in report.disagreement]),
            "",
            "Correlation of errors on validation: 0 where errors are independent",
            *_matrix(names, correlations),
        ]
    )


def _range(matrix: Sequence[Sequence[float]], form: str) -> str:
    pairs = [row[column] for position, row in enumerate(matrix) for column in range(position)]
    known = [value for value in pairs if not math.isnan(value)] or [math.nan]
    return f"{sum(known) / len(known):{form}} on average ({min(known):{form}} to {max(known):{form}})"


def _matrix(names: Sequence[str], cells: Sequence[Sequence[str]]) -> list[str]:
    blocks = []
    for start in range(0, len(names), ACROSS):
        columns = range(start, min(start + ACROSS, len(names)))
        rows = [
            [str(position + 1), name, *("" if column == position else row[column] for column in columns)]
            for position, (name, row) in enumerate(zip(names, cells, strict=True))
        ]
        # Five wide at least, so that the blocks of a long matrix look alike.
        blocks.append(_table(rows, "rl" + "r" * len(columns), ["", "", *(f"{column + 1:>5}" for column in columns)]))
    return blocks


def _methods(explanation: Explanation) -> str:
    rows = []
    for method in explanation.methods:
        shown = method.test or method.validation
        rows.append(
            [
                _method_name(method),
                f"{100 * method.validation.accuracy:.2f}",
                f"{100 * method.test.accuracy:.2f}" if method.test else "-",
                "-" if method.drop is None else points(method.drop),
                f"{shown.log_loss:.4f}",
                f"{100 * shown.calibration_error:.2f}",
            ]
        )
    return "\n".join(
        [
            "Methods on the same members; drop is validation minus test, in points",
            _table(rows, "lrrrrr", ["", "valid. %", "test %", "drop", "log loss", "ECE %"]),
            _wrapped(
                f"Log loss and ECE are those of {'test' if explanation.test else 'validation'}. The best member was "
                "chosen on validation, so its accuracy there is too high. Fitted methods are cross-fitted there."
            ),
        ]
    )


def _method_name(method: MethodReport) -> str:
    kind = {"this": "this ensemble", "method": "", "member": "best member"}[method.kind]
    return f"{short(method.name, METHOD - len(kind) - 3)} ({kind})" if kind else short(method.name, METHOD)


def _calibration(explanation: Explanation) -> str:
    report = explanation.calibration
    validation, before, after = report.validation, report.test_before, report.test_after
    verdict = "kept" if validation.kept else "not kept, because it does not lower the held-out log loss"
    stored = ". This ensemble is stored with it" if report.stored and validation.kept else ""
    rows = [
        ["held-out log loss", f"{validation.log_loss_before:.4f}", f"{validation.log_loss_after:.4f}"],
        [
            "held-out ECE, %",
            f"{100 * validation.calibration_error_before:.2f}",
            f"{100 * validation.calibration_error_after:.2f}",
        ],
    ]
    if before and after:
        rows += [
            ["test log loss", f"{before.log_loss:.4f}", f"{after.log_loss:.4f}"],
            ["test ECE, %", f"{100 * before.calibration_error:.2f}", f"{100 * after.calibration_error:.2f}"],
        ]
    lines = [
        _wrapped(f"Calibration: temperature {validation.temperature:.3f} after pooling, {verdict}{stored}."),
        _table(rows, "lrr", ["", "before", "after"]),
    ]
    if validation.kept and not report.stored:
        lines.append("Build it with --calibrate to store it with this temperature.")
    return "\n".join(lines)


def _has_costs(explanation: Explanation) -> bool:
    """Whether any cost is known: of imported predictions none is."""
    costs = [explanation.cost, *(member.cost for member in explanation.members)]
    return any(value is not None for cost in costs for value in vars(cost).values())


def _costs(explanation: Explanation) -> str:
    idle = [member for member in explanation.members if is_idle(member)]
    listed = [member for member in explanation.members if len(idle) < 2 or not is_idle(member)]
    rows = [[f"{short(member.name, 22)}{_seeds(member)}", *_cost(member.cost)] for member in listed]
    unused = bool(idle)
    rows.append(["together, without weights of 0" if unused else "together", *_cost(explanation.cost)])
    headers = ["", "parameters", "operations", "ms/image", "hours"]
    left_out = f"; {len(idle)} members of weight 0 are not listed" if len(listed) < len(explanation.members) else ""
    return f"Cost; a network that several members share counts once{left_out}\n" + _table(rows, "lrrrr", headers)


def _seeds(member: EnsembleMember) -> str:
    return f" ({len(member.runs)} seeds)" if len(member.runs) > 1 else ""


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


def _tradeoff(explanation: Explanation) -> str:
    tradeoff = explanation.tradeoff
    best, smallest = tradeoff.best, tradeoff.smallest
    alone = ". One member is enough" if len(smallest.members) == 1 else ""
    lines = [
        _wrapped(
            f"Accuracy on validation against cost: {tradeoff.search} of the members ({tradeoff.tried:,} tried), "
            f"combined by {tradeoff.method}. The best was chosen on validation, so its accuracy there is too high."
        ),
        _wrapped(f"Best: {', '.join(best.members)} with {best.accuracy:.2%}."),
        _wrapped(
            f"Smallest within {tradeoff.within:g} points of it: {', '.join(smallest.members)} with "
            f"{smallest.accuracy:.2%}{alone}."
        ),
    ]
    for kind, title in COSTS.items():
        front = [point for point in tradeoff.points if kind in point.front]
        if front:
            lines += ["", f"Pareto front by {title}", _front(front, kind, tradeoff.method)]
    return "\n".join(lines)


def _front(front: Iterable[Point], kind: str, method: str) -> str:
    form = {"parameters": "{:,}", "operations": "{:,}"}.get(kind, "{:.3f}")
    rows = []
    for point in sorted(front, key=lambda point: point.accuracy):
        other = f" ({point.method})" if point.method not in (None, method) else ""
        members = short("+".join(point.members), WIDTH - 28 - len(other)) + other
        rows.append([form.format(getattr(point.cost, kind)), f"{100 * point.accuracy:.2f}%", members])
    return _table(rows, "rrl")


def _table(rows: Sequence[Sequence[str]], alignment: str, headers: Sequence[str] = ()) -> str:
    """Rows below their headings; alignment has a letter per column, l or r."""
    sides = ["left" if letter == "l" else "right" for letter in alignment]
    # The headings are a row like the others: as headings they would be two letters wider.
    text = tabulate([headers, *rows] if headers else rows, (), ROWS, disable_numparse=True, colalign=sides)
    return "\n".join(line.rstrip() for line in text.splitlines())


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_on_hyphens=False)
