"""`python -m benchmark` as a user meets it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import benchmark
import reports
from benchmark import ReadOptions, RunOptions, TuneOptions, cli
from benchmark.commands import run_all
from benchmark.running import planning, runner
from benchmark.running.recipes import TRIALS
from benchmark.search import tuning
from benchmark.search.search_log import Outcome, Trial
from benchmark.search.tuning import Tuned
from zoo import UserError, all_models, get_model

pytestmark = pytest.mark.usefixtures("warm_once")

HEAVY = {"numpy", "pandas", "sklearn", "keras", "tensorflow", "PIL", "rich", "matplotlib"}
COMMANDS = [[], ["run"], ["tune"], ["list"], ["check"], ["data"], ["export"], ["predict"], ["publish"]]


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
    assert all(
        word in text.splitlines()[-2] + text.splitlines()[-1] for word in ("keras:", "hub:", "sklearn:", "--models")
    )
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
        (["run", "mlp", "--epochs", "2", "--set", "epochs=0"], "--set epochs=0 and --epochs 2: give one of them"),
        (["run", "mlp", "--seeds", "0"], "seeds must be"),
        (["run", "mlp", "--preset", "papier"], "did you mean paper"),
        (["run", "mlp", "--data", "nowhere.csv"], "nowhere.csv: no such file or directory"),
        (["run", "mlp", "--split", "70-30"], "split is '70-30'"),
        (["run", "mlp", "--folds", "1"], "folds must be between 2 and 100, got 1"),
        (["run", "mlp", "--folds", "5", "--refit"], "a refit cannot be made of folds: leave --refit or --folds out"),
        (["run", "mlp", "--tta", "flop"], "unknown test-time augmentation 'flop': did you mean flip?"),
        (["run", "mlp", "--keep-model", "beast"], "unknown choice of models to keep 'beast': did you mean best?"),
        (["run", "mlp-tuned"], "run `python -m benchmark tune mlp`, which stores the winner as mlp-tuned"),
        (["run", "cnn4-tuned"], "unknown model 'cnn4-tuned'"),
        (["tune", "cnn4"], "cnn4 has no search space, these models have one: bayes, mlp"),
        (["tune", "mlq"], "unknown model 'mlq': did you mean mlp?"),
        (["tune", "mlp", "--tuner", "bayesean"], "unknown tuner 'bayesean': did you mean bayesian?"),
        (["tune", "mlp", "--trials", "0"], "trials must be at least 1, got 0"),
        (["tune", "mlp", "--set", "alpha=1", "--set", "learning_rate=1"], "nothing of mlp is left to search"),
        (["tune", "mlp", "--data", "nowhere.csv"], "nowhere.csv: no such file or directory"),
        (["data", "nowhere"], "nowhere: no such file or directory"),
        (["data", "faces", "nowhere"], "nowhere: no such file or directory"),
        (["data", "faces", "faces"], "faces and faces are the same data"),
        (["run", "mlp", "--data", "faces", "--data", "faces"], "give each source once"),
        (["tune", "mlp", "--data", "faces", "--data", "faces"], "give each source once"),
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


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["rum"], "'rum' (choose from "),
        (["rum"], "did you mean run?; `python -m benchmark --help`"),
        ([], "required: COMMAND; `python -m benchmark --help` shows what there is"),
        (
            ["run", "mlp", "--epochs", "x"],
            "argument --epochs: invalid int value: 'x'; `python -m benchmark run --help`",
        ),
        (["list", "--format", "jsn"], "did you mean json?"),
        (
            ["run", "mlp", "--epocs", "3"],
            "unrecognized arguments: --epocs 3: did you mean --epochs?; `python -m benchmark run --help`",
        ),
        (["run", "mlp", "--what=3"], "unrecognized arguments: --what=3; `python -m benchmark run --help`"),
        (["export", "mlp"], "required: --format"),
    ],
)
def test_a_mistake_in_the_arguments_is_one_line_too(
    argv: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(argv)
    assert end.value.code == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert message in shown.err
    assert shown.err.count("\n") == 1


def test_run_all_the_way(in_empty_directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The main job: two models, the leaderboard; the same again is skipped."""
    argv = ["run", "mlp", "--seeds", "2", "--epochs", "2"]
    assert cli.main(argv) == 0
    shown = capsys.readouterr().out
    assert "[2/2] mlp seed 1: done in" in shown
    assert "leaderboard so far: 1 mlp " in shown
    assert shown.count(" % (in runs/faces-") == 1
    (page,) = in_empty_directory.glob("runs/faces-*/leaderboard.md")
    assert "| 1 | mlp |" in page.read_text()
    (config,) = in_empty_directory.glob("runs/faces-*/mlp-*/config.json")
    assert json.loads(config.read_text())["training"]["images"] == 1050, "the quick preset is the default for faces"
    assert cli.main(argv) == 0
    assert capsys.readouterr().out.count("stored already in") == 2


def test_run_all_ends_with_the_ensembles_of_all(
    in_empty_directory: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    models = {name: get_model(name) for name in ("mlp", "cnn4", "cnn7")}
    monkeypatch.setattr(planning, "all_models", lambda: models)
    monkeypatch.setattr(run_all, "SEEDS", {"quick": 1})
    failed = Trial(1, {}, 9, 0, Outcome(error="ValueError: no luck"))
    monkeypatch.setattr(run_all, "tune", lambda *_, **__: Tuned("bayes", (failed,), (), Path()))
    # cnn7 cannot take images of 16x16: it fails, and the average is that of the other two.
    assert cli.main(["run", "--all", "--size", "16", "--epochs", "1", "--set", "images=70"]) == 1
    assert "average-all" in capsys.readouterr().out
    frame = reports.leaderboard("runs")
    assert set(frame["model"]) == {"mlp", "cnn4", "cnn7", "average-all", "greedy-all"}
    for name in ("average-all", "greedy-all"):
        (config,) = in_empty_directory.glob(f"runs/faces-*/{name}-*/config.json")
        members = json.loads(config.read_text())["members"]
        assert [member.partition("-")[0] for member in members] == ["mlp", "cnn4"]


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ([], {"seeds": 1, "settings": {}, "runs": Path("runs"), "data": "faces"}),
        (["--seeds", "3"], {"seeds": 3}),
        (["--seed", "7"], {"seeds": [7]}),
        (["--epochs", "4", "--batch-size", "9"], {"settings": {"epochs": 4, "batch_size": 9}}),
        (["--set", "a=1", "--set", "b=x=y"], {"settings": {"a": "1", "b": "x=y"}}),
        (["--data", "here.csv", "--runs", "there"], {"data": ["here.csv"], "runs": Path("there")}),
        (["--data", ""], {"data": [""]}),
        (["--data", "a.csv", "--data", "b/"], {"data": ["a.csv", "b/"]}),
        (["--preset", "paper"], {"preset": "paper"}),
        ([], {"folds": 0, "refit": False, "tta": (), "keep_model": "all"}),
        (["--folds", "5", "--keep-model", "best"], {"folds": 5, "keep_model": "best"}),
        (["--refit", "--tta", "flip, tencrop"], {"refit": True, "tta": ("flip", "tencrop")}),
        (["--classes", "a, b"], {"reading": ReadOptions(classes=("a", "b"))}),
        (["--size", "64", "--channels", "3"], {"reading": ReadOptions(size=64, channels=3)}),
        (["--split", "70/30", "--split-seed", "5"], {"reading": ReadOptions(split="70/30", split_seed=5)}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_each_argument_reaches_the_call(
    argv: list[str], expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    def run(models: Any, data: Any, **rest: Any) -> None:
        options = rest.pop("options")
        seen.update(models=models, data=data, **rest, **options.__dict__)
        raise UserError("seen")

    monkeypatch.setattr(runner, "run", run)
    assert cli.main(["run", "mlp", *argv]) == 2
    assert {name: seen[name] for name in expected} == expected
    assert seen["models"] == ["mlp"]


def test_each_argument_of_tune_reaches_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def tune(model: str, data: str, **rest: Any) -> None:
        seen.update(model=model, data=data, **rest)
        raise UserError("seen")

    monkeypatch.setattr(tuning, "tune", tune)
    argv = ["tune", "mlp", "--tuner", "random", "--trials", "7", "--seed", "4", "--epochs", "2", "--size", "24"]
    assert cli.main([*argv, "--runs", "there", "--preset", "quick", "--set", "alpha=1"]) == 2
    running = RunOptions(preset="quick", reading=ReadOptions(size=24))
    assert seen == {
        "model": "mlp", "data": "faces", "seeds": [4], "settings": {"alpha": "1", "epochs": 2}, "runs": Path("there"),
        "options": TuneOptions("random", 7, running),
    }  # fmt: skip


def test_help_knows_how_many_trials_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["tune", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert f"(default: {TRIALS['quick']} quick, {TRIALS['paper']} paper)" in said


def test_a_failed_run_ends_in_exit_code_1(in_empty_directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["run", "mlp", "cnn7", "--size", "8", "--epochs", "1", "--set", "images=70"]
    assert cli.main(argv) == 1
    shown = capsys.readouterr().out
    assert "FAILED: cnn7 needs images of at least 36x36, these are 8x8: try --size 36" in shown
    (page,) = in_empty_directory.glob("runs/faces-*/leaderboard.md")
    assert "cnn7 failed after" in page.read_text()
    assert "cnn7 needs images" in page.read_text()


def test_list_is_a_call_as_well() -> None:
    assert [model["name"] for model in benchmark.models()] == list(all_models())


@pytest.mark.parametrize(("name", "message"), [("x.jpg", "ends in .png"), ("no/x.png", "there is no directory no")])
def test_a_picture_that_cannot_be_drawn(
    name: str, message: str, in_empty_directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["data", "faces", "--sample", name]) == 2
    assert message in capsys.readouterr().err


def test_data_report(in_empty_directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["data", "faces", "--format", "json", "--sample", "sheet.png"]) == 0
    assert json.loads(capsys.readouterr().out)
    assert (in_empty_directory / "sheet.png").stat().st_size > 1000
