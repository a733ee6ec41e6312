"""Every file under a store, and whose it is."""

import json
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmark.files.run_layout import CONFIG, CONFIGURATION_NAME, DATASET_NAME, MODELS, SEARCHES, SEED_NAME
from benchmark.records import PREDICTED, RunConfig
from zoo.errors import UserError


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


def stored_files(root: Path) -> Iterator[StoredFile]:
    """Every file of every dataset in the store at `root`, damaged runs and unfinished ones included."""
    if not root.is_dir():
        return
    for dataset in sorted(path for path in root.iterdir() if DATASET_NAME.fullmatch(path.name)):
        for path in sorted(dataset.rglob("*")):
            try:
                status = path.lstat()
            except FileNotFoundError:
                continue  # of a run that has just become whole
            if stat.S_ISREG(status.st_mode):
                run, seed, kind = _owner(path.relative_to(dataset))
                yield StoredFile(dataset.name, run and _title(dataset / run), seed, kind, status.st_size)


def _owner(path: Path) -> tuple[str | None, int | None, str]:
    """The run's `model-hash`, the seed and the kind (see `StoredFile`) of a file at `path` inside its dataset."""
    if path.parts[0] == SEARCHES:
        return None, None, "searches"
    run = path.parts[0]
    if len(path.parts) == 1 or not CONFIGURATION_NAME.fullmatch(run):
        return None, None, "pages"
    if len(path.parts) == 2:  # the configuration, an explanation; or the lock of a run at work
        return run, None, "unfinished" if path.name.startswith(".") else "records"
    found = SEED_NAME.fullmatch(path.parts[1])
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
