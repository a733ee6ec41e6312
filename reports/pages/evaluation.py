"""The predictions of one configuration on one labelled split: the input of the pages on one or two models."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.nouns import SAMPLES, Noun
from benchmark.records import Predictions
from benchmark.store.snapshot import Snapshot
from benchmark.store.stored_run import StoredRun
from benchmark.ties import tie_sentence
from reports.leaderboards.remarks import remark_of
from reports.submissions.labels import TestLabels, read_test_labels
from zoo.errors import UserError


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The predictions of a configuration's seeds on a split, with labels.

    Attributes:
        name: as the user called it, for `best` what that is.
        dataset: `name-fingerprint`.
        runs: one a seed; none for the predictions of a file.
        split: "test" or "validation".
        class_names: in label order.
        sample_ids: shape (n,).
        labels: shape (n,), positions in class_names.
        probabilities: shape (seeds, n, classes).
        labels_from: where the labels come from, if not from the run: a file, or words.
        remark: what a reader must know of its validation score, see `reports.leaderboards.remarks`.
        notes: of a file, how its rows were matched, and what was done to its numbers.
        noun: what its samples are called.
    """

    name: str
    dataset: str
    runs: tuple[StoredRun, ...]
    split: str
    class_names: tuple[str, ...]
    sample_ids: NDArray[np.str_]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    labels_from: str = ""
    remark: str = ""
    notes: tuple[str, ...] = ()
    noun: Noun = SAMPLES

    @property
    def seeds(self) -> int:
        """How many runs there are; one for a file."""
        return len(self.probabilities)

    @property
    def images(self) -> int:
        """How many samples the split has."""
        return len(self.labels)

    @property
    def hard(self) -> bool:
        """Whether its probabilities are hard labels, all 0 and 1."""
        return bool((self.probabilities.max(axis=2) == 1).all())

    @property
    def ties(self) -> str:
        """That its accuracy depends on which of several likeliest classes is taken; empty where it does not."""
        return tie_sentence(((one, self.labels) for one in self.probabilities), self.noun)

    @property
    def unlabelled(self) -> list[str]:
        """The classes that no label is."""
        return [name for place, name in enumerate(self.class_names) if not (self.labels == place).any()]

    @property
    def predicts_unlabelled(self) -> bool:
        """Whether such a class is the likeliest of a sample, which lowers macro F1."""
        return not np.isin(self.probabilities.argmax(axis=2), self.labels).all()

    @cached_property
    def correct(self) -> NDArray[np.bool_]:
        """Whether each seed has each sample right, shape (seeds, n)."""
        right: NDArray[np.bool_] = self.probabilities.argmax(axis=2) == self.labels
        return right

    @cached_property
    def mean_probabilities(self) -> NDArray[np.float64]:
        """The mean over the seeds, shape (n, classes)."""
        mean: NDArray[np.float64] = self.probabilities.mean(axis=0)
        return mean

    def on(self, sample_ids: NDArray[np.str_]) -> "Evaluation":
        """The same, in the order of these ids, which must be the same set."""
        place = {name: row for row, name in enumerate(self.sample_ids.tolist())}
        rows = [place[name] for name in sample_ids.tolist()]
        return replace(self, sample_ids=sample_ids, labels=self.labels[rows], probabilities=self.probabilities[:, rows])


def evaluate(snapshot: Snapshot, name: str, labels: Any = None, split: str | None = None) -> Evaluation:
    """The seeds of `name` on test where there are labels for it, else on validation.

    Args:
        snapshot: the dataset's runs.
        name: a model (all its seeds), `model@hash`, `model-hash/seed-0` or an ensemble.
        labels: of test, a file, an array or a frame, see `benchmark.tables.given_labels.read_labels`; not stored.
        split: "test" or "validation" where it is settled already.

    Raises:
        UserError: no such run, none with labels on that split, labels that do not fit, or seeds of different samples.
    """
    name = snapshot.spelled(name)
    runs = tuple(snapshot.resolve(name))
    given = read_test_labels(labels) if labels is not None else None
    chosen = split or ("test" if given is not None or labelled_split(runs) == "test" else "validation")
    predictions = [_predictions(run, chosen, given) for run in runs]
    first = predictions[0]
    for run, other in zip(runs, predictions, strict=True):
        if other.class_names != first.class_names or not np.array_equal(other.sample_ids, first.sample_ids):
            raise UserError(
                f"{run.name} has other {chosen} {snapshot.noun.many} than {runs[0].name}: choose one of the two"
            )
    if first.labels is None or not len(first.labels):
        raise UserError(f"{runs[0].name}: there are no {chosen} {snapshot.noun.many}")
    return Evaluation(
        name=name,
        dataset=snapshot.dataset,
        runs=runs,
        split=chosen,
        class_names=first.class_names,
        sample_ids=first.sample_ids,
        labels=first.labels,
        probabilities=np.stack([predicted.probabilities.astype(np.float64) for predicted in predictions]),
        labels_from=given.where if given is not None else "",
        remark=remark_of(runs[0], snapshot.by_name),
        noun=snapshot.noun,
    )


def labelled_split(runs: Sequence[StoredRun]) -> str:
    """ "test" where every run has labelled predictions on it, else "validation"."""
    predictions = [run.predictions("test") for run in runs]
    return (
        "test"
        if all(predicted is not None and predicted.labels is not None for predicted in predictions)
        else "validation"
    )


def _predictions(run: StoredRun, split: str, given: TestLabels | None) -> Predictions:
    predicted = run.predictions(split)
    if predicted is None:
        sealed = split == "validation" and run.predictions("test") is not None
        tail = ", and its test labels are sealed: attach them with --labels FILE" if sealed else ""
        raise UserError(f"{run.name} has no {split} predictions{tail}")
    if given is not None and split == "test":
        predicted = given.attach(predicted, run.config.dataset)
    if predicted.labels is None:
        raise UserError(f"{run.name} has no {split} labels: attach them with --labels FILE")
    return predicted
