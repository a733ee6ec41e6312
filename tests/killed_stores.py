"""A program that stores runs of a model that costs nothing, to be killed at any moment; `test_killed.py` starts it.

`python killed_stores.py random DIR COUNT SEED`: processes killed after random times, one after the other, on stores
under DIR. `python killed_stores.py every DIR`: processes that kill themselves before the first call that changes what
lies in the store, before the second, and so on to the last. `python killed_stores.py publish DIR`: the same of
processes that publish runs, one in place of another. After each the store is read.
It forks, which a process that has imported a machine learning library must not, and therefore is a program. It prints
what it saw as JSON.
"""

import json
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Any

from stored_runs import DATASET, config, predictions

from benchmark.files.run_layout import LOG
from benchmark.publishing.publishing import publish
from benchmark.records import RunRecord
from benchmark.running.coordinator import RunCoordinator
from benchmark.running.engines import Processes
from benchmark.running.events import Failed, Finished, RunPlace, RunReporter
from benchmark.running.job import Job
from benchmark.running.planning import Plan
from benchmark.running.run_options import RunOptions
from benchmark.running.supervision import JobResult
from benchmark.store.kept_models import KeptModels
from benchmark.store.run_store import RunStore
from benchmark.store.stored_predictions import write_predictions
from zoo.settings import TrainingSettings

MODELS = ["model0", "model1", "model2", "broken"]
SEEDS = 2
CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "fcntl.flock", "shutil.rmtree"}
PREDICTED = {split: predictions(split, 20) for split in ("validation", "test")}


def work(job: Job, *_: Any) -> JobResult:
    """What a worker leaves, in a millisecond; one model fails."""
    directory, checkpoints = job.outputs.directory, job.outputs.checkpoints
    assert checkpoints is not None
    checkpoints.mkdir(exist_ok=True)
    (checkpoints / "fold-1-stage-1.npz").write_bytes(b"progress")
    (directory / LOG).write_text("trained\n")
    for split, predicted in PREDICTED.items():
        write_predictions(directory / f"{split}.npz", predicted)
    (directory / "model.keras").write_bytes(b"weights")
    if job.variant.config.model == "broken":
        return JobResult(Failed("error", "boom"), 1.0, peak_memory_bytes=1)
    record = RunRecord(job.variant.config, job.variant.seed, durations={"train": 1.0}).to_json()
    return JobResult(Finished(record, 1.0), 1.0, peak_memory_bytes=1)


def make_all(store: RunStore, models: list[str], seeds: int) -> None:
    """Make every run; a worse seed's model goes, and a page is written after each."""
    options, engine, kept = RunOptions(progress=False), Processes(1, work), KeptModels(store, "best")
    coordinator = RunCoordinator(store, "faces", options, Plan((), ()), engine, kept)
    for model in models:
        for seed in range(seeds):
            report = RunReporter(lambda _: None, RunPlace(1, 1, model, seed))
            coordinator.make(config(model, training=TrainingSettings()), seed, report)
            store.write_page(DATASET, "leaderboard.md", f"# {model} {seed}\n" * 50)


def look(store: RunStore, before: dict[str, str]) -> dict[str, str]:
    """Every whole run by name, with the checksum of its predictions, once all that can be wrong was looked for."""
    damaged = store.snapshot(DATASET).damaged
    assert not damaged, damaged
    now = {}
    for run in store.runs(DATASET):
        assert all(run.predictions(split) is not None for split in PREDICTED), run.name
        now[run.name] = run.record.files["test.npz"]
    assert before.items() <= now.items(), f"lost: {before.keys() - now.keys()}"
    return now


def whole(store: RunStore, missing: Collection[str] = ()) -> None:
    """Every file of every run is what was stored: true while nobody writes.

    Args:
        missing: names of files that a copy may lack.
    """
    lacking = [f"{name} is damaged: No such file or directory" for name in missing]
    found = [problem for run in store.snapshot(DATASET).stored for problem in run.check_files()]
    problems = [problem for problem in found if not problem.endswith(tuple(lacking))]
    assert not problems, problems
    page = store.root / DATASET / "leaderboard.md"
    assert not page.exists() or len(page.read_text().splitlines()) == 50


def forked(act: Callable[[], None]) -> int:
    """The process that does it."""
    process = os.fork()
    if process:
        return process
    try:
        act()
    except BaseException as error:
        print(f"child: {type(error).__name__}: {error}", file=sys.stderr, flush=True)  # noqa: T201
        os._exit(1)
    os._exit(0)


def kill_at_random(directory: Path, count: int, seed: int) -> Counter[str]:
    """Kill so many processes; the store goes on where the last one left it, and a full one makes room for a new one.

    How long a process may live follows what it gets done: on a machine that becomes busy all would die too early.
    """
    chance, seen, stores = random.Random(seed), Counter[str](), 0  # noqa: S311
    store, known = RunStore(directory / "0"), {}
    started = time.monotonic()
    make_all(RunStore(directory / "first"), MODELS, SEEDS)
    longest = (time.monotonic() - started) / 2
    while seen["killed"] < count:
        before = len(known)
        process = forked(partial(make_all, store, MODELS, SEEDS))
        end = time.monotonic() + chance.uniform(0, longest)
        while time.monotonic() < end:
            known = look(store, known)  # while the other writes
            seen["reads"] += 1
        os.kill(process, signal.SIGKILL)
        _, status = os.waitpid(process, 0)
        seen["killed" if os.WIFSIGNALED(status) else "done" if status == 0 else "crashed"] += 1
        known = look(store, known)
        whole(store)
        longest *= 0.9 if len(known) > before else 1.2
        if len(known) == SEEDS * (len(MODELS) - 1):
            stores += 1
            store, known = RunStore(directory / str(stores)), {}
    seen["full stores"] = stores
    return seen


def kill_at_every_change(directory: Path) -> Counter[str]:
    """Kill before change after change of a run, a better seed of it and a failure, each time on a new store."""
    seen = Counter[str]()
    while True:
        store, left = RunStore(directory / str(seen["killed"])), seen["killed"]

        killed = killed_after(left, partial(make_all, store, ["model0", "broken"], 2))
        known = look(store, {})
        whole(store)
        if not killed:
            return seen
        seen["killed"] += 1
        if seen["killed"] % 5 == 0:
            make_all(store, ["model0", "broken"], 2)
            assert len(look(store, known)) == 2, "the same command goes on"
            seen["went on"] += 1


def killed_after(changes: int, act: Callable[[], None]) -> bool:
    """Whether a process that does it was killed: before it changed what lies on the disk once more than so often."""

    def counted() -> None:
        left = changes

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal left
            if event in CHANGES or (event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
                if not left:
                    os.kill(os.getpid(), signal.SIGKILL)
                left -= 1

        sys.addaudithook(hook)
        act()

    _, status = os.waitpid(forked(counted), 0)
    assert os.WIFSIGNALED(status) or status == 0, status
    return os.WIFSIGNALED(status)


def kill_at_every_publication(directory: Path) -> Counter[str]:
    """Kill before change after change of a command that publishes one run in place of another, and two besides."""
    seen, stores = Counter[str](), {name: RunStore(directory / name) for name in ("old", "new")}
    for name, models in (("old", ["model0", "model1"]), ("new", ["model0", "model2"])):
        for model in models:
            hits = 20 if name == "old" else 25
            stores[name].put(RunRecord(config(model), 0), {"test": predictions("test", hits)})
    publish(directory / "published", runs=stores["old"].root)
    while True:
        target = RunStore(directory / str(seen["killed"]))
        shutil.copytree(directory / "published", target.root)
        before = look_at_tests(target)
        put_in_place = partial(publish, target.root, runs=stores["new"].root, replace=True)
        killed = killed_after(seen["killed"], put_in_place)
        now = look_at_tests(target)
        whole(target)
        lost = before.keys() - now.keys()
        # Between two renames a run that is being replaced is whole and in neither place.
        assert all((target.root / DATASET / name).with_name(".seed-0.replaced").is_dir() for name in lost)
        seen["between"] += len(lost)
        put_in_place()
        after = look_at_tests(target)
        assert len(after) == 3
        assert len(before.items() & after.items()) == 1
        assert not [path for path in target.root.rglob(".*") if path.is_dir()], "something is left of the old run"
        whole(target)
        if not killed:
            return seen
        seen["killed"] += 1


def look_at_tests(store: RunStore) -> dict[str, str]:
    """Every whole run by name, with the checksum of its predictions of test."""
    damaged = store.snapshot(DATASET).damaged
    assert not damaged, damaged
    return {run.name: run.record.files["test.npz"] for run in store.runs(DATASET)}


KILLERS = {"every": kill_at_every_change, "random": kill_at_random, "publish": kill_at_every_publication}

if __name__ == "__main__":
    what, directory, *numbers = sys.argv[1:]
    print(json.dumps(KILLERS[what](Path(directory), *map(int, numbers))))  # noqa: T201
