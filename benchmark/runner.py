"""Runs every model asked for, each in a process of its own; skips what is stored, records what fails."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmark.data.loading import FACES, load_with_layout, located
from benchmark.data.options import Located, ReadOptions, Sources, default_cache
from benchmark.planning import Plan, chosen_models, chosen_seeds, plan, quick_models
from benchmark.processes import ending, environment
from benchmark.progress import watcher
from benchmark.provenance import provenance
from benchmark.records import Dataset, RunConfig, RunRecord
from benchmark.store import LOG, Claim, DamagedError, RunStore, StoredRun
from benchmark.worker import PACKAGES, Job
from zoo.spec import ModelSpec

WORKER: Final = (sys.executable, "-m", "benchmark.worker")

POLL_SECONDS: Final = 0.5

Watch = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class RunOptions:
    """How `run` goes about it.

    Attributes:
        preset: "quick", "paper", or None for quick on the built-in faces and paper on any other data.
        reading: how the data is read.
        cache: directory of decoded data; None reads the data anew in every process.
        keep_model: whether trained models are kept beside their predictions.
        progress: whether progress is shown on standard output.
    """

    preset: str | None = None
    reading: ReadOptions = field(default_factory=ReadOptions)
    cache: Path | None = field(default_factory=default_cache)
    keep_model: bool = True
    progress: bool = True


def run(
    models: str | Sequence[str] = "all",
    data: Sources = FACES,
    *,
    seeds: int | Sequence[int] = 1,
    settings: Mapping[str, Any] | None = None,
    runs: str | Path = "runs",
    options: RunOptions | None = None,
) -> list[StoredRun]:
    """Train models on one dataset and store what they predict; `python -m benchmark run`.

    A run that is stored already is not trained again. A run that fails becomes a stored failure, and the others go on.

    Args:
        models: "all" (under the quick preset without the transfer models whose ImageNet weights are missing), a name,
            several with commas between, or a sequence of names.
        data: path of the data, "faces" for the built-in faces, or "kaggle:OWNER/NAME"; or several, which are merged.
        seeds: how many (3 for 0, 1, 2), or which.
        settings: training settings and hyperparameters by name, such as {"epochs": 8, "dropout": 0.4}; for transfer
            models also `weights`: "imagenet", "random", or the path of a file.
        runs: directory of the store.
        options: the rest.

    Returns:
        Every run asked for, stored or failed, by model and seed.

    Raises:
        UserError: a name, value or file that will not do, found before anything is trained or written; or the store
            cannot be written.
    """
    options, store = options or RunOptions(), RunStore(Path(runs))
    # Names and seeds are checked before the data, which can take long to read.
    specs, chosen, source = chosen_models(models), chosen_seeds(seeds), source_of(data)
    with watcher(options.progress) as watch:
        if models == "all" and preset_for(source, options) == "quick" and "weights" not in (settings or {}):
            everything, specs = specs, quick_models(specs)
            if left_out := [spec.name for spec in everything if spec not in specs]:
                why = "without ImageNet weights at hand they need more than a first look; name them to run them"
                watch({"event": "note", "text": f"left out: {', '.join(left_out)}; {why}"})
        planned = plan_runs(specs, source, chosen, settings or {}, options, watch)
        return run_planned(store, planned, (source, options), watch)


def source_of(data: Sources) -> Located:
    """What a worker is told of where the data is; what is to be downloaded is downloaded here, once.

    As text, "faces" means the built-in ones and any path is one; a Path always is a path, here and in the workers.
    """
    sources = tuple(one if isinstance(one, str) else str(one.resolve()) for one in located(data))
    return sources[0] if len(sources) == 1 else sources


def preset_for(source: Located, options: RunOptions) -> str:
    """The preset that is meant: the one asked for, else quick on the built-in faces and paper on any other data."""
    return options.preset or ("quick" if source == FACES else "paper")


def plan_runs(
    specs: Sequence[ModelSpec],
    source: Located,
    seeds: Sequence[int],
    settings: Mapping[str, Any],
    options: RunOptions,
    watch: Watch,
) -> Plan:
    """Read the data once for its fingerprint, plan the runs on it and announce them.

    Raises:
        UserError: the data cannot be read, or a name or value will not do.
    """
    preset = preset_for(source, options)
    loaded = load_with_layout(source, options.reading, options.cache)
    planned = plan(specs, loaded.dataset, preset, seeds, settings)
    watch({"event": "planned", "text": _described(loaded.dataset, preset), "notes": (*loaded.notes, *planned.notes)})
    return planned


def run_planned(store: RunStore, planned: Plan, facts: tuple[Located, RunOptions], watch: Watch) -> list[StoredRun]:
    """Make every run that is planned and not stored yet.

    Args:
        store: takes the runs.
        planned: what is run, by model and seed.
        facts: the data's source (see `source_of`) and the options.
        watch: told each event.
    """
    pairs = [(config, seed) for config in planned.configs for seed in planned.seeds]
    asked = (*facts, planned.weights_file)
    return [
        _run_one(store, config, seed, asked, _about(watch, position, len(pairs), config, seed))
        for position, (config, seed) in enumerate(pairs, start=1)
    ]


def _run_one(
    store: RunStore, config: RunConfig, seed: int, facts: tuple[Located, RunOptions, Path | None], watch: Watch
) -> StoredRun:
    with _claimed(store, config, seed, watch) as claim:
        # Looked up under the claim: another process may have made the run while this one waited for it.
        try:
            found = store.find(config, seed)
        except DamagedError as error:
            return _damaged(store, config, seed, error, watch)
        if found is not None:
            watch({"event": "skipped", "path": str(found.path)})
            return found
        source, options, weights_file = facts
        watch({"event": "started", "epochs": config.training.most_epochs if config.training else None})
        job = Job(
            config,
            seed,
            source,
            options.reading,
            options.cache,
            claim.path.resolve(),
            keep_model=options.keep_model,
            weights_file=weights_file,
        )
        started = time.perf_counter()
        outcome = work(job, watch)
        seconds = time.perf_counter() - started
        if outcome["event"] == "finished":
            stored = store.commit(claim, RunRecord.from_json(config, outcome["record"]))
            kept = {"best_epoch": stored.record.best_epoch, "epochs": stored.record.epochs}
            watch({"event": "stored", "path": str(stored.path), "seconds": seconds, **kept})
            return stored
        record = RunRecord(
            config=config,
            seed=seed,
            status="failed",
            error=outcome["error"],
            durations={"total": round(seconds, 3)},
            provenance=provenance(PACKAGES),
        )
        stored = store.fail(claim, record)
        watch({"event": "failed", "error": record.error, "path": str(stored.path / LOG)})
        return stored


def _claimed(store: RunStore, config: RunConfig, seed: int, watch: Watch) -> Claim:
    """The claim on a run, once no other process has it."""
    waiting = False
    while (claim := store.claim(config, seed)) is None:
        if not waiting:
            watch({"event": "waiting"})
        waiting = True
        time.sleep(POLL_SECONDS)
    return claim


def _damaged(store: RunStore, config: RunConfig, seed: int, error: DamagedError, watch: Watch) -> StoredRun:
    """What is returned for a stored run that cannot be read; nothing is stored or overwritten."""
    watch({"event": "failed", "error": f"{error}; remove it to run it again", "path": str(store.root)})
    return StoredRun(store.root, RunRecord(config=config, seed=seed, status="failed", error=str(error)))


def work(job: Job, watch: Watch) -> dict[str, Any]:
    """Do the job in a process of its own, pass its reports on, and return the last: "finished" or "failed"."""
    with (
        (job.directory / LOG).open("wb") as log,
        subprocess.Popen(
            WORKER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment(),
            text=True,
            # Ctrl-C reaches this process alone, which then ends the worker.
            start_new_session=True,
        ) as worker,
    ):
        try:
            outcome = _listen(worker, job, watch)
            code = worker.wait()
        except BaseException:
            worker.kill()
            raise
    return outcome or {"event": "failed", "error": f"the run's process {ending(code)}"}


def _listen(worker: subprocess.Popen[str], job: Job, watch: Watch) -> dict[str, Any] | None:
    assert worker.stdin is not None  # noqa: S101 - for mypy: both are pipes
    assert worker.stdout is not None  # noqa: S101
    try:
        worker.stdin.write(json.dumps(job.to_json()))
        worker.stdin.close()
    except BrokenPipeError:
        return None  # it died at once; its exit code says why
    outcome = None
    for line in worker.stdout:
        event = json.loads(line)
        if event["event"] in ("finished", "failed"):
            outcome = event
        else:
            watch(event)
    return outcome


def _about(watch: Watch, position: int, total: int, config: RunConfig, seed: int) -> Watch:
    """`watch`, told of each event which run it is about."""
    about = {"position": position, "total_runs": total, "model": config.model, "seed": seed}
    return lambda event: watch({**about, **event})


def _described(dataset: Dataset, preset: str) -> str:
    height, width, channels = dataset.input_shape
    counts = ", ".join(f"{len(split)} {split.name}" for split in dataset.splits)
    return (
        f"{dataset.name}-{dataset.fingerprint}: {counts} images\n"
        f"{height}x{width}x{channels}, {len(dataset.class_names)} classes, split {dataset.split}; preset {preset}"
    )
