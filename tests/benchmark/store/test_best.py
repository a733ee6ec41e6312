"""`best` is the leaderboard's first row, wherever a run's name is taken."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stored_runs import DATASET, config, predictions, store_failure, store_model, store_run

import ensembles
import reports
from benchmark.store.run_store import RunStore
from ensembles.cli import main as ensembles_main
from reports.cli import main
from zoo.errors import UserError


def seeds(store: RunStore) -> None:
    for seed in range(3):
        store_model(store, "cnn4", 28 + seed, 27 - seed, seed=seed)
    store_model(store, "mlp", 20, 18)
    store_failure(store, "mlp", "MemoryError: no more", seed=1)


def ties(store: RunStore) -> None:
    store_model(store, "cnn7", 29, 30)
    store_model(store, "vgg", 31, 30)
    store_model(store, "aaa", 31, 30)


def sealed(store: RunStore) -> None:
    for name, hits in (("a", 20), ("b", 25)):
        store_run(store, config(name), [predictions("validation", hits), predictions("test", 9, sealed=True)])


def namesakes(store: RunStore) -> None:
    for width, hits in ((1, 20), (2, 30)):
        store_run(store, config("a", hyperparameters={"width": width}), [predictions("test", hits)])
    store_model(store, "b", 40, None)


def of_other_samples(store: RunStore) -> None:
    """One is right on all samples, but on others than most; and one has those of most in another order."""
    store_run(store, config("apart"), [predictions("test", 38, count=38)])
    store_model(store, "a", 20, 20)
    whole = predictions("test", 30)
    assert whole.labels is not None
    turned = replace(whole, sample_ids=whole.sample_ids[::-1], labels=whole.labels[::-1])
    store_run(store, config("turned"), [replace(turned, probabilities=whole.probabilities[::-1])])
    store_model(store, "b", 25, 25)


@pytest.mark.parametrize("fill", [seeds, ties, sealed, namesakes, of_other_samples])
def test_best_is_the_first_row(tmp_path: Path, fill: Callable[[RunStore], None]) -> None:
    store = RunStore(tmp_path)
    fill(store)
    first = reports.leaderboard(tmp_path)["model"][0]
    assert store.resolve(DATASET, "best") == store.resolve(DATASET, first)
    assert store.snapshot(DATASET).spelled("best/seed-0") == f"{first}/seed-0"
    assert store.snapshot(DATASET).spelled("a") == "a"


def test_published_runs() -> None:
    root = Path(__file__).parents[3] / "results" / "fer2013"
    (dataset,) = RunStore(root).datasets()
    assert RunStore(root).snapshot(dataset).spelled("best") == reports.leaderboard(root, columns="seeds")["model"][0]


def test_a_run_of_that_name_wins(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = RunStore(tmp_path)
    store_model(store, "cnn4", 30, 30)
    store_run(store, config("best", kind="external"), [predictions("test", 20)])
    assert [run.config.model for run in store.resolve(DATASET, "best")] == ["best"]
    assert main(["submission", "best", "--runs", str(tmp_path), "-o", str(tmp_path / "s.csv")]) == 0
    assert capsys.readouterr().err == "note: best is the run of that name, not the leaderboard's first row\n"


def test_what_makes_a_run_decides_by_validation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = RunStore(tmp_path)
    store_model(store, "a", 20, 35)
    store_model(store, "b", 30, 25)
    store_model(store, "c", 10, 10)
    assert store.snapshot(DATASET).spelled("best") == "a"
    built = ensembles.build("best,c", runs=tmp_path)
    assert built.config.model == "b+c"
    assert ensembles_main(["build", "best,c", "--runs", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert said.err == "best is b, first of 4 rows by validation accuracy, since nothing is chosen on test\n"


def test_commands_say_which_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = RunStore(tmp_path)
    ties(store)
    assert main(["compare", "best", "cnn7", "--runs", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert said.err == "best is aaa, first of 3 rows by test accuracy\n"
    assert said.out.startswith("aaa against cnn7 on ")
    report: Any = reports.model("best", runs=tmp_path, output=tmp_path / "page")
    assert report.text.startswith("aaa on ")


def test_without_labels_nothing_is_best(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store_run(store, config("a"), [predictions("test", 9, sealed=True)])
    with pytest.raises(UserError, match="no row is best: no run has labelled predictions"):
        store.resolve(DATASET, "best")
