"""Submissions to a competition: a label, or a probability for each class, for every test sample."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmark.data.merging import own_ids
from benchmark.files.file_writing import csv_text
from benchmark.matching.class_names import ClassMatcher
from benchmark.store.made_again import check_built_of
from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun
from reports.submissions.samples import labels_text, read_sample
from reports.text.writing import write_file
from zoo.errors import UserError, unknown_name


@dataclass(frozen=True, eq=False)
class MeanPredictions:
    """The mean of the seeds' predictions of the test samples.

    Attributes:
        sample_ids: shape (n,), in the order of the test file.
        class_names: in the order of the columns.
        probabilities: shape (n, classes), the mean over the seeds.
    """

    sample_ids: NDArray[np.str_]
    class_names: tuple[str, ...]
    probabilities: NDArray[np.float64]

    def rows(self, format: str) -> list[list[str]]:
        """The rows of a submission in one of `FORMATS`, header included; labels are those of `ClassMatcher.written`."""
        ids = self.sample_ids.tolist()
        if format == "probabilities":
            pairs = zip(ids, self.probabilities, strict=True)
            return [["id", *self.class_names], *[[name, *[f"{value:.10g}" for value in row]] for name, row in pairs]]
        written = ClassMatcher(self.class_names).written
        labels = [written[position] for position in self.probabilities.argmax(axis=1)]
        if format == "icml":
            return [[label] for label in labels]
        return [["id", "emotion"], *[[name, label] for name, label in zip(ids, labels, strict=True)]]


@dataclass(frozen=True)
class WrittenSubmission:
    """The file that was written, how many rows it has, of how many seeds they are the mean, and what they hold."""

    path: Path
    rows: int
    seeds: int
    contents: str


FORMATS: Final = ("icml", "id-emotion", "probabilities")
DEFAULT_FORMAT: Final = "icml"


def submission(
    name: str,
    *,
    runs: Path | str = "runs",
    data: str | None = None,
    output: Path | str = "submission.csv",
    format: str | None = None,
    sample: Path | str | None = None,
) -> Path:
    """Write a row for every test sample, in the order of the test file, and return the path.

    A label is the integer of the likeliest class: FER-2013's original 0 to 6, with some of its classes only as well;
    the class itself where class names are numbers; else the position among the dataset's class names.
    The probabilities of a model's seeds are averaged first.

    Args:
        name: a model (all its seeds), `model@hash`, `model-hash/seed-0` or an ensemble.
        runs: where the runs are.
        data: the dataset, with or without fingerprint; needed where several are stored.
        output: the file to write, in one step.
        format: "icml" (the default: one integer a line, no header), "id-emotion" (header, id and integer) or
            "probabilities" (header, id and a column a class).
        sample: a competition's sample submission, whose header, ids, order and way to write labels are copied; there
            is no need for a format then, unless its one column has whole numbers and is for probabilities.

    Raises:
        UserError: an unknown name or format, no test predictions, an ensemble whose members were made again since, a
            sample that does not fit, or a file that cannot be written.
    """
    return write_submission(name, runs=runs, data=data, output=output, format=format, sample=sample).path


def write_submission(
    name: str, *, runs: Path | str, data: str | None, output: Path | str, format: str | None, sample: Path | str | None
) -> WrittenSubmission:
    """Write the file of `submission`, whose arguments and errors these are."""
    if format is not None and format not in FORMATS:
        raise unknown_name("submission format", format, FORMATS)
    layout = None if sample is None else read_sample(sample)
    if layout and format == "probabilities" and len(layout.header) == 2:
        layout = replace(layout, probabilities=True)
    if layout and format not in (None, "probabilities" if layout.asks_for_probabilities() else "id-emotion"):
        raise UserError(f"{layout.path} has another layout than --format {format}: leave --format out")
    if layout and Path(output).resolve() == layout.path.resolve():
        raise UserError(f"{output} is the sample itself: write the submission to another file with -o")
    store = RunStore(Path(runs))
    snapshot = store.snapshot(store.find_dataset(data))
    seeds = snapshot.resolve(name)
    for run in seeds:
        check_built_of(run, snapshot.by_name)
    predicted = mean_test_predictions(seeds)
    if layout and layout.probabilities and len(predicted.class_names) != 2:
        raise UserError(
            f"{layout.path} has one column beside the ids, too few for {len(predicted.class_names)} classes"
        )
    if layout is None:
        text = csv_text(predicted.rows(format or DEFAULT_FORMAT))
        written = labels_text(ClassMatcher(predicted.class_names).written, predicted.class_names)
        contents = "probabilities" if format == "probabilities" else written
        if format in (None, "icml"):
            contents += "; no header and no ids"
    else:
        contents = layout.contents(predicted.sample_ids, predicted.class_names)
        text = csv_text(layout.filled(predicted.sample_ids, predicted.class_names, predicted.probabilities))
    return WrittenSubmission(write_file(output, text), len(predicted.sample_ids), len(seeds), contents)


def mean_test_predictions(runs: Sequence[StoredRun]) -> MeanPredictions:
    """The mean of the probabilities that these runs predict for the test samples.

    Where the test samples are of one of several merged sources, the ids are those of its own files.

    Args:
        runs: at least one: the seeds of one configuration.

    Raises:
        UserError: a run without test predictions, or of other samples or classes than the first.
    """
    predictions = []
    for run in runs:
        if (predicted := run.predictions("test")) is None:
            members = "; an ensemble has some if all its members do" if run.config.kind == "ensemble" else ""
            raise UserError(f"{run.name} has no test predictions, of which a submission is made{members}")
        predictions.append(predicted)
        first = predictions[0]
        if predicted.class_names != first.class_names or not np.array_equal(predicted.sample_ids, first.sample_ids):
            raise UserError(f"{run.name} has other test samples or classes than {runs[0].name}: choose one of the two")
    mean = np.mean([predicted.probabilities.astype(np.float64) for predicted in predictions], axis=0)
    return MeanPredictions(own_ids(runs[0].config.dataset, first.sample_ids), first.class_names, mean)
