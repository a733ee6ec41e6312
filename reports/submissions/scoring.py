"""Score a submission file with a file of labels, with 95 % intervals."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmark.explanation import Estimate
from benchmark.matching.class_names import (
    FER_CLASSES,
    ClassMatcher,
    listed,
    meaning,
    number,
    shared_prefixes,
    sorted_class_names,
)
from benchmark.matching.sample_ids import IdList, check_rows, pair
from benchmark.metrics import accuracy, log_loss, macro_f1
from benchmark.statistics import bootstrap_interval, wilson_interval
from reports.submissions.csv_files import file_order
from reports.submissions.labels import LabelFile, read_labels
from reports.submissions.submission_files import Submitted, read_submission
from reports.text.tables import wrapped
from zoo.errors import UserError

WIDTH: Final = 80


@dataclass(frozen=True)
class SubmissionScore:
    """What a submission is worth.

    Attributes:
        path: of the submission.
        images: rows that were scored.
        matched_by: "id", or "row" where a file has no ids.
        ids: one line on ids that the two files spell in different ways; empty where there are none.
        accuracy: 0-1, with Wilson's interval.
        macro_f1: 0-1, over the classes that have labels or are predicted, as scikit-learn has it, bootstrapped.
        log_loss: nats, bootstrapped; None for a submission of labels.
        never_right: classes that the submission predicts and no label has, with how often it does. Each has an F1 of 0.
    """

    path: Path
    images: int
    matched_by: str
    ids: str
    accuracy: Estimate
    macro_f1: Estimate
    log_loss: Estimate | None
    never_right: Mapping[str, int]

    def __repr__(self) -> str:
        return f"{self.path}: {score_text(self)}"


def score(submission: Path | str, labels: Path | str) -> SubmissionScore:
    """Score a submission: labels (integers or names) one a line, id and label, or id and a column a class.

    Rows are matched by id where both files have ids, else by their order. A submission without ids is taken to be in
    the order of the test files' names, so that labels with ids must be in that order too.

    Args:
        submission: what `reports.submission` writes, or any competition's file of the same kind.
        labels: see `reports.submissions.labels.read_labels`.

    Raises:
        UserError: a file that cannot be read, ids that do not match, another number of rows, or labels of which one
            file has integers and the other names that are not FER-2013's, those of columns included; or, for a
            submission without ids, labels whose ids are not in ascending order.
    """
    truth = read_labels(labels)
    submitted = read_submission(submission, truth.sample_ids())
    matched = _matched(submitted, truth)
    if submitted.probabilities is not None:
        matcher = _columns(submitted, truth)
        true = truth.positions(matcher)
        return _scored(submitted, matcher.class_names, matched, submitted.probabilities[matched.rows], true)
    matcher = _common_classes(submitted, truth)
    true = truth.positions(matcher)
    predicted = matcher.positions([submitted.labels[row] for row in matched.rows])
    # A class that occurs nowhere has no F1.
    used = np.unique([*true, *predicted])
    one_hot = np.zeros((len(predicted), len(used)), np.float32)
    one_hot[np.arange(len(predicted)), np.searchsorted(used, predicted)] = 1
    names = [matcher.class_names[place] for place in used]
    return _scored(submitted, names, matched, one_hot, np.searchsorted(used, true))


def score_text(scored: SubmissionScore) -> str:
    """The scores as text of at most 80 columns."""
    by = "their ids" if scored.matched_by == "id" else "the order of the rows"
    rows = [
        ("accuracy", "{:.2f} %", 100, scored.accuracy, "Wilson"),
        ("macro F1", "{:.4f}", 1, scored.macro_f1, "bootstrap"),
    ]
    if scored.log_loss is not None:
        rows.append(("log loss", "{:.4f}", 1, scored.log_loss, "bootstrap"))
    lines = [f"{scored.images:,} images, matched by {by}", *([wrapped(scored.ids, WIDTH)] if scored.ids else []), ""]
    for name, form, unit, estimate, method in rows:
        low, high = (form.format(unit * bound).removesuffix(" %") for bound in (estimate.low, estimate.high))
        value = form.format(unit * estimate.value)
        lines.append(f"{name:<10}{value:>9}   95 % interval {low} to {high} ({method})")
    if scored.never_right:
        total = sum(scored.never_right.values())
        first = next(iter(scored.never_right))
        note = (
            f"NOTE: {total:,} rows have a class that no label has, such as {first!r}. "
            "Macro F1 counts such a class with an F1 of 0, as scikit-learn does."
        )
        lines += ["", wrapped(note, WIDTH)]
    return "\n".join(lines) + "\n"


def _scored(
    submitted: Submitted,
    class_names: Sequence[str],
    matched: "_Matched",
    probabilities: NDArray[np.floating],
    true: NDArray[np.int64],
) -> SubmissionScore:
    hits = int((probabilities.argmax(axis=1) == true).sum())
    counts = np.bincount(probabilities.argmax(axis=1), minlength=probabilities.shape[1])
    absent = sorted(set(np.flatnonzero(counts).tolist()) - set(true.tolist()))
    return SubmissionScore(
        path=submitted.path,
        images=len(true),
        matched_by=matched.by,
        ids=matched.how,
        accuracy=Estimate(accuracy(probabilities, true), *wilson_interval(hits, len(true))),
        macro_f1=_bootstrapped(macro_f1, probabilities, true),
        log_loss=None if submitted.probabilities is None else _bootstrapped(log_loss, probabilities, true),
        never_right={class_names[place]: int(counts[place]) for place in absent},
    )


def _bootstrapped(
    metric: Callable[[NDArray[np.floating], NDArray[np.integer]], float],
    probabilities: NDArray[np.floating],
    true: NDArray[np.int64],
) -> Estimate:
    low, high = bootstrap_interval(metric, probabilities, true)
    return Estimate(metric(probabilities, true), low, high)


@dataclass(frozen=True)
class _Matched:
    """For each label the row of the submission about the same image; by id or row; how ids are spelled otherwise."""

    rows: list[int]
    by: str
    how: str = ""


def _matched(submitted: Submitted, truth: LabelFile) -> _Matched:
    names = truth.sample_ids()
    if not submitted.ids or not names:
        check_rows(len(submitted.lines), len(truth.rows), str(submitted.path), f"the labels in {truth.path}")
        _check_order(submitted, truth)
        return _Matched(list(range(len(truth.rows))), "row")
    given = IdList(submitted.ids, str(submitted.path), submitted.lines)
    paired = pair(given, IdList(names, str(truth.path)))
    return _Matched(paired.rows, "id", paired.how)


def _check_order(submitted: Submitted, truth: LabelFile) -> None:
    """Raise UserError where labels with ids are in another order than a submission without ids would be."""
    if submitted.ids:
        return
    for row, following in pairwise(truth.rows):
        first, second = row.sample_id or "", following.sample_id or ""
        if file_order(first) > file_order(second):
            raise UserError(
                f"{truth.path}, line {following.line}: the id {second!r} after {first!r}, expected ids in ascending "
                f"order, as file names sort, because {submitted.path} has none: write it with ids "
                "(reports submission --format id-emotion), or give one label a line without ids, in the order of the "
                "test images"
            )


def _columns(submitted: Submitted, truth: LabelFile) -> ClassMatcher:
    """The classes of the columns, which go by their headings, with or without a prefix that all share.

    The place of a column says nothing about integers: a submission has its columns in any order. FER-2013's are known.
    """
    labels = {row.text for row in truth.rows}
    fer = ClassMatcher(FER_CLASSES)
    for prefix in ("", *shared_prefixes(submitted.class_names)):
        names = [heading.removeprefix(prefix) for heading in submitted.class_names]
        places = [place for name in names if (place := fer.position(name)) is not None]
        for classes in names, [FER_CLASSES[place] for place in places]:
            matcher = ClassMatcher(classes, ordered=False)
            if len(set(classes)) == len(names) and (matcher.positions(list(labels)) >= 0).all():
                return matcher
    matcher = ClassMatcher(submitted.class_names, ordered=False)
    for row in truth.rows:
        if number(row.text) is not None and not any(number(name) is not None for name in submitted.class_names):
            raise UserError(
                f"{truth.path}, line {row.line}: label {row.text!r} is a number, the columns of {submitted.path} are "
                f"classes by name: write the labels as {listed(submitted.class_names)}"
            )
    return matcher


def _common_classes(submitted: Submitted, truth: LabelFile) -> ClassMatcher:
    """Every class that either file names, as integer or by name.

    Integers are FER-2013's only beside one of its names: any other task may have a class 0 too.
    """
    said, true = set(submitted.labels), {row.text for row in truth.rows}
    fer = ClassMatcher(FER_CLASSES)
    if any(meaning(text) in FER_CLASSES for text in said | true):
        strange = {text for text in said | true if fer.position(text) is None}
        if not strange:
            return fer
        if not said <= true and not strange & true:
            row = next(row for row, text in enumerate(submitted.labels) if text in strange)
            raise UserError(
                f"{submitted.path}, line {submitted.lines[row]}: unknown class {submitted.labels[row]!r}, "
                f"expected one of {fer.expected}"
            )
    if all(number(text) is not None for text in said) != all(number(text) is not None for text in true):
        raise UserError(
            f"{submitted.path} has labels like {min(said)!r}, {truth.path} like {min(true)!r}: "
            "write both as integers or both as names"
        )
    known = ClassMatcher(sorted_class_names(true), ordered=False)
    others = sorted(text for text in said if known.position(text) is None)
    return ClassMatcher([*known.class_names, *others], ordered=False)
