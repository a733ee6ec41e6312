"""The results that are published with the source: whole, and their commands and the script that made them work."""

import csv
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.commands.training_arguments import call_of
from benchmark.dataset import Dataset, Split
from benchmark.records import RunConfig
from benchmark.running.planning import chosen_models, chosen_seeds, plan, with_variants
from benchmark.store.checking import check
from benchmark.store.run_store import RunStore
from benchmark.training.soft_targets import find_targets, named_as_file
from ensembles.cli import main as ensembles_main
from reports.cli import main as reports_main

RESULTS = Path(__file__).parent.parent / "results"
(PUBLISHED,) = (path.name for path in (RESULTS / "fer2013").iterdir() if path.is_dir())
COMMANDS = [
    command
    for page in sorted(RESULTS.rglob("*.md"))
    for command in re.findall(r"python -m (?:benchmark|ensembles|reports) [^`\n#]*", page.read_text())
]


def understood(command: list[str]) -> Any:
    """The arguments of a command, as its package reads them."""
    _, package, *arguments = command
    return import_module(f"{package}.cli").parser().parse_args(arguments)


def tiny() -> Dataset:
    """Images as FER-2013 has them."""

    def split(name: str) -> Split:
        ids = np.array([f"{name}-{place}" for place in range(14)])
        return Split(name, np.zeros((14, 48, 48, 1), np.uint8), np.arange(14) % 7, ids)

    return Dataset("fer2013", tuple("abcdefg"), split("train"), split("validation"), split("test"))


@pytest.mark.parametrize("store", sorted(path for path in RESULTS.iterdir()), ids=lambda path: path.name)
def test_every_published_run_is_whole(store: Path) -> None:
    (checked,) = check(store)
    assert checked.whole > 0
    assert checked.problems == ()
    # A configuration without a run is left from one that was taken out.
    assert [path.name for path in store.glob("*/*-*") if not any(path.glob("seed-*"))] == []


def test_the_published_soft_targets_are_those_of_a_published_run() -> None:
    file = RESULTS / "fer2013" / "soft-targets.npz"
    (dataset,) = RunStore(file.parent).datasets()
    targets = find_targets(file, dataset)
    name, _, digits = targets.teacher.partition("@")
    assert targets.checksum.startswith(digits)
    assert name in RunStore(file.parent).snapshot(dataset).by_name
    with np.load(file) as arrays:
        assert arrays["probabilities"].shape == (28709, 7)
        assert len(set(arrays["sample_ids"].tolist())) == 28709


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_understood(command: str) -> None:
    assert callable(understood(shlex.split(command)[1:]).command)


def test_there_are_commands() -> None:
    assert len(COMMANDS) >= 5


def test_the_readme_shows_the_ten_best_rows_that_its_command_prints(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(RESULTS.parent)
    readme = Path("README.md").read_text()
    (command,) = re.findall(r"`python -m reports (leaderboard --runs results/fer2013 --format md [^`]*)`", readme)
    assert reports_main(shlex.split(command)) == 0
    table = re.search(r"^\| rank .*?\n\n", capsys.readouterr().out, re.DOTALL | re.MULTILINE)
    assert table is not None
    # Heading, rule, the ten best rows and an empty line: no row between them is missing and none comes after.
    rows = table[0].splitlines(keepends=True)
    assert len(rows) > 12
    assert "".join([*rows[:12], "\n"]) in readme


def test_the_newcomers_first_ensemble(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(RESULTS / "fer2013", tmp_path / "fer2013")
    readme = (RESULTS.parent / "README.md").read_text(encoding="utf-8")
    (members,) = re.findall(r"python -m ensembles build (\S+) --runs published", readme)
    assert ensembles_main(["build", members, "--runs", str(tmp_path / "fer2013")]) == 0
    (accuracy,) = re.findall(r"validation accuracy (\d\d\.\d\d)%", capsys.readouterr().out)
    assert f"has {accuracy} % (its source 63.95)" in readme


def test_the_submissions_are_what_their_commands_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(RESULTS.parent)
    page = Path("results/fer2013/README.md").read_text()
    commands = re.findall(r"`python -m reports (submission [^`]*) -o ([^`]*)`", page)
    assert {Path(file).name for _, file in commands} == {path.name for path in RESULTS.rglob("submission-*.csv")}
    for command, file in commands:
        written = tmp_path / Path(file).name
        assert reports_main([*shlex.split(command), "-o", str(written)]) == 0
        assert written.read_bytes() == Path(file).read_bytes()


def commands_of_the_script(tmp_path: Path, *options: str) -> list[list[str]]:
    """The arguments of each `python` in it, noted instead of done."""
    noted = tmp_path / "noted"
    python = tmp_path / "python"
    python.write_text(
        f"#!{sys.executable}\nimport json, sys\nopen({str(noted)!r}, 'a').write(json.dumps(sys.argv[1:]) + '\\n')\n"
    )
    python.chmod(0o755)
    path = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    script = [RESULTS / "fer2013" / "train.sh", "fer2013.csv", "random", tmp_path / "runs", "2", *options]
    subprocess.run(script, env=path, check=True)
    return [json.loads(line) for line in noted.read_text().splitlines()]


def planned_by(commands: list[list[str]]) -> list[tuple[RunConfig, int]]:
    """The runs that the commands ask for, configuration and seed; every command is understood by its package."""
    planned = []
    for command in commands:
        arguments = understood(command)
        if command[1:3] in (["benchmark", "run"], ["ensembles", "distill"]):
            asked = call_of(arguments)
            teacher, settings = "", asked["settings"]
            if "teacher" in arguments and named_as_file(arguments.teacher):
                teacher = find_targets(Path(arguments.teacher), PUBLISHED).teacher
                settings = {**settings, "distillation_images": "plain"}
            elif "teacher" in arguments:
                teacher = f"{arguments.teacher.replace('@', '-')}/seed-0"
            seeds = chosen_seeds(asked["seeds"])
            plain = plan(chosen_models(arguments.models), tiny(), "paper", seeds, settings, teacher)
            made = with_variants(plain, tiny(), cycles=arguments.cycles)
            planned += [(config, seed) for config in made.configs for seed in made.seeds]
    return planned


def found_by(commands: list[list[str]]) -> list[tuple[RunConfig, int]]:
    """What the searches that the commands ask for may have found: the trials of those that are published."""
    found = []
    for command in (one for one in commands if one[1:3] == ["benchmark", "tune"]):
        asked = call_of(understood(command))
        for log in (RESULTS / "fer2013" / PUBLISHED / "searches").glob("*/trials.csv"):
            searched = json.loads(log.with_name("search.json").read_text())["space"]
            for trial in csv.DictReader(log.read_text().splitlines()):
                settings = {**asked["settings"], **{name: json.loads(trial[name]) for name in searched}}
                (config,) = plan(chosen_models([command[3]]), tiny(), "paper", [0], settings, "").configs
                found.append((replace(config, model=f"{config.model}-tuned"), 0))
    return found


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_the_script_asks_for_what_there_is(tmp_path: Path) -> None:
    commands = commands_of_the_script(tmp_path)
    assert {command[1] for command in commands} == {"benchmark", "ensembles"}
    planned = planned_by(commands)
    assert len({(config.hash, seed) for config, seed in planned}) == len(planned) > 30, "something is asked for twice"


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_the_script_passes_its_options_on(tmp_path: Path) -> None:
    planned = planned_by(commands_of_the_script(tmp_path, "--epochs", "1"))
    assert {config.training.epochs for config, _ in planned} == {1}


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_the_script_asks_for_what_is_published(tmp_path: Path) -> None:
    def recipe(config: RunConfig, seed: int) -> tuple[Any, ...]:
        # The script is given weights of another kind here.
        return replace(config, dataset="", fingerprint="", weights=None, tta="none").hash, seed

    commands = commands_of_the_script(tmp_path)
    asked = {recipe(*planned) for planned in [*planned_by(commands), *found_by(commands)]}
    runs = [run for run in RunStore(RESULTS / "fer2013").runs(PUBLISHED) if run.config.kind == "model"]
    assert len(runs) >= 10
    assert [run.name for run in runs if recipe(run.config, run.record.seed) not in asked] == []
