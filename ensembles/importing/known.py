"""The samples that predictions may be of, with their labels: those of the stored runs, or of a file of labels."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmark.dataset import HASH_LENGTH
from benchmark.matching.class_names import ClassMatcher
from benchmark.matching.sample_ids import IdMatcher
from benchmark.nouns import counted
from benchmark.records import PREDICTED
from benchmark.store.stored_run import StoredRun
from benchmark.tables.given_labels import Labels
from zoo.errors import UserError

OUT_OF_FOLD: Final = "out of fold"
"""The part that out-of-fold predictions are of: train and validation together."""

STORED: Final = "the stored runs"
"""The source of samples that no file of labels gives."""

GIVEN: Final = "given"
"""The split of a dataset that is made from labels: as the labels say."""


class NothingPredictedError(UserError):
    """No stored run of a dataset has predictions."""


@dataclass(frozen=True, eq=False)
class Samples:
    """The samples of a split.

    Attributes:
        sample_ids: str, shape (n,), unique.
        labels: int64, shape (n,), or None where they are sealed.
        order: int64, shape (n,): where the rows of an array without ids stand, which follow the labels' own order.
        where: what they are from, if that is not what the dataset is from.
    """

    sample_ids: NDArray[np.str_]
    labels: NDArray[np.int64] | None
    order: NDArray[np.int64]
    where: str = ""

    def __len__(self) -> int:
        return len(self.sample_ids)


@dataclass(frozen=True, eq=False)
class Known:
    """A dataset as far as imported predictions need it.

    Attributes:
        where: what the samples are from, for messages.
        dataset, fingerprint, split: of the dataset, as in a run's configuration.
        class_names: in label order.
        parts: the samples of validation, test, and `OUT_OF_FOLD` where that is more than validation.
        all_out_of_fold: whether validation is what models were trained on in folds.
        folds: how many there are; 0 where nobody says.
        rows: of a file of labels of several splits, the part and place of each row; otherwise empty.
    """

    where: str
    dataset: str
    fingerprint: str
    split: str
    class_names: tuple[str, ...]
    parts: Mapping[str, Samples]
    all_out_of_fold: bool = False
    folds: int = 0
    rows: Sequence[tuple[str, int]] = field(default_factory=tuple)

    @property
    def full_name(self) -> str:
        """The dataset as the store calls it."""
        return f"{self.dataset}-{self.fingerprint}"


def samples(sample_ids: Sequence[str] | NDArray[np.str_], labels: NDArray[np.int64] | None = None) -> Samples:
    """Samples in this order."""
    return Samples(np.asarray(sample_ids, np.str_), labels, np.arange(len(sample_ids)))


def known_from_runs(runs: Sequence[StoredRun]) -> Known:
    """The samples of stored runs.

    Raises:
        UserError: none has predictions.
    """
    parts: dict[str, Samples] = {}
    class_names: tuple[str, ...] = ()
    for split in PREDICTED:
        usual: tuple[Samples, tuple[str, ...]] | None = None
        folded: Samples | None = None
        for run in runs:
            if (predicted := run.read_predictions(split)) is None:
                continue
            one = samples(predicted.sample_ids, predicted.labels)
            # The fewest samples, because out-of-fold predictions include train; with labels if possible.
            if usual is None or (len(one), one.labels is None) < (len(usual[0]), usual[0].labels is None):
                usual = one, predicted.class_names
            if folded is None and run.config.out_of_fold and split == "validation":
                folded = one
        if usual is None:
            continue
        parts[split], class_names = usual
        if folded is not None and len(folded) > len(usual[0]):
            parts[OUT_OF_FOLD] = folded
    if not parts:
        raise NothingPredictedError("no stored run has predictions to match the samples with: give --labels LABELS")
    origin = runs[0].config
    judged = [run for run in runs if run.config.kind != "ensemble" and run.predicted("validation")]
    folded_runs = [run.config.out_of_fold for run in judged]
    return Known(
        where=STORED,
        dataset=origin.dataset,
        fingerprint=origin.fingerprint,
        split=origin.split,
        class_names=class_names,
        parts=parts,
        all_out_of_fold=bool(folded_runs) and all(folded_runs),
    )


def known_from_labels(labels: Labels, class_names: tuple[str, ...], dataset: str) -> Known:
    """The samples of a file of labels.

    Without splits all are of validation. Samples of train are those of out-of-fold predictions.

    Raises:
        UserError: labels that are not classes or are missing, or ids that repeat.
    """
    splits = np.array(labels.split_names() or ["validation"] * len(labels.texts))
    ids = labels.sample_ids or [str(row) for row in range(len(labels.texts))]
    positions = ClassMatcher(class_names).positions(labels.texts)
    _check(labels, splits, ids, positions, class_names)
    labelled = splits != "test"
    train, validation, test = (np.flatnonzero(splits == name) for name in ("train", "validation", "test"))
    parts = {"validation": validation if len(validation) else train}
    if len(validation) and len(train):
        parts[OUT_OF_FOLD] = np.flatnonzero(labelled)
    parts = {name: rows for name, rows in {**parts, "test": test}.items() if len(rows)}
    made = {name: _part(name, rows, ids, splits, positions) for name, rows in parts.items()}
    folds = {text for text, inside in zip(labels.folds or (), labelled, strict=False) if text and inside}
    last = made.get("validation") or made["test"]
    return Known(
        where=labels.where,
        dataset=dataset,
        fingerprint=fingerprint(class_names, last),
        split=GIVEN,
        class_names=class_names,
        parts=made,
        all_out_of_fold=bool(len(train) and not len(validation)) or (labels.splits is None and bool(folds)),
        folds=len(folds),
        rows=_file_rows(parts, len(splits)) if len(set(splits.tolist())) > 1 else (),
    )


def _part(
    name: str, rows: NDArray[np.intp], ids: Sequence[str], splits: NDArray[np.str_], positions: NDArray[np.int64]
) -> Samples:
    names = [ids[row] for row in rows]
    if name == OUT_OF_FOLD and len(set(names)) < len(names):
        # As the folds of our own runs call them (`benchmark.dataset.joined_ids`).
        names = [f"{splits[row]}/{ids[row]}" for row in rows]
    places = positions[rows]
    return samples(names, None if (places < 0).any() else places)


def _file_rows(parts: Mapping[str, NDArray[np.intp]], count: int) -> list[tuple[str, int]]:
    places = [("", 0)] * count
    for name in ("validation", OUT_OF_FOLD, "test"):
        for place, row in enumerate(parts.get(name, ())):
            places[row] = (name, place)
    return places


def _check(
    labels: Labels,
    splits: NDArray[np.str_],
    ids: Sequence[str],
    positions: NDArray[np.int64],
    class_names: tuple[str, ...],
) -> None:
    """Raise UserError, with all that is wrong, unless every sample has its own id and what needs a label has one."""
    faults = []
    missing = np.array([not text for text in labels.texts])
    if (wrong := np.flatnonzero((positions < 0) & ~missing)).size:
        expected = ClassMatcher(class_names).expected
        faults.append(f"the label {labels.texts[wrong[0]]!r} of {ids[wrong[0]]!r} is not a class, expected {expected}")
    on_test = splits == "test"
    if (missing & ~on_test).any():
        count, first = int((missing & ~on_test).sum()), ids[int((missing & ~on_test).argmax())]
        lacking = f"{counted(count, 'sample')} {'has' if count == 1 else 'have'} no label, such as {first!r}"
        faults.append(f"{lacking}; only those of the split test may lack one")
    if (missing & on_test).any() and not missing[on_test].all():
        first = ids[int((missing & on_test).argmax())]
        faults.append(f"some test samples have a label and others, such as {first!r}, have none: give all or none")
    for split in dict.fromkeys(splits.tolist()):
        names, counts = np.unique(np.array(ids, np.str_)[splits == split], return_counts=True)
        if (counts > 1).any():
            faults.append(f"the {split} sample {str(names[counts.argmax()])!r} occurs {counts.max()} times")
    if faults:
        raise UserError(f"{labels.where}: {'; '.join(faults)}")


def fingerprint(class_names: Sequence[str], part: Samples) -> str:
    """Eight hexadecimal digits over class names, and ids and labels in the order of the ids.

    Args:
        part: validation, or test where there is no validation.
    """
    order = np.argsort(part.sample_ids, kind="stable")
    labels = None if part.labels is None else part.labels[order].tolist()
    content = ["labels", list(class_names), part.sample_ids[order].tolist(), labels]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:HASH_LENGTH]


def joined(stored: Known, known: Known) -> Known | None:
    """A stored dataset with what labels add to it: test labels, and the samples of train; None where they differ.

    They belong together where classes, and ids and labels of validation are the same.
    """
    classes = ClassMatcher(stored.class_names).positions(known.class_names)
    if (classes < 0).any() or len(set(classes.tolist())) < len(classes):
        return None
    parts = dict(stored.parts)
    if stored.all_out_of_fold and OUT_OF_FOLD in known.parts and "validation" in parts:
        # What is stored is of train as well, which the labels tell apart.
        parts[OUT_OF_FOLD] = parts.pop("validation")
    places: dict[str, NDArray[np.int64]] = {}
    for name, part in known.parts.items():
        labels = None if part.labels is None else classes[part.labels]
        if name not in parts:
            parts[name], places[name] = replace(part, labels=labels), np.arange(len(part))
            continue
        ours = parts[name]
        positions = IdMatcher(ours.sample_ids.tolist()).match(part.sample_ids.tolist()).places
        if len(ours) != len(part) or len(set(positions.tolist())) < len(positions) or (positions < 0).any():
            return None
        aligned = ours.labels
        if labels is not None:
            aligned = np.empty(len(ours), np.int64)
            aligned[positions] = labels
        if ours.labels is not None and aligned is not None and not np.array_equal(ours.labels, aligned):
            return None
        parts[name], places[name] = Samples(ours.sample_ids, aligned, positions), positions
    if not set(stored.parts) & set(known.parts):
        return None
    return replace(
        stored,
        where=known.where,
        parts=parts,
        all_out_of_fold=known.all_out_of_fold,
        folds=known.folds,
        rows=[(name, int(places[name][place])) for name, place in known.rows],
    )
