"""What takes how much disk."""

import json
from pathlib import Path

import pytest
from stored_runs import DATASET, config, store_failure, store_model

from benchmark import cli
from benchmark.files.run_layout import search_directory
from benchmark.store.disk import _size, sizes_text, stored_sizes
from benchmark.store.run_store import RunStore
from zoo.errors import UserError


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    """Two seeds of one model, another with a model file, a failure, an unfinished run, a search and a page."""
    store = RunStore(tmp_path / "runs")
    for seed in (0, 1):
        store_model(store, "cnn4", 30, 28, seed=seed)
    run = store_model(store, "a-model-of-a-very-long-name-indeed", 30, 28)
    (run.path / "model.keras").write_bytes(b"x" * 2_500_000)
    (run.path / "log.txt").write_bytes(b"x" * 1000)
    store_failure(store, "cnn7", "boom")
    claim = store.claim(config("cnn9"), 0)
    assert claim is not None
    (claim.path / "half.keras").write_bytes(b"x" * 3000)
    claim.release()
    (run.path.parent / "explanation.json").write_bytes(b"x" * 90)
    search = search_directory(store.root, config("cnn4"), "cnn4-random-00000000")
    search.mkdir(parents=True)
    (search / "trials.csv").write_bytes(b"x" * 500)
    store.write_page(DATASET, "leaderboard.md", "x" * 70)
    return store


def test_every_byte_is_somebodys(store: RunStore) -> None:
    sizes = stored_sizes(store.root)
    assert sizes["bytes"] == sum(path.stat().st_size for path in store.root.rglob("*") if path.is_file())
    (dataset,) = sizes["datasets"]
    assert dataset["bytes"] == sizes["bytes"]
    assert (dataset["dataset"], dataset["unfinished"], dataset["searches"], dataset["pages"]) == (
        DATASET,
        3000,
        500,
        70,
    )
    failed = next(store.root.glob("*/cnn7-*/seed-0.failed-1"))
    assert dataset["failed"] == sum(
        (path).stat().st_size for path in (failed / "record.json", failed.parent / "config.json")
    )
    assert len(dataset["runs"]) == 2


def test_each_run_by_what_it_keeps(store: RunStore) -> None:
    (dataset,) = stored_sizes(store.root)["datasets"]
    rows = {row["run"].partition("@")[0]: row for row in dataset["runs"]}
    assert rows["cnn4"]["seeds"] == 2
    assert rows["cnn4"]["run"] == f"cnn4@{config('cnn4').hash}"
    kept = list(store.root.glob("*/cnn4-*/seed-*/*.npz"))
    assert len(kept) == 4
    assert rows["cnn4"]["predictions"] == sum(path.stat().st_size for path in kept)
    long = rows["a-model-of-a-very-long-name-indeed"]
    assert (long["seeds"], long["model"]) == (1, 2_500_000)
    assert long["records"] == 1090 + sum((run / name).stat().st_size for run, name in kept_by(store, long["run"]))
    assert long["bytes"] == long["predictions"] + long["model"] + long["records"]


def kept_by(store: RunStore, run: str) -> list[tuple[Path, str]]:
    """The record and the configuration of a model with one run."""
    (path,) = store.root.glob(f"*/{run.replace('@', '-')}/seed-0")
    return [(path, "record.json"), (path.parent, "config.json")]


def test_as_text(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list", "--runs", str(store.root)]) == 0
    text = capsys.readouterr().out
    assert "2.5 MB" in text
    assert "To free space" in text
    assert all(kind in text for kind in ("predictions", "failed", "unfinished", "searches", "in all"))
    short = sizes_text({**stored_sizes(store.root), "path": "runs"})
    assert max(map(len, short.splitlines())) <= 80
    assert cli.main(["list", "--runs", str(store.root), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == stored_sizes(store.root)


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "-"),
        (1, "1 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_940, "999.9 kB"),
        (999_960, "1.0 MB"),
        (2 * 10**15, "2000.0 TB"),
    ],
)
def test_sizes_in_words(size: int, shown: str) -> None:
    assert _size(size) == shown


def test_no_such_store_is_one_line(in_empty_directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match="no runs in nowhere"):
        stored_sizes("nowhere")
    assert cli.main(["list", "--runs"]) == 2
    said = capsys.readouterr().err
    assert said.startswith(
        "error: no runs in runs: make some with `python -m benchmark run --all`, or import predictions"
    )
    assert said.count("\n") == 1
    (in_empty_directory / "runs").mkdir()
    assert stored_sizes() == {"path": "runs", "bytes": 0, "datasets": []}
