"""`python -m ensembles`: the same call as a notebook's, and quick to answer."""

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from stored_runs import DATASET, config, predictions, store_model, store_run

import ensembles
from benchmark.metrics import accuracy
from benchmark.store.run_store import RunStore
from ensembles.cli import main
from ensembles.methods.options import METHODS

COMMANDS = ("build", "import", "explain", "export", "train", "distill")
HEAVY = ("numpy", "pandas", "sklearn", "keras", "tensorflow")


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in COMMANDS)])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys; from ensembles.cli import main\n"
        f"try:\n    main({arguments})\nexcept SystemExit:\n    pass\n"
        f"sys.exit(','.join(name for name in {HEAVY} if name in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    examples = {
        "import": "import",
        "explain": "explain mlp+cnn4+cnn7",
        "export": "export mlp+cnn4+cnn7",
        "train": "train cnn4,cnn7",
        "distill": "distill greedy-all cnn4",
    }
    example = examples.get(arguments[0], "build mlp,cnn4,cnn7")
    assert f"python -m ensembles {example}" in done.stdout
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


def test_many_members_are_not_all_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With 300 models the names took 120 lines."""
    store = RunStore(tmp_path / "runs")
    for number in range(25):
        store_model(store, f"model{number:02}", 20 + number % 5, None)
    assert main(["build", "all", "--runs", str(store.root), "--name", "x"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "model18, model19 and 5 more" in said
    assert re.search(r"no test predictions, because model00-.* and 5 more have none", said)


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


def test_fitted_methods_stand_beside_the_plain_average(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "mlp,cnn4,cnn7", "--method", "greedy", "--rounds", "7", "--runs", str(store.root)]) == 0
    said = capsys.readouterr().out
    average = ensembles.build("mlp,cnn4,cnn7", runs=store.root).predictions("validation")
    assert average is not None
    assert average.labels is not None
    assert f"plain average of the same: {accuracy(average.probabilities, average.labels):.2%}" in said
    assert "(cross-fitted)" in said
    assert "weights: " in said
    assert "best member cnn7: 77.50%" in said
    assert main(["build", "mlp,cnn4", "--method", "stacking", "--runs", str(store.root)]) == 0
    assert "(cross-fitted)" in capsys.readouterr().out


def test_all_methods_in_one_table(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["build", "--from", "all", "--method", "all", "--runs", str(store.root)]
    assert main(argv) == 0
    said = capsys.readouterr().out
    for method in METHODS:
        (line,) = [line for line in said.splitlines() if line.split()[:1] == [method]]
        run = ensembles.build("all", runs=store.root, method=method).predictions("validation")
        assert run is not None
        assert run.labels is not None
        assert f"{100 * accuracy(run.probabilities, run.labels):.2f}" in line
    assert "stacking-all" in said
    # Test is no criterion: `blind` has none, and so the ensembles have none; nothing else is said of it.
    assert [line for line in said.splitlines() if "test" in line.replace(str(store.root), "")] == [
        f"  no test predictions, because {store.resolve(DATASET, 'blind')[0].name} has none"
    ]
    assert max(len(line) for line in said.splitlines() if str(store.root) not in line) <= 80
    assert main(argv) == 0


def test_seeds_and_named_members(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "cnn4", "--seeds", "3", "--runs", str(store.root)]) == 0
    assert capsys.readouterr().out.startswith("cnn4x3: average of cnn4-")
    assert main(["build", "cnn4x3", "--from", "all", "--method", "weighted", "--runs", str(store.root)]) == 0
    assert "cnn4x3+all:weighted: weighted of cnn4x3, " in capsys.readouterr().out


def test_a_refit_is_said_to_be_left_out(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    run = store_run(store, config("refit"), [predictions("test", 30)])
    assert main(["build", "--from", "all", "--runs", str(store.root)]) == 0
    assert f"left out, because they have no validation predictions: {run.name}" in capsys.readouterr().out
    assert main(["build", "mlp,refit", "--method", "all", "--runs", str(store.root)]) == 0
    said = capsys.readouterr().out
    assert "no validation predictions, because refit-" in said
    assert "greedy" not in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name the members as A,B,C, or take every stored model with --from all"),
        (["mlp"], "at least two members, got mlp"),
        (["mlp,cnn4", "--method", "gredy"], "unknown ensemble method 'gredy': did you mean greedy?"),
        (["mlp,cnn4", "--method", "every"], "unknown ensemble method 'every': expected one of all, average, geometric"),
        (["mlp,cnn4", "--rounds", "5"], "--rounds is an option of greedy, not of average: leave it out"),
        (["mlp,cnn4", "--seed", "1"], "--seed is an option of weighted, greedy, stacking, not of average"),
        (["mlp,cnn4", "--method", "greedy", "--rounds", "0"], "rounds must be 1 to 10000, got 0"),
        (["mlp,cnn4", "--method", "greedy", "--metric", "f1"], "unknown metric 'f1': expected one of accuracy, log_l"),
        (["cnn7", "--seeds", "4"], "cnn7 has 1 of 4 seeds"),
        (["mlp,cnn4", "--method", "all", "--name", "x" * 95], "letters, at most 100 fit: use --name"),
        (["mlp,cnn4", "--method", "all", "--name", "../x"], "cannot name a run"),
        (["mlp,cnn4", "--name", "all"], "all means every stored model: give the ensemble another name with --name"),
    ],
)
def test_mistakes_leave_nothing_behind(
    store: RunStore, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(store.root.rglob("*"))
    assert main(["build", *arguments, "--runs", str(store.root)]) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert sorted(store.root.rglob("*")) == before


def test_names_may_stand_apart(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "mlp", "cnn7,", "cnn4", "--runs", str(store.root)]) == 0
    assert "mlp+cnn7+cnn4: average of" in capsys.readouterr().out


def test_a_store_that_may_only_be_read_is_explained(
    store: RunStore, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = ["--runs", str(store.root)]
    assert main(["build", "mlp,cnn7", *runs]) == 0
    number = errno.EROFS

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "replace", refuse)
    capsys.readouterr()
    assert main(["explain", "mlp+cnn7", *runs]) == 0
    said = capsys.readouterr()
    assert "mlp+cnn7" in said.out
    assert "stored as" not in said.out
    assert re.fullmatch(r"note: explanation.json is not stored: cannot write to .*read-only file system.*\n", said.err)
    assert main(["build", "mlp,cnn7", *runs]) == 0
    said = capsys.readouterr()
    assert "is stored already" in said.out
    assert "note: the leaderboard was not updated: cannot write" in said.err
    assert main(["build", "mlp,cnn4", *runs]) == 1
    # A full disk is no such store.
    number = errno.ENOSPC
    assert main(["explain", "mlp+cnn7", *runs]) == 1
    assert "the disk is full" in capsys.readouterr().err
