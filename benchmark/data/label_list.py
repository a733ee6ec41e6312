"""A dataset's samples as a list: what a model that is trained elsewhere needs, to be compared with those here."""

import csv
from itertools import repeat
from pathlib import Path

from benchmark.dataset import Dataset
from zoo.errors import writing_error


def write_labels(dataset: Dataset, path: str | Path) -> None:
    """Write a CSV with the id, label and split of every image; sealed labels stay empty.

    `ensembles import --labels` reads it, and predictions with these ids join the runs of the dataset.

    Raises:
        UserError: it cannot be written.
    """
    try:
        with Path(path).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "label", "split"])
            for split in dataset.splits:
                labels = repeat("") if split.labels is None else (dataset.class_names[one] for one in split.labels)
                writer.writerows(
                    [name, label, split.name] for name, label in zip(split.sample_ids.tolist(), labels, strict=False)
                )
    except OSError as error:
        raise writing_error(path, error) from error
