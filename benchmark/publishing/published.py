"""Runs and searches as they are published: records, curves and predictions, and no trace of a machine."""

import csv
import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from benchmark.files.checksums import DamagedError, reading, sealed
from benchmark.files.file_writing import csv_text, json_text, write_text, writing
from benchmark.files.run_layout import ENSEMBLE, HISTORY, HISTORY_JSON, MODEL_SOURCE, SEARCH, TRIALS, search_directory
from benchmark.publishing.machine_traces import check_paths, without_traces
from benchmark.records import PREDICTED, Predictions, RunConfig, RunRecord
from benchmark.store.claims import claim_search
from benchmark.store.stored_predictions import compact_predictions, halved
from benchmark.store.stored_run import StoredRun
from benchmark.strict_json import encoded
from zoo.errors import UserError

TEXTS: Final = (HISTORY, HISTORY_JSON, ENSEMBLE)


@dataclass(frozen=True, eq=False)
class PublishedRun:
    """A run as it is published.

    Attributes:
        record: of the run, without the checksums of its files.
        predictions: by split, in half precision where `halved` allows it.
        texts: its other files, by name.
    """

    record: RunRecord
    predictions: Mapping[str, Predictions]
    texts: Mapping[str, str]

    @cached_property
    def identity(self) -> str:
        """A hash of everything that is published, independent of how the files are compressed."""
        digest = hashlib.sha256(json.dumps([self.record.to_json(), self.texts], sort_keys=True).encode())
        for split, predicted in self.predictions.items():
            labels = None if predicted.labels is None else predicted.labels.tolist()
            digest.update(json.dumps([split, predicted.class_names, predicted.sample_ids.tolist(), labels]).encode())
            digest.update(predicted.probabilities.astype("<f4").tobytes())
        return digest.hexdigest()

    @cached_property
    def files(self) -> Mapping[str, bytes]:
        """The content of the run's files, except its record, by name."""
        predictions = {f"{split}.npz": compact_predictions(predicted) for split, predicted in self.predictions.items()}
        return {**predictions, **{name: text.encode() for name, text in self.texts.items()}}

    @property
    def size(self) -> int:
        """Bytes of its files, its record and its configuration."""
        checksums = {name: hashlib.sha256(content).hexdigest() for name, content in self.files.items()}
        records = (sealed(replace(self.record, files=checksums).to_json()), self.record.config.to_json())
        return sum(map(len, [*(json_text(record).encode() for record in records), *self.files.values()]))


def published_run(run: StoredRun) -> PublishedRun:
    """Read a stored run as it is published; a published run stays as it is.

    The source of a model from outside the zoo is left out where it names a path or a host of a machine.

    Raises:
        DamagedError: one of its files is damaged or missing.
        UserError: its texts name a path of a machine.
    """
    texts = {name: text for name in TEXTS if (text := run.text(name)) is not None}
    if (source := run.text(MODEL_SOURCE)) is not None and without_traces(source) == source:
        texts[MODEL_SOURCE] = source
    if HISTORY_JSON in texts and _agree(run.history(), texts[HISTORY_JSON]):
        del texts[HISTORY_JSON]
    predictions = {split: predicted for split in PREDICTED if (predicted := run.predictions(split)) is not None}
    if not predictions:
        raise DamagedError("it has no predictions")
    try:
        provenance = without_traces(dict(run.record.provenance))
    except RecursionError as error:
        raise DamagedError("its record is nested too deeply") from error
    record = replace(run.record, files={}, published=True, provenance=provenance)
    check_paths("its configuration", json.dumps(run.config.to_json()))
    for name, text in texts.items():
        check_paths(name, text)
    check_paths("a class' name", "\n".join(next(iter(predictions.values())).class_names))
    for predicted in predictions.values():
        check_paths(f"a sample's id of {predicted.split}", "\n".join(predicted.sample_ids.tolist()))
    return PublishedRun(record, {split: halved(predicted) for split, predicted in predictions.items()}, texts)


def _agree(columns: Mapping[str, list[float]], text: str) -> bool:
    """Whether the history as JSON equals its columns; JSON has null for numbers that are not finite."""
    try:
        rows: Any = json.loads(text)
    except (ValueError, RecursionError):
        return False
    plain = encoded(columns)
    return bool(rows == [dict(zip(plain, row, strict=True)) for row in zip(*plain.values(), strict=True)])


@dataclass(frozen=True)
class PublishedSearch:
    """A search as it is published.

    Attributes:
        config: of dataset and model alone.
        identity: the content of `SEARCH`.
        trials: the content of `TRIALS`.
    """

    name: str
    config: RunConfig
    identity: str
    trials: str

    @property
    def size(self) -> int:
        """Bytes of its directory."""
        return len(self.identity.encode()) + len(self.trials.encode())

    def directory(self, root: Path) -> Path:
        """Its directory in the store at `root`."""
        return search_directory(root, self.config, self.name)

    def adds_to(self, root: Path) -> bool | None:
        """Whether it has trials that the store at `root` lacks; None where that has other trials.

        Raises:
            DamagedError: what is there cannot be read.
        """
        directory = self.directory(root)
        if not (directory / SEARCH).exists():
            return True
        identity, trials = _texts(directory)
        if identity != self.identity:
            return None
        known = _traceless(trials)
        if known.startswith(self.trials):
            return False
        return True if self.trials.startswith(known) else None

    def write(self, root: Path) -> None:
        """Write it into the store at `root`, each file in one step.

        Raises:
            UserError: another process writes it, or the store cannot be written.
        """
        claim = claim_search(root, self.config, self.name)
        if claim is None:
            raise UserError(f"another process is at work on the search {self.name}: wait for it and try again")
        with claim, writing(root):
            # In this order: a search without trials is one that has just begun, trials without a search are an error.
            write_text(claim.path / SEARCH, self.identity)
            write_text(claim.path / TRIALS, self.trials)


def published_search(directory: Path) -> PublishedSearch:
    """Read the search in a directory as it is published.

    Raises:
        DamagedError: it cannot be read.
        UserError: its identity names a path of a machine.
    """
    identity, trials = _texts(directory)
    with reading(directory / SEARCH):
        search = json.loads(identity)
        config = RunConfig(str(search["dataset"]), str(search["fingerprint"]), str(search["model"]))
        if config.full_dataset != directory.parent.parent.name:
            raise ValueError("it is of another dataset")
    check_paths(SEARCH, identity)
    return PublishedSearch(directory.name, config, identity, _traceless(trials))


def _texts(directory: Path) -> tuple[str, str]:
    """The identity of a search, and its trials up to the last whole line."""
    path = directory / TRIALS
    with reading(directory):
        identity = (directory / SEARCH).read_text(encoding="utf-8")
        trials = path.read_text(encoding="utf-8") if path.exists() else ""
    return identity, trials[: trials.rfind("\n") + 1]


def _traceless(trials: str) -> str:
    """The rows of the trials; errors, in the last column, are cut before they name a machine."""
    with reading(Path(TRIALS)):
        return csv_text([*row[:-1], without_traces(row[-1])] for row in csv.reader(io.StringIO(trials)) if row)
