"""Submissions to a competition: one label for every test image."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmark.data.merging import own_ids
from benchmark.data.source import label_numbers
from benchmark.records import Predictions
from benchmark.store import RunStore, StoredRun
from reports.writing import write_file
from zoo.errors import UserError, unknown_name

Lines = Callable[[NDArray[np.str_], NDArray[np.int64]], list[str]]


def _icml(_sample_ids: NDArray[np.str_], labels: NDArray[np.int64]) -> list[str]:
    return [str(label) for label in labels]


def _id_emotion(sample_ids: NDArray[np.str_], labels: NDArray[np.int64]) -> list[str]:
    return ["id,emotion", *[f"{_quoted(name)},{label}" for name, label in zip(sample_ids, labels, strict=True)]]


FORMATS: Final[Mapping[str, Lines]] = {"icml": _icml, "id-emotion": _id_emotion}


def submission(
    name: str,
    *,
    runs: Path | str = "runs",
    data: str | None = None,
    output: Path | str = "submission.csv",
    format: str = "icml",
) -> Path:
    """Write a label for every test image, in the order of the test file, and return the path.

    A label is the integer of the likeliest class: FER-2013's original 0 to 6, with some of its classes only as well;
    the position among the dataset's class names for any other data.
    The probabilities of a model's seeds are averaged first.

    Args:
        name: a model (all its seeds), `model@hash`, `model-hash/seed-0` or an ensemble.
        runs: where the runs are.
        data: the dataset, with or without fingerprint; needed where several are stored.
        output: the file to write, in one step.
        format: "icml" (one integer a line, no header) or "id-emotion" (header, id and integer).

    Raises:
        UserError: an unknown name or format, no test predictions, or a file that cannot be written.
    """
    if format not in FORMATS:
        raise unknown_name("submission format", format, FORMATS)
    store = RunStore(Path(runs))
    dataset = store.find_dataset(data)
    sample_ids, labels = predicted_labels(store.resolve(dataset, name))
    return write_file(output, "\n".join(FORMATS[format](sample_ids, labels)) + "\n")


def predicted_labels(runs: Sequence[StoredRun]) -> tuple[NDArray[np.str_], NDArray[np.int64]]:
    """Sample ids (n,) in the order of the test file and the likeliest classes' integers (n,), by the runs' mean.

    Where the test images are of one of several merged sources, the ids are those of its own files.

    Args:
        runs: at least one: the seeds of one configuration.

    Raises:
        UserError: a run without test predictions, or of other samples or classes than the first.
    """
    predictions = [_test_predictions(run) for run in runs]
    first = predictions[0]
    for run, other in zip(runs, predictions, strict=True):
        if other.class_names != first.class_names or not np.array_equal(other.sample_ids, first.sample_ids):
            raise UserError(f"{run.name} has other test images or classes than {runs[0].name}: choose one of the two")
    mean = np.mean([predicted.probabilities.astype(np.float64) for predicted in predictions], axis=0)
    sample_ids = own_ids(runs[0].config.dataset, first.sample_ids)
    return sample_ids, np.array(label_numbers(first.class_names))[mean.argmax(axis=1)]


def _test_predictions(run: StoredRun) -> Predictions:
    predicted = run.predictions("test")
    if predicted is None:
        raise UserError(f"{run.name} has no test predictions: a submission needs a dataset with a test split")
    return predicted


def _quoted(text: str) -> str:
    if any(letter in text for letter in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text
