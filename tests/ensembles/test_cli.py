"""`python -m ensembles`: the same call as a notebook's, and quick to answer."""

import subprocess
import sys
from pathlib import Path

import pytest
from stored_runs import DATASET

import ensembles
from benchmark.store import RunStore
from ensembles.cli import main

HEAVY = ("numpy", "pandas", "sklearn", "keras", "tensorflow")


@pytest.mark.parametrize("arguments", [["--help"], ["build", "--help"], ["explain", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys; from ensembles.cli import main\n"
        f"try:\n    main({arguments})\nexcept SystemExit:\n    pass\n"
        f"sys.exit(','.join(name for name in {HEAVY} if name in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    command = "explain mlp+cnn4+cnn7" if "explain" in arguments else "build mlp,cnn4,cnn7"
    assert f"python -m ensembles {command}" in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 80


def test_build_works_without_keras(store: RunStore) -> None:
    code = (
        "import sys; from ensembles.cli import main\n"
        f"code = main(['build', 'mlp,cnn4', '--runs', {str(store.root)!r}])\n"
        "sys.exit(code or ','.join(name for name in ('keras', 'tensorflow', 'sklearn') if name in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (store.root / DATASET / "leaderboard.md").is_file()


def test_build_says_what_it_did(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "mlp,cnn4", "--runs", str(store.root)]) == 0
    said = capsys.readouterr().out
    run = ensembles.build("mlp,cnn4", runs=store.root)
    assert "mlp+cnn4: average of mlp, cnn4 (3 seeds)" in said
    assert "best member cnn4: 72.50%" in said
    assert f"stored in {run.path}" in said
    assert "already" not in said
    assert "mlp+cnn4" in (store.root / DATASET / "leaderboard.md").read_text(encoding="utf-8")

    assert main(["build", "mlp,cnn4", "--runs", str(store.root)]) == 0
    assert f"is stored already in {run.path}" in capsys.readouterr().out


def test_build_says_that_test_is_missing(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "mlp,blind", "--runs", str(store.root), "--name", "x"]) == 0
    assert "no test predictions, because blind-" in capsys.readouterr().out


def test_errors_are_one_line(store: RunStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "mlp,cmn4", "--runs", str(store.root)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "did you mean cnn4" in said.err
    assert main(["build", "a,b", "--runs", str(tmp_path / "nowhere")]) == 2


def test_module_can_be_run(store: RunStore) -> None:
    command = [sys.executable, "-m", "ensembles", "build", "mlp,cnn7", "--runs", str(store.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "mlp+cnn7: average of mlp, cnn7" in done.stdout
