"""How much disk space a store takes, and for what."""

import json
import math
import stat
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmark.files.run_layout import CONFIG, CONFIGURATION_NAME, DATASET_NAME, MODELS, SEARCHES, SEED_NAME
from benchmark.records import PREDICTED, RunConfig
from benchmark.store.run_store import MAKE_SOME
from zoo.errors import UserError

OF_RUNS: Final = ("predictions", "model", "records")
BESIDE_RUNS: Final = ("failed", "unfinished", "searches", "pages")

UNITS: Final = ("B", "kB", "MB", "GB", "TB")

FREEING: Final = "To free space, delete whole runs, seed-*.failed-*, or only a run's model file."


@dataclass(frozen=True)
class StoredFile:
    """A file of the store, and the run it belongs to.

    Attributes:
        dataset: `name-fingerprint`.
        run: such as `cnn4:refit@1234abcd`; None where it belongs to no configuration of runs.
        seed: of the run; None where it belongs to no whole run.
        kind: "predictions", "model" or "records" (record, histories, log) of whole runs; "failed", "unfinished"
            (of runs at work or interrupted), "searches" or "pages".
        size: in bytes.
    """

    dataset: str
    run: str | None
    seed: int | None
    kind: str
    size: int


def stored_sizes(runs: Path | str = "runs") -> dict[str, Any]:
    """The sizes of everything in a store, in bytes.

    Returns:
        `path`, `bytes` in all, and `datasets`: for each its `dataset` (`name-fingerprint`), `bytes`, `runs` (for each
        configuration `run` as `model@hash`, `seeds` stored, `predictions`, `model`, `records`, which are the record,
        the histories and the log, and `bytes`), and the bytes of what `failed` or is `unfinished`, of `searches` and of
        `pages`.

    Raises:
        UserError: there is no such directory.
    """
    if not Path(runs).is_dir():
        raise UserError(f"no runs in {runs}: {MAKE_SOME}")
    files: defaultdict[str, list[StoredFile]] = defaultdict(list)
    for file in stored_files(Path(runs)):
        files[file.dataset].append(file)
    datasets = [_dataset(name, of_dataset) for name, of_dataset in sorted(files.items())]
    return {"path": str(runs), "bytes": sum(dataset["bytes"] for dataset in datasets), "datasets": datasets}


def _dataset(name: str, files: Sequence[StoredFile]) -> dict[str, Any]:
    seeds: defaultdict[str | None, set[int]] = defaultdict(set)
    for file in files:
        if file.seed is not None:
            seeds[file.run].add(file.seed)
    sizes: defaultdict[str | None, Counter[str]] = defaultdict(Counter)
    for file in files:
        # A configuration without a whole run is that of runs that failed or are at work.
        unused = file.kind in OF_RUNS and file.run not in seeds
        whole = file.run if file.kind in OF_RUNS and not unused else None
        sizes[whole]["failed" if unused else file.kind] += file.size
    beside = sizes.pop(None, Counter())
    rows = [
        {"run": run, "seeds": len(seeds[run]), **{kind: of_run[kind] for kind in OF_RUNS}, "bytes": of_run.total()}
        for run, of_run in sorted(sizes.items(), key=lambda item: str(item[0]))
    ]
    others = {kind: beside[kind] for kind in BESIDE_RUNS}
    return {"dataset": name, "bytes": sum(file.size for file in files), "runs": rows, **others}


def sizes_text(sizes: Mapping[str, Any]) -> str:
    """The sizes from `stored_sizes` as tables of at most 80 columns, and how to free space."""
    parts = [_dataset_text(dataset) for dataset in sizes["datasets"]]
    return "\n\n".join([*parts, f"{sizes['path']}: {_size(sizes['bytes'])} in all\n{FREEING}"])


def _dataset_text(dataset: Mapping[str, Any]) -> str:
    from tabulate import tabulate

    rows = [
        [row["run"], row["seeds"], *(_size(row[kind]) for kind in (*OF_RUNS, "bytes"))]
        for row in sorted(dataset["runs"], key=lambda row: -row["bytes"])
    ]
    rows += [[kind, "", "", "", "", _size(dataset[kind])] for kind in BESIDE_RUNS if dataset[kind]]
    headers = ("run", "seeds", "predictions", "model", "records", "total")
    alignment = ("left", *["right"] * 5)
    table = tabulate(rows, headers, disable_numparse=True, colalign=alignment, maxcolwidths=[26, *[None] * 5])
    return f"{dataset['dataset']}: {_size(dataset['bytes'])}\n\n{table}"


def _size(size: int) -> str:
    """Bytes in words: 1.2 MB."""
    if not size:
        return "-"
    power = min(int(math.log(size / 0.99995, 1000)), len(UNITS) - 1)
    return f"{size / 1000**power:.1f} {UNITS[power]}" if power else f"{size} B"


def stored_files(root: Path) -> Iterator[StoredFile]:
    """Every file of every dataset in the store at `root`, including those of damaged and unfinished runs."""
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
    seed = SEED_NAME.fullmatch(path.parts[1])
    if seed is None or seed["attempt"]:
        return run, None, "failed" if seed else "unfinished"
    if path.name in {f"{split}.npz" for split in PREDICTED}:
        return run, int(seed["seed"]), "predictions"
    return run, int(seed["seed"]), "model" if path.name in MODELS else "records"


def _title(configuration: Path) -> str:
    """What the runs in a configuration's directory are called, `title@hash`; `model@hash` where it cannot be read."""
    model, _, digest = configuration.name.rpartition("-")
    try:
        config = RunConfig.from_json(json.loads((configuration / CONFIG).read_text(encoding="utf-8")))
    except (OSError, ValueError, UserError):
        return f"{model}@{digest}"
    return f"{config.title}@{digest}"
