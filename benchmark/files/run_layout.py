"""Where things lie in a store, and what they are called there; nothing is read or written here.

runs/<dataset>-<fingerprint>/<model>-<config hash>/
    config.json explanation.json (of an ensemble that was explained)
    seed-0/            record.json validation.npz test.npz history.csv history.json log.txt model.keras
                       model_source.py (of a model from outside of the zoo)
                       (of an ensemble: record.json validation.npz test.npz ensemble.json)
    seed-0.failed-1/   record.json log.txt
    .seed-0.partial/   a run at work; renamed when whole (.seed-0.lock is held meanwhile)
    .seed-0.checkpoint/   how far its training has come; outlives an interruption
    .seed-0.replaced/  a published run for which a newer one is being put in place
runs/<dataset>-<fingerprint>/searches/<model>-<tuner>-<search hash>/
    search.json trials.csv
    .trial-3.partial/      a trial at work
    .trial-3.checkpoint/   how far its training has come; of trials that are done, only the best one's stays
runs/<dataset>-<fingerprint>/reports/<name>/
    pages and pictures about runs, which can be made again at any time
"""

import re
from pathlib import Path
from typing import Final

from benchmark.records import RunConfig
from zoo.errors import UserError

RECORD: Final = "record.json"
CONFIG: Final = "config.json"
LOG: Final = "log.txt"
HISTORY: Final = "history.csv"
HISTORY_JSON: Final = "history.json"
MODEL: Final = "model.keras"
ESTIMATOR: Final = "model.npz"
MODEL_SOURCE: Final = "model_source.py"
MODELS: Final = (MODEL, ESTIMATOR)
REPORTS: Final = "reports"
SEARCHES: Final = "searches"
SEARCH: Final = "search.json"
TRIALS: Final = "trials.csv"
ENSEMBLE: Final = "ensemble.json"
EXPLANATION: Final = "explanation.json"

DATASET_NAME = re.compile(r"(?P<name>.+)-(?P<fingerprint>[0-9a-f]{8})")
CONFIGURATION_NAME = re.compile(r"(?P<model>.+)-(?P<hash>[0-9a-f]{8})")
SEED_NAME = re.compile(r"seed-(?P<seed>\d+)(\.failed-(?P<attempt>\d+))?")
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+:-]{0,99}")


def seed_name(seed: int) -> str:
    """What the directory of a whole run is called inside its configuration's."""
    return f"seed-{seed}"


def configuration_directory(root: Path, config: RunConfig) -> Path:
    """Where the runs of a configuration lie, whole, failed and unfinished ones, in the store at `root`.

    Raises:
        UserError: the dataset's or model's name cannot name a directory.
    """
    for name in (config.dataset, config.model):
        _safe(name)
    return root / config.full_dataset / config.directory


def partial_directory(root: Path, config: RunConfig, seed: int) -> Path:
    """Where the files of a run lie while it is made.

    Raises:
        UserError: the dataset's or model's name cannot name a directory.
    """
    return configuration_directory(root, config) / f".{seed_name(seed)}.partial"


def replaced_directory(whole: Path) -> Path:
    """Where a whole run lies for the moment in which another takes its place."""
    return whole.with_name(f".{whole.name}.replaced")


def search_directory(root: Path, config: RunConfig, name: str) -> Path:
    """Where the search called `name` for better values of `config` keeps its log.

    Raises:
        UserError: the name cannot name a directory.
    """
    return configuration_directory(root, config).parent / SEARCHES / _safe(name)


def partial_trial(search: Path, number: int) -> Path:
    """Where the files of a trial lie while it is made; `search` is its search's directory, `number` is from 1."""
    return search / f".trial-{number}.partial"


def checkpoints_of(partial: Path) -> Path:
    """Where the checkpoints of what lies in a partial directory are.

    Beside it, not inside: a run is stored first, and its checkpoints are deleted after that.
    """
    return partial.with_suffix(".checkpoint")


def _safe(name: str) -> str:
    if not _SAFE_NAME.fullmatch(name) or name.endswith("."):
        raise UserError(f"{name!r} cannot name a run: letters, digits and _ . + : - only, 100 at most")
    return name
