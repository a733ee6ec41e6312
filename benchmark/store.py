"""Runs on disk: the only code that knows the layout.

    runs/<dataset>-<fingerprint>/<model>-<config hash>/
        config.json explanation.json (of an ensemble that was explained)
        seed-0/            record.json validation.npz test.npz history.csv history.json log.txt model.keras
                           (of an ensemble: record.json validation.npz test.npz ensemble.json)
        seed-0.failed-1/   record.json log.txt
        .seed-0.partial/   a run at work; renamed when whole (.seed-0.lock is held meanwhile)
        .seed-0.checkpoint/   how far its training has come; outlives an interruption
    runs/<dataset>-<fingerprint>/searches/<model>-<tuner>-<search hash>/
        search.json trials.csv
    runs/<dataset>-<fingerprint>/reports/<name>/
        pages and pictures about runs, which can be made again at any time

A stored run never changes, but that its model file may go. Whatever reads the store at any moment sees whole runs only.
"""

import csv
import errno
import fcntl
import json
import os
import re
import shutil
import stat
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TextIO

import numpy as np

from benchmark.checksums import checksum, sealed, stored_checksum, unsealed
from benchmark.file_names import file_name
from benchmark.npz_files import opened
from benchmark.records import PREDICTED, Predictions, RunConfig, RunRecord
from zoo.errors import UserError, unknown_name, writing_error

RECORD: Final = "record.json"
CONFIG: Final = "config.json"
LOG: Final = "log.txt"
HISTORY: Final = "history.csv"
HISTORY_JSON: Final = "history.json"
MODEL: Final = "model.keras"
ESTIMATOR: Final = "model.npz"
MODELS: Final = (MODEL, ESTIMATOR)
REPORTS: Final = "reports"
SEARCHES: Final = "searches"
SEARCH: Final = "search.json"
TRIALS: Final = "trials.csv"
ENSEMBLE: Final = "ensemble.json"
EXPLANATION: Final = "explanation.json"

_DATASET = re.compile(r"(?P<name>.+)-(?P<fingerprint>[0-9a-f]{8})")
_CONFIGURATION = re.compile(r"(?P<model>.+)-(?P<hash>[0-9a-f]{8})")
_SEED = re.compile(r"seed-(?P<seed>\d+)(\.failed-(?P<attempt>\d+))?")
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+:-]{0,99}")


class DamagedError(UserError):
    """A stored file that is not what was stored."""


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

    @property
    def model(self) -> Path | None:
        """The file of its trained model; None where it is not kept."""
        return find_model(self.path)

    @cached_property
    def _predictions(self) -> dict[str, Predictions | None]:
        return {}

    def predictions(self, split: str) -> Predictions | None:
        """What the run predicted on `split` ("validation" or "test"); None where it has no such predictions.

        Raises:
            DamagedError: the file is damaged, missing, or not that of which the record has the checksum.
        """
        if split not in self._predictions:
            path = self.path / f"{split}.npz"
            self._check(path)
            self._predictions[split] = read_predictions(path) if path.exists() else None
        return self._predictions[split]

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
        """The trained model: a Keras file, or the arrays of a scikit-learn model (`benchmark.stored_models`).

        Raises:
            UserError: it was not kept.
            DamagedError: it is not what was stored.
        """
        if (path := self.model) is None:
            raise UserError(
                f"{self.name} has no model file: choose a run that kept its own, or remove {self.path} and run it again"
            )
        if self.record.files.get(path.name) != checksum(path):
            raise DamagedError(f"{path} is damaged: it is not the file that was stored")
        return path

    def check_files(self) -> list[str]:
        """One sentence for each file that is not what was stored, and for each that does not belong to the run."""
        found = []
        there = {path.name for path in self.path.iterdir() if not path.name.startswith(".")}  # of a write cut short
        for name in sorted({*self.record.files, *there} - {RECORD}):
            try:
                if name not in self.record.files and name not in MODELS:  # a model may have been left by `drop_model`
                    raise DamagedError(f"{self.path / name} is none of the run's files")
                self._check(self.path / name)
                if name in {f"{split}.npz" for split in PREDICTED}:
                    self.predictions(name.removesuffix(".npz"))
            except DamagedError as error:
                found.append(str(error))
        return found

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
            DamagedError: the file is damaged.
        """
        path = self.path / HISTORY
        if not path.exists():
            return {}
        try:
            with path.open(encoding="utf-8", newline="") as file:
                header, *rows = csv.reader(file)
            return {name: [float(row[column]) for row in rows] for column, name in enumerate(header)}
        except (OSError, ValueError, IndexError, csv.Error) as error:
            raise DamagedError(f"{path} is damaged: {error}") from error

    def document(self, name: str) -> dict[str, Any] | None:
        """A JSON object stored with the run, such as `ENSEMBLE`; None where there is none.

        Raises:
            DamagedError: the file is damaged.
        """
        path = self.path / name
        try:
            found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
        except (OSError, ValueError) as error:
            raise DamagedError(f"{path} is damaged: {error}") from error
        if found is not None and not isinstance(found, dict):
            raise DamagedError(f"{path} is damaged: no JSON object")
        return found


@dataclass(frozen=True)
class StoredFile:
    """A file under the store, and whose it is.

    Attributes:
        dataset: `name-fingerprint`.
        run: such as `cnn4:refit@1234abcd`; None for what belongs to no run's configuration.
        seed: of the run; None for what belongs to no whole run.
        kind: "predictions", "model" or "records" (record, histories, log) of whole runs; "failed", "unfinished"
            (of runs at work or interrupted), "searches" or "pages".
        size: in bytes.
    """

    dataset: str
    run: str | None
    seed: int | None
    kind: str
    size: int


@dataclass(frozen=True)
class Claim:
    """The right to make one run: while it is held, no other process makes that run.

    Attributes:
        path: directory for the run's files.
        lock: held on a file beside it; the system lets go of it when the process ends, however that happens.
    """

    path: Path
    lock: TextIO

    @property
    def checkpoints(self) -> Path:
        """Directory, if it exists, of how far an earlier process came with this run.

        It lies beside `path`, not within: a run becomes whole before its checkpoints go, so that nothing is lost
        between the two.
        """
        return self.path.with_suffix(".checkpoint")

    def __enter__(self) -> "Claim":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Give the right up; what lies in the directory stays until somebody else claims it."""
        if not self.lock.closed:
            with suppress(OSError):
                self.path.rmdir()  # nothing lies in it
            with suppress(OSError):
                Path(self.lock.name).unlink(missing_ok=True)
            self.lock.close()


@dataclass(frozen=True)
class RunStore:
    """The runs under one directory, which need not exist yet."""

    root: Path

    def datasets(self) -> list[str]:
        """The datasets that have runs, as `name-fingerprint`, sorted."""
        if not self.root.is_dir():
            return []
        return sorted(
            path.name
            for path in self.root.iterdir()
            if _DATASET.fullmatch(path.name) and any(_SEED.fullmatch(run.name) for run in path.glob("*/seed-*"))
        )

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
        """Every whole run of `dataset` (`name-fingerprint`), by model, configuration and seed; see also `damaged`."""
        return [run for run in self._read(dataset) if isinstance(run, StoredRun) and run.record.status == "ok"]

    def failures(self, dataset: str) -> list[StoredRun]:
        """Every recorded failure of `dataset`, in the same order; one that succeeded later is left out."""
        return [
            run
            for run in self._read(dataset)
            if isinstance(run, StoredRun)
            and run.record.status == "failed"
            and not (run.path.parent / _seed_name(run.record.seed)).exists()
        ]

    def damaged(self, dataset: str) -> list[str]:
        """One sentence for each stored run of `dataset` that cannot be read. `runs` leaves it out."""
        return [run for run in self._read(dataset) if isinstance(run, str)]

    def stored(self, dataset: str) -> list[StoredRun | str]:
        """Every run and recorded failure of `dataset`; for one that cannot be read, the sentence that says so."""
        return list(self._read(dataset))

    def files(self) -> Iterator[StoredFile]:
        """Every file of every dataset, damaged runs and unfinished ones included."""
        if not self.root.is_dir():
            return
        for dataset in sorted(path for path in self.root.iterdir() if _DATASET.fullmatch(path.name)):
            for path in sorted(dataset.rglob("*")):
                try:
                    status = path.lstat()
                except FileNotFoundError:
                    continue  # of a run that has just become whole
                if stat.S_ISREG(status.st_mode):
                    run, seed, kind = _owner(path.relative_to(dataset))
                    yield StoredFile(dataset.name, run and _title(dataset / run), seed, kind, status.st_size)

    def find(self, config: RunConfig, seed: int) -> StoredRun | None:
        """The stored run of this configuration and seed, or None."""
        path = self._directory(config) / _seed_name(seed)
        return _read_run(path) if path.is_dir() else None

    def find_failure(self, config: RunConfig, seed: int) -> StoredRun | None:
        """The last recorded failure of this configuration and seed; None where there is none that can be read."""
        paths = self._directory(config).glob(f"{_seed_name(seed)}.failed-*")
        attempts = [(int(match["attempt"]), path) for path in paths if (match := _SEED.fullmatch(path.name))]
        for _, path in sorted(attempts, reverse=True):
            with suppress(DamagedError):
                return _read_run(path)
        return None

    def resolve(self, dataset: str, name: str, runs: Sequence[StoredRun] | None = None) -> list[StoredRun]:
        """The runs meant by `name`: a model (all its seeds), `model@hash`, or one run such as `model-hash/seed-0`.

        A model's name means its ordinary runs; what is special about others follows it, as in `cnn4:refit`.

        Args:
            dataset: `name-fingerprint`.
            name: of the model or run.
            runs: what `runs(dataset)` gave, for a caller that resolves many names.

        Raises:
            UserError: there is no such run, or the model is stored in several configurations.
        """
        runs = self.runs(dataset) if runs is None else runs
        model, _, seed = name.partition("/")
        found = [run for run in runs if model in _names(run.config) and seed in ("", run.path.name)]
        if not found:
            failed = [run for run in self.failures(dataset) if model in _names(run.config)]
            if failed:
                raise UserError(f"{name} has no whole run in {dataset}, it failed: {failed[-1].record.error}")
            raise unknown_name(f"run in {dataset}", name, {run.config.title for run in runs})
        configurations = sorted({f"{run.config.title}@{run.config.hash}" for run in found})
        if len(configurations) > 1:
            raise UserError(f"{model} is stored in several configurations, choose one: {', '.join(configurations)}")
        return found

    def claim(self, config: RunConfig, seed: int) -> "Claim | None":
        """The right to make one run, and an empty directory for it; None while another process has that right.

        What an interrupted process left there is dropped, but for its checkpoints. The right ends with `commit`,
        `fail`, `Claim.release`, or the process.

        Raises:
            UserError: the store cannot be written, or its drive has no file locks.
        """
        path = self._partial(config, seed)
        with writing(self.root):
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = _locked(path.with_suffix(".lock"))
            if lock is None:
                return None
            claim = Claim(path, lock)
            try:
                if path.exists():
                    shutil.rmtree(path)
                path.mkdir()
            except OSError:
                claim.release()
                raise
        if (path.parent / _seed_name(seed)).exists():
            shutil.rmtree(claim.checkpoints, ignore_errors=True)  # the process died before it came to that
        return claim

    def commit(self, claim: "Claim", record: RunRecord) -> StoredRun:
        """Make what lies in the claimed directory a stored run; the checksums of its files are added to its record.

        Raises:
            UserError: there are no predictions in it, the run is stored already, or the store cannot be written.
        """
        if not any((claim.path / f"{split}.npz").exists() for split in PREDICTED):
            raise UserError(f"{claim.path} holds no predictions: the run is not whole")
        return self._finish(claim, record, _seed_name(record.seed))

    def put(
        self,
        record: RunRecord,
        predictions: Mapping[str, Predictions],
        documents: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> StoredRun:
        """Store a run that consists of its predictions, by split: an ensemble, say.

        Args:
            record: of the run.
            predictions: by split.
            documents: JSON objects to be stored with it, by file name; see `StoredRun.document`.

        Raises:
            UserError: the run is stored already, is being made by another process, or the store cannot be written.
        """
        claim = self.claim(record.config, record.seed)
        if claim is None:
            raise UserError(f"another process is making {record.config.title}: wait for it and try again")
        with claim:
            with writing(self.root):
                for split, predicted in predictions.items():
                    write_predictions(claim.path / f"{split}.npz", predicted)
                for name, document in (documents or {}).items():
                    write_text(claim.path / name, _json(document))
            return self.commit(claim, record)

    def drop_model(self, run: StoredRun) -> StoredRun:
        """Delete a stored run's model file; the run is whole without it.

        Raises:
            UserError: the store cannot be written.
        """
        files = {name: checksum for name, checksum in run.record.files.items() if name not in MODELS}
        record = replace(run.record, files=files)
        with writing(self.root):
            # In this order: a file that the record does not know does no harm, one that it misses would.
            write_text(run.path / RECORD, _json(sealed(record.to_json())))
            if model := run.model:
                model.unlink()
        return StoredRun(run.path, record)

    def fail(self, claim: "Claim", record: RunRecord) -> StoredRun:
        """Keep a failed run's record and log under the next free `seed-N.failed-K`."""
        attempt = 1
        with writing(self.root):
            for path in claim.path.iterdir():
                if path.name not in (LOG, HISTORY, HISTORY_JSON):
                    path.unlink() if path.is_file() else shutil.rmtree(path)
            while (claim.path.parent / f"{_seed_name(record.seed)}.failed-{attempt}").exists():
                attempt += 1
        return self._finish(claim, record, f"{_seed_name(record.seed)}.failed-{attempt}")

    def write_page(self, dataset: str, name: str, text: str) -> Path:
        """Write a page beside the runs of `dataset` (`leaderboard.md`), in one step, and return its path."""
        path = self.root / dataset / name
        with writing(self.root):
            write_text(path, text)
        return path

    def report_directory(self, dataset: str, name: str) -> Path:
        """Where the report called `name` (any text) on runs of `dataset` goes; it is not made here."""
        return self.root / dataset / REPORTS / file_name(name)

    def write_beside(self, run: StoredRun, name: str, text: str) -> Path:
        """Write a page beside the seeds of a run's configuration (`EXPLANATION`), in one step, and return its path.

        Raises:
            UserError: the store cannot be written.
        """
        path = run.path.parent / name
        with writing(self.root):
            write_text(path, text)
        return path

    def read_beside(self, run: StoredRun, name: str) -> str | None:
        """The page that `write_beside` wrote; None where there is none.

        Raises:
            DamagedError: it cannot be read.
        """
        path = run.path.parent / name
        try:
            return path.read_text(encoding="utf-8") if path.exists() else None
        except (OSError, ValueError) as error:
            raise DamagedError(f"{path} is damaged: {error}") from error

    def search_directory(self, config: RunConfig, name: str) -> Path:
        """Where a search for better values of `config` keeps its log.

        Args:
            config: of the dataset that is searched on.
            name: of the search: model, tuner and hash.

        Raises:
            UserError: the name cannot name a directory.
        """
        return self._directory(config).parent / SEARCHES / _safe(name)

    def claim_search(self, config: RunConfig, name: str) -> "Claim | None":
        """The right to go on with a search, and its directory as it is; None while another process has that right.

        Raises:
            UserError: the store cannot be written, or its drive has no file locks.
        """
        path = self.search_directory(config, name)
        with writing(self.root):
            path.mkdir(parents=True, exist_ok=True)
            lock = _locked(path.with_name(f".{path.name}.lock"))
        return Claim(path, lock) if lock else None

    def _finish(self, claim: "Claim", record: RunRecord, name: str) -> StoredRun:
        target = claim.path.parent / name
        if target.exists():
            raise UserError(f"{target.parent.name}/{target.name} is stored already")
        with writing(self.root):
            files = {path.name: stored_checksum(path) for path in sorted(claim.path.iterdir()) if path.is_file()}
            record = replace(record, files=files)
            write_text(target.parent / CONFIG, _json(record.config.to_json()))
            write_text(claim.path / RECORD, _json(sealed(record.to_json())))
            _sync(claim.path)
            claim.path.rename(target)
            _sync(target.parent)
            shutil.rmtree(claim.checkpoints, ignore_errors=True)
        claim.release()
        return StoredRun(target, record)

    def _directory(self, config: RunConfig) -> Path:
        dataset, model = _safe(config.dataset), _safe(config.model)
        return self.root / f"{dataset}-{config.fingerprint}" / f"{model}-{config.hash}"

    def _partial(self, config: RunConfig, seed: int) -> Path:
        return self._directory(config) / f".{_seed_name(seed)}.partial"

    def _read(self, dataset: str) -> Iterator[StoredRun | str]:
        """The dataset's runs and failures; for one that is damaged, what is wrong with it."""
        directory = self.root / dataset
        if not directory.is_dir():
            return
        for configuration in sorted(directory.iterdir()):
            if not configuration.is_dir() or not _CONFIGURATION.fullmatch(configuration.name):
                continue
            found = [(match, path) for path in configuration.iterdir() if (match := _SEED.fullmatch(path.name))]
            for _, path in sorted(found, key=lambda item: (int(item[0]["seed"]), int(item[0]["attempt"] or 0))):
                try:
                    yield _read_run(path)
                except DamagedError as error:
                    yield str(error)


def _safe(name: str) -> str:
    if not _SAFE_NAME.fullmatch(name) or name.endswith((".", "..")):
        raise UserError(f"{name!r} cannot name a run: letters, digits and _ . + : - only, 100 at most")
    return name


@contextmanager
def writing(root: Path) -> Iterator[None]:
    """Turn what the operating system refuses (a full disk, a read-only directory) into one line."""
    try:
        yield
    except OSError as error:
        raise writing_error(f"to {root}", error) from error


def _locked(path: Path) -> TextIO | None:
    """The file at `path`, opened and locked; None where another process holds it."""
    lock = path.open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever held it has removed it on release: a lock on a file that is gone keeps nobody out.
        if os.fstat(lock.fileno()).st_ino == path.stat().st_ino:
            return lock
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError as error:
        lock.close()
        # Mounted drives say it in several ways, some as if the call did not exist.
        unknown = error.errno in (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP)
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK)) if unknown else error from error
    lock.close()
    return None


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


def read_predictions(path: Path) -> Predictions:
    """The predictions in an `.npz` that `write_predictions` made. Probabilities may be stored as float16.

    Raises:
        DamagedError: the file is damaged or is no such file.
    """
    try:
        with opened(path) as archive:
            arrays = {name: archive.read(name) for name in archive.names}
        if arrays["class_names"].dtype.kind != "U" or arrays["probabilities"].dtype.kind != "f":
            raise ValueError("class names that are no text, or probabilities that are no fractions")
        return Predictions(
            split=str(arrays["split"]),
            sample_ids=arrays["sample_ids"],
            class_names=tuple(arrays["class_names"].tolist()),
            probabilities=arrays["probabilities"].astype(np.float32),
            labels=arrays.get("labels"),
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DamagedError(f"{path} is damaged: {error}") from error


def _read_run(path: Path) -> StoredRun:
    try:
        config = RunConfig.from_json(json.loads((path.parent / CONFIG).read_text(encoding="utf-8")))
        found = json.loads((path / RECORD).read_text(encoding="utf-8"))
        record = RunRecord.from_json(config, unsealed(found))
        _check_place(path, record)
        return StoredRun(path, record)
    except (OSError, ValueError, TypeError, AttributeError, RecursionError, UserError) as error:
        raise DamagedError(f"the run in {path} is damaged: {error}") from error


def _check_place(path: Path, record: RunRecord) -> None:
    """Raise ValueError where a record says another run than its directory: one of the two files was edited."""
    config, found = record.config, _SEED.fullmatch(path.name)
    said = (f"{config.dataset}-{config.fingerprint}", f"{config.model}-{config.hash}", _seed_name(record.seed))
    place = (path.parent.parent.name, path.parent.name, _seed_name(int(found["seed"])) if found else path.name)
    if said != place:
        raise ValueError(f"its configuration and record are those of {'/'.join(said)}")
    if any(Path(name).name != name for name in record.files):
        raise ValueError("its record names files outside of it")


def _owner(path: Path) -> tuple[str | None, int | None, str]:
    """The run's `model-hash`, the seed and the kind (see `StoredFile`) of a file at `path` inside its dataset."""
    if path.parts[0] == SEARCHES:
        return None, None, "searches"
    run = path.parts[0]
    if len(path.parts) == 1 or not _CONFIGURATION.fullmatch(run):
        return None, None, "pages"
    if len(path.parts) == 2:  # the configuration, an explanation; or the lock of a run at work
        return run, None, "unfinished" if path.name.startswith(".") else "records"
    found = _SEED.fullmatch(path.parts[1])
    if found is None or found["attempt"]:
        return run, None, "failed" if found else "unfinished"
    if path.name in {f"{split}.npz" for split in PREDICTED}:
        return run, int(found["seed"]), "predictions"
    return run, int(found["seed"]), "model" if path.name in MODELS else "records"


def _title(configuration: Path) -> str:
    """What the runs in a configuration's directory are called, `title@hash`; `model@hash` where it cannot be read."""
    model, _, digest = configuration.name.rpartition("-")
    try:
        config = RunConfig.from_json(json.loads((configuration / CONFIG).read_text(encoding="utf-8")))
    except (OSError, ValueError, UserError):
        return f"{model}@{digest}"
    return f"{config.title}@{digest}"


def _names(config: RunConfig) -> tuple[str, ...]:
    title, model, digest = config.title, config.model, config.hash
    return title, f"{title}@{digest}", f"{model}@{digest}", f"{model}-{digest}"


def find_model(directory: Path) -> Path | None:
    """The file of the trained model in a run's directory, or None."""
    return next((directory / name for name in MODELS if (directory / name).is_file()), None)


def _seed_name(seed: int) -> str:
    return f"seed-{seed}"


def _json(data: Any) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def write_text(path: Path, text: str) -> None:
    """Write a file in one step: whatever happens, it is the old one or the new one."""
    # A reader sees the old file or the new one, never half of it.
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
