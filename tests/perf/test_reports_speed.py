"""The leaderboard over many runs of FER-2013's size against the least that one takes, both from Python's start."""

from pathlib import Path

import processor
import pytest
from stored_runs import config, predictions, store_run

from benchmark.store.run_store import RunStore

RUNS = 50
IMAGES = 3589
CLASS_NAMES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
MOST_TIMES = 4.0

LEAST = """
import glob, sys
import numpy as np, pandas as pd
rows = []
for record in glob.glob(sys.argv[1] + "/*/*/seed-*/record.json"):
    row = {"model": record.split("/")[-3]}
    for split in ("validation", "test"):
        arrays = np.load(record.replace("record.json", split + ".npz"))
        said, labels = arrays["probabilities"], arrays["labels"]
        row[split] = (said.argmax(axis=1) == labels).mean()
        row[split + " loss"] = -np.log(said[np.arange(len(labels)), labels]).mean()
    rows.append(row)
print(pd.DataFrame(rows).sort_values("validation").to_string())
assert len(rows) == int(sys.argv[2])
"""
"""Reads the predictions with NumPy and prints a table of pandas: no intervals, no tests between rows, no ranks."""


@pytest.mark.perf
@pytest.mark.parametrize("seeds", [1, 2])
def test_leaderboard_over_50_runs(tmp_path: Path, seeds: int) -> None:
    store = RunStore(tmp_path / "runs")
    for number in range(RUNS):
        found = [
            predictions(split, 1500 + 20 * number, seed=number, count=IMAGES, class_names=CLASS_NAMES)
            for split in ("validation", "test")
        ]
        store_run(store, config(f"model{number // seeds}"), found, seed=number % seeds)
    command, last = ("-m", "reports", "leaderboard", "--runs", str(store.root)), f"model{RUNS // seeds - 1}"
    ours, least = processor.pairs(
        lambda: processor.python(*command, shows=last),
        lambda: processor.python("-c", LEAST, str(store.root), str(RUNS)),
    )
    print(f"\nleaderboard over {RUNS} runs, {seeds} a row: {ours:.2f} s, the least {least:.2f} s: {ours / least:.1f} x")
    assert ours < MOST_TIMES * least
