"""No test writes into the user's home, and none needs anything outside the repository."""

import atexit
import os
import random
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest

from benchmark.hardware import backend

# Set before anything imports Keras, which writes its configuration there when first imported.
_SCRATCH = Path(tempfile.mkdtemp(prefix="benchmark-tests-"))
atexit.register(shutil.rmtree, _SCRATCH, ignore_errors=True)
os.environ["KERAS_HOME"] = str(_SCRATCH / "keras")
os.environ["BENCHMARK_CACHE"] = str(_SCRATCH / "cache")
os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(_SCRATCH / "hypothesis")
os.environ["MPLCONFIGDIR"] = str(_SCRATCH / "matplotlib")
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
backend.prepare()


@pytest.fixture(autouse=True, scope="module")
def _same_draws_for_fixtures() -> None:
    """What a module's fixtures draw without a seed is the same in each run, see below."""
    _seed()


@pytest.fixture(autouse=True)
def _same_draws_for_tests() -> None:
    """A test that names no seed draws the same in each run: Keras' initialisers take theirs from `random`."""
    _seed()


def _seed() -> None:
    random.seed(0)
    np.random.seed(0)


@pytest.fixture
def in_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run the test in an empty directory, so that `runs/` and the like land there."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
