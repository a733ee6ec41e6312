"""An explanation as text for 80 columns."""

import math
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from benchmark.explanation import COSTS, Cost, EnsembleMember, Estimate, Explanation, MethodReport, Point, SplitReport
from ensembles.explaining.comparing import points

WIDTH: Final = 80
NAME: Final = 18
"""Letters of a name in a table."""

METHOD: Final = 38
"""Letters of a method in its table."""

ACROSS: Final = 9
"""Columns of a matrix that fit beside each other."""

MOST_SHOWN: Final = 2 * ACROSS
"""Members of whom every pair is shown."""

REPORT_ONLY: Final = "report only: nothing was fitted or chosen on it"


def explanation_text(explanation: Explanation) -> str:
    """The whole of it, at most 80 columns wide."""
    parts = [
        _head(explanation),
        _wrapped(explanation.validation.contest.sentence),
        _split(explanation, "validation", explanation.validation),
        _matrices(explanation),
        _methods(explanation),
        _calibration(explanation),
        _costs(explanation),
        _tradeoff(explanation),
    ]
    if explanation.test:
        parts.append(_split(explanation, f"test ({REPORT_ONLY})", explanation.test))
        parts.append(_wrapped(explanation.test.contest.sentence))
    return "\n\n".join(parts)


def short(name: str, width: int = NAME) -> str:
    """The name, with `..` in its middle where it is longer than `width`."""
    if len(name) <= width:
        return name
    tail = (width - 2) // 2
    return f"{name[: width - 2 - tail]}..{name[-tail:]}"


def _head(explanation: Explanation) -> str:
    fitted = ", fitted on validation" if explanation.fitted else ""
    return _wrapped(
        f"{explanation.ensemble}: {explanation.method} of {len(explanation.members)} members{fitted}; "
        f"{explanation.dataset}, {explanation.run}"
    )


def _split(explanation: Explanation, title: str, truth: SplitReport) -> str:
    averaged = [f"{short(voice.name)}{_seeds(voice)}" for voice in explanation.members if len(voice.runs) > 1]
    means = " Of several seeds their mean probabilities count, whose score is not the seeds' mean score: "
    lines = [
        f"On {title}",
        _wrapped(
            "A member's gain is what the ensemble loses without it (fitted anew where it is fitted): points of "
            "accuracy, and thousandths of a nat of log loss; positive where the member helps; with 95% intervals."
            + (f"{means}{', '.join(averaged)}." if averaged else "")
        ),
        f"{'':2} {'member':{NAME}} {'weight':>6} {'acc. %':>6}  {'gain, points':20} gain, log loss / 1000",
    ]
    for position, (voice, member) in enumerate(zip(explanation.members, truth.members, strict=True), 1):
        weight = "-" if voice.weight is None else f"{voice.weight:.3f}"
        gains = f"{_with_interval(member.gain_accuracy, 100):20} {_with_interval(member.gain_log_loss, 1000)}"
        lines.append(f"{position:2} {short(voice.name):{NAME}} {weight:>6} {100 * member.accuracy:6.2f}  {gains}")
    counts = [
        f"{short(voice.name)} {member.right_alone:,}"
        for voice, member in zip(explanation.members, truth.members, strict=True)
        if member.right_alone
    ]
    alone = ", ".join(counts) or "none"
    lines.append(
        _wrapped(
            f"The ensemble is right for {truth.accuracy:.2%} of {truth.samples:,} images, log loss "
            f"{truth.log_loss:.4f}; some member is right for {truth.oracle_accuracy:.2%}. Images that one "
            f"member alone gets right: {alone}."
        )
    )
    return "\n".join(lines)


def _with_interval(estimate: Estimate, unit: float) -> str:
    value, low, high = (unit * one for one in (estimate.value, estimate.low, estimate.high))
    # Three digits say enough and fit: 1.23, 12.3, 123.
    largest = max(abs(value), abs(low), abs(high))
    digits = 2 if largest < 10 else 1 if largest < 100 else 0
    # Adding 0 makes a rounded -0.0 a 0.
    value, low, high = (round(one, digits) + 0.0 for one in (value, low, high))
    return f"{value:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]"


def _matrices(explanation: Explanation) -> str:
    truth = explanation.validation
    names = [short(voice.name) for voice in explanation.members]
    if len(names) > MOST_SHOWN:
        return _wrapped(
            f"On validation two members name {_range(truth.disagreement, '.1%')} of the images differently, and their "
            f"errors correlate {_range(truth.error_correlation, '.2f')}; explanation.json has every pair."
        )
    return "\n".join(
        [
            "Disagreement on validation: % of images that two members name differently",
            *_matrix(names, truth.disagreement, lambda value: f"{100 * value:.1f}"),
            "",
            "Correlation of errors on validation: 0 where errors are independent",
            *_matrix(names, truth.error_correlation, lambda value: "-" if math.isnan(value) else f"{value:.2f}"),
        ]
    )


def _range(matrix: Sequence[Sequence[float]], form: str) -> str:
    pairs = [row[column] for position, row in enumerate(matrix) for column in range(position)]
    known = [value for value in pairs if not math.isnan(value)] or [math.nan]
    return f"{sum(known) / len(known):{form}} on average ({min(known):{form}} to {max(known):{form}})"


def _matrix(names: Sequence[str], rows: Sequence[Sequence[float]], said: Callable[[float], str]) -> Iterator[str]:
    for start in range(0, len(names), ACROSS):
        columns = range(start, min(start + ACROSS, len(names)))
        yield " " * (NAME + 3) + "".join(f"{column + 1:>6}" for column in columns)
        for position, (name, row) in enumerate(zip(names, rows, strict=True)):
            cells = ("" if column == position else said(row[column]) for column in columns)
            yield f"{position + 1:2} {name:{NAME}}{''.join(f'{cell:>6}' for cell in cells)}".rstrip()


def _methods(explanation: Explanation) -> str:
    lines = [
        "Methods on the same members; the drop from validation to test, in points",
        f"{'':{METHOD}} {'valid. %':>8} {'test %':>7} {'drop':>6} {'log loss':>8} {'ECE %':>6}",
    ]
    for method in explanation.methods:
        on_test = (
            [f"{100 * method.test.accuracy:.2f}", points(method.drop)]
            if method.test and method.drop is not None
            else ["-", "-"]
        )
        shown = method.test or method.validation
        lines.append(
            f"{_method_name(method):{METHOD}} {100 * method.validation.accuracy:8.2f} {on_test[0]:>7} {on_test[1]:>6} "
            f"{shown.log_loss:8.4f} {100 * shown.calibration_error:6.2f}"
        )
    split = "test" if explanation.test else "validation"
    lines.append(
        _wrapped(
            f"Log loss and ECE are those of {split}. Validation flatters the member chosen as best; what is fitted is "
            "cross-fitted there."
        )
    )
    return "\n".join(lines)


def _method_name(method: MethodReport) -> str:
    what = {"this": "this ensemble", "method": "", "member": "best member"}[method.kind]
    return f"{short(method.name, METHOD - len(what) - 3)} ({what})" if what else short(method.name, METHOD)


def _calibration(explanation: Explanation) -> str:
    found = explanation.calibration
    validation = found.validation
    verdict = "kept" if validation.kept else "not kept, because held-out log loss does not improve"
    lines = [
        _wrapped(
            f"Calibration: temperature {validation.temperature:.3f} after pooling, {verdict}"
            f"{'; this ensemble is stored with it' if found.stored and validation.kept else ''}"
        ),
        f"{'':26} {'before':>8} {'after':>8}",
        f"{'held-out log loss':26} {validation.log_loss_before:8.4f} {validation.log_loss_after:8.4f}",
        f"{'held-out ECE, %':26} {100 * validation.calibration_error_before:8.2f} "
        f"{100 * validation.calibration_error_after:8.2f}",
    ]
    if found.test_before and found.test_after:
        before, after = found.test_before, found.test_after
        lines += [
            f"{'test log loss':26} {before.log_loss:8.4f} {after.log_loss:8.4f}",
            f"{'test ECE, %':26} {100 * before.calibration_error:8.2f} {100 * after.calibration_error:8.2f}",
        ]
    if validation.kept and not found.stored:
        lines.append("Build it with --calibrate to store it so.")
    return "\n".join(lines)


def _costs(explanation: Explanation) -> str:
    lines = ["Cost; a network that several members share counts once", _cost_head("")]
    rows = [(f"{short(voice.name, 22)}{_seeds(voice)}", voice.cost) for voice in explanation.members]
    unused = any(voice.weight == 0 for voice in explanation.members)
    rows.append(("together, without weights of 0" if unused else "together", explanation.cost))
    return "\n".join(lines + [f"{name:34} {_cost_cells(cost)}" for name, cost in rows])


def _seeds(voice: EnsembleMember) -> str:
    return f" ({len(voice.runs)} seeds)" if len(voice.runs) > 1 else ""


def _cost_head(first: str) -> str:
    return f"{first:34} {'parameters':>13} {'operations':>10} {'ms/image':>9} {'hours':>8}"


def _cost_cells(cost: Cost) -> str:
    parameters = "-" if cost.parameters is None else f"{cost.parameters:,}"
    operations = "-" if cost.operations is None else _magnitude(cost.operations)
    milliseconds = "-" if cost.milliseconds is None else f"{cost.milliseconds:.3f}"
    hours = "-" if cost.train_hours is None else f"{cost.train_hours:.3f}"
    return f"{parameters:>13} {operations:>10} {milliseconds:>9} {hours:>8}"


def _magnitude(count: float) -> str:
    """A count with a unit: 12.3M."""
    for unit in ("", "k", "M", "G"):
        if count < 1000:
            return f"{count:.3g}{unit}"
        count /= 1000
    return f"{count:.3g}T"


def _tradeoff(explanation: Explanation) -> str:
    found = explanation.tradeoff
    best, smallest = found.best, found.smallest
    lines = [
        _wrapped(
            f"Accuracy on validation against cost: {found.search} of the members ({found.tried:,} tried), combined by "
            f"{found.method}. The best of so many is flattered by validation."
        ),
        _wrapped(f"Best: {_members(best)} with {best.accuracy:.2%}."),
        _wrapped(
            f"Smallest within {found.within:g} points of it: {_members(smallest)} with {smallest.accuracy:.2%}"
            f"{', and no ensemble is needed' if len(smallest.members) == 1 else ''}."
        ),
    ]
    for kind in COSTS:
        front = [point for point in found.points if kind in point.front]
        if front:
            lines += ["", f"Pareto front by {COSTS[kind]}", *_front(front, kind, found.method)]
    return "\n".join(lines)


def _front(front: Iterable[Point], kind: str, method: str) -> Iterator[str]:
    for point in sorted(front, key=lambda point: point.accuracy):
        value = getattr(point.cost, kind)
        said = {"parameters": "{:,}", "operations": "{:,}"}.get(kind, "{:.3f}").format(value)
        other = f" ({point.method})" if point.method not in (None, method) else ""
        members = short("+".join(point.members), WIDTH - 26 - len(other))
        yield f"{said:>15} {100 * point.accuracy:7.2f}%  {members}{other}"


def _members(point: Point) -> str:
    return ", ".join(point.members)


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_on_hyphens=False)
