"""Soft targets: a teacher's probabilities of all training images, in a file, for distillation (Hinton et al. 2015).

A teacher whose networks are out of reach teaches by them: one of another program, or one that was trained on a machine
that is gone. What they say of an image is the same in every epoch, as with `distillation_images=plain`.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmark.dataset import HASH_LENGTH, Dataset, Split
from benchmark.files.checksums import checksum
from benchmark.files.file_writing import write_text, written
from benchmark.files.names import safe
from benchmark.files.npz_files import NpzError, opened
from benchmark.matching.sample_ids import IdList, check_rows, pair
from benchmark.store.stored_predictions import compact
from benchmark.tables.formats import HARD, KnownNames
from benchmark.tables.prediction_rows import Rows, split_name
from benchmark.tables.probabilities import Placed, fill
from benchmark.tables.sources import SUFFIXES, read_rows, stem
from zoo.errors import UserError

KEY: Final = "soft_targets"
"""The array by which a file that `write_targets` made is known: a JSON object as text."""

RUN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+:-]*-[0-9a-f]{8}/seed-\d+")
IMAGES: Final = "the training images"
"""What messages call them."""


@dataclass(frozen=True)
class SoftTargets:
    """A file of soft targets.

    Attributes:
        file: absolute.
        checksum: SHA-256 of the file.
        teacher: what configurations call it (`RunConfig.teacher`): the stored run whose networks gave them, or the name
            of another program's file, and the first digits of the checksum: `model-hash/seed-0@1a2b3c4d`.
        duplicates: whether these networks were trained on duplicates of validation and test images; None where that is
            not known.
    """

    file: Path
    checksum: str
    teacher: str
    duplicates: bool | None = None


class TargetsRead(NamedTuple):
    """What was read of a file.

    Attributes:
        probabilities: float32, shape (n, classes), in the order of the images; rows sum to 1.
        notes: what was done to ids and numbers, one phrase each.
    """

    probabilities: NDArray[np.float32]
    notes: tuple[str, ...]


def named_as_file(teacher: str | Path) -> bool:
    """Whether a teacher is named by a file rather than by a stored run."""
    return isinstance(teacher, Path) or teacher.lower().endswith(SUFFIXES)


def find_targets(file: Path, dataset: str) -> SoftTargets:
    """The file of soft targets, before its numbers are read.

    Args:
        dataset: `name-fingerprint` of the images that are trained on.

    Raises:
        UserError: there is no such file, it cannot be read, or it says that it is of another dataset.
    """
    try:
        digest = checksum(file)
    except OSError as error:
        raise UserError(f"cannot read the soft targets {file}: {error.strerror or error}") from error
    about = _about(file)
    if about.get("dataset", dataset) != dataset:
        raise UserError(f"{file} has predictions of {about['dataset']}, expected those of {dataset}")
    name = about.get("teacher") or safe(stem(file)) or "file"
    return SoftTargets(file.resolve(), digest, f"{name}@{digest[:HASH_LENGTH]}", about.get("duplicates"))


def _about(file: Path) -> dict[str, Any]:
    """What a file that `write_targets` made says of itself; nothing for others."""
    if file.suffix.lower() != ".npz":
        return {}
    try:
        with opened(file) as archive:
            about = json.loads(str(archive.read(KEY))) if KEY in archive.names else {}
    except (OSError, NpzError, ValueError, RecursionError) as error:
        raise UserError(f"{file} cannot be read as .npz: {error}") from error
    known = isinstance(about, dict) and RUN.fullmatch(str(about.get("teacher"))) is not None
    return about if known else {}


def write_targets(file: Path, probabilities: NDArray[np.float32], dataset: Dataset, about: dict[str, Any]) -> None:
    """Write a stored teacher's probabilities of the training images, in half precision.

    Args:
        probabilities: float32, shape (n, classes), in the order of `dataset.train`.
        about: the `teacher`, a stored run, and whether it was trained on `duplicates`, see `SoftTargets`.

    Raises:
        UserError: the file cannot be written.
    """
    arrays = {
        "split": np.array(dataset.train.name),
        "sample_ids": dataset.train.sample_ids,
        "class_names": np.array(dataset.class_names),
        "probabilities": probabilities.astype(np.float16),
        KEY: np.array(json.dumps({**about, "dataset": dataset.full_name})),
    }
    with written(file):
        write_text(file, compact(arrays))


def read_targets(targets: SoftTargets, train: Split, class_names: tuple[str, ...]) -> TargetsRead:
    """The teacher's probabilities of the images of `train`, which must be all training images.

    Rows whose column `split` names another split are left out. Rows without ids are in the order of the images.

    Raises:
        UserError: the file has changed, an image has no row or two, a class has no column, or a number is no
            probability.
    """
    file, ids = targets.file, train.sample_ids.tolist()
    if not file.is_file() or checksum(file) != targets.checksum:
        raise UserError(f"{file} is gone or has changed since the command began: give the command again")
    rows = _of_train(read_rows(file, "the soft targets", KnownNames(class_names, ids)), file)
    if rows.values is not None and (rows.values < 0).any():
        raise UserError(f"{file} has negative numbers: expected probabilities, which are the softmax of logits")
    id_note = ""
    if rows.sample_ids is None:
        check_rows(len(rows), len(ids), str(file), IMAGES)
        order = np.arange(len(ids))
    else:
        paired = pair(IdList(rows.sample_ids, str(file), rows.line), IdList(ids, IMAGES))
        order, id_note = np.argsort(paired.rows), paired.id_note
    found = np.empty((len(ids), len(class_names)), np.float32)
    filled = fill(Placed(rows, {"train": (np.arange(len(ids)), order)}), class_names, {"train": found}, logits=None)
    if faults := [*rows.faults, *filled.faults]:
        raise UserError(f"{file}: {'; '.join(faults)}")
    found /= found.sum(axis=1, keepdims=True)
    hard = HARD if rows.labels is not None else ""
    return TargetsRead(found, tuple(f"{file.name}: {note}" for note in (hard, id_note, *filled.notes) if note))


def _of_train(several: Sequence[Rows], file: Path) -> Rows:
    """The rows about training images: of an .npz with an array for each split its array of train."""
    splits = [{split_name(text) for text in rows.splits or ()} for rows in several]
    fitting = [rows for rows, names in zip(several, splits, strict=True) if "train" in names or not names]
    if len(fitting) != 1:
        told = sorted({split_name(text) or repr(text) for rows in several for text in rows.splits or ()})
        raise UserError(f"{file} has predictions of {' and '.join(told)}, expected those of train")
    return fitting[0].on_split("train")
