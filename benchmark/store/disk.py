"""What takes how much disk in a store of runs."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from benchmark.store.stored_files import stored_files
from zoo.errors import UserError

OF_RUNS: Final = ("predictions", "model", "records")
BESIDE_RUNS: Final = ("failed", "unfinished", "searches", "pages")

UNITS: Final = ("B", "kB", "MB", "GB", "TB")

FREEING: Final = "To free space, delete whole runs, seed-*.failed-*, or only a run's model file."


def stored_sizes(runs: Path | str = "runs") -> dict[str, Any]:
    """What lies in a store, in bytes.

    Args:
        runs: directory of the store.

    Returns:
        `path`, `bytes` in all, and `datasets`: for each its `dataset` (`name-fingerprint`), `bytes`, `runs` (for each
        configuration `run` as `model@hash`, `seeds` stored, `predictions`, `model`, `records`, which are the record,
        the histories and the log, and `bytes`), and the bytes of what `failed` or is `unfinished`, of `searches` and of
        `pages`.

    Raises:
        UserError: there is no such directory.
    """
    if not Path(runs).is_dir():
        raise UserError(f"no runs in {runs}: make some with `python -m benchmark run --all`")
    beside: defaultdict[str, Counter[str]] = defaultdict(Counter)
    of_runs: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    seeds: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    for file in stored_files(Path(runs)):
        if file.run is None or file.kind not in OF_RUNS:
            beside[file.dataset][file.kind] += file.size
            continue
        of_runs[file.dataset, file.run][file.kind] += file.size
        if file.seed is not None:
            seeds[file.dataset, file.run].add(file.seed)
    for dataset, run in [key for key in of_runs if not seeds[key]]:
        # Nothing but the configuration of runs that failed or are not whole.
        beside[dataset]["failed"] += of_runs.pop((dataset, run)).total()
    datasets = [
        _dataset(name, {run: sizes for (owner, run), sizes in of_runs.items() if owner == name}, seeds, beside[name])
        for name in sorted({*beside, *(dataset for dataset, _ in of_runs)})
    ]
    return {"path": str(runs), "bytes": sum(dataset["bytes"] for dataset in datasets), "datasets": datasets}


def _dataset(
    name: str,
    of_runs: Mapping[str, Counter[str]],
    seeds: Mapping[tuple[str, str], set[int]],
    beside: Mapping[str, int],
) -> dict[str, Any]:
    rows = [
        {
            "run": run,
            "seeds": len(seeds[name, run]),
            **{kind: sizes[kind] for kind in OF_RUNS},
            "bytes": sizes.total(),
        }
        for run, sizes in sorted(of_runs.items())
    ]
    others = {kind: beside[kind] for kind in BESIDE_RUNS}
    total = sum(sizes.total() for sizes in of_runs.values()) + sum(others.values())
    return {"dataset": name, "bytes": total, "runs": rows, **others}


def sizes_text(sizes: Mapping[str, Any]) -> str:
    """What `stored_sizes` gave, as tables of at most 80 columns, and how to free space."""
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
