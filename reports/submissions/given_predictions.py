"""Predictions that a user gives, for `reports score` and `reports compare`: read, matched with samples, checked."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.data.merging import own_ids
from benchmark.files.names import NaturalKey, is_picture, natural
from benchmark.matching.class_names import sorted_class_names
from benchmark.matching.sample_ids import IdList, IdMatcher, check_rows, pair
from benchmark.nouns import SAMPLES, Noun, counted
from benchmark.tables.formats import KnownNames
from benchmark.tables.given_labels import Labels
from benchmark.tables.prediction_rows import Rows, rows_of, split_name
from benchmark.tables.probabilities import Placed, class_of_one_column, fill
from benchmark.tables.sources import read_rows
from zoo.errors import UserError

WORDS: Final = "the predictions"
"""What messages call predictions that are in no file."""

SPLIT: Final = "test"
SPLITS: Final = (SPLIT, "validation", "train")
"""In the order in which predictions are taken to be of them."""


@dataclass(frozen=True, eq=False)
class Truth:
    """Labelled samples that predictions may be about.

    Attributes:
        dataset: `name-fingerprint`; "" where there are no runs.
        split: "test" or "validation".
        class_names: in label order.
        sample_ids: shape (n,); empty where only the order of the rows tells the samples apart.
        labels: shape (n,), positions in class_names.
        others: gives the ids of the dataset's other samples, as far as they are known.
        noun: what the samples are called.
        labels_from: where the labels come from, if not from the runs: a file, or words.
        given_rows: of labels of several splits, how many there are and which of them are of these samples.
    """

    dataset: str
    split: str
    class_names: tuple[str, ...]
    sample_ids: NDArray[np.str_]
    labels: NDArray[np.int64]
    others: Callable[[], Sequence[str]]
    noun: Noun = SAMPLES
    labels_from: str = ""
    given_rows: tuple[int, Sequence[int]] | None = None

    def match(self, source: Any) -> "Matched":
        """The rows of predictions about these samples; their ids are those of the dataset's own files.

        Raises:
            UserError: what cannot be read, other ids, or another number of rows.
        """
        ids = own_ids(self.dataset.rpartition("-")[0], self.sample_ids).tolist()
        rows = read_predictions(source, KnownNames(self.class_names, ids), self.split)
        rows, left_out = without_others(rows, ids, self.others, self.split)
        if self.given_rows and rows.sample_ids is None and len(rows) == self.given_rows[0]:
            rows = rows.only(self.given_rows[1])
            left_out = f"as many rows as the labels have: the {counted(len(rows), 'row')} of {self.split} taken"
        return match(rows, ids, len(self.labels), f"the {self.split} {self.noun.many}", left_out)


@dataclass(frozen=True, eq=False)
class Matched:
    """For each sample the row of predictions about it.

    Attributes:
        rows: of the predictions.
        order: one a sample.
        by: "id", or "row" where the rows or the samples have no ids and the rows are taken in their order.
        id_notes: lines on ids that are left out, or that the two sides spell in different ways.
    """

    rows: Rows
    order: Sequence[int]
    by: str
    id_notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Checked:
    """Probabilities in the order of samples and classes, shape (n, classes), and what was done to them."""

    probabilities: NDArray[np.floating]
    notes: tuple[str, ...]


def read_predictions(source: Any, known: KnownNames, split: str = SPLIT) -> Rows:
    """The rows of predictions, in any format that `ensembles import` reads (docs/import.md).

    Args:
        source: a file, an array or a frame.
        known: names of classes and ids of samples.
        split: of which the rows are taken where the file has several.

    Raises:
        UserError: they cannot be read, or a cell of them.
    """
    tables = read_rows(source, WORDS, known, np.float64)
    named = [rows for rows in tables if rows.splits and split_name(rows.splits[0]) == split]
    if len(tables) > 1 and not named:
        raise UserError(f"{tables[0].where} has predictions of other splits than {split}")
    rows = (named or tables)[0].on_split(split)
    if rows.faults:
        raise UserError(f"{rows.where}: {'; '.join(rows.faults)}")
    return rows


def judged(source: Any, labels: Labels) -> tuple[Labels, str]:
    """The labels that predictions are about, and their split; all of them and "" where they are of no split.

    Of several splits it is the first of test, validation and train that has labels and of which the rows name a
    sample; else test. Where ids do not tell it, it is the first that has as many samples as there are rows, also a
    sealed one.
    """
    known = KnownNames(sorted_class_names(labels.texts), labels.sample_ids or ())
    parts = {split: labels.on_split(split) for split in SPLITS if rows_of(labels.splits, split)}
    if not parts:
        return labels, ""
    for split, part in parts.items():
        with suppress(UserError):  # which the split that is chosen raises again
            if _is_about(read_predictions(source, known, split), part):
                return part, split
    return parts.get(SPLIT, labels), SPLIT


def _is_about(rows: Rows, labels: Labels) -> bool:
    """Whether one of the samples is named and they have labels; without ids whether there are as many rows."""
    if rows.sample_ids is None or labels.sample_ids is None:
        return len(rows) == len(labels)
    places = IdMatcher(labels.unique_ids()).match(rows.sample_ids).places
    return any(labels.texts) and bool((places >= 0).any())


def without_others(
    rows: Rows, sample_ids: Sequence[str], others: Callable[[], Sequence[str]], split: str = SPLIT
) -> tuple[Rows, str]:
    """The rows but for those of the dataset's other samples, and a note on these; empty where there are none.

    Args:
        rows: of a file.
        sample_ids: of the samples in question; empty where they have none.
        others: gives the ids of the dataset's samples of other splits; asked only where the file has unknown ids.
        split: of the samples in question, for the note.
    """
    if rows.sample_ids is None or not len(sample_ids):
        return rows, ""
    unknown = np.flatnonzero(IdMatcher(sample_ids).match(rows.sample_ids).places < 0)
    if not 0 < len(unknown) < len(rows):
        return rows, ""
    known = IdMatcher(others()).match([rows.sample_ids[row] for row in unknown.tolist()]).places >= 0
    if not known.any():
        return rows, ""
    left_out = set(unknown[known].tolist())
    taken = [row for row in range(len(rows)) if row not in left_out]
    note = f"the {counted(len(taken), 'row')} of {split} taken, {len(left_out):,} of other splits left out"
    return rows.only(taken), note


def match(rows: Rows, sample_ids: Sequence[str], samples: int, others: str, left_out: str = "") -> Matched:
    """Match rows with samples: by id where both have ids, else by their order.

    Where the samples have none, they are in the order of their ids, and so must the file be; or its ids are their
    numbers, from 0 or 1.

    Args:
        rows: of a file.
        sample_ids: of the samples; empty where they have none.
        samples: how many there are.
        others: the samples in words, for messages.
        left_out: a note on rows that were left out.

    Raises:
        UserError: other ids, or another number of rows.
    """
    if rows.sample_ids is None or not len(sample_ids):
        # A misspelled class in the first line reads as a heading.
        heading = rows.labels is not None and rows.line is not None and len(rows) == samples - 1
        hint = "; a first line that is not a class counts as a heading" if heading else ""
        check_rows(len(rows), samples, rows.where, others + hint)
        order = range(samples) if rows.sample_ids is None else _by_number(rows, others)
        return Matched(rows, order, "row", (left_out,) if left_out else ())
    paired = pair(IdList(rows.sample_ids, rows.where, rows.line), IdList(sample_ids, others))
    return Matched(rows, paired.rows, "id", tuple(note for note in (left_out, paired.id_note) if note))


def _by_number(rows: Rows, others: str) -> Sequence[int]:
    """For each of the samples, which have no ids, the row about it.

    Raises:
        UserError: the ids do not ascend, and are no numbers of rows.
    """
    ids = rows.sample_ids or ()
    fallen = next((row for row, pair in enumerate(pairwise(map(file_order, ids)), 1) if pair[0] > pair[1]), None)
    if fallen is None:
        return range(len(ids))
    numbers = [int(text) if text.isascii() and text.isdigit() else -1 for text in ids]
    if sorted(numbers) in (list(range(len(ids))), list(range(1, len(ids) + 1))):
        return [int(row) for row in np.argsort(numbers)]
    raise UserError(
        f"{rows.where}: the id {ids[fallen]!r} after {ids[fallen - 1]!r}, expected ids in ascending order, because "
        f"{others} have none: give them with ids"
    )


def file_order(sample_id: str) -> NaturalKey:
    """A key that sorts ids as folders of images sort their files: 2 before 10, `img2` before `img`."""
    # The dot of the suffix counts there, and our ids are without.
    return natural(sample_id if is_picture(sample_id) else f"{sample_id}.png")


def checked(matched: Matched, class_names: Sequence[str]) -> Checked:
    """The probabilities for samples, columns in the order of the classes; labels are 0 and 1.

    Raises:
        UserError: other classes, or what is not a probability.
    """
    rows, sources = matched.rows, np.asarray(matched.order, np.intp)
    order = np.argsort(sources)
    probabilities = np.empty((len(sources), len(class_names)))
    placed = Placed(rows, {SPLIT: (sources[order], order.astype(np.int64))})
    filled = fill(placed, class_names, {SPLIT: probabilities}, logits=None)
    if filled.faults:
        raise UserError(f"{rows.where}: {'; '.join(filled.faults)}")
    place = class_of_one_column(rows, class_names) if rows.columns == 1 else None
    of = () if place is None else (f"the one column is taken for the probability of {class_names[place]}",)
    return Checked(probabilities, (*of, *filled.notes))
