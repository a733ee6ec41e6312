"""A search as it is published: its identity, and the row of every trial."""

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path

from benchmark.files.checksums import DamagedError
from benchmark.files.file_writing import write_text, writing
from benchmark.files.run_layout import SEARCH, TRIALS, search_directory
from benchmark.publishing.machine_traces import check_paths, without_traces
from benchmark.records import RunConfig
from benchmark.store.claims import claim_search
from zoo.errors import UserError


@dataclass(frozen=True)
class PublishedSearch:
    """A search as it is published.

    Attributes:
        name: of the search: model, tuner and hash.
        config: of dataset and model, nothing else.
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
        """Where it lies in the store at `root`."""
        return search_directory(root, self.config, self.name)

    def adds_to(self, root: Path) -> bool | None:
        """Whether it has trials that the store at `root` lacks; None where other trials are there.

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
            # In this order: a search without trials has just begun, trials without a search are nobody's.
            write_text(claim.path / SEARCH, self.identity)
            write_text(claim.path / TRIALS, self.trials)


def published_search(directory: Path) -> PublishedSearch:
    """Read the search in a directory as it is published.

    Raises:
        DamagedError: it cannot be read.
        UserError: its identity names a path of a machine.
    """
    identity, trials = _texts(directory)
    try:
        search = json.loads(identity)
        config = RunConfig(str(search["dataset"]), str(search["fingerprint"]), str(search["model"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamagedError(f"{directory / SEARCH} is damaged: {error}") from error
    if f"{config.dataset}-{config.fingerprint}" != directory.parent.parent.name:
        raise DamagedError(f"{directory / SEARCH} is damaged: it is of another dataset")
    check_paths(SEARCH, identity)
    return PublishedSearch(directory.name, config, identity, _traceless(trials))


def _texts(directory: Path) -> tuple[str, str]:
    """The identity of a search, and its trials up to the last whole line."""
    try:
        identity = (directory / SEARCH).read_text(encoding="utf-8")
        path = directory / TRIALS
        trials = path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, ValueError) as error:
        raise DamagedError(f"{directory} is damaged: {error}") from error
    return identity, trials[: trials.rfind("\n") + 1]


def _traceless(trials: str) -> str:
    """The trials' rows; errors, in the last column, are cut before they name a machine.

    Raises:
        DamagedError: they are no CSV.
    """
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    try:
        rows.writerows([*row[:-1], without_traces(row[-1])] for row in csv.reader(io.StringIO(trials)) if row)
    except csv.Error as error:
        raise DamagedError(f"{TRIALS} is damaged: {error}") from error
    return text.getvalue()
