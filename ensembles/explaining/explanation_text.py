"""An explanation as text, at most 80 columns wide."""

import math
from collections.abc import Sequence
from typing import Final

from benchmark.explanation import EnsembleMember, Estimate, Explanation, MethodReport, SplitReport, folded
from benchmark.nouns import SAMPLES, Noun
from ensembles.explaining.cost_text import cost_text, tradeoff_text
from ensembles.explaining.paragraphs import paragraph, seeds_text, short, table, told_apart
from ensembles.explaining.split_reports import points
from ensembles.explaining.summary_text import summary_text

METHOD: Final = 38
"""Width of a method's name in its table, in letters."""

ACROSS: Final = 9
"""Columns of a matrix that fit side by side."""

MOST_SHOWN: Final = 2 * ACROSS
"""Most members for which every pair is shown."""

REPORT_ONLY: Final = "report only: nothing was fitted or chosen on it"
KINDS: Final = {"this": " (this ensemble)", "method": "", "member": " (best member)"}
"""What stands behind the name of a method of each kind."""


def explanation_text(explanation: Explanation, noun: Noun = SAMPLES) -> str:
    """The whole explanation; the samples are called by the noun."""
    fitted = ", fitted on validation" if explanation.fitted else ""
    parts = [
        paragraph(
            f"{explanation.ensemble}: {explanation.method} of {len(explanation.members)} members{fitted}; "
            f"{explanation.dataset}, {explanation.run}"
        ),
        summary_text(explanation),
        paragraph(explanation.validation.contest.sentence),
        _split(explanation.members, "validation", explanation.validation, noun),
        _matrices(explanation, noun),
        _methods(explanation),
        _calibration(explanation),
        cost_text(explanation),
        tradeoff_text(explanation),
    ]
    if explanation.test:
        parts.append(_split(explanation.members, f"test ({REPORT_ONLY})", explanation.test, noun))
        parts.append(paragraph(explanation.test.contest.sentence))
    return "\n\n".join(part for part in parts if part)


def _split(members: Sequence[EnsembleMember], title: str, report: SplitReport, noun: Noun) -> str:
    summed, shown = folded(members), told_apart([member.name for member in members])
    notes = (
        "A member's gain is the ensemble's score minus its score without the member, with a 95% interval. It is "
        "positive if the member helps."
    )
    if averaged := [f"{shown[member.name]}{seeds_text(member)}" for member in members if seeds_text(member)]:
        notes += f" Seeds are averaged before a member is scored: {', '.join(averaged)}."
    for place, member in enumerate(members):
        same = [
            shown[other.name]
            for other, share in zip(members, report.disagreement[place][:place], strict=False)
            if not share and other.weight != 0
        ]
        if same and member.weight != 0:
            notes += f" {shown[member.name]} names the same classes as {same[0]}, which stands in for it."
    rows, alone, idle = [], [], []
    for position, (member, scores) in enumerate(zip(members, report.members, strict=True), 1):
        if member.name in summed:
            idle.append(scores)
            continue
        weight = "-" if member.weight is None else f"{member.weight:.3f}"
        estimates = _with_interval(scores.gain_accuracy, 100), _with_interval(scores.gain_log_loss, 1000)
        rows.append([str(position), short(member.name), weight, f"{100 * scores.accuracy:.2f}", *estimates])
        alone += [f"{shown[member.name]} {scores.right_alone:,}"] if scores.right_alone else []
    lines = [
        f"On {title}",
        paragraph(notes),
        table(rows, "rlrrll", ["", "member", "weight", "acc. %", "gain, points", "gain, log loss/1000"]),
    ]
    if idle:
        accuracies = [100 * scores.accuracy for scores in idle]
        # Adding 0 makes a rounded -0.0 a 0.
        gains = [round(100 * scores.gain_accuracy.value, 2) + 0.0 for scores in idle]
        range_text = f"alone {min(accuracies):.2f} to {max(accuracies):.2f} %, gains of {min(gains):+.2f} to"
        lines.append(paragraph(f"{len(idle)} members of weight 0: {range_text} {max(gains):+.2f} points."))
        alone.append(f"those of weight 0 {sum(scores.right_alone for scores in idle):,}")
    lines.append(
        paragraph(
            f"The ensemble is right for {report.accuracy:.2%} of {noun.counted(report.samples)}, log loss "
            f"{report.log_loss:.4f}. At least one member is right for {report.oracle_accuracy:.2%}. "
            f"{noun.many.capitalize()} that only one member classifies correctly: {', '.join(alone) or 'none'}."
        )
    )
    return "\n".join(lines)


def _with_interval(estimate: Estimate, unit: float) -> str:
    if math.isnan(estimate.low):
        return f"{unit * estimate.value:+.2f}"
    ends = [unit * one for one in (estimate.value, estimate.low, estimate.high)]
    # Three digits: 1.23, 12.3, 123.
    largest = max(map(abs, ends))
    digits = 2 if largest < 10 else 1 if largest < 100 else 0
    # Adding 0 makes a rounded -0.0 a 0.
    value, low, high = (f"{round(one, digits) + 0.0:+.{digits}f}" for one in ends)
    return f"{value} [{low}, {high}]"


def _matrices(explanation: Explanation, noun: Noun) -> str:
    report = explanation.validation
    if len(explanation.members) > MOST_SHOWN:
        return paragraph(
            f"On validation two members disagree on {_range(report.disagreement, '.1%')} of the {noun.many}. The "
            f"correlation of their errors is {_range(report.error_correlation, '.2f')}. "
            "explanation.json has every pair."
        )
    names = [short(name) for name in explanation.names]
    disagreements = [[f"{100 * value:.1f}" for value in row] for row in report.disagreement]
    correlations = [["-" if math.isnan(value) else f"{value:.2f}" for value in row] for row in report.error_correlation]
    lines = [f"Disagreement on validation: % of {noun.many} that two members classify differently"]
    lines += [*_matrix(names, disagreements), ""]
    lines += ["Correlation of errors on validation: 0 where errors are independent", *_matrix(names, correlations)]
    return "\n".join(lines)


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
        blocks.append(table(rows, "rl" + "r" * len(columns), ["", "", *(f"{column + 1:>5}" for column in columns)]))
    return blocks


def _methods(explanation: Explanation) -> str:
    rows = [_method(method) for method in explanation.methods]
    note = (
        f"Log loss and ECE are those of {'test' if explanation.test else 'validation'}. The best member was chosen on "
        "validation, so its accuracy there is too high. Fitted methods are cross-fitted there."
    )
    headers = ["", "valid. %", "test %", "drop", "log loss", "ECE %"]
    title = "Methods on the same members; drop is validation minus test, in points"
    return "\n".join([title, table(rows, "lrrrrr", headers), paragraph(note)])


def _method(method: MethodReport) -> list[str]:
    kind, shown = KINDS[method.kind], method.test or method.validation
    return [
        f"{short(method.name, METHOD - len(kind))}{kind}",
        f"{100 * method.validation.accuracy:.2f}",
        f"{100 * method.test.accuracy:.2f}" if method.test else "-",
        "-" if method.drop is None else points(method.drop),
        f"{shown.log_loss:.4f}",
        f"{100 * shown.calibration_error:.2f}",
    ]


def _calibration(explanation: Explanation) -> str:
    report = explanation.calibration
    fitted, before, after = report.validation, report.test_before, report.test_after
    verdict = "lowers" if fitted.kept else "does not lower"
    stored = "; this ensemble is stored with it" if report.stored and fitted.kept else ""
    pairs = [
        ("held-out log loss", fitted.log_loss_before, fitted.log_loss_after),
        ("held-out ECE, %", fitted.calibration_error_before, fitted.calibration_error_after),
    ]
    if before and after and fitted.kept:  # Test is only shown what was chosen.
        pairs.append(("test log loss", before.log_loss, after.log_loss))
        pairs.append(("test ECE, %", before.calibration_error, after.calibration_error))
    rows = [
        [name, *(f"{100 * value:.2f}" if name.endswith("%") else f"{value:.4f}" for value in values)]
        for name, *values in pairs
    ]
    lines = [
        paragraph(
            f"Calibration: temperature {fitted.temperature:.3f} after pooling {verdict} the held-out log loss{stored}."
        ),
        table(rows, "lrr", ["", "before", "after"]),
    ]
    if fitted.kept and not report.stored:
        lines.append("Build it with --calibrate to store it with this temperature.")
    return "\n".join(lines)
