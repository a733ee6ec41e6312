"""Score a submission file with a file of labels, with 95 % intervals."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmark.matching.class_names import FER_CLASSES, FER_SYNONYMS, common_names
from benchmark.metrics import accuracy, log_loss, macro_f1
from benchmark.statistics import bootstrap_interval, wilson_interval
from reports.submissions.csv_files import class_positions, file_order, find_id, id_places
from reports.submissions.labels import LabelFile, read_labels
from reports.submissions.submission_files import Submitted, read_submission
from zoo.errors import UserError


@dataclass(frozen=True)
class Estimate:
    """A score and its 95 % interval, in the score's own unit."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class SubmissionScore:
    """What a submission is worth.

    Attributes:
        path: of the submission.
        images: rows that were scored.
        matched_by: "id", or "row" where a file has no ids.
        accuracy: 0-1, with Wilson's interval.
        macro_f1: 0-1, over the classes that occur in either file (all columns of probabilities), bootstrapped.
        log_loss: nats, bootstrapped; None for a submission of labels.
        never_right: classes that the submission predicts and no label has, with how often it does.
    """

    path: Path
    images: int
    matched_by: str
    accuracy: Estimate
    macro_f1: Estimate
    log_loss: Estimate | None
    never_right: Mapping[str, int]


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
    order, matched_by = _matched(submitted, truth)
    if submitted.probabilities is not None:
        meanings = common_names([submitted.class_names])
        classes = tuple(meanings[name] for name in submitted.class_names)
        true = _truth_positions(truth, _column_positions(submitted, classes, truth))
        return _scored(submitted, classes, matched_by, submitted.probabilities[order], true)
    positions = _common_classes(submitted, truth)
    true = _truth_positions(truth, positions)
    predicted = np.array([positions[_folded(submitted.labels[row], positions)] for row in order])
    # A class that occurs nowhere has no F1.
    used = np.unique([*true, *predicted])
    names = {place: text for text, place in positions.items()}
    one_hot = np.eye(len(used))[np.searchsorted(used, predicted)]
    return _scored(submitted, [names[place] for place in used], matched_by, one_hot, np.searchsorted(used, true))


def score_text(scored: SubmissionScore) -> str:
    """The scores as text of at most 80 columns."""
    by = "their ids" if scored.matched_by == "id" else "the order of the rows"
    rows = [
        ("accuracy", "{:.2f} %", 100, scored.accuracy, "Wilson"),
        ("macro F1", "{:.4f}", 1, scored.macro_f1, "bootstrap"),
    ]
    if scored.log_loss is not None:
        rows.append(("log loss", "{:.4f}", 1, scored.log_loss, "bootstrap"))
    lines = [f"{scored.images:,} images, matched by {by}", ""]
    for name, form, unit, estimate, method in rows:
        low, high = (form.format(unit * bound).removesuffix(" %") for bound in (estimate.low, estimate.high))
        value = form.format(unit * estimate.value)
        lines.append(f"{name:<10}{value:>9}   95 % interval {low} to {high} ({method})")
    if scored.never_right:
        total = sum(scored.never_right.values())
        lines += [
            "",
            f"NOTE: {total:,} rows have a class that no label has, such as {next(iter(scored.never_right))!r}",
        ]
    return "\n".join(lines) + "\n"


def _scored(
    submitted: Submitted,
    class_names: Sequence[str],
    matched_by: str,
    probabilities: NDArray[np.float64],
    true: NDArray[np.int64],
) -> SubmissionScore:
    hits = int((probabilities.argmax(axis=1) == true).sum())
    counts = np.bincount(probabilities.argmax(axis=1), minlength=probabilities.shape[1])
    absent = sorted(set(np.flatnonzero(counts).tolist()) - set(true.tolist()))
    return SubmissionScore(
        path=submitted.path,
        images=len(true),
        matched_by=matched_by,
        accuracy=Estimate(accuracy(probabilities, true), *wilson_interval(hits, len(true))),
        macro_f1=_bootstrapped(macro_f1, probabilities, true),
        log_loss=None if submitted.probabilities is None else _bootstrapped(log_loss, probabilities, true),
        never_right={class_names[place]: int(counts[place]) for place in absent},
    )


def _bootstrapped(
    metric: Callable[[NDArray[np.floating], NDArray[np.integer]], float],
    probabilities: NDArray[np.float64],
    true: NDArray[np.int64],
) -> Estimate:
    low, high = bootstrap_interval(metric, probabilities, true)
    return Estimate(metric(probabilities, true), low, high)


def _matched(submitted: Submitted, truth: LabelFile) -> tuple[list[int], str]:
    """For each label the row of the submission that is about the same image, and how that was found."""
    count = len(submitted.lines)
    names = truth.sample_ids()
    if not submitted.ids or not names:
        if count != len(truth.rows):
            raise UserError(f"{submitted.path} has {count:,} rows, {truth.path} has {len(truth.rows):,} labels")
        _check_order(submitted, truth)
        return list(range(count)), "row"
    known, rows = id_places(names), dict[int, int]()
    for row, (line, name) in enumerate(zip(submitted.lines, submitted.ids, strict=True)):
        place = find_id(name, known)
        if place is None:
            raise UserError(f"{submitted.path}, line {line}: {truth.path} has no label for the id {name!r}")
        if place in rows:
            raise UserError(f"{submitted.path}, line {line}: the id {name!r} occurs a second time")
        rows[place] = row
    if missing := [name for place, name in enumerate(names) if place not in rows]:
        raise UserError(
            f"{submitted.path} has {count:,} rows, expected {len(names):,}, one a label: {missing[0]!r} is missing"
        )
    return [rows[place] for place in range(len(names))], "id"


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


def _column_positions(submitted: Submitted, classes: Sequence[str], truth: LabelFile) -> Mapping[str, int]:
    """The column of every text that a label may be: the columns' names, and FER-2013's integers where all are its.

    The place of a column says nothing about other integers: a submission has its columns in any order.
    """
    if set(classes) <= set(FER_CLASSES):
        return class_positions(classes)
    positions = {name: place for place, name in enumerate(classes)}
    for row in truth.rows:
        if _is_integer(row.text) and row.text not in positions and not all(map(_is_integer, classes)):
            raise UserError(
                f"{truth.path}, line {row.line}: label {row.text!r} is an integer, the columns of {submitted.path} are "
                f"classes by name: write the labels as {', '.join(classes)}"
            )
    return positions


def _common_classes(submitted: Submitted, truth: LabelFile) -> Mapping[str, int]:
    """The position of every class that either file names, as integer or by name.

    Integers are FER-2013's only beside one of its names: any other task may have a class 0 too.
    """
    submitted_labels, true_labels = set(submitted.labels), {row.text for row in truth.rows}
    fer = class_positions(FER_CLASSES)
    if any(_folded(text, fer) in FER_CLASSES for text in submitted_labels | true_labels):
        if all(_folded(text, fer) in fer for text in submitted_labels | true_labels):
            return fer
        if not submitted_labels <= true_labels and all(_folded(text, fer) in fer for text in true_labels):
            row = next(row for row, text in enumerate(submitted.labels) if _folded(text, fer) not in fer)
            raise UserError(
                f"{submitted.path}, line {submitted.lines[row]}: unknown class {submitted.labels[row]!r}, "
                f"expected one of {', '.join(fer)}"
            )
    if all(map(_is_integer, submitted_labels)) != all(map(_is_integer, true_labels)):
        raise UserError(
            f"{submitted.path} has labels like {min(submitted_labels)!r}, {truth.path} like {min(true_labels)!r}: "
            "write both as integers or both as names"
        )
    return {text: place for place, text in enumerate(sorted(submitted_labels | true_labels))}


def _truth_positions(truth: LabelFile, positions: Mapping[str, int]) -> NDArray[np.int64]:
    for row in truth.rows:
        if _folded(row.text, positions) not in positions:
            raise UserError(
                f"{truth.path}, line {row.line}: unknown class {row.text!r}, expected one of {', '.join(positions)}"
            )
    return np.array([positions[_folded(row.text, positions)] for row in truth.rows], np.int64)


def _folded(text: str, positions: Mapping[str, int]) -> str:
    """FER-2013's own name for a synonym of it, where its classes are at stake; else the text itself."""
    return text if text in positions else FER_SYNONYMS.get(text.casefold(), text)


def _is_integer(text: str) -> bool:
    return text.removeprefix("-").isdecimal()
