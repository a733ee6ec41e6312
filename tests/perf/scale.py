"""Time and memory of ensembles over many members, samples and classes, each method in a process of its own.

    python tests/perf/scale.py                       # 20 members x 10,000 samples x 200 classes, about 2 minutes
    python tests/perf/scale.py 50 50000 1000         # ImageNet's size: 10 GB on the disk, half an hour
    python tests/perf/scale.py 50 3589 7 --autogluon /tmp/autogluon/bin/python

Predictions are made once in a temporary folder (`--folder` names another) and deleted afterwards. Memory is the most
that the process had at any moment, pages of mapped files included. `--autogluon` takes a Python that has
autogluon.core (1.6.3: `pip install autogluon.core==1.6.3` into an environment of its own), whose EnsembleSelection
then runs on the same predictions.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROUNDS = 100
COMMANDS = {
    "average": "ensembles build --from all --method average",
    "geometric": "ensembles build --from all --method geometric",
    "vote": "ensembles build --from all --method vote",
    "weighted": "ensembles build --from all --method weighted",
    "greedy by log loss": "ensembles build --from all --method greedy",
    "greedy by accuracy": "ensembles build --from all --method greedy --metric accuracy --name by-accuracy",
    "stacking": "ensembles build --from all --method stacking",
    "shared stacking": "ensembles build --from all --method stacking --features shared --name shared",
    "leaderboard": "reports leaderboard",
    "check": "benchmark check",
    "explain": "ensembles explain average-all",
}

MEASURED = """
import resource, runpy, sys
sys.argv = sys.argv[1:]
try:
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
finally:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print("peak", peak if sys.platform == "darwin" else peak * 1024, file=sys.stderr)
"""

AUTOGLUON = """
import json, sys, time
import numpy as np
from autogluon.core.metrics import accuracy, log_loss
from autogluon.core.models.greedy_ensemble.ensemble_selection import EnsembleSelection
folder, rounds, metric = sys.argv[1:]
predictions, labels = list(np.load(folder + "/validation.npy", mmap_mode="r")), np.load(folder + "/labels.npy")
predictions = [np.array(one) for one in predictions]
found = EnsembleSelection(int(rounds), "multiclass", {"accuracy": accuracy, "log_loss": log_loss}[metric])
started = time.process_time()
found.fit(predictions, labels)
print(json.dumps([time.process_time() - started, list(map(float, found.weights_))]))
"""


def member(generator: np.random.Generator, labels: NDArray[np.int64], classes: int, quality: float) -> NDArray[Any]:
    """What one model says: noise of its own, and the true class ahead by `quality` on average. float32 (n, classes)."""
    scores = generator.standard_normal((len(labels), classes), np.float32)
    scores[np.arange(len(labels)), labels] += generator.normal(quality, 2, len(labels)).astype(np.float32)
    scores *= np.float32(generator.uniform(0.8, 2))
    scores -= scores.max(axis=1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=1, keepdims=True)
    return scores


def fill(folder: Path, members: int, samples: int, classes: int) -> None:
    """Store so many models in `folder`/runs, without a test split, and the same as one array beside it."""
    from benchmark.records import Predictions, RunConfig, RunRecord
    from benchmark.store.run_store import RunStore

    generator, store = np.random.default_rng(0), RunStore(folder / "runs")
    labels = generator.integers(0, classes, samples)
    names = tuple(f"class{position:04d}" for position in range(classes))
    sample_ids = np.array([f"{row:06d}" for row in range(samples)])
    # A sample that is hard for one is hard for all.
    hardness = generator.normal(0, 1, samples)
    for number in range(members):
        said = member(generator, labels, classes, np.log(classes) + generator.uniform(-0.5, 0.5) + hardness)
        config = RunConfig("scale", "0a1b2c3d", f"model{number:02d}", kind="external")
        store.put(RunRecord(config, 0), {"validation": Predictions("validation", sample_ids, names, said, labels)})
    np.save(folder / "labels.npy", labels)


def measured(words: str, folder: Path) -> tuple[float, float, float, str]:
    """Seconds by the clock and of the processor, and bytes of memory, of a command; and why it did not end well."""
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *words.split(), "--runs", str(folder / "runs")],
        capture_output=True,
        text=True,
        check=False,
        env={"COLUMNS": "80", "PATH": "", "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    *said, last = done.stderr.strip().splitlines()
    if done.returncode and "error" not in done.stderr:
        raise RuntimeError(done.stderr)
    return seconds, processor, float(last.removeprefix("peak ")), " ".join(said) if done.returncode else "ok"


def array(folder: Path) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """All members' predictions in memory, and the labels; also as a file for AutoGluon."""
    from benchmark.store.run_store import RunStore

    runs = [run for run in RunStore(folder / "runs").runs("scale-0a1b2c3d") if run.config.kind != "ensemble"]
    found = [run.predictions("validation") for run in runs]
    said = np.stack([one.probabilities for one in found if one is not None])
    np.save(folder / "validation.npy", said)
    return said, np.load(folder / "labels.npy")


def plain_loop(said: NDArray[np.float32], labels: NDArray[np.int64], metric: str) -> float:
    """The best score along Caruana's selection over NumPy arrays, as it is commonly written."""
    rows, total, best = np.arange(len(labels)), np.zeros_like(said[0]), -np.inf
    for size in range(1, ROUNDS + 1):
        scores = [scored(total + one, labels, rows, size, metric) for one in said]
        total += said[int(np.argmax(scores))]
        best = max(best, *scores)
    return best


def scored(
    total: NDArray[np.float32], labels: NDArray[np.int64], rows: NDArray[np.int64], size: int, metric: str
) -> float:
    """Higher is better."""
    if metric == "accuracy":
        return float((total.argmax(axis=1) == labels).mean())
    return float(np.log(np.clip(total[rows, labels] / size, 1e-7, 1)).mean())


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of the processor, which other programs on the machine change less than the clock's, and the result."""
    started = time.process_time()
    result = call()
    return time.process_time() - started, result


def selections(folder: Path, autogluon: str | None) -> None:
    """Greedy selection alone, on arrays in memory: ours, the plain loop and AutoGluon's."""
    from ensembles.methods.greedy import judge_of, selected_weights
    from ensembles.methods.options import Options

    said, labels = array(folder)
    rows = np.arange(len(labels))
    for metric in ("log_loss", "accuracy"):
        options = Options(metric=metric, rounds=ROUNDS)
        ours, weights = timed(lambda one=options: selected_weights(judge_of(said, labels, one.metric), one))
        plain, best = timed(lambda metric=metric: plain_loop(said, labels, metric))
        score = scored(np.tensordot(weights, said, 1), labels, rows, 1, metric)
        line = f"greedy by {metric:8}  ours {ours:8.3f} s ({score:.5f})  plain loop {plain:8.2f} s ({best:.5f})"
        line += f"  {plain / ours:6.1f} x"
        if autogluon:
            command = [autogluon, "-c", AUTOGLUON, str(folder), str(ROUNDS), metric]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            seconds, theirs = json.loads(done.stdout.splitlines()[-1])
            score = scored(np.tensordot(np.array(theirs), said, 1), labels, rows, 1, metric)
            line += f"  AutoGluon {seconds:8.2f} s ({score:.5f})  {seconds / ours:6.1f} x"
        print(line, flush=True)


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "sizes", nargs="*", type=int, default=[20, 10_000, 200], metavar="N", help="members samples classes"
    )
    parser.add_argument("--autogluon", metavar="PYTHON", help="a Python that has autogluon.core")
    parser.add_argument("--folder", type=Path, help="where predictions are made for the time being")
    parser.add_argument("--only", action="append", choices=[*COMMANDS, "selection"], help="measure this only")
    asked = parser.parse_args()
    members, samples, classes = asked.sizes
    wanted = asked.only or [*COMMANDS, *(["selection"] if members * samples * classes < 1 << 28 else [])]
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        folder = Path(name)
        seconds, _ = timed(lambda: fill(folder, members, samples, classes))
        print(f"{members} members x {samples:,} samples x {classes:,} classes, made in {seconds:.0f} s", flush=True)
        print(f"{'':<20}{'by the clock':>10} {'processor':>10} {'memory':>9}", flush=True)
        for title, words in COMMANDS.items():
            if title in wanted:
                seconds, processor, peak, outcome = measured(words, folder)
                print(f"{title:<20}{seconds:8.1f} s {processor:8.1f} s {peak / 1e9:6.2f} GB  {outcome}", flush=True)
        if "selection" in wanted:
            selections(folder, asked.autogluon)


if __name__ == "__main__":
    main()
