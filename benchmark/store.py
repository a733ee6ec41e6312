"""Runs on disk: the only code that knows the layout.

    runs/<dataset>-<fingerprint>/<model>-<config hash>/
        config.json
        seed-0/            record.json validation.npz test.npz history.csv log.txt model.keras
        seed-0.failed-1/   record.json log.txt
        .seed-0.partial/   a run at work; renamed when whole

A stored run never changes. Whatever reads the store at any moment sees whole runs only.
"""

import hashlib
import json
import os
import re
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmark.records import Predictions, RunConfig, RunRecord
from zoo.errors import UserError, unknown_name

RECORD: Final = "record.json"
CONFIG: Final = "config.json"
LOG: Final = "log.txt"
HISTORY: Final = "history.csv"
MODEL: Final = "model.keras"

_DATASET = re.compile(r"(?P<name>.+)-(?P<fingerprint>[0-9a-f]{8})")
_CONFIGURATION = re.compile(r"(?P<model>.+)-(?P<hash>[0-9a-f]{8})")
_SEED = re.compile(r"seed-(?P<seed>\d+)(\.failed-(?P<attempt>\d+))?")
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+:-]{0,99}")


@dataclass(frozen=True)
class StoredRun:
    """A run that is whole, or a failure that was recorded, where it lies."""

    path: Path
    record: RunRecord

    @property
    def config(self) -> RunConfig:
        """What was asked of the run."""
        return self.record.config

    @property
    def name(self) -> str:
        """The run's name inside its dataset: `model-hash/seed-0`."""
        return f"{self.path.parent.name}/{self.path.name}"

    @cached_property
    def _predictions(self) -> dict[str, Predictions | None]:
        return {}

    def predictions(self, split: str) -> Predictions | None:
        """What the run predicted on `split` ("validation" or "test"); None where it has no such predictions.

        Raises:
            UserError: the file is damaged.
        """
        if split not in self._predictions:
            path = self.path / f"{split}.npz"
            self._predictions[split] = read_predictions(path) if path.exists() else None
        return self._predictions[split]


@dataclass(frozen=True)
class RunStore:
    """The runs under one directory, which need not exist yet."""

    root: Path

    def datasets(self) -> list[str]:
        """The datasets that have runs, as `name-fingerprint`, sorted."""
        if not self.root.is_dir():
            return []
        return sorted(path.name for path in self.root.iterdir() if path.is_dir() and _DATASET.fullmatch(path.name))

    def find_dataset(self, name: str | None = None) -> str:
        """The one dataset meant by `name` (with or without fingerprint), or the only one there is.

        Raises:
            UserError: there is none, or there are several.
        """
        known = self.datasets()
        if not known:
            raise UserError(f"no runs in {self.root}: make some with `python -m benchmark run --all`")
        if name is None:
            found = known
        else:
            found = [full for full in known if name in (full, full.rpartition("-")[0])]
            if not found:
                raise unknown_name("dataset", name, {full.rpartition("-")[0] for full in known})
        if len(found) > 1:
            raise UserError(f"several datasets are stored, choose one with --data: {', '.join(found)}")
        return found[0]

    def runs(self, dataset: str) -> list[StoredRun]:
        """Every whole run of `dataset` (`name-fingerprint`), by model, configuration and seed.

        Raises:
            UserError: a stored run is damaged.
        """
        return [run for run in self._read(dataset) if run.record.status == "ok"]

    def failures(self, dataset: str) -> list[StoredRun]:
        """Every recorded failure of `dataset`, in the same order; one that succeeded later is left out."""
        return [
            run
            for run in self._read(dataset)
            if run.record.status == "failed" and not (run.path.parent / _seed_name(run.record.seed)).exists()
        ]

    def find(self, config: RunConfig, seed: int) -> StoredRun | None:
        """The stored run of this configuration and seed, or None."""
        path = self._directory(config) / _seed_name(seed)
        return _read_run(path) if path.is_dir() else None

    def resolve(self, dataset: str, name: str) -> list[StoredRun]:
        """The runs meant by `name`: a model (all its seeds), `model@hash`, or one run such as `model-hash/seed-0`.

        Raises:
            UserError: there is no such run, or the model is stored in several configurations.
        """
        runs = self.runs(dataset)
        model, _, seed = name.partition("/")
        found = [run for run in runs if model in _names(run.config) and seed in ("", run.path.name)]
        if not found:
            failed = [run for run in self.failures(dataset) if model in _names(run.config)]
            if failed:
                raise UserError(f"{name} has no whole run in {dataset}, it failed: {failed[-1].record.error}")
            raise unknown_name(f"run in {dataset}", name, {run.config.model for run in runs})
        configurations = sorted({f"{run.config.model}@{run.config.hash}" for run in found})
        if len(configurations) > 1:
            raise UserError(f"{model} is stored in several configurations, choose one: {', '.join(configurations)}")
        return found

    def begin(self, config: RunConfig, seed: int) -> Path:
        """An empty directory for a run at work; what an earlier, interrupted one left there is dropped.

        Raises:
            UserError: the store cannot be written.
        """
        path = self._partial(config, seed)
        with _writing(self.root):
            if path.exists():
                shutil.rmtree(path)
            path.mkdir(parents=True)
        return path

    def commit(self, record: RunRecord, predictions: Mapping[str, Predictions]) -> StoredRun:
        """Make the run in the partial directory a stored one.

        Args:
            record: its record; the checksums of the files are added here.
            predictions: by split.

        Raises:
            UserError: the run is stored already, or the store cannot be written.
        """
        partial = self._partial(record.config, record.seed)
        target = self._directory(record.config) / _seed_name(record.seed)
        with _writing(self.root):
            partial.mkdir(parents=True, exist_ok=True)
            for split, predicted in predictions.items():
                write_predictions(partial / f"{split}.npz", predicted)
            return self._finish(record, partial, target)

    def fail(self, record: RunRecord) -> StoredRun:
        """Keep a failed run's record and log under the next free `seed-N.failed-K`."""
        partial = self._partial(record.config, record.seed)
        parent, attempt = partial.parent, 1
        with _writing(self.root):
            partial.mkdir(parents=True, exist_ok=True)
            for path in partial.iterdir():
                if path.name not in (LOG, HISTORY):
                    path.unlink() if path.is_file() else shutil.rmtree(path)
            while (parent / f"{_seed_name(record.seed)}.failed-{attempt}").exists():
                attempt += 1
            return self._finish(record, partial, parent / f"{_seed_name(record.seed)}.failed-{attempt}")

    def write_page(self, dataset: str, name: str, text: str) -> Path:
        """Write a page beside the runs of `dataset` (`leaderboard.md`), in one step, and return its path."""
        path = self.root / dataset / name
        with _writing(self.root):
            _write_text(path, text)
        return path

    def _finish(self, record: RunRecord, partial: Path, target: Path) -> StoredRun:
        if target.exists():
            raise UserError(f"{target.parent.name}/{target.name} is stored already")
        files = {path.name: _checksum(path) for path in sorted(partial.iterdir()) if path.is_file()}
        record = replace(record, files=files)
        _write_text(partial.parent / CONFIG, _json(record.config.to_json()))
        _write_text(partial / RECORD, _json(record.to_json()))
        _sync(partial)
        partial.rename(target)
        _sync(target.parent)
        return StoredRun(target, record)

    def _directory(self, config: RunConfig) -> Path:
        for name in (config.dataset, config.model):
            if not _SAFE_NAME.fullmatch(name) or name.endswith((".", "..")):
                raise UserError(f"{name!r} cannot name a run: letters, digits and _ . + : - only, 100 at most")
        return self.root / f"{config.dataset}-{config.fingerprint}" / f"{config.model}-{config.hash}"

    def _partial(self, config: RunConfig, seed: int) -> Path:
        return self._directory(config) / f".{_seed_name(seed)}.partial"

    def _read(self, dataset: str) -> Iterator[StoredRun]:
        directory = self.root / dataset
        if not directory.is_dir():
            return
        for configuration in sorted(directory.iterdir()):
            if not configuration.is_dir() or not _CONFIGURATION.fullmatch(configuration.name):
                continue
            found = [(match, path) for path in configuration.iterdir() if (match := _SEED.fullmatch(path.name))]
            for _, path in sorted(found, key=lambda item: (int(item[0]["seed"]), int(item[0]["attempt"] or 0))):
                yield _read_run(path)


@contextmanager
def _writing(root: Path) -> Iterator[None]:
    """Turn what the operating system refuses (a full disk, a read-only directory) into one line."""
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot write to {root}: {error.strerror or error}") from error


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write predictions as `.npz` (see `read_predictions`)."""
    arrays: dict[str, Any] = {
        "split": np.array(predictions.split),
        "sample_ids": predictions.sample_ids,
        "class_names": np.array(predictions.class_names),
        "probabilities": predictions.probabilities,
    }
    if predictions.labels is not None:
        arrays["labels"] = predictions.labels
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)
        file.flush()
        os.fsync(file.fileno())


def read_predictions(path: Path) -> Predictions:
    """The predictions in an `.npz` that `write_predictions` made. Probabilities may be stored as float16.

    Raises:
        UserError: the file is damaged or is no such file.
    """
    try:
        # Opened here: NumPy leaves a file of its own open where the archive is damaged.
        with path.open("rb") as file:
            arrays = np.load(file, allow_pickle=False)
            if not isinstance(arrays, np.lib.npyio.NpzFile):
                raise ValueError("a single array, expected an .npz archive")
            return Predictions(
                split=str(arrays["split"]),
                sample_ids=arrays["sample_ids"],
                class_names=tuple(arrays["class_names"].tolist()),
                probabilities=arrays["probabilities"].astype(np.float32),
                labels=arrays.get("labels"),
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{path} is damaged: {error}") from error


def _read_run(path: Path) -> StoredRun:
    try:
        config = RunConfig.from_json(json.loads((path.parent / CONFIG).read_text()))
        return StoredRun(path, RunRecord.from_json(config, json.loads((path / RECORD).read_text())))
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(f"the run in {path} is damaged: {error}") from error


def _names(config: RunConfig) -> tuple[str, str, str]:
    return config.model, f"{config.model}@{config.hash}", f"{config.model}-{config.hash}"


def _seed_name(seed: int) -> str:
    return f"seed-{seed}"


def _json(data: Any) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_text(path: Path, text: str) -> None:
    # A reader sees the old file or the new one, never half of it.
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
