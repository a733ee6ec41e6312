"""`python -m benchmark` as a user meets it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark import cli
from zoo import all_models

HEAVY = {"numpy", "pandas", "sklearn", "keras", "tensorflow", "PIL", "rich", "matplotlib"}
COMMANDS = [[], ["run"], ["list"], ["data"]]


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_help_imports_nothing_heavy(command: list[str]) -> None:
    script = (
        "import sys\nfrom benchmark.cli import main\n"
        f"try: main({[*command, '--help']!r})\nexcept SystemExit as end: assert end.code == 0\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines()[-1] == "[]"
    assert max(map(len, shown.splitlines())) <= 80


def test_list_shows_what_the_models_declare(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list"]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    assert "1,949,447" in text
    assert cli.main(["list", "--format", "json"]) == 0
    models = json.loads(capsys.readouterr().out)
    assert [model["name"] for model in models] == list(all_models())
    assert {"name", "family", "parameters", "published_accuracy", "reference"} <= set(models[0])


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["run"], "name at least one model, or --all"),
        (["run", "cnn5"], "unknown model 'cnn5': did you mean"),
        (["run", "mlp", "--all"], "either model names or --all"),
        (["run", "mlp", "--set", "epochs"], "--set takes KEY=VALUE, got 'epochs'"),
        (["run", "mlp", "--set", "epoch=3"], "did you mean epochs"),
        (["run", "mlp", "--epochs", "0"], "epochs must be between"),
        (["run", "mlp", "--seeds", "0"], "seeds must be"),
        (["run", "mlp", "--preset", "papier"], "did you mean paper"),
        (["run", "mlp", "--data", "nowhere.csv"], "nowhere.csv: no such file or directory"),
        (["run", "mlp", "--split", "70-30"], "split is '70-30'"),
        (["data", "nowhere"], "nowhere: no such file or directory"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_one_line_and_exit_code_2(
    argv: list[str], message: str, in_empty_directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(argv) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("error: ")
    assert message in shown.err
    assert shown.err.count("\n") == 1
    assert not list(in_empty_directory.iterdir())


def test_run_all_the_way(in_empty_directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The main job: two models, the leaderboard; the same again is skipped."""
    argv = ["run", "mlp", "--seeds", "2", "--epochs", "2", "--set", "images=70"]
    assert cli.main(argv) == 0
    shown = capsys.readouterr().out
    assert "[2/2] mlp seed 1: done in" in shown
    assert "mlp" in shown
    (page,) = in_empty_directory.glob("runs/faces-*/leaderboard.md")
    assert "mlp" in page.read_text()
    assert cli.main(argv) == 0
    assert capsys.readouterr().out.count("stored already in") == 2


def test_a_failed_run_ends_in_exit_code_1(in_empty_directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["run", "mlp", "cnn7", "--size", "8", "--epochs", "1", "--set", "images=70"]
    assert cli.main(argv) == 1
    shown = capsys.readouterr().out
    assert "FAILED: ValueError" in shown
    (page,) = in_empty_directory.glob("runs/faces-*/leaderboard.md")
    assert "failed" in page.read_text()


def test_data_report(in_empty_directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["data", "faces", "--format", "json", "--sample", "sheet.png"]) == 0
    assert json.loads(capsys.readouterr().out)
    assert (in_empty_directory / "sheet.png").stat().st_size > 1000
