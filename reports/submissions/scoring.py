"""Score predictions with labels, with 95 % intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.explanation import Estimate
from benchmark.matching.cell_text import NO_LABEL
from benchmark.matching.class_names import (
    FER_CLASSES,
    ClassMatcher,
    listed,
    meaning,
    number,
    shared_prefixes,
    sorted_class_names,
)
from benchmark.metrics import accuracy, log_loss, macro_f1
from benchmark.nouns import SAMPLES, Noun
from benchmark.resampling import bootstrap_intervals
from benchmark.statistics import wilson_interval
from benchmark.store.run_store import RunStore
from benchmark.tables.class_columns import class_names_of
from benchmark.tables.formats import KnownNames
from benchmark.tables.given_labels import Labels, read_labels
from benchmark.tables.prediction_rows import Rows
from benchmark.ties import tie_sentence
from reports.submissions.given_predictions import (
    SPLIT,
    Checked,
    Matched,
    Truth,
    checked,
    file_order,
    judged,
    match,
    read_predictions,
    without_others,
)
from reports.submissions.stored_labels import stored_labels
from reports.text.tables import WIDTH, wrapped
from zoo.errors import UserError


@dataclass(frozen=True)
class SubmissionScore:
    """What predictions are worth.

    Attributes:
        where: the file of the predictions, or words.
        format: how the predictions were understood, in words.
        images: rows that were scored.
        matched_by: "id", or "row" where predictions or labels have no ids.
        ids: one line on ids that the two spell in different ways or that are left out; or empty.
        accuracy: 0-1, with Wilson's interval.
        macro_f1: 0-1, over the classes that have labels or are predicted, as scikit-learn has it, bootstrapped.
        log_loss: nats, bootstrapped; None for predictions that are labels.
        notes: what was done to the numbers.
        never_right: classes that are predicted and no label is, with how often they are. Each has an F1 of 0.
        noun: what the rows are about.
    """

    where: str
    format: str
    images: int
    matched_by: str
    ids: str
    accuracy: Estimate
    macro_f1: Estimate
    log_loss: Estimate | None
    notes: tuple[str, ...]
    never_right: Mapping[str, int]
    noun: Noun = SAMPLES

    def __repr__(self) -> str:
        return f"{self.where}: {score_text(self)}"


def score(
    submission: Any, labels: Any = None, *, runs: Path | str = "runs", data: str | None = None
) -> SubmissionScore:
    """Score predictions with labels; a file of labels (integers or names) may have one a line.

    Without labels they are those that are stored with the runs: of test if these are open and the predictions are about
    it, else of validation.

    Where labels are of several splits, and the predictions are not about all samples, they are about the first of test,
    validation and train that has labels and of which they name a sample; without ids, that has as many samples as there
    are rows.

    Rows are matched by id where both have ids, else by their order. Further ids are an error, but for those that
    the labels say are of another split. A submission without ids is taken to be in
    the order of the test files' names, so that labels with ids must be in that order too.

    Args:
        submission: what `reports.submission` writes, or any file, array or frame that `ensembles.import_predictions`
            reads, see docs/import.md.
        labels: a file, an array or a frame, see `benchmark.tables.given_labels.read_labels`; None for those of the
            stored runs.
        runs: where these are.
        data: their dataset, with or without fingerprint; needed where several are stored.

    Raises:
        UserError: no labels, a sample without one, what cannot be read, ids that do not match, another number of
            rows, or labels of which one file has integers and the other names that are not FER-2013's, those of columns
            included; or, for a submission without ids, labels whose ids are not in ascending order.
    """
    if labels is None:
        return _score_with_stored(submission, RunStore(Path(runs)), data)
    whole = read_labels(labels)
    known = KnownNames(sorted_class_names(whole.texts), whole.sample_ids or ())
    truth, split = judged(submission, whole)
    rows = read_predictions(submission, known, split or SPLIT)
    # Predictions of all samples are about all of them, if all have labels.
    if len(rows) == len(whole) and all(whole.texts):
        truth, split = whole, ""
    truth.labelled()
    rows, left_out = without_others(rows, truth.unique_ids(), lambda: whole.sample_ids or (), split or SPLIT)
    words = f"{split} labels" if split else "labels"
    matched = match(rows, truth.unique_ids(), len(truth), f"the {words} in {truth.where}", left_out)
    _check_order(rows, truth)
    scored = _score_with(matched, truth)
    return replace(scored, notes=(f"labels of {split} in {truth.where}", *scored.notes)) if split else scored


def _score_with(matched: Matched, truth: Labels) -> SubmissionScore:
    """The score of rows that are matched with a file of labels."""
    submitted = matched.rows
    if submitted.labels is not None:
        return _score_of_labels(matched, submitted.labels, truth)
    matcher = _columns(submitted, truth)
    # The heading of one column may name the first of two classes. Several are in the matcher's order.
    rows = submitted if submitted.columns == 1 else replace(submitted, headings=None)
    predictions = checked(replace(matched, rows=rows), matcher.class_names)
    return _scored(matched, matcher.class_names, predictions, truth.positions(matcher))


def _score_of_labels(matched: Matched, labels: Sequence[str], truth: Labels) -> SubmissionScore:
    """The score of labels, as probabilities of 0 and 1 of the classes that occur: others have no F1."""
    matcher = _common_classes(matched.rows, labels, truth)
    true, predicted = truth.positions(matcher), matcher.positions([labels[row] for row in matched.order])
    used = np.unique([*true, *predicted])
    one_hot = np.zeros((len(predicted), len(used)), np.float32)
    one_hot[np.arange(len(predicted)), np.searchsorted(used, predicted)] = 1
    names = [matcher.class_names[place] for place in used]
    return _scored(matched, names, Checked(one_hot, ()), np.searchsorted(used, true))


def _score_with_stored(submission: Any, store: RunStore, data: str | None) -> SubmissionScore:
    """The score by stored labels, of the first split that the file is about."""
    if not store.datasets():
        raise UserError("there are no labels to score with: give --labels FILE, or name a store of runs with --runs")
    snapshot = store.snapshot(store.find_dataset(data))
    known, errors = stored_labels(snapshot), []
    if not known:
        raise UserError(f"no run of {snapshot.dataset} has labels to score with: give --labels FILE")
    for truth in known:
        try:
            return _score_on(submission, truth)
        except UserError as error:
            errors.append(str(error))
    if isinstance(submission, str | Path) and not Path(submission).exists():
        raise UserError(errors[0])
    sealed = "; test labels are not stored: give them with --labels FILE" if known[0].split != "test" else ""
    raise UserError(errors[0] + sealed)


def _score_on(submission: Any, truth: Truth) -> SubmissionScore:
    """The score on one split. The other one may be as large, and its labels sealed."""
    matched, count = truth.match(submission), len(truth.labels)
    if matched.by == "row" and matched.rows.splits is None and len(truth.others()) == count:
        raise UserError(
            f"{matched.rows.where} has no ids, and validation and test are {count:,} {truth.noun.many} each, so it may "
            "be of either: write it with ids (reports submission --format id-emotion), or give --labels FILE"
        )
    predictions = checked(matched, truth.class_names)
    notes = (f"labels of {truth.split} as stored with {truth.dataset}", *predictions.notes)
    scored = _scored(matched, truth.class_names, replace(predictions, notes=notes), truth.labels)
    return replace(scored, noun=truth.noun)


def score_text(scored: SubmissionScore) -> str:
    """The scores as text of at most 80 columns."""
    by = "their ids" if scored.matched_by == "id" else "the order of the rows"
    rows = [
        ("accuracy", "{:.2f} %", 100, scored.accuracy, "Wilson"),
        ("macro F1", "{:.4f}", 1, scored.macro_f1, "bootstrap"),
    ]
    if scored.log_loss is not None:
        rows.append(("log loss", "{:.4f}", 1, scored.log_loss, "bootstrap"))
    lines = [f"{scored.noun.counted(scored.images)}, matched by {by}"]
    lines += [wrapped(line, WIDTH) for line in (f"read as {scored.format}", scored.ids, *scored.notes) if line]
    lines.append("")
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
    matched: Matched, class_names: Sequence[str], predictions: Checked, true: NDArray[np.int64]
) -> SubmissionScore:
    submitted, probabilities = matched.rows, predictions.probabilities
    hits = int((probabilities.argmax(axis=1) == true).sum())
    tied = tie_sentence([(probabilities, true)], SAMPLES)
    counts = np.bincount(probabilities.argmax(axis=1), minlength=probabilities.shape[1])
    absent = sorted(set(np.flatnonzero(counts).tolist()) - set(true.tolist()))
    scores = [macro_f1, *([log_loss] if submitted.labels is None else [])]
    intervals = bootstrap_intervals(scores, probabilities, true)
    estimates = [Estimate(score(probabilities, true), *bounds) for score, bounds in zip(scores, intervals, strict=True)]
    return SubmissionScore(
        where=submitted.where,
        format=submitted.format,
        images=len(true),
        matched_by=matched.by,
        ids="; ".join(matched.id_notes),
        accuracy=Estimate(accuracy(probabilities, true), *wilson_interval(hits, len(true))),
        macro_f1=estimates[0],
        log_loss=next(iter(estimates[1:]), None),
        notes=(*predictions.notes, *([tied] if tied else [])),
        never_right={class_names[place]: int(counts[place]) for place in absent},
    )


def _check_order(submitted: Rows, truth: Labels) -> None:
    """Raise UserError where labels with ids are in another order than a submission without ids would be."""
    if submitted.sample_ids is not None or truth.sample_ids is None:
        return
    for row, (first, second) in enumerate(pairwise(truth.sample_ids), 1):
        if file_order(first) > file_order(second):
            raise UserError(
                f"{truth.at(row)}: the id {second!r} after {first!r}, expected ids in ascending order, as file names "
                f"sort, because {submitted.where} has none: write it with ids (reports submission --format "
                "id-emotion), or give one label a line without ids, in the order of the test samples"
            )


def _columns(submitted: Rows, truth: Labels) -> ClassMatcher:
    """The classes of the columns, which go by their headings, with or without a prefix that all share.

    The place of a column says nothing about integers: a submission has its columns in any order. FER-2013's are known.
    Columns without headings are the classes in label order.
    """
    headings, labels = submitted.headings, set(truth.texts)
    if headings is None or len(headings) == 1:
        return ClassMatcher(class_names_of(truth, (), [replace(submitted, headings=None)]))
    fer = ClassMatcher(FER_CLASSES)
    for prefix in ("", *shared_prefixes(headings)):
        names = [heading.removeprefix(prefix) for heading in headings]
        places = [place for name in names if (place := fer.position(name)) is not None]
        for classes in names, [FER_CLASSES[place] for place in places]:
            matcher = ClassMatcher(classes, ordered=False)
            if len(set(classes)) == len(names) and (matcher.positions(list(labels)) >= 0).all():
                return matcher
    matcher = ClassMatcher(headings, ordered=False)
    for row, text in enumerate(truth.texts):
        if number(text) is not None and not any(number(name) is not None for name in headings):
            raise UserError(
                f"{truth.at(row)}: label {text!r} is a number, the columns of {submitted.where} are classes by name: "
                f"write the labels as {listed(headings)}"
            )
    return matcher


def _common_classes(submitted: Rows, labels: Sequence[str], truth: Labels) -> ClassMatcher:
    """Every class that either file names, as integer or by name.

    Integers are FER-2013's only beside one of its names: any other task may have a class 0 too.
    """
    if missing := [row for row, text in enumerate(labels) if text.lower() in NO_LABEL]:
        raise UserError(f"{submitted.at(missing[0])}: no label, expected one for each sample")
    texts, true = set(labels), set(truth.texts)
    fer = ClassMatcher(FER_CLASSES)
    if any(meaning(text) in FER_CLASSES for text in texts | true):
        strange = {text for text in texts | true if fer.position(text) is None}
        if not strange:
            return fer
        if not texts <= true and not strange & true:
            row = next(row for row, text in enumerate(labels) if text in strange)
            raise UserError(f"{submitted.at(row)}: unknown class {labels[row]!r}, expected one of {fer.expected}")
    if all(number(text) is not None for text in texts) != all(number(text) is not None for text in true):
        raise UserError(
            f"{submitted.where} has labels like {min(texts)!r}, {truth.where} like {min(true)!r}: "
            "write both as integers or both as names"
        )
    known = ClassMatcher(sorted_class_names(true), ordered=False)
    others = sorted(text for text in texts if known.position(text) is None)
    return ClassMatcher([*known.class_names, *others], ordered=False)
