"""Soft targets: a teacher's probabilities of all training images, in a file, for distillation (Hinton et al. 2015).

A teacher whose network is out of reach teaches by them: one of another program, or one that was trained on a machine
that is gone. What they say of an image is the same in every epoch, as with `distillation_images=plain`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmark.dataset import Dataset, Split
from benchmark.files.checksums import checksum
from benchmark.files.file_writing import write_text, written
from benchmark.files.npz_files import NpzError, opened
from benchmark.matching.sample_ids import IdList, check_rows, pair
from benchmark.store.stored_predictions import compact
from benchmark.tables.formats import KnownNames
from benchmark.tables.prediction_rows import Rows
from benchmark.tables.probabilities import Placed, fill
from benchmark.tables.sources import SUFFIXES, read_rows
from zoo.errors import UserError

TEACHER: Final = "teacher"
DATASET: Final = "dataset"
HASH_LENGTH: Final = 8
IMAGES: Final = "the training images"
"""What messages call them."""


@dataclass(frozen=True)
class SoftTargets:
    """A file of soft targets.

    Attributes:
        file: absolute.
        checksum: SHA-256 of the file.
        name: of the stored run whose networks gave them, `model-hash/seed-0`; for a file of another program that of the
            file, with the first digits of its checksum.
    """

    file: Path
    checksum: str
    name: str


def named_as_file(teacher: str | Path) -> bool:
    """Whether a teacher is named by a file rather than by a stored run."""
    return isinstance(teacher, Path) or teacher.lower().endswith(SUFFIXES) or Path(teacher).is_file()


def find_targets(file: Path, dataset: str) -> SoftTargets:
    """The file of soft targets, before its numbers are read.

    Args:
        dataset: `name-fingerprint` of the images that are trained on.

    Raises:
        UserError: there is no such file, or it says that it is of another dataset.
    """
    if not file.is_file():
        raise UserError(f"there is no file {file}: expected a teacher's predictions of the training images")
    texts = _texts(file)
    if texts.get(DATASET, dataset) != dataset:
        raise UserError(f"{file} has predictions of {texts[DATASET]}, expected those of {dataset}")
    digest = checksum(file)
    return SoftTargets(file.resolve(), digest, texts.get(TEACHER) or f"{_stem(file)}-{digest[:HASH_LENGTH]}")


def _stem(file: Path) -> str:
    ending = next((one for one in sorted(SUFFIXES, key=len, reverse=True) if file.name.lower().endswith(one)), "")
    return file.name[: len(file.name) - len(ending)]


def _texts(file: Path) -> dict[str, str]:
    """What a file that `write_targets` made says of itself; nothing for others."""
    if file.suffix != ".npz":
        return {}
    try:
        with opened(file) as archive:
            names = [name for name in (TEACHER, DATASET) if name in archive.names]
            arrays = {name: archive.read(name) for name in names}
    except (OSError, NpzError) as error:
        raise UserError(f"{file} cannot be read as .npz: {error}") from error
    return {name: str(array) for name, array in arrays.items() if array.dtype.kind == "U" and not array.shape}


def write_targets(file: Path, probabilities: NDArray[np.float32], dataset: Dataset, teacher: str) -> None:
    """Write probabilities of the training images, in half precision.

    Args:
        probabilities: float32, shape (n, classes), in the order of `dataset.train`.
        teacher: the name of the stored run that gave them.

    Raises:
        UserError: the file cannot be written.
    """
    arrays = {
        "split": np.array(dataset.train.name),
        "sample_ids": dataset.train.sample_ids,
        "class_names": np.array(dataset.class_names),
        "probabilities": probabilities.astype(np.float16),
        TEACHER: np.array(teacher),
        DATASET: np.array(dataset.full_name),
    }
    with written(file):
        write_text(file, compact(arrays))


def read_targets(targets: SoftTargets, train: Split, class_names: tuple[str, ...]) -> NDArray[np.float32]:
    """The probabilities, float32 (n, classes), in the order of the images of `train`, which must be all of them.

    Rows of other splits are left out. Rows without ids are in the order of the images.

    Raises:
        UserError: the file has changed, an image has no row or two, a class has no column, or a number is no
            probability.
    """
    file = targets.file
    if not file.is_file() or checksum(file) != targets.checksum:
        raise UserError(f"{file} is gone or has changed since the command began: give the command again")
    ids = train.sample_ids.tolist()
    rows = _of_train(read_rows(file, "the soft targets", KnownNames(class_names, ids)), file)
    if rows.values is not None and np.nanmin(rows.values) < 0:
        raise UserError(f"{file} has negative numbers: expected probabilities, which are the softmax of logits")
    if rows.sample_ids is None:
        check_rows(len(rows), len(ids), str(file), IMAGES)
        order = np.arange(len(ids))
    else:
        order = np.argsort(pair(IdList(rows.sample_ids, str(file), rows.line), IdList(ids, IMAGES)).rows)
    found = np.empty((len(ids), len(class_names)), np.float32)
    filled = fill(Placed(rows, {"train": (np.arange(len(ids)), order)}), class_names, {"train": found}, logits=False)
    if faults := [*rows.faults, *filled.faults]:
        raise UserError(f"{file}: {'; '.join(faults)}")
    found /= found.sum(axis=1, keepdims=True)
    return found


def _of_train(several: list[Rows], file: Path) -> Rows:
    """The rows about training images: of an .npz with an array for each split its array of train."""
    if len(several) == 1:
        return several[0].on_split("train")
    found = [rows for rows in several if set(rows.splits or ()) == {"train"}]
    if len(found) != 1:
        raise UserError(f"{file} has {len(several)} arrays of predictions, expected one called train")
    return found[0]
