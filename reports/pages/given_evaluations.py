"""Predictions that are no runs, as something to compare: labels or probabilities, as `reports score` reads them."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmark.matching.class_names import ClassMatcher, sorted_class_names
from benchmark.store.snapshot import Snapshot
from benchmark.store.stored_run import StoredRun
from benchmark.tables.class_columns import class_names_of
from benchmark.tables.formats import KnownNames
from benchmark.tables.given_labels import read_labels
from benchmark.tables.prediction_rows import rows_of
from benchmark.tables.sources import SUFFIXES
from reports.pages.evaluation import Evaluation
from reports.submissions.given_predictions import SPLIT, Truth, checked, judged, read_predictions
from reports.submissions.stored_labels import other_ids

FILES: Final = (*SUFFIXES, ".txt")


def is_source(given: Any) -> bool:
    """Whether it holds predictions: a file, which its suffix tells from the name of a run, or an array or a frame."""
    return not is_name(given) or str(given).lower().endswith(FILES)


def is_name(given: Any) -> bool:
    """Whether it stands for predictions and does not hold them: a run, its name, or a file."""
    return isinstance(given, (str, Path, StoredRun))


def name_of(given: Any, place: int) -> str:
    """What it is called: a run or a file by its name, an array or a frame by its place, from 1."""
    return str(given) if is_name(given) else f"model {place}"


def truth_of(known: Evaluation, snapshot: Snapshot) -> Truth:
    """The samples of a run; the dataset's runs know those of the other split."""
    facts = known.dataset, known.split, known.class_names, known.sample_ids, known.labels
    return Truth(*facts, partial(other_ids, snapshot, known.split), known.noun, known.labels_from)


def truth_of_labels(labels: Any, sources: Sequence[Any]) -> Truth:
    """The samples of labels, with the classes that these and the predictions name.

    Raises:
        UserError: what cannot be read, a sample without a label, or labels that are none of the classes.
    """
    whole = read_labels(labels)
    part, split = judged(sources[0], whole)
    given = part.labelled()
    ids = given.unique_ids()
    known = KnownNames(sorted_class_names(given.texts), ids)
    split = split or SPLIT
    rows = [read_predictions(source, known, split) for source in sources]
    columns = next((one.headings for one in rows if one.headings and len(one.headings) > 1), ())
    matcher = ClassMatcher(columns, ordered=False)
    if not columns or (matcher.positions(given.texts) < 0).any():
        texts = [*given.texts, *(text for one in rows for text in one.labels or ())]
        names = sorted_class_names(texts) if any(one.labels for one in rows) else class_names_of(given, (), rows)
        matcher = ClassMatcher(names)
    return Truth(
        dataset="",
        split=split,
        class_names=matcher.class_names,
        sample_ids=np.array(ids, np.str_),
        labels=given.positions(matcher),
        others=lambda: whole.sample_ids or (),
        labels_from=whole.where,
        given_rows=None if (these := rows_of(whole.splits, split)) is None else (len(whole), these),
    )


def given_evaluation(name: str, source: Any, truth: Truth) -> Evaluation:
    """The predictions that a user gives for these samples, in their order. Labels count as probabilities of 0 and 1.

    Rows are matched by id, or by their order where the predictions or the samples have no ids.

    Args:
        name: what they are called.
        source: a file, an array or a frame.
        truth: the samples.

    Raises:
        UserError: what cannot be read, other samples, or other classes.
    """
    matched = truth.match(source)
    predictions = checked(matched, truth.class_names)
    notes = [f"read as {matched.rows.format}", *matched.id_notes, *predictions.notes]
    if matched.by != "id":
        why = "there are no ids to match" if matched.rows.sample_ids is None else f"the {truth.noun.many} have no ids"
        notes.insert(1, f"rows are taken in the order of the {truth.noun.many}, as {why}")
    return Evaluation(
        name=name,
        dataset=truth.dataset,
        runs=(),
        split=truth.split,
        class_names=truth.class_names,
        sample_ids=truth.sample_ids if len(truth.sample_ids) else np.arange(len(truth.labels)).astype(np.str_),
        labels=truth.labels,
        probabilities=predictions.probabilities[None].astype(np.float64, copy=False),
        labels_from=truth.labels_from,
        notes=tuple(notes),
        noun=truth.noun,
    )
