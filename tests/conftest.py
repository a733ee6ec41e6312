"""No test writes into the user's home, and none needs anything outside the repository."""

import atexit
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from benchmark.hardware import backend
from benchmark.running import supervision
from benchmark.running.warm import warm_workers as warm
from benchmark.running.warm.warm_workers import WarmWorkers

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


_OF_PYTEST = "PYTEST_CURRENT_TEST"
_SURROUNDINGS = supervision.environment


def _without_the_test() -> dict[str, str]:
    """The environment that workers get, which is the same for all tests that do not change it."""
    return {name: value for name, value in _SURROUNDINGS().items() if name != _OF_PYTEST}


@pytest.fixture(scope="session")
def fork_server() -> Iterator[WarmWorkers]:
    """The process that workers of all tests with `warm_once` are forked from."""
    workers = WarmWorkers(supervision.WORKER[2])
    workers.environment = _without_the_test()
    yield workers
    workers.close()


@pytest.fixture
def warm_once(fork_server: WarmWorkers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are forks of one process for the whole session: each start of TensorFlow takes seconds.

    Those of a test that changes the environment, or what a worker is, start as they do for users.
    """
    if not warm._possible(supervision.WORKER):
        return
    usual, warm_workers = supervision.WORKER, supervision.warm_workers
    monkeypatch.setattr(supervision, "environment", _without_the_test)
    monkeypatch.setattr(
        supervision,
        "warm_workers",
        lambda command, several=True: nullcontext(fork_server) if command is usual else warm_workers(command, several),
    )


SLOWEST = (
    "benchmark/search/test_tuning.py",
    "benchmark/running/test_runner.py",
    "benchmark/running/test_interruptions.py",
    "benchmark/running/warm/test_killed_workers.py",
    "benchmark/training/test_backends_agree.py",
    "benchmark/training/images/test_augmentation_backends.py",
    "benchmark/training/test_on_jax.py",
    "benchmark/training/test_epoch_loop.py",
    "benchmark/training/test_joint_model.py",
    "benchmark/training/frozen/test_features.py",
    "benchmark/exporting/test_model_export.py",
    "benchmark/store/test_killed.py",
    "benchmark/store/test_crowded.py",
    "ensembles/networks/test_distilling.py",
    "ensembles/networks/test_own_models.py",
    "test_base_installation.py",
    "test_examples.py",
    "test_fuzz.py",
    "test_notebook.py",
    "test_soak.py",
    "zoo/test_hub.py",
    "zoo/test_registry.py",
)
"""Files that take longest: first, so that at the end no worker waits for one that is at the last of them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    first = {Path(__file__).parent / name for name in SLOWEST}
    if gone := [str(path) for path in first if not path.exists()]:
        raise pytest.UsageError(f"SLOWEST names files that are not there: {', '.join(gone)}")
    items.sort(key=lambda item: item.path not in first)
