"""Test labels that the user gives: attached for one report, never stored."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.data.merging import own_ids
from benchmark.matching.class_names import ClassMatcher
from benchmark.matching.sample_ids import IdList, check_rows, pair
from benchmark.records import Predictions
from benchmark.tables.given_labels import WORDS, Labels, read_labels

TEST_SAMPLES = "the test samples"


@dataclass(frozen=True, eq=False)
class TestLabels:
    """The labels as text. `attach` matches them with the classes and samples of predictions."""

    __test__ = False  # for pytest, which takes the name for a test's

    labels: Labels

    @property
    def where(self) -> str:
        """The file, or words for labels that are in none."""
        return self.labels.where

    def attach(self, predictions: Predictions, dataset: str) -> Predictions:
        """The predictions with these labels in place of those they had, if any.

        Args:
            predictions: of test.
            dataset: its name; of several merged sources the ids may also be those of the source's own files, where all
                test samples are of one.

        Raises:
            UserError: a label that is not a class; without ids another number of labels than of samples; with ids an
                unknown one, one that occurs twice, or a sample without label.
        """
        return replace(predictions, labels=self._matched(predictions, dataset).labels)

    def id_note(self, predictions: Predictions, dataset: str) -> str:
        """One line on ids that they spell differently from the predictions; empty where there are none."""
        return self._matched(predictions, dataset).id_note

    def _matched(self, predictions: Predictions, dataset: str) -> "_Matched":
        ids = tuple(own_ids(dataset, predictions.sample_ids).tolist())
        return _matched(self.labels, predictions.class_names, ids)


@dataclass(frozen=True, eq=False)
class _Matched:
    """Labels in the order of the test samples, and how ids are spelled otherwise."""

    labels: NDArray[np.int64]
    id_note: str = ""


@lru_cache(maxsize=2)  # all runs of a dataset predict the same samples
def _matched(given: Labels, class_names: tuple[str, ...], sample_ids: tuple[str, ...]) -> _Matched:
    labels = given.positions(ClassMatcher(class_names))
    labels.setflags(write=False)
    names = given.unique_ids()
    if not names:
        check_rows(len(labels), len(sample_ids), given.where, TEST_SAMPLES)
        return _Matched(labels)
    paired = pair(IdList(names, given.where, given.line), IdList(sample_ids, TEST_SAMPLES))
    return _Matched(labels[paired.rows], paired.id_note)


def read_test_labels(source: Any) -> TestLabels:
    """Read the labels of test: those of that split where there are several, else all of them.

    Args:
        source: a file, an array or a frame, see `benchmark.tables.given_labels.read_labels`, as the errors are.
    """
    return TestLabels(read_labels(source).on_split("test"))


def place_of(where: str) -> str:
    """Where labels come from, in short: a file's name without its folders."""
    return "given labels" if where == WORDS else Path(where).name
