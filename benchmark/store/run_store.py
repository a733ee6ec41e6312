"""The store of runs: what is in it, and the only ways to change it. `run_layout` says where things lie.

A stored run never changes, except that its model file may be deleted. At any moment, readers see whole runs only.
"""

import shlex
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from benchmark.files import run_layout as layout
from benchmark.files.checksums import DamagedError, reading, sealed, stored_checksum
from benchmark.files.file_writing import sync, write_json, write_text, writing
from benchmark.files.names import file_name
from benchmark.records import PREDICTED, Predictions, RunConfig, RunRecord
from benchmark.store.claims import Claim, claim_run
from benchmark.store.snapshot import Snapshot
from benchmark.store.stored_predictions import write_predictions
from benchmark.store.stored_run import COPY_OF, StoredRun, read_run, read_runs
from zoo.errors import UserError, unknown_name

MAKE_SOME: Final = (
    "make some with `python -m benchmark run --all`, or import predictions with `python -m ensembles import`"
)


@dataclass(frozen=True)
class RunStore:
    """The runs under one directory, which need not exist yet."""

    root: Path

    def command(self, words: str, dataset: str | None = None) -> str:
        """`python -m` and these words, with the options that name this store and, if it has several, this dataset."""
        data = f" --data {dataset}" if dataset and len(self.datasets()) > 1 else ""
        runs = "" if self.root == Path("runs") else f" --runs {shlex.quote(str(self.root))}"
        return f"python -m {words}{data}{runs}"

    def datasets(self) -> list[str]:
        """The datasets that have runs, as `name-fingerprint`, sorted."""
        if not self.root.is_dir():
            return []
        return sorted(
            path.name
            for path in self.root.iterdir()
            if layout.DATASET_NAME.fullmatch(path.name)
            and any(layout.SEED_NAME.fullmatch(run.name) for run in path.glob("*/seed-*"))
        )

    def find_dataset(self, name: str | None = None) -> str:
        """The dataset called `name` (with or without fingerprint); without a name the only one there is.

        Raises:
            UserError: there is none, or there are several.
        """
        known = self.datasets()
        if not known:
            raise UserError(self._without_runs())
        matches = [full for full in known if name in (None, full, full.rpartition("-")[0])]
        if not matches:
            raise unknown_name("dataset", str(name), {full.rpartition("-")[0] for full in known})
        if len(matches) > 1:
            raise UserError(f"several datasets are stored, choose one with --data: {', '.join(matches)}")
        return matches[0]

    def _without_runs(self) -> str:
        """The message that there are no runs, and what to do."""
        if not self.root.is_dir():
            what = "a file" if self.root.exists() else "not there"
            return f"no runs in {self.root}, which is {what}: {MAKE_SOME}, or name another directory with --runs"
        around = [self.root.resolve().parent, *sorted(path for path in self.root.iterdir() if path.is_dir())]
        near = next((path for path in around if RunStore(path).datasets()), None)
        return f"no runs in {self.root}: {f'did you mean {near}?' if near else MAKE_SOME}"

    def snapshot(self, dataset: str) -> Snapshot:
        """All runs of `dataset` (`name-fingerprint`), with failures and damaged ones; each command reads them once."""
        entries = list(read_runs(self.root / dataset))
        return Snapshot(
            dataset,
            stored=tuple(run for run in entries if isinstance(run, StoredRun)),
            damaged=tuple(problem for problem in entries if isinstance(problem, str)),
        )

    def runs(self, dataset: str) -> list[StoredRun]:
        """Every whole run of `dataset`, by model, configuration and seed."""
        return self.snapshot(dataset).runs

    def find(self, config: RunConfig, seed: int) -> StoredRun | None:
        """The stored run of this configuration and seed, or None."""
        path = layout.configuration_directory(self.root, config) / layout.seed_name(seed)
        return read_run(path) if path.is_dir() else None

    def find_failure(self, config: RunConfig, seed: int) -> StoredRun | None:
        """The last recorded failure of this configuration and seed that can be read, or None."""
        paths = layout.configuration_directory(self.root, config).glob(f"{layout.seed_name(seed)}.failed-*")
        attempts = [(int(match["attempt"]), path) for path in paths if (match := layout.SEED_NAME.fullmatch(path.name))]
        for _, path in sorted(attempts, reverse=True):
            with suppress(DamagedError):
                return read_run(path)
        return None

    def resolve(self, dataset: str, name: str) -> list[StoredRun]:
        """The runs of `dataset` that `name` means; see `Snapshot.resolve`. Each call reads the store."""
        return self.snapshot(dataset).resolve(name)

    def searches(self, dataset: str) -> list[Path]:
        """The directory of every hyperparameter search on `dataset` (`name-fingerprint`), sorted."""
        return sorted(path.parent for path in (self.root / dataset / layout.SEARCHES).glob(f"*/{layout.SEARCH}"))

    def claim(self, config: RunConfig, seed: int) -> Claim | None:
        """The right to make one run, or None: see `claim_run`."""
        return claim_run(self.root, config, seed)

    def commit(self, claim: Claim, record: RunRecord, *, replacing: bool = False) -> StoredRun:
        """Turn the claimed directory into a stored run; the checksums of its files are added to its record.

        Args:
            replacing: whether it may replace a stored run.

        Raises:
            UserError: it has no predictions, the run is stored already, or the store cannot be written.
        """
        if not any((claim.path / f"{split}.npz").exists() for split in PREDICTED):
            raise UserError(f"{claim.path} holds no predictions: the run is not whole")
        return self._finish(claim, record, layout.seed_name(record.seed), replacing=replacing)

    def put(
        self,
        record: RunRecord,
        predictions: Mapping[str, Predictions],
        documents: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        replacing: bool = False,
    ) -> StoredRun:
        """Store a run that consists of predictions, by split, such as an ensemble.

        Args:
            documents: JSON objects to store with it, by file name; see `StoredRun.document`.
            replacing: whether it may replace a stored run.

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
                    write_json(claim.path / name, document)
            return self.commit(claim, record, replacing=replacing)

    def copy(self, run: StoredRun, config: RunConfig) -> StoredRun | None:
        """Store a whole run once more, as one of `config`, which means the same network under another name.

        None where there is such a run already, or another process makes it.

        Raises:
            DamagedError: a file of the run is missing or has changed, or the run that is there is damaged.
            UserError: the store cannot be written.
        """
        if problems := run.check_files():
            raise DamagedError("; ".join(problems))
        if (claim := self.claim(config, run.record.seed)) is None:
            return None
        with claim:
            if self.find(config, run.record.seed):
                return None
            with writing(self.root):
                for name in run.record.files:
                    shutil.copyfile(run.path / name, claim.path / name)
            provenance = {**run.record.provenance, COPY_OF: run.name}
            return self.commit(claim, replace(run.record, config=config, provenance=provenance))

    def hand_over(self, checkpoints: Path, config: RunConfig, seed: int) -> None:
        """Move a training's checkpoints, if there are any, to where the run of `config` and `seed` goes on from them.

        They stay where they are if that run is stored, or another process makes it.

        Raises:
            UserError: the store cannot be written.
        """
        if not checkpoints.exists() or (claim := self.claim(config, seed)) is None:
            return
        with claim, writing(self.root):
            if not (claim.path.parent / layout.seed_name(seed)).exists():
                shutil.rmtree(claim.checkpoints, ignore_errors=True)
                checkpoints.rename(claim.checkpoints)

    def drop_model(self, run: StoredRun) -> StoredRun:
        """Delete a stored run's model file; the run is whole without it.

        Raises:
            UserError: the store cannot be written.
        """
        files = {name: checksum for name, checksum in run.record.files.items() if name not in layout.MODELS}
        record = replace(run.record, files=files)
        with writing(self.root):
            # In this order: a model file that the record does not name does no harm, but a missing one would.
            write_json(run.path / layout.RECORD, sealed(record.to_json()))
            if model := run.model:
                model.unlink()
        return StoredRun(run.path, record)

    def fail(self, claim: Claim, record: RunRecord) -> StoredRun:
        """Keep a failed run's record and log under the next free `seed-N.failed-K`."""
        attempt = 1
        with writing(self.root):
            for path in claim.path.iterdir():
                if path.name not in (layout.LOG, layout.HISTORY, layout.HISTORY_JSON):
                    path.unlink() if path.is_file() else shutil.rmtree(path)
            while (claim.path.parent / f"{layout.seed_name(record.seed)}.failed-{attempt}").exists():
                attempt += 1
        return self._finish(claim, record, f"{layout.seed_name(record.seed)}.failed-{attempt}")

    def write_page(self, dataset: str, name: str, text: str) -> Path:
        """Write a page beside the runs of `dataset` (`leaderboard.md`), in one step, and return its path."""
        path = self.root / dataset / name
        with writing(self.root):
            write_text(path, text)
        return path

    def report_directory(self, dataset: str, name: str) -> Path:
        """The directory of the report called `name` (any text) on runs of `dataset`; it is not made here."""
        return self.root / dataset / layout.REPORTS / file_name(name)

    def write_beside(self, run: StoredRun, name: str, text: str) -> Path:
        """Write a page into this store beside the seeds of a run's configuration, in one step; returns its path.

        Raises:
            UserError: the store cannot be written.
        """
        path = layout.configuration_directory(self.root, run.config) / name
        with writing(self.root):
            write_text(path, text)
        return path

    def remove_beside(self, run: StoredRun, name: str) -> None:
        """Remove the page that `write_beside` wrote, if there is one.

        Raises:
            UserError: the store cannot be written.
        """
        with writing(self.root):
            (layout.configuration_directory(self.root, run.config) / name).unlink(missing_ok=True)

    def read_beside(self, run: StoredRun, name: str) -> str | None:
        """The page that `write_beside` wrote in this store; None where there is none.

        Raises:
            DamagedError: it cannot be read.
        """
        path = layout.configuration_directory(self.root, run.config) / name
        with reading(path):
            return path.read_text(encoding="utf-8") if path.exists() else None

    def _finish(self, claim: Claim, record: RunRecord, name: str, *, replacing: bool = False) -> StoredRun:
        target = claim.path.parent / name
        if target.exists() and not replacing:
            raise UserError(f"{target.parent.name}/{target.name} is stored already")
        with writing(self.root):
            files = {path.name: stored_checksum(path) for path in sorted(claim.path.iterdir()) if path.is_file()}
            record = replace(record, files=files)
            write_json(target.parent / layout.CONFIG, record.config.to_json())
            write_json(claim.path / layout.RECORD, sealed(record.to_json()))
            sync(claim.path)
            replaced = layout.replaced_directory(target)
            if target.exists():
                # A process that was killed between the next two may have left one; until then it is the only copy.
                shutil.rmtree(replaced, ignore_errors=True)
                target.rename(replaced)
            claim.path.rename(target)
            sync(target.parent)
            shutil.rmtree(replaced, ignore_errors=True)
            shutil.rmtree(claim.checkpoints, ignore_errors=True)
        claim.release()
        return StoredRun(target, record)
