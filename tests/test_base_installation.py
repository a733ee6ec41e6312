"""Stored predictions need neither Keras nor TensorFlow: `.venv-base` (see Makefile) has none of them."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from stored_runs import config, predictions, store_run

from benchmark.store.run_store import RunStore

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv-base" / "bin" / "python"

pytestmark = pytest.mark.skipif(
    not PYTHON.exists() and not os.environ.get("CI"), reason="no .venv-base: `make .venv-base/ready` makes it"
)


# Each start of an interpreter with pandas and SciPy takes a second or two.
PROGRAM = """
import contextlib, io, json, runpy, sys
for words in sys.argv[1:]:
    package, *sys.argv[1:] = words.split()
    code, out, err = 0, io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            runpy.run_module(package, run_name="__main__", alter_sys=True)
        except SystemExit as end:
            code = end.code or 0
    print(json.dumps([code, out.getvalue(), err.getvalue()]))
"""


def call(directory: Path, *commands: str) -> list[tuple[int, str, str]]:
    """The exit code, output and errors of each command, in one process."""
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    done = subprocess.run(
        [PYTHON, "-c", PROGRAM, *commands],
        cwd=directory,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a store of two runs, and the predictions of a third program."""
    made = tmp_path_factory.mktemp("base")
    store = RunStore(made / "runs")
    for seed, (name, hits) in enumerate({"apples": 30, "pears": 32}.items()):
        both = [predictions(split, hits, seed=seed) for split in ("validation", "test")]
        store_run(store, config(name), both)
    rows = ["id,apple,banana,cherry"]
    for split in ("validation", "test"):
        theirs = predictions(split, 35, seed=7)
        for sample_id, row in zip(theirs.sample_ids, theirs.probabilities, strict=True):
            rows.append(",".join([sample_id, *(f"{value:.6f}" for value in row)]))
    (made / "theirs.csv").write_text("\n".join(rows) + "\n")
    rows = ["id,label,split"]
    for split in ("validation", "test"):
        of = predictions(split, 0)
        for sample_id, label in zip(of.sample_ids.tolist(), of.labels if of.labels is not None else (), strict=True):
            rows.append(f"{sample_id},{of.class_names[label]},{split}")
    (made / "labels.csv").write_text("\n".join(rows) + "\n")
    np.save(made / "val_others.npy", predictions("validation", 30, seed=8).probabilities)
    return made


def test_the_environment_has_no_framework() -> None:
    find = (
        "import sys; from importlib.util import find_spec; print(*[name for name in sys.argv[1:] if find_spec(name)])"
    )
    names = ["keras", "tensorflow", "keras_tuner", "h5py", "jax", "numpy"]
    done = subprocess.run([PYTHON, "-c", find, *names], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["numpy"]


# In this order: the later ones read what the earlier ones store.
STEPS = (
    (
        "ensembles import theirs.csv --labels labels.csv --runs alone",
        "theirs: external predictions of 40",
    ),
    (
        "ensembles import val_others.npy --labels labels.csv --runs alone",
        "others: external predictions of 40",
    ),
    ("ensembles build --from all --method all --runs alone", "stacking"),
    ("reports leaderboard --runs alone", "theirs"),
    ("reports submission theirs --runs alone -o best.csv", "best.csv"),
    ("ensembles import theirs.csv --name theirs", "theirs: external predictions of 40 validation and 40 test"),
    ("ensembles build apples,pears,theirs --method all", "greedy"),
    ("ensembles build apples,pears,theirs --name trio", "trio"),
    ("ensembles explain trio", "stored as explanation.json"),
    ("reports leaderboard", "trio"),
    ("reports leaderboard --format html", "<html"),
    ("reports compare trio theirs", "trio"),
    ("reports model trio -o page", "page"),
    ("reports ensemble trio -o pages", "pages"),
    ("reports submission trio --format id-emotion -o trio.csv", "trio.csv"),
    ("benchmark list", "vggnet"),
    ("benchmark list --runs", "apples"),
    ("benchmark check", "10 whole runs"),
    ("benchmark publish --to published", "published"),
)


def test_commands_on_stored_predictions_work(directory: Path) -> None:
    found = call(directory, *[words for words, _ in STEPS])
    for (words, shown), (code, out, err) in zip(STEPS, found, strict=True):
        assert code == 0, f"{words}: {err}"
        assert shown in out, words
        assert "Traceback" not in err, words


def test_training_says_in_one_line_what_is_missing(directory: Path) -> None:
    commands = (
        "benchmark run mlp",
        "benchmark run --all",
        "benchmark tune mlp",
        "ensembles train cnn4,cnn7",
        "ensembles distill apples mlp",
    )
    for words, (code, _, err) in zip(commands, call(directory, *commands), strict=True):
        assert code == 2, words
        assert "networks need keras and tensorflow, not installed here: `pip install '.[train]'`" in err, words
        assert len(err.strip().splitlines()) == 1, words
