"""`python -m reports`: the same calls as a notebook's, and quick to answer."""

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
from stored_runs import DATASET, IMAGES

import reports
from benchmark.store.run_store import RunStore
from reports.cli import main
from reports.leaderboards.html import html_page
from reports.leaderboards.pages import markdown_page, text_page
from reports.leaderboards.ranking import FRAME
from reports.leaderboards.results import read_results

HEAVY = ("numpy", "pandas", "sklearn", "keras", "tensorflow", "matplotlib", "seaborn")


def run(code: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", ["", "leaderboard", "model", "compare", "ensemble", "submission", "score"])
def test_help_imports_nothing_heavy(command: str) -> None:
    arguments = [*command.split(), "--help"]
    done = run(
        "import sys; from reports.cli import main\n"
        f"try:\n    main({arguments})\nexcept SystemExit:\n    pass\n"
        f"sys.exit(','.join(name for name in {HEAVY} if name in sys.modules) or 0)"
    )
    assert done.returncode == 0, done.stderr
    assert "  python -m reports" in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 80


def test_leaderboard_needs_neither_keras_nor_plots(store: RunStore) -> None:
    done = run(
        "import sys; from reports.cli import main\n"
        f"code = main(['leaderboard', '--runs', {str(store.root)!r}])\n"
        f"sys.exit(code or ','.join(name for name in {HEAVY[2:]} if name in sys.modules) or 0)"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Leaderboard of {DATASET}\n")


def test_leaderboard_prints_what_the_calls_return(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    board = reports.leaderboard(store.root)
    said = {}
    for format in ("text", "md", "html", "csv", "json"):
        assert main(["leaderboard", "--runs", str(store.root), "--format", format]) == 0
        said[format] = capsys.readouterr()
    results = read_results(store.root)
    assert said["text"].out == text_page(results, store.root)
    assert said["md"].out == markdown_page(results, store.root)
    assert said["html"].out == html_page(results, store.root)
    pd.testing.assert_frame_equal(
        pd.read_csv(StringIO(said["csv"].out), dtype=FRAME, keep_default_na=False, na_values=[""]), board
    )
    rows = json.loads(said["json"].out)
    assert [row["model"] for row in rows] == board["model"].tolist()
    assert rows[-1]["rank"] is None
    assert rows[0]["test_accuracy"] == 30 / IMAGES
    for format in ("csv", "json"):
        assert "Ranked by test accuracy" in said[format].err
        assert "resnet failed after 3.0 s: MemoryError" in said[format].err


def test_leaderboard_to_a_file(store: RunStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "board.md"
    assert main(["leaderboard", "--runs", str(store.root), "--format", "md", "-o", str(path)]) == 0
    page = path.read_text(encoding="utf-8")
    assert page == markdown_page(read_results(store.root), store.root, picture="board.png")
    assert "](board.png)" in page
    assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    drawn = f"leaderboard of {DATASET} written to {path}, its picture to {path.with_suffix('.png')}\n"
    assert capsys.readouterr().out == drawn
    assert main(["leaderboard", "--runs", str(store.root), "--format", "md", "-o", str(tmp_path / "x.png")]) == 2
    assert not (tmp_path / "x.png").exists()


def test_leaderboard_with_labels_writes_no_page(
    store: RunStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("0\n" * IMAGES)
    assert main(["leaderboard", "--runs", str(store.root), "--labels", str(path)]) == 0
    assert "(labels: labels.csv)" in capsys.readouterr().out
    assert not (store.root / DATASET / "leaderboard.md").exists()


def test_classes_as_csv_and_json(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["leaderboard", "--runs", str(store.root), "--per-class", "--format", "csv", "--top", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "model,class,precision,recall,f1,support"
    assert len(lines) == 4
    assert main(["leaderboard", "--runs", str(store.root), "--per-class", "--format", "json", "--top", "1"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 3


def test_submission_says_what_it_wrote(store: RunStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "out.csv"
    assert main(["submission", "cnn4", "--runs", str(store.root), "-o", str(path)]) == 0
    meant = "labels: 0 for apple, 1 for banana, 2 for cherry"
    said = f"{path}: 40 rows of cnn4, the average of 3 seeds: {meant}; no header and no ids"
    assert " ".join(capsys.readouterr().out.split()) == said
    called = reports.submission("cnn4", runs=store.root, output=tmp_path / "called.csv")
    assert path.read_bytes() == called.read_bytes()
    assert main(["submission", "mlp", "--runs", str(store.root), "-o", str(path), "--format", "id-emotion"]) == 0
    assert " ".join(capsys.readouterr().out.split()) == f"{path}: 40 rows of mlp: {meant}"
    assert path.read_text().startswith("id,emotion\ntest-00000,")


@pytest.mark.parametrize(
    "arguments",
    [
        ["submission", "cmn4"],
        ["submission", "resnet"],
        ["leaderboard", "--data", "fer"],
        ["leaderboard", "--labels", "nowhere.csv"],
        ["leaderboard", "-o", "nowhere/board.md"],
    ],
)
def test_errors_are_one_line(
    store: RunStore, arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(store.root.parent)
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    assert [path.name for path in store.root.parent.iterdir()] == ["runs"]


def test_module_can_be_run(store: RunStore) -> None:
    command = [sys.executable, "-m", "reports", "leaderboard", "--runs", str(store.root), "--format", "csv"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("rank,model,validation_accuracy,")


@pytest.mark.parametrize(
    ("name", "begins"), [("x.md", "# Leader"), ("x.HTML", "<!doctype"), ("x.csv", "rank,"), ("x", "Leader")]
)
def test_the_format_is_what_the_file_ends_with(store: RunStore, tmp_path: Path, name: str, begins: str) -> None:
    assert main(["leaderboard", "--runs", str(store.root), "-o", str(tmp_path / name)]) == 0
    assert (tmp_path / name).read_text().startswith(begins)


def test_what_sorts_is_shown(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["leaderboard", "--runs", str(store.root), "--metric", "flops"]) == 0
    assert "M operations" in capsys.readouterr().out
