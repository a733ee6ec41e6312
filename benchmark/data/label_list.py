"""A dataset's samples as a list: what a model that is trained elsewhere needs, to be compared with those here."""

from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

from benchmark.dataset import Dataset
from benchmark.files.file_writing import csv_text, write_text, written


def write_labels(dataset: Dataset, path: str | Path) -> None:
    """Write a CSV with the id, label and split of every image; sealed labels stay empty.

    `ensembles import --labels` reads it, and predictions with these ids join the runs of the dataset.

    Raises:
        UserError: it cannot be written.
    """
    with written(path):
        write_text(Path(path), csv_text([("id", "label", "split"), *_rows(dataset)]))


def _rows(dataset: Dataset) -> Iterator[tuple[str, str, str]]:
    for split in dataset.splits:
        labels = repeat("") if split.labels is None else (dataset.class_names[one] for one in split.labels)
        for sample_id, label in zip(split.sample_ids.tolist(), labels, strict=False):
            yield sample_id, label, split.name
