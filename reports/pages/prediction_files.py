"""Predictions in a file, as something to compare: labels or probabilities, as `reports score` reads them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmark.data.merging import own_ids
from benchmark.matching.class_names import ClassMatcher, sorted_class_names
from benchmark.nouns import SAMPLES, Noun
from benchmark.records import PREDICTED
from benchmark.store.stored_run import StoredRun
from benchmark.tables.class_columns import class_names_of
from benchmark.tables.formats import KnownNames
from benchmark.tables.given_labels import read_labels
from benchmark.tables.sources import SUFFIXES
from reports.pages.evaluation import Evaluation
from reports.submissions.prediction_files import checked, match, read_predictions, without_others

FILES: Final = (*SUFFIXES, ".txt")


@dataclass(frozen=True, eq=False)
class Truth:
    """The samples that files are about.

    Attributes:
        dataset: `name-fingerprint`; "" where there are no runs.
        split: "test" or "validation".
        class_names: in label order.
        sample_ids: shape (n,); empty where only the order of the rows tells the samples apart.
        labels: shape (n,), positions in class_names.
        label_file: where the labels come from, if not from the runs.
        others: gives the ids of the samples of other splits, as far as they are known.
        noun: what the samples are called.
    """

    dataset: str
    split: str
    class_names: tuple[str, ...]
    sample_ids: NDArray[np.str_]
    labels: NDArray[np.int64]
    label_file: Path | None = None
    others: Callable[[], Sequence[str]] = tuple
    noun: Noun = SAMPLES

    @classmethod
    def of(cls, known: Evaluation, runs: Sequence[StoredRun] = ()) -> "Truth":
        """The samples of a run; the dataset's runs know those of the other split."""

        def others() -> Sequence[str]:
            (other,) = {*PREDICTED} - {known.split}
            predictions = (predicted for run in runs if (predicted := run.predictions(other)) is not None)
            first = next(predictions, None)
            return () if first is None else own_ids(_name(known.dataset), first.sample_ids).tolist()

        facts = (known.class_names, known.sample_ids, known.labels, known.label_file)
        return cls(known.dataset, known.split, *facts, others, known.noun)


def is_file(name: str) -> bool:
    """Whether a name that could be a run's is a file's, by its suffix."""
    return name.lower().endswith(FILES)


def _name(dataset: str) -> str:
    return dataset.rpartition("-")[0]


def truth_of_labels(labels: Path | str, files: list[str]) -> Truth:
    """The samples of a file of labels, with the classes that it and the files of predictions name.

    Raises:
        UserError: a file that cannot be read, or labels that are none of the classes.
    """
    whole = read_labels(labels)
    given = whole.of_split("test")
    ids = given.unique_ids()
    known = KnownNames(sorted_class_names(given.texts), ids)
    rows = [read_predictions(file, known) for file in files]
    columns = next((one.headings for one in rows if one.headings and len(one.headings) > 1), ())
    matcher = ClassMatcher(columns, ordered=False)
    if not columns or (matcher.positions(given.texts) < 0).any():
        texts = [*given.texts, *(text for one in rows for text in one.labels or ())]
        names = sorted_class_names(texts) if any(one.labels for one in rows) else class_names_of(given, (), rows)
        matcher = ClassMatcher(names)
    sample_ids = np.array(ids, np.str_) if ids else np.empty(0, np.str_)
    return Truth(
        "",
        "test",
        matcher.class_names,
        sample_ids,
        given.positions(matcher),
        Path(labels),
        lambda: whole.sample_ids or (),
    )


def file_evaluation(file: str, truth: Truth) -> Evaluation:
    """The predictions of a file for these samples, in their order. Labels count as probabilities of 0 and 1.

    Rows are matched by id, or by their order where the file or the samples have no ids.

    Raises:
        UserError: a file that cannot be read, other samples, or other classes.
    """
    ids = own_ids(_name(truth.dataset), truth.sample_ids).tolist()
    rows, left = without_others(
        read_predictions(file, KnownNames(truth.class_names, ids), truth.split), ids, truth.others, truth.split
    )
    matched = match(rows, ids, len(truth.labels), f"the {truth.split} {truth.noun.many}")
    predictions = checked(rows, matched, truth.class_names)
    by = (
        ""
        if matched.by == "id"
        else f"rows are taken in the order of the {truth.noun.many}, as there are no ids to match"
    )
    return Evaluation(
        name=file,
        dataset=truth.dataset,
        runs=(),
        split=truth.split,
        class_names=truth.class_names,
        sample_ids=truth.sample_ids if len(ids) else np.arange(len(truth.labels)).astype(np.str_),
        labels=truth.labels,
        probabilities=predictions.probabilities[None].astype(np.float64, copy=False),
        label_file=truth.label_file,
        notes=tuple(note for note in (f"read as {rows.format}", left, by, matched.id_note, *predictions.notes) if note),
        hard=rows.labels is not None,
        noun=truth.noun,
    )
