"""A run in the store: its record, and its files, each compared with its checksum when it is read."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any, Final

from benchmark.files.checksums import DamagedError, checksum, reading, unsealed
from benchmark.files.run_layout import CONFIG, CONFIGURATION_NAME, HISTORY, MODELS, RECORD, SEED_NAME, seed_name
from benchmark.records import EXTERNAL, PREDICTED, Predictions, RunConfig, RunRecord
from benchmark.store.stored_predictions import read_predictions
from zoo.errors import UserError

NO_MODEL: Final = "no_model"
"""In a record's provenance: why the run has no model file, whatever was asked for."""

COPY_OF: Final = "copy_of"
"""In a record's provenance: the name of the run that this one is a copy of, under another model's name."""


@dataclass(frozen=True)
class StoredRun:
    """A run that is whole, or a failure that was recorded, where it lies."""

    path: Path
    record: RunRecord

    @property
    def config(self) -> RunConfig:
        """The run's configuration."""
        return self.record.config

    @property
    def name(self) -> str:
        """The run's name inside its dataset: `model-hash/seed-0`."""
        return f"{self.path.parent.name}/{self.path.name}"

    @property
    def copy_of(self) -> str | None:
        """The name of the run that it is a copy of; None of any other."""
        return self.record.provenance.get(COPY_OF)

    @property
    def model(self) -> Path | None:
        """The file of its trained model; None where it is not kept."""
        return next((path for name in MODELS if (path := self.path / name).is_file()), None)

    def __str__(self) -> str:
        """Its name, so that calls take the run itself where they take a name."""
        return self.name

    def __repr__(self) -> str:
        failed = "" if self.record.error is None else f": {self.record.error}"
        return f"<{self.name} on {self.path.parent.parent.name}, {self.record.status}{failed}>"

    @cached_property
    def _predictions(self) -> dict[str, Predictions | None]:
        return {}

    def predictions(self, split: str) -> Predictions | None:
        """What the run predicted on `split` ("validation" or "test"); None where it has no such predictions.

        Raises:
            DamagedError: the file is damaged or missing, or differs from its checksum.
        """
        if split not in self._predictions:
            self._predictions[split] = self.read_predictions(split)
        return self._predictions[split]

    def read_predictions(self, split: str) -> Predictions | None:
        """The same, read anew and not kept in memory, for whoever looks at many runs."""
        path = self.path / f"{split}.npz"
        self._check(path)
        return read_predictions(path) if path.exists() else None

    def predicted(self, split: str) -> bool:
        """Whether it has predictions of `split`, without reading them."""
        return f"{split}.npz" in self.record.files or (self.path / f"{split}.npz").exists()

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in the order of the probabilities.

        Raises:
            DamagedError: there are no predictions, or they are damaged.
        """
        for split in PREDICTED:
            if predicted := self.predictions(split):
                return predicted.class_names
        raise DamagedError(f"the run in {self.path} is damaged: it has no predictions")

    def model_file(self) -> Path:
        """The trained model: a Keras file, or the arrays of a scikit-learn model (`benchmark.store.stored_models`).

        Raises:
            UserError: it was not kept.
            DamagedError: it has changed since it was stored.
        """
        if (path := self.model) is None:
            if reason := self.record.provenance.get(NO_MODEL):
                raise UserError(f"{self.name} has no model file: {reason}")
            if self.config.kind == EXTERNAL:
                raise UserError(f"{self.name} was imported, predictions alone: it has no model")
            if self.config.folds:
                raise UserError(f"{self.name} is one network for each fold, and none is kept: name a run without folds")
            if self.config.tta != "none":
                raise UserError(
                    f"{self.name} is a network's predictions of several views: name {self.config.network.title}, the "
                    "network itself"
                )
            raise UserError(
                self.published_without_model
                or f"{self.name} has no model file: choose a run that kept its own, or remove {self.path} and run it "
                "again"
            )
        if self.record.files.get(path.name) != checksum(path):
            raise DamagedError(f"{path} is damaged: it is not the file that was stored")
        return path

    @property
    def published_without_model(self) -> str | None:
        """Why a published run has no model, and how to get one; None for other runs."""
        if not self.record.published:
            return None
        return f"{self.name} was published without its model: train it in a store of your own, with another --runs"

    def text(self, name: str) -> str | None:
        """The text in one of the run's files, line ends as they are; None where it has no such file.

        Raises:
            DamagedError: the file is damaged, missing or no text.
        """
        path = self.path / name
        self._check(path)
        with reading(path):
            return path.read_bytes().decode() if path.exists() else None

    def check_files(self) -> list[str]:
        """One sentence for each file that has changed since it was stored, or does not belong to the run."""
        problems = []
        try:
            present = {path.name for path in self.path.iterdir() if not path.name.startswith(".")}  # of a cut write
        except OSError as error:
            return [f"{self.path} is damaged: {error.strerror or error}"]
        for name in sorted({*self.record.files, *present} - {RECORD}):
            try:
                if name not in self.record.files and name not in MODELS:  # a model may have been left by `drop_model`
                    raise DamagedError(f"{self.path / name} is none of the run's files")
                self._check(self.path / name)
                if name in {f"{split}.npz" for split in PREDICTED}:
                    self.predictions(name.removesuffix(".npz"))
            except DamagedError as error:
                problems.append(str(error))
        return problems

    def _check(self, path: Path) -> None:
        known = self.record.files.get(path.name)
        try:
            if known is not None and checksum(path) != known:
                raise DamagedError(f"{path} is damaged: its checksum is not that in the run's record")
        except OSError as error:
            raise DamagedError(f"{path} is damaged: {error.strerror or error}") from error

    def history(self) -> dict[str, list[float]]:
        """What each epoch gave, by column (`epoch`, `loss`, `validation_loss`, ...); empty where nothing was trained.

        Raises:
            DamagedError: the file is damaged or missing, or differs from its checksum.
        """
        if (text := self.text(HISTORY)) is None:
            return {}
        with reading(self.path / HISTORY):
            header, *rows = csv.reader(StringIO(text, newline=""))
            return {name: [float(row[column]) for row in rows] for column, name in enumerate(header)}

    def document(self, name: str) -> dict[str, Any] | None:
        """A JSON object stored with the run, such as `ENSEMBLE`; None where there is none.

        Raises:
            DamagedError: the file is damaged or missing, or differs from its checksum.
        """
        if (text := self.text(name)) is None:
            return None
        with reading(self.path / name):
            document = json.loads(text)
            if not isinstance(document, dict):
                raise TypeError("no JSON object")
            return document


def read_runs(directory: Path) -> Iterator[StoredRun | str]:
    """The runs and failures in a dataset's directory, which need not exist, by model, configuration and seed.

    For a damaged one it gives a sentence that says what is wrong.
    """
    if not directory.is_dir():
        return
    for configuration in sorted(directory.iterdir()):
        if not configuration.is_dir() or not CONFIGURATION_NAME.fullmatch(configuration.name):
            continue
        runs = [(match, path) for path in configuration.iterdir() if (match := SEED_NAME.fullmatch(path.name))]
        for _, path in sorted(runs, key=lambda item: (int(item[0]["seed"]), int(item[0]["attempt"] or 0))):
            try:
                yield read_run(path)
            except DamagedError as error:
                yield str(error)


def read_run(path: Path) -> StoredRun:
    """The run or recorded failure in a directory.

    Raises:
        DamagedError: it cannot be read, or is another run than its directory's name says.
    """
    try:
        config = RunConfig.from_json(json.loads((path.parent / CONFIG).read_text(encoding="utf-8")))
        record = RunRecord.from_json(config, unsealed(json.loads((path / RECORD).read_text(encoding="utf-8"))))
        _check_place(path, record)
        return StoredRun(path, record)
    except (OSError, ValueError, TypeError, AttributeError, RecursionError, UserError) as error:
        raise DamagedError(f"the run in {path} is damaged: {error}") from error


def _check_place(path: Path, record: RunRecord) -> None:
    """Raise ValueError where record and configuration are those of another run than the directory's name."""
    config, match = record.config, SEED_NAME.fullmatch(path.name)
    expected = (config.full_dataset, config.directory, seed_name(record.seed))
    place = (path.parent.parent.name, path.parent.name, seed_name(int(match["seed"])) if match else path.name)
    if expected != place:
        raise ValueError(f"its configuration and record are those of {'/'.join(expected)}")
    if any(Path(name).name != name for name in record.files):
        raise ValueError("its record names files outside of it")
