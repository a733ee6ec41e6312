"""In a notebook: completion shows the calls, results can be read, options are given by name."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from stored_runs import DATASET, store_failure, store_model

import benchmark
import ensembles
import reports
from benchmark.running.run_options import RunOptions, told_apart
from benchmark.store.run_store import RunStore
from zoo.errors import UserError


@pytest.mark.parametrize("package", [benchmark, ensembles, reports])
def test_completion_shows_the_calls(package: ModuleType) -> None:
    assert dir(package) == sorted(package.__all__)
    assert all(getattr(package, name) is not None for name in dir(package))


def test_results_can_be_read(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    for name, hits in (("a", 20), ("b", 30)):
        run = store_model(store, name, hits, hits)
    assert repr(run) == f"<{run.name} on {DATASET}, ok>"
    assert repr(store_failure(store, "c", "MemoryError: no more")).endswith(
        f"on {DATASET}, failed: MemoryError: no more>"
    )
    ensembles.build("a,b", runs=store.root)
    explained = repr(ensembles.explain("a+b", runs=store.root))
    assert explained.startswith("<a+b: average of 2 members. On 40 test images a+b is right for ")
    assert explained.count("\n") == 0
    page = reports.model("a", runs=store.root, output=tmp_path / "page")
    assert repr(page).startswith(f"a on {DATASET}\n")
    assert str(tmp_path / "page") in repr(page)
    assert repr(reports.ensemble("a+b", runs=store.root, output=tmp_path / "other")).startswith("a+b on ")
    reports.submission("a", runs=store.root, output=tmp_path / "s.csv", format="id-emotion")
    scored = repr(reports.score(tmp_path / "s.csv", tmp_path / "s.csv"))
    assert scored.startswith(f"{tmp_path / 's.csv'}: 40 samples, matched by their ids\n")
    compared = reports.compare("a", "b", runs=store.root)
    assert repr(compared) == compared.text


def test_options_of_a_run_are_given_by_name() -> None:
    options, settings = told_apart(RunOptions(jobs=2), {"epochs": 3}, {"epochs": 1, "preset": "quick", "tta": "flip"})
    assert options == RunOptions(jobs=2, preset="quick", tta=("flip",))
    assert settings == {"epochs": 1}
    assert told_apart(RunOptions(), {}, {}) == (RunOptions(), {})
    with pytest.raises(UserError, match="timeout must be above 0"):
        told_apart(RunOptions(), {}, {"timeout": 0})


def test_a_run_takes_them(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 255, (60, 8, 8)).astype(np.uint8)
    made = {f"{split}_images": images for split in ("train", "validation")}
    np.savez(tmp_path / "tiny.npz", **made, **{name.replace("images", "labels"): np.arange(60) % 3 for name in made})
    named = {"runs": tmp_path / "runs", "progress": False, "preset": "quick"}
    (run,) = benchmark.run("mlp", tmp_path / "tiny.npz", epochs=1, batch_size=20, **named)
    assert run.config.training is not None
    assert (run.config.training.epochs, run.config.training.batch_size, run.record.epochs) == (1, 20, 1)
    with pytest.raises(UserError, match="'epoch': did you mean epochs"):
        benchmark.run("mlp", tmp_path / "tiny.npz", epoch=1, **named)
