"""Store predictions of other programs as runs, for the leaderboard and for ensembles."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmark.metrics import accuracy, log_loss
from benchmark.records import PREDICTED, Predictions, RunConfig, RunRecord
from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun
from ensembles.importing.external_files import SPLIT_COLUMN, ExternalFile, read_external
from ensembles.members import ALL
from zoo.errors import UserError
from zoo.registry import all_models

SEED: Final = 0
KIND: Final = "external"
DIGITS: Final = 16


def import_predictions(
    files: Path | str | Sequence[Path | str], *, name: str, runs: Path | str = "runs", data: str | None = None
) -> StoredRun:
    """Store another program's predictions as a run of kind "external", unless it is stored already.

    Columns are matched to the dataset's classes by name (in any order and case), rows to its samples by id. The id, or
    the file's `split`, tells whether a row belongs to validation or test. Labels are those of the stored runs.

    Args:
        files: `.csv` or `.npz` files, see `read_external`; with all samples of validation, of test, or of both.
        name: of the run.
        runs: where the runs are.
        data: the dataset, with or without fingerprint; needed where several are stored.

    Raises:
        UserError: a file that cannot be read or does not fit the dataset, or a name that is in use.
    """
    store = RunStore(Path(runs))
    dataset = store.find_dataset(data)
    stored = store.runs(dataset)
    known = _reference(stored)
    paths = [files] if isinstance(files, (str, Path)) else files
    predictions = _by_split([read_external(Path(path)) for path in paths], known)
    digest = hashlib.sha256()
    for split, predicted in predictions.items():
        digest.update(split.encode() + predicted.probabilities.astype("<f4").tobytes())
    origin = stored[0].config
    config = RunConfig(
        dataset=origin.dataset,
        fingerprint=origin.fingerprint,
        model=name,
        kind=KIND,
        split=origin.split,
        hyperparameters={"predictions": digest.hexdigest()[:DIGITS]},
    )
    if same := store.find(config, SEED):
        return same
    _check_name(name, stored)
    from benchmark.hardware.provenance import provenance

    facts = {**provenance(["numpy"]), "files": [Path(path).name for path in paths]}
    return store.put(RunRecord(config=config, seed=SEED, provenance=facts), predictions)


def imported_text(run: StoredRun) -> str:
    """Summary of an imported run, with its scores on validation."""
    stored = {split: predictions for split in PREDICTED if (predictions := run.predictions(split)) is not None}
    sizes = " and ".join(f"{len(predictions.sample_ids)} {split}" for split, predictions in stored.items())
    lines = [f"{run.config.model}: {KIND} predictions of {sizes} samples"]
    validation = stored.get("validation")
    if validation is None:
        lines.append("  no validation predictions: only average, geometric and vote can combine it")
    elif validation.labels is not None:
        scores = [score(validation.probabilities, validation.labels) for score in (accuracy, log_loss)]
        lines.append(f"  validation accuracy {scores[0]:.2%}, log loss {scores[1]:.4f}")
    if "test" not in stored:
        lines.append("  no test predictions")
    return "\n".join([*lines, f"  stored in {run.path}"])


def _check_name(name: str, stored: Sequence[StoredRun]) -> None:
    taken = {run.config.model: run.config.kind for run in stored}
    if taken.get(name) == KIND:
        raise UserError(f"{name} is stored already with other predictions: give these another --name")
    if name == ALL:
        raise UserError(f"{ALL} means every stored model: choose another --name")
    if name in taken or name in all_models():
        kind = taken.get(name, "model")
        raise UserError(f"{name} is the name of {'an' if kind == 'ensemble' else 'a'} {kind}: choose another --name")


def _reference(stored: Sequence[StoredRun]) -> Mapping[str, Predictions]:
    # The fewest samples, because out-of-fold predictions include train; with labels if possible.
    known = {}
    for split in PREDICTED:
        candidates = [predictions for run in stored if (predictions := run.predictions(split)) is not None]
        if candidates:
            known[split] = min(candidates, key=lambda one: (len(one.sample_ids), one.labels is None))
    if not known:
        raise UserError("no stored run has predictions to match the samples with: `python -m benchmark run` makes one")
    return known


def _by_split(files: Sequence[ExternalFile], known: Mapping[str, Predictions]) -> dict[str, Predictions]:
    ids: dict[str, list[str]] = {split: [] for split in known}
    rows: dict[str, list[NDArray[np.float64]]] = {split: [] for split in known}
    members = {split: set(predictions.sample_ids.tolist()) for split, predictions in known.items()}
    for file in files:
        probabilities = file.distributions(_columns(file, next(iter(known.values())).class_names))
        for split, inside in _splits(file, members).items():
            ids[split] += file.sample_ids[inside].tolist()
            rows[split].append(probabilities[inside])
    names = ", ".join(str(file.path) for file in files)
    return {
        split: _aligned(names, np.array(ids[split], np.str_), np.concatenate(rows[split]), known[split])
        for split in known
        if ids[split]
    }


def _columns(file: ExternalFile, class_names: Sequence[str]) -> list[int]:
    # The position of each of the dataset's classes in the file.
    places = {name.casefold(): position for position, name in enumerate(file.class_names)}
    missing = [name for name in class_names if name.casefold() not in places]
    strange = [name for name in file.class_names if name.casefold() not in {known.casefold() for known in class_names}]
    if missing or strange:
        what = f"has no column for the class {missing[0]}" if missing else f"has the column {strange[0]}, no class"
        raise UserError(f"{file.path} {what}: expected {', '.join(class_names)}")
    return [places[name.casefold()] for name in class_names]


def _splits(file: ExternalFile, known: Mapping[str, set[str]]) -> dict[str, NDArray[np.intp]]:
    """The rows of each split, as told by the file's `split` or else by the sample ids in `known`."""
    if file.splits is not None:
        for split in dict.fromkeys(file.splits.tolist()):
            if split not in known:
                raise UserError(f"{file.path}: the {SPLIT_COLUMN} {split!r} is none of {', '.join(known)}")
        return {split: np.flatnonzero(file.splits == split) for split in known}
    rows = {
        split: np.flatnonzero([sample_id in inside for sample_id in file.sample_ids.tolist()])
        for split, inside in known.items()
    }
    count = np.bincount(np.concatenate(list(rows.values())), minlength=len(file.sample_ids))
    if (count > 1).any():
        sample_id = file.sample_ids[count.argmax()]
        raise UserError(f"{file.path}: the id {sample_id} is in {' and in '.join(known)}: add a column `split`")
    if not count.all():
        wrong = np.flatnonzero(count == 0)
        sample_id = file.sample_ids[wrong[0]]
        raise UserError(
            f"{file.path}: {len(wrong)} ids are in neither {' nor '.join(known)}, such as {str(sample_id)!r}"
        )
    return rows


def _aligned(
    files: str, sample_ids: NDArray[np.str_], probabilities: NDArray[np.float64], known: Predictions
) -> Predictions:
    """The rows in the order of the stored runs, with their labels."""
    unique, counts = np.unique(sample_ids, return_counts=True)
    if (counts > 1).any():
        raise UserError(
            f"{files}: the {known.split} sample {str(unique[counts.argmax()])!r} occurs {counts.max()} times"
        )
    for ids, others, verb in ((known.sample_ids, unique, "lacks"), (unique, known.sample_ids, "has")):
        different = np.setdiff1d(ids, others)
        if different.size:
            tail = "all are needed" if verb == "lacks" else "no stored run has them"
            raise UserError(f"{files} {verb} {different.size} {known.split} samples, such as {different[0]}: {tail}")
    order = np.argsort(sample_ids)
    rows = order[np.searchsorted(sample_ids, known.sample_ids, sorter=order)]
    return Predictions(
        split=known.split,
        sample_ids=known.sample_ids,
        class_names=known.class_names,
        probabilities=probabilities[rows].astype(np.float32),
        labels=known.labels,
    )
