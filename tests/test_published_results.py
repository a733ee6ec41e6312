"""A published store in a fresh clone: every reader takes it as it is, and reading writes nothing."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from stored_runs import DATASET, config, predictions, store_model

import ensembles
import reports
from benchmark import cli as benchmark_cli
from benchmark.publishing.publishing import publish
from benchmark.records import RunRecord
from benchmark.running.coordinator import RunCoordinator
from benchmark.running.engines import Processes
from benchmark.running.events import RunPlace, RunReporter
from benchmark.running.planning import Plan
from benchmark.running.run_options import RunOptions
from benchmark.store.checking import check
from benchmark.store.kept_models import KeptModels
from benchmark.store.run_store import RunStore
from benchmark.store.stored_predictions import write_predictions
from ensembles import cli as ensembles_cli
from reports import cli as reports_cli

ROOT = Path(__file__).parent.parent
WITHOUT_MODEL = "was published without its model: train it in a store of your own, with another --runs"


@pytest.fixture
def results(tmp_path: Path) -> RunStore:
    """Three models, of one two seeds, and an ensemble."""
    store = RunStore(tmp_path / "runs")
    for seed in (0, 1):
        store_model(store, "bayes", 31, 29, seed=seed)
    store_model(store, "resnet", 24, 22)
    store_model(store, "vgg", 26, 27)
    ensembles.build("resnet,vgg", runs=store.root)
    publish(tmp_path / "results", runs=store.root)
    return RunStore(tmp_path / "results")


def state(root: Path) -> dict[str, tuple[int, bytes]]:
    """Every file and directory, with its time: a directory's changes when a file comes or goes."""
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in (root, *root.rglob("*"))
    }


READERS = [
    (reports_cli, "leaderboard"),
    (reports_cli, "leaderboard --published --columns all"),
    (reports_cli, "leaderboard --format md -o OUT/board.md"),
    (reports_cli, "leaderboard --format html -o OUT/board.html"),
    (reports_cli, "leaderboard --format csv"),
    (reports_cli, "compare bayes vgg"),
    (reports_cli, "submission resnet+vgg -o OUT/submission.csv"),
    (benchmark_cli, "check"),
    (benchmark_cli, "publish --to OUT/copy"),
]


@pytest.mark.parametrize(("cli", "command"), READERS, ids=lambda value: value if isinstance(value, str) else "")
def test_reading_writes_nothing_into_the_store(cli: Any, command: str, results: RunStore, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    before = state(results.root)
    words = command.replace("OUT", str(tmp_path / "out")).split()
    assert cli.main([*words, "--runs", str(results.root)]) == 0
    assert state(results.root) == before


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_a_clone_is_whole_whatever_git_does_to_line_ends(results: RunStore, tmp_path: Path) -> None:
    # Of both kinds: the record's lines end as Unix has it, a history's as CSV has it.
    claim = results.claim(config("trained"), 0)
    assert claim is not None
    with claim:
        write_predictions(claim.path / "test.npz", predictions("test", 20))
        (claim.path / "history.csv").write_bytes(b"epoch,loss\r\n1,0.5\r\n")
        results.commit(claim, RunRecord(config("trained"), 0))
    repository, clone = tmp_path / "repository", tmp_path / "clone"
    shutil.copytree(results.root, repository / "results" / "faces")
    shutil.copy(ROOT / ".gitattributes", repository)
    converting = ["-c", "core.autocrlf=true", "-c", "user.name=n", "-c", "user.email=e"]
    for words in (["init"], ["add", "--all"], ["commit", "-m", "results"], ["clone", str(repository), str(clone)]):
        subprocess.run(
            ["git", *converting, *words],  # noqa: S607
            cwd=repository, env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}, capture_output=True, check=True,
        )  # fmt: skip
    (checked,) = check(clone / "results" / "faces")
    assert (checked.whole, checked.problems) == (6, ())


def test_an_ensemble_of_published_runs(results: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert ensembles_cli.main(["build", "resnet,bayes,vgg", "--runs", str(results.root)]) == 0
    assert "resnet+bayes+vgg: average of resnet, bayes (2 seeds), vgg" in capsys.readouterr().out
    assert ensembles_cli.main(["build", "resnet,vgg", "--runs", str(results.root)]) == 0
    assert "is stored already" in capsys.readouterr().out
    assert "resnet+bayes+vgg" in set(reports.leaderboard(results.root)["model"])
    assert not check(results.root)[0].damaged


@pytest.mark.parametrize(
    ("cli", "command"),
    [
        (benchmark_cli, "predict vgg docs/faces.png"),
        (benchmark_cli, "predict resnet+vgg docs/faces.png"),
        (benchmark_cli, "export vgg --format keras"),
        (ensembles_cli, "export resnet+vgg --format keras"),
    ],
)
def test_what_needs_a_model_says_so(
    cli: Any, command: str, results: RunStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*command.split(), "--runs", str(results.root)]) == 2
    error = capsys.readouterr().err
    assert error.endswith(f"/seed-0 {WITHOUT_MODEL}\n")
    assert error.count("\n") == 1


def test_a_published_run_is_not_trained_again_and_has_no_other_views(results: RunStore) -> None:
    def work(*_: Any) -> Any:
        raise AssertionError("something was trained")

    before = {path for path in results.root.rglob("*") if path.is_file()}
    options = RunOptions(progress=False, tta=("flip",), keep_model="best")
    models, events = KeptModels(results, "best"), list[Any]()
    coordinator = RunCoordinator(results, "faces", options, Plan((), ()), Processes(1, work), models)
    plain, flipped = coordinator.make(config("vgg"), 0, RunReporter(events.append, RunPlace(1, 1, "vgg", 0)))
    assert plain.record.status == "ok"
    assert (flipped.config.title, flipped.record.status, flipped.record.failure) == ("vgg:flip", "failed", "refused")
    assert flipped.record.error == f"{plain.name} {WITHOUT_MODEL}"
    assert [about.event.text.split()[0] for about in events] == ["stored", "FAILED:"]
    assert {path for path in results.root.rglob("*") if path.is_file()} == before, "no failure is recorded there"
    assert not results.snapshot(DATASET).failures
