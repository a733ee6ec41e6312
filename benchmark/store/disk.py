"""How much disk space a store takes, and for what."""

import json
import math
import os
import stat
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmark.files.run_layout import CONFIG, CONFIGURATION_NAME, DATASET_NAME, MODELS, SEARCHES, SEED_NAME
from benchmark.records import PREDICTED, RunConfig
from benchmark.store.run_store import MAKE_SOME
from zoo.errors import UserError

OF_RUNS: Final = ("predictions", "model", "records")
"""The kinds of files of whole runs; records are the record, the histories and the log."""
BESIDE_RUNS: Final = ("failed", "unfinished", "searches", "pages")
"""The other kinds; unfinished are files of runs at work, or interrupted."""

UNITS: Final = ("B", "kB", "MB", "GB", "TB")

FREEING: Final = "To free space, delete whole runs, seed-*.failed-*, or only a run's model file."


def stored_sizes(runs: Path | str = "runs") -> dict[str, Any]:
    """The sizes of everything in a store, in bytes.

    Returns:
        `path`, `bytes` in all, and `datasets`: for each its `dataset` (`name-fingerprint`), `bytes`, `runs` (for each
        configuration `run` as `model@hash`, `seeds`, which is their number, the bytes of each kind in `OF_RUNS`, and
        all `bytes`), and the bytes of each kind in `BESIDE_RUNS`.

    Raises:
        UserError: there is no such directory.
    """
    if not Path(runs).is_dir():
        raise UserError(f"no runs in {runs}: {MAKE_SOME}")
    files: defaultdict[Path, list[tuple[Path, int]]] = defaultdict(list)
    for dataset, path, size in stored_files(Path(runs)):
        files[dataset].append((path, size))
    datasets = [_dataset(dataset, of_dataset) for dataset, of_dataset in files.items()]
    return {"path": str(runs), "bytes": sum(dataset["bytes"] for dataset in datasets), "datasets": datasets}


def _dataset(dataset: Path, files: Sequence[tuple[Path, int]]) -> dict[str, Any]:
    """The sizes of one dataset, from its files, given by their paths inside it and their sizes."""
    sizes: defaultdict[str | None, Counter[str]] = defaultdict(Counter)
    seeds: defaultdict[str | None, set[int]] = defaultdict(set)
    for path, size in files:
        run, seed, kind = _owner(path)
        sizes[run][kind] += size
        if seed is not None:
            seeds[run].add(seed)
    rows, beside = [], Counter[str]()
    for run, of_run in sizes.items():
        stored = {kind: of_run.pop(kind, 0) for kind in OF_RUNS}
        total = sum(stored.values())
        if run in seeds:
            rows.append({"run": _title(dataset / str(run)), "seeds": len(seeds[run]), **stored, "bytes": total})
        else:
            beside["failed"] += total  # without a whole run, a configuration is that of failures, or of runs at work
        beside.update(of_run)
    return {
        "dataset": dataset.name,
        "bytes": sum(size for _, size in files),
        "runs": sorted(rows, key=lambda row: str(row["run"])),
        **{kind: beside[kind] for kind in BESIDE_RUNS},
    }


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


def stored_files(root: Path) -> Iterator[tuple[Path, Path, int]]:
    """The dataset's directory, the path inside it and the size in bytes of every file in the store at `root`."""
    if not root.is_dir():
        return
    for dataset in sorted(path for path in root.iterdir() if DATASET_NAME.fullmatch(path.name)):
        # `os.walk` passes over a directory that is renamed meanwhile.
        for path in sorted(Path(folder, name) for folder, _, names in os.walk(dataset) for name in names):
            try:
                status = path.lstat()
            except FileNotFoundError:
                continue  # of a run that has just become whole
            if stat.S_ISREG(status.st_mode):
                yield dataset, path.relative_to(dataset), status.st_size


def _owner(path: Path) -> tuple[str | None, int | None, str]:
    """Whose a file is, from its path inside its dataset.

    Returns:
        The run's `model-hash`, if it belongs to a configuration of runs; the seed, if it belongs to a whole run; and
        the kind, one of `OF_RUNS` or `BESIDE_RUNS`.
    """
    run = path.parts[0]
    if run == SEARCHES:
        return None, None, "searches"
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
    """The name of a configuration, from its directory: `title@hash`; `model@hash` where it cannot be read."""
    model, _, digest = configuration.name.rpartition("-")
    try:
        config = RunConfig.from_json(json.loads((configuration / CONFIG).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, AttributeError, RecursionError, UserError):
        return f"{model}@{digest}"
    return f"{config.title}@{digest}"
