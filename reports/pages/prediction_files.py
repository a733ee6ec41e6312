"""Predictions in a file, as something to compare: labels or probabilities, as `reports score` reads them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmark.data.merging import own_ids
from benchmark.matching.class_names import ClassMatcher, sorted_class_names
from benchmark.matching.sample_ids import IdList, check_rows, pair
from reports.pages.evaluation import Evaluation
from reports.submissions.labels import read_labels
from reports.submissions.submission_files import Submitted, read_submission
from zoo.errors import UserError

SUFFIXES: Final = (".csv", ".txt")
OTHERS: Final = (".npz", ".npy", ".parquet", ".gz")


@dataclass(frozen=True, eq=False)
class Truth:
    """The images that files are about.

    Attributes:
        dataset: `name-fingerprint`; "" where there are no runs.
        split: "test" or "validation".
        class_names: in label order.
        sample_ids: shape (n,); empty where only the order of the rows tells the images apart.
        labels: shape (n,), positions in class_names.
        label_file: where the labels come from, if not from the runs.
    """

    dataset: str
    split: str
    class_names: tuple[str, ...]
    sample_ids: NDArray[np.str_]
    labels: NDArray[np.int64]
    label_file: Path | None = None

    @classmethod
    def of(cls, known: Evaluation) -> "Truth":
        """The images of a run."""
        facts = (known.class_names, known.sample_ids, known.labels, known.label_file)
        return cls(known.dataset, known.split, *facts)


def is_file(name: str) -> bool:
    """Whether a name that could be a run's is a file's, by its suffix.

    Raises:
        UserError: it is a file that only `ensembles import` reads.
    """
    suffix = Path(name).suffix.lower()
    if suffix in OTHERS and Path(name).is_file():
        raise UserError(f"{name} is no CSV: store it with `python -m ensembles import`, then compare the run")
    return suffix in SUFFIXES


def truth_of_labels(labels: Path | str, files: list[str]) -> Truth:
    """The images of a file of labels, with the classes that it and the files of predictions name.

    Raises:
        UserError: a file that cannot be read, or labels that are none of the classes.
    """
    truth = read_labels(labels)
    ids = truth.sample_ids()
    submitted = [read_submission(file, ids) for file in files]
    texts = [row.text for row in truth.rows]
    columns = next((one.class_names for one in submitted if one.class_names), ())
    matcher = ClassMatcher(columns, ordered=False)
    if not columns or (matcher.positions(texts) < 0).any():
        matcher = ClassMatcher(sorted_class_names([*texts, *(text for one in submitted for text in one.labels)]))
    known = np.array(ids, np.str_) if ids else np.empty(0, np.str_)
    return Truth("", "test", matcher.class_names, known, truth.positions(matcher), truth.path)


def file_evaluation(file: str, truth: Truth) -> Evaluation:
    """The predictions of a file for these images, in their order. Labels count as probabilities of 0 and 1.

    Rows are matched by id, or by their order where the file or the images have no ids.

    Raises:
        UserError: a file that cannot be read, other images, or other classes.
    """
    known = own_ids(truth.dataset.rpartition("-")[0], truth.sample_ids).tolist()
    submitted = read_submission(file, known)
    others = f"the {truth.split} images"
    if submitted.ids and known:
        rows = pair(IdList(submitted.ids, file, submitted.lines), IdList(known, others)).rows
    else:
        check_rows(len(submitted.lines), len(truth.labels), file, others)
        rows = list(range(len(truth.labels)))
    ids = truth.sample_ids if len(known) else np.arange(len(truth.labels)).astype(np.str_)
    return Evaluation(
        name=file,
        dataset=truth.dataset,
        runs=(),
        split=truth.split,
        class_names=truth.class_names,
        sample_ids=ids,
        labels=truth.labels,
        probabilities=_probabilities(submitted, truth)[None, rows],
        label_file=truth.label_file,
        hard=submitted.probabilities is None,
    )


def _probabilities(submitted: Submitted, truth: Truth) -> NDArray[np.float64]:
    """Of every row of the file, in label order."""
    matcher = ClassMatcher(truth.class_names)
    if submitted.probabilities is None:
        positions = matcher.positions(submitted.labels)
        if (positions < 0).any():
            row = int((positions < 0).argmax())
            raise UserError(
                f"{submitted.path}, line {submitted.lines[row]}: unknown class {submitted.labels[row]!r}, "
                f"expected one of {matcher.expected}"
            )
        return np.eye(len(truth.class_names))[positions]
    places = matcher.columns(submitted.class_names).positions
    if None in places or sorted(place for place in places if place is not None) != list(range(len(truth.class_names))):
        raise UserError(
            f"{submitted.path} has columns for the classes {', '.join(submitted.class_names)}, expected "
            f"{', '.join(truth.class_names)}"
        )
    ordered = np.empty_like(submitted.probabilities)
    ordered[:, np.array(places, np.int64)] = submitted.probabilities
    return ordered
