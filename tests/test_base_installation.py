"""Stored predictions need neither Keras nor TensorFlow: `.venv-base` (see Makefile) has none of them."""

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


def call(words: str, directory: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    return subprocess.run(
        [PYTHON, *words.split()],
        cwd=directory,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


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


@pytest.mark.parametrize("package", ["keras", "tensorflow", "keras_tuner", "h5py", "jax"])
def test_the_environment_has_no_framework(package: str) -> None:
    done = subprocess.run([PYTHON, "-c", f"import {package}"], capture_output=True, text=True, check=False)
    assert "ModuleNotFoundError" in done.stderr


# In this order: the later ones read what the earlier ones store.
STEPS = (
    (
        "-m ensembles import theirs.csv --labels labels.csv --runs alone",
        "theirs: external predictions of 40",
    ),
    (
        "-m ensembles import val_others.npy --labels labels.csv --runs alone",
        "others: external predictions of 40",
    ),
    ("-m ensembles build --from all --method all --runs alone", "stacking"),
    ("-m reports leaderboard --runs alone", "theirs"),
    ("-m reports submission theirs --runs alone -o best.csv", "best.csv"),
    ("-m ensembles import theirs.csv --name theirs", "theirs: external predictions of 40 validation and 40 test"),
    ("-m ensembles build apples,pears,theirs --method all", "greedy"),
    ("-m ensembles build apples,pears,theirs --name trio", "trio"),
    ("-m ensembles explain trio", "stored as explanation.json"),
    ("-m reports leaderboard", "trio"),
    ("-m reports leaderboard --format html", "<html"),
    ("-m reports compare trio theirs", "trio"),
    ("-m reports model trio -o page", "page"),
    ("-m reports ensemble trio -o pages", "pages"),
    ("-m reports submission trio --format id-emotion -o trio.csv", "trio.csv"),
    ("-m benchmark list", "vggnet"),
    ("-m benchmark list --runs", "apples"),
    ("-m benchmark check", "10 whole runs"),
    ("-m benchmark publish --to published", "published"),
)


def test_commands_on_stored_predictions_work(directory: Path) -> None:
    for words, shown in STEPS:
        done = call(words, directory)
        assert done.returncode == 0, f"{words}: {done.stderr}"
        assert shown in done.stdout, words
        assert "Traceback" not in done.stderr, words


@pytest.mark.parametrize(
    "words",
    [
        "-m benchmark run mlp",
        "-m benchmark run --all",
        "-m benchmark tune mlp",
        "-m ensembles train cnn4,cnn7",
        "-m ensembles distill apples mlp",
    ],
)
def test_training_says_in_one_line_what_is_missing(words: str, directory: Path) -> None:
    done = call(words, directory)
    assert done.returncode == 2
    assert "networks need keras and tensorflow, not installed here: `pip install '.[train]'`" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
