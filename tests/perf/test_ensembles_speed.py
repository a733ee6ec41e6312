"""Ensembles of FER-2013's size: greedy selection, all methods, and how both grow."""

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scale
from numpy.typing import NDArray
from stored_runs import config, ids, store_run
from synthetic_members import as_members, synthetic

from benchmark.metrics import accuracy, log_loss
from benchmark.records import Predictions
from benchmark.store.run_store import RunStore
from ensembles.members import Members
from ensembles.methods.greedy import greedy_weights
from ensembles.methods.methods import fit
from ensembles.methods.options import METHODS, Options

pytestmark = pytest.mark.perf

MEMBERS = 50
SAMPLES = 3589
CLASSES = 7
ROUNDS = 100
GREEDY_SECONDS = {"log_loss": 0.5, "accuracy": 1.0}
ALL_MEMBERS = 14
ALL_SECONDS = 5.0


def quickest(call: Callable[[], Any], clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds of the quickest of five calls."""
    seconds = []
    for _ in range(5):
        started = clock()
        call()
        seconds.append(clock() - started)
    return min(seconds)


def fitted_and_called(name: str, members: Members) -> None:
    """Fit a method, or greedy "by accuracy", and pool the members with it."""
    options = Options(metric="accuracy" if name == "by accuracy" else "log_loss")
    fit(name if name in METHODS else "greedy", members, options)(members.probabilities)


def score(metric: str, pooled: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    return accuracy(pooled, labels) if metric == "accuracy" else -log_loss(pooled, labels)


def reference(probabilities: NDArray[np.float64], labels: NDArray[np.int64], metric: str) -> float:
    """The best score along Caruana's selection as it is commonly written: every pool's metric in every round."""
    total, best = np.zeros(probabilities.shape[1:]), -np.inf
    for size in range(1, ROUNDS + 1):
        scores = [score(metric, (total + said) / size, labels) for said in probabilities]
        total = total + probabilities[int(np.argmax(scores))]
        best = max(best, *scores)
    return best


@pytest.mark.parametrize("metric", ["log_loss", "accuracy"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_greedy_is_quick_and_as_good(metric: str, seed: int) -> None:
    probabilities, labels = synthetic(MEMBERS, SAMPLES, CLASSES, seed)
    options = Options(metric=metric, rounds=ROUNDS)
    seconds = quickest(lambda: greedy_weights(probabilities, labels, options))
    weights = greedy_weights(probabilities, labels, options)
    found = score(metric, np.tensordot(weights, probabilities, axes=1), labels)
    plain = reference(probabilities, labels, metric)
    print(f"\ngreedy by {metric}, seed {seed}: {seconds:.3f} s, {found:.5f} (plain selection: {plain:.5f})")
    assert seconds < GREEDY_SECONDS[metric]
    assert found >= plain - 1e-9


RATIO = 10
"""How many times faster than the plain loop greedy selection is at least."""


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("metric", ["log_loss", "accuracy"])
@pytest.mark.parametrize(("members", "samples", "classes"), [(50, 3589, 7), (20, 10_000, 200), (20, 10_000, 1000)])
def test_greedy_against_the_plain_loop(members: int, samples: int, classes: int, metric: str) -> None:
    # What one model says: noise of its own, and the true class ahead on average.
    generator = np.random.default_rng(0)
    labels = generator.integers(0, classes, samples)
    said = np.stack(
        [
            scale.member(generator, labels, classes, float(np.log(classes) - 0.5 + number / members))
            for number in range(members)
        ]
    )
    options = Options(metric=metric, rounds=ROUNDS)
    weights = greedy_weights(said, labels, options)
    ours = quickest(lambda: greedy_weights(said, labels, options), time.process_time)
    plain, best = scale.timed(lambda: scale.plain_loop(said, labels, metric))
    found = scale.scored(np.tensordot(weights, said, 1), labels, np.arange(samples), 1, metric)
    print(f"\n{members} x {samples} x {classes} by {metric}: {ours:.3f} s, plain {plain:.2f} s: {plain / ours:.1f} x")
    assert found >= best - 1e-6
    assert plain >= RATIO * ours


def test_all_methods_from_the_start_of_the_interpreter(tmp_path: Path) -> None:
    probabilities, labels = synthetic(ALL_MEMBERS, 2 * SAMPLES, CLASSES)
    store = RunStore(tmp_path / "runs")
    for number in range(ALL_MEMBERS):
        said = probabilities[number].astype(np.float32)
        names = tuple(f"class{position}" for position in range(CLASSES))
        halves = {"validation": slice(0, SAMPLES), "test": slice(SAMPLES, None)}
        found = [
            Predictions(split, ids(split, SAMPLES), names, said[rows], labels[rows]) for split, rows in halves.items()
        ]
        store_run(store, config(f"model{number}"), found)
    seconds, before = [], resource.getrusage(resource.RUSAGE_CHILDREN)
    for turn in range(3):
        command = [sys.executable, "-m", "ensembles", "build", "--from", "all", "--method", "all"]
        command += ["--runs", str(store.root), "--name", f"turn{turn}"]
        started = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds.append(time.perf_counter() - started)
        assert done.returncode == 0, done.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) / len(seconds)
    walls = ", ".join(f"{value:.2f}" for value in seconds)
    print(f"\n{done.stdout}all methods over {ALL_MEMBERS} members: {walls} s, of the processor {processor:.2f} s each")
    assert min(seconds) < ALL_SECONDS


def test_growth_is_no_worse_than_linear() -> None:
    sizes = [(members, SAMPLES) for members in (10, 20, 40)] + [(10, SAMPLES * times) for times in (2, 4)]
    names = [*METHODS, "by accuracy"]
    table = {}
    for members, samples in sizes:
        aligned = as_members(*synthetic(members, samples, CLASSES))
        # The processor's seconds: what else the machine does is not growth.
        table[members, samples] = {
            name: quickest(partial(fitted_and_called, name, aligned), time.process_time) for name in names
        }
    print(f"\n{'members':>7} {'samples':>7} " + " ".join(f"{name:>11}" for name in names) + "  (processor seconds)")
    for (members, samples), row in table.items():
        print(f"{members:>7} {samples:>7} " + " ".join(f"{row[name]:>11.3f}" for name in names))
    for name in names:
        smallest = table[10, SAMPLES][name]
        for members, samples in sizes[1:]:
            times = members / 10 * samples / SAMPLES
            # Linear, with room for caches that no longer hold the data; below 0.02 s it is all start-up.
            assert table[members, samples][name] < max(1.5 * times * smallest, 0.02 * times), (name, members, samples)
