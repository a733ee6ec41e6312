"""A search from its space to the winner's run: what is tried, what is kept, and what a kill costs."""

import csv
import json
import math
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bright_images import write_bright
from jobs import changed

import benchmark
from benchmark import RunOptions, cli
from benchmark.files.run_layout import search_directory
from benchmark.records import RunConfig
from benchmark.running import supervision
from benchmark.running.events import Failed, Finished
from benchmark.running.job import Job
from benchmark.running.planning import Plan
from benchmark.running.supervision import JobResult
from benchmark.running.train_and_predict import train_and_predict
from benchmark.search import oracles, trial_making, tuning
from benchmark.search.oracles import Proposal, SearchOracle, keras_tuner_space
from benchmark.search.search_log import Outcome, SearchIdentity, SearchLog, Trial
from benchmark.search.tuning import Tuned, TuneOptions, repeat_failed, search, tuned_text
from benchmark.store.claims import claim_search
from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun
from zoo import Choice, Integer, Real, TrainingSettings, UserError, get_model

pytestmark = pytest.mark.usefixtures("warm_once")

SPACE = {"filters": Integer(64, 32, 96, step=16), "learning_rate": Real(5e-4, 1e-4, 3e-3, log=True)}
PUBLISHED = {"filters": 64, "learning_rate": 5e-4}
CONFIG = RunConfig("some", "0" * 8, "net", training=TrainingSettings(epochs=9))


def identity(tuner: str = "random", **changes: Any) -> SearchIdentity:
    return replace(SearchIdentity(CONFIG, tuner, SPACE, seed=3), **changes)


def result(number: int, proposal: Proposal) -> Outcome:
    """What a trial would come to; every fifth fails."""
    if number % 5 == 0:
        return Outcome(error="ValueError: no\n luck", seconds=0.5)
    loss = (
        abs(math.log10(proposal.values["learning_rate"]) + 3) + proposal.values["filters"] / 100 + 1 / proposal.epochs
    )
    return Outcome(loss, 0.5, proposal.epochs, 1, 0.5)


def made(directory: Path, tuner: str, trials: int) -> list[Trial]:
    directory.mkdir(exist_ok=True)
    log = SearchLog(directory, identity(tuner))
    search(log, identity(tuner), result, trials)
    return log.trials


def test_the_space_means_the_same_to_keras_tuner() -> None:
    space = {
        "stepped": Integer(64, 32, 96, step=16),
        "whole": Integer(8, 1, 100, log=True),
        "doubled": Integer(8, 4, 64, step=2, log=True),
        "rate": Real(1e-3, 1e-5, 1e-1, log=True),
        "part": Real(0.25, 0.0, 0.5),
        "kind": Choice("adam", ("sgd", "adam")),
        "frozen": Choice(True, (True, False)),
        "always": Choice(True, (True,)),
        "size": Choice(48, (48, 96)),
    }
    translated = keras_tuner_space(space)
    assert {name: translated.get(name) for name in space} == {name: spec.default for name, spec in space.items()}
    seen: dict[str, set[Any]] = {name: set() for name in space}
    with closing(SearchOracle("random", space, 0, 5)) as oracle:
        for _ in range(60):
            proposal = oracle.ask()
            oracle.tell(1.0)
            for name, value in proposal.values.items():
                space[name].check(name, value)
                assert type(value) is type(space[name].default)
                seen[name].add(value)
    assert seen["stepped"] == {32, 48, 64, 80, 96}
    assert seen["doubled"] == {4, 8, 16, 32, 64}
    assert seen["frozen"] == {True, False}
    assert seen["kind"] == {"sgd", "adam"}
    assert seen["size"] == {48, 96}
    assert 0.3 < np.mean([value < 1e-3 for value in seen["rate"]]) < 0.7, "half of a logarithmic range"
    assert 0.3 < np.mean([value < 0.25 for value in seen["part"]]) < 0.7


@pytest.mark.parametrize("tuner", ["bayesian", "random"])
def test_a_search_goes_on_as_if_it_had_not_stopped(tuner: str, tmp_path: Path) -> None:
    trials = {"bayesian": 6, "random": 8}[tuner]
    whole = made(tmp_path / "whole", tuner, trials)
    assert whole[0].values == PUBLISHED
    made(tmp_path / "halves", tuner, trials - 2)
    assert made(tmp_path / "halves", tuner, trials) == whole
    assert (tmp_path / "halves" / "trials.csv").read_bytes() == (tmp_path / "whole" / "trials.csv").read_bytes()
    assert len({str(trial.values) + str(trial.epochs_asked) for trial in whole}) == trials
    assert whole != made(tmp_path / "other", "random" if tuner != "random" else "hyperband", 3)
    assert {trial.epochs_asked for trial in whole} == {9}


def test_a_bayesian_search_does_not_repeat_itself_and_ends_with_its_space() -> None:
    space = {"kind": Choice("a", ("a", "b", "c")), "frozen": Choice(True, (True, False))}
    seen = []
    with closing(SearchOracle("bayesian", space, 0, 5)) as oracle:
        while (proposal := oracle.ask()) is not None:
            seen.append(tuple(proposal.values.values()))
            oracle.tell(1.0 if seen[-1][0] == "b" else 2.0)
    assert len(seen) == len(set(seen)) == 6


@pytest.mark.parametrize("tuner", ["bayesian", "random"])
def test_a_search_ends_only_where_every_point_was_tried(tuner: str) -> None:
    # Of few points most draws are of ones that were tried; keras-tuner alone gives up on the last.
    with closing(SearchOracle(tuner, {"units": Integer(8, 4, 12, log=True)}, 0, 5)) as oracle:
        tried = []
        while (proposal := oracle.ask()) is not None:
            oracle.tell(abs(proposal.values["units"] - 9) / 10)
            tried.append(proposal.values["units"])
    assert sorted(tried) == list(range(4, 13))


def test_epochs_can_be_searched() -> None:
    with closing(SearchOracle("random", {"epochs": Integer(7, 5, 9), **SPACE}, 0, 9)) as oracle:
        assert oracle.ask().epochs == 7


def test_searches_of_earlier_versions_keep_their_identity_but_for_hyperband() -> None:
    assert identity("bayesian").name == "net-bayesian-105143df"
    assert identity("random").name == "net-random-05ada227"
    assert identity("hyperband").name != "net-hyperband-dcce2efe", "under keras-tuner's brackets, cannot go on"


def test_no_file_of_keras_tuner_is_left(in_empty_directory: Path) -> None:
    made(in_empty_directory / "search", "random", 3)
    left = sorted(path.name for path in in_empty_directory.rglob("*") if path.is_file())
    assert left == ["search.json", "trials.csv"]


def test_failures_are_rows_and_the_search_goes_on(tmp_path: Path) -> None:
    log = SearchLog(tmp_path, identity())
    search(log, identity(), lambda number, _: Outcome(error="died\nbadly", seconds=1.0), 6)
    assert [trial.status for trial in SearchLog(tmp_path, identity()).trials] == ["failed"] * 6
    assert (tmp_path / "trials.csv").read_text().splitlines()[-1].endswith(",died badly")
    assert Tuned("net", tuple(log.trials), (), log.path).best == []


@pytest.mark.parametrize("tuner", ["random", "hyperband"])
def test_failed_trials_are_made_again_in_their_places(tuner: str, tmp_path: Path) -> None:
    before = made(tmp_path / "s", tuner, 6)
    log, again = SearchLog(tmp_path / "s", identity(tuner)), list[int]()

    def evaluate(number: int, proposal: Proposal) -> Outcome:
        again.append(number)
        assert (proposal.values, proposal.epochs) == (before[4].values, before[4].epochs_asked)
        return Outcome(1.25, 0.5, 9, 1, 0.5)

    repeat_failed(log, evaluate)
    assert again == [5]
    after = SearchLog(tmp_path / "s", identity(tuner)).trials
    assert after == log.trials == [*before[:4], replace(before[4], outcome=Outcome(1.25, 0.5, 9, 1, 0.5)), before[5]]
    assert len(made(tmp_path / "s", tuner, 8)) == 8, "the search goes on"


def test_a_log_that_is_torn_anywhere_in_its_last_line_loses_that_trial_only(tmp_path: Path) -> None:
    trials = made(tmp_path / "whole", "random", 3)
    whole = (tmp_path / "whole" / "trials.csv").read_bytes()
    ends = [position for position, byte in enumerate(whole, 1) if byte == ord("\n")]
    for cut in range(len(whole)):
        torn = tmp_path / "torn"
        shutil.copytree(tmp_path / "whole", torn, dirs_exist_ok=True)
        (torn / "trials.csv").write_bytes(whole[:cut])
        log = SearchLog(torn, identity())
        assert log.trials == trials[: max(0, sum(end <= cut for end in ends) - 1)]
        for trial in trials[len(log.trials) :]:
            log.append(trial)
        assert (torn / "trials.csv").read_bytes() == whole


@pytest.mark.parametrize(
    "changes",
    [
        {"config": replace(CONFIG, fingerprint="1" * 8)},
        {"config": replace(CONFIG, training=TrainingSettings(epochs=8))},
        {"tuner": "bayesian"},
        {"space": {**SPACE, "filters": Integer(64, 32, 128, step=16)}},
        {"seed": 4},
    ],
    ids=str,
)
def test_another_search_is_another_directory_and_never_mixed(changes: dict[str, Any], tmp_path: Path) -> None:
    other = identity(**changes)
    places = {search_directory(tmp_path, some.config, some.name) for some in (identity(), other)}
    assert len(places) == 2
    made(tmp_path / "search", "random", 1)
    with pytest.raises(UserError, match="is of another search"):
        SearchLog(tmp_path / "search", other)


def test_a_damaged_log_is_refused_in_one_line(tmp_path: Path) -> None:
    made(tmp_path, "random", 3)
    path = tmp_path / "trials.csv"
    text = path.read_text()
    for damaged in (text.replace("\n2,", "\n7,"), text.replace("ok", "okay"), text.replace("filters", "fitters")):
        path.write_text(damaged)
        with pytest.raises(UserError, match=r"trials\.csv is damaged") as error:
            SearchLog(tmp_path, identity())
        assert "\n" not in str(error.value)
    (tmp_path / "search.json").unlink()
    with pytest.raises(UserError, match=r"has trials and no search\.json"):
        SearchLog(tmp_path, identity())


KILLED = """
import sys, time
from pathlib import Path
sys.path[:0] = {paths!r}
import test_tuning as tests
from benchmark.search.search_log import SearchLog

def evaluate(number, proposal):
    with Path({started!r}).open("a") as file:
        print(number, file=file, flush=True)
    time.sleep(0.03)
    return tests.result(number, proposal)

tests.search(SearchLog(Path({directory!r}), tests.identity()), tests.identity(), evaluate, 10_000)
"""


def test_a_killed_search_repeats_at_most_the_trial_it_was_in(tmp_path: Path) -> None:
    directory, started = tmp_path / "killed", tmp_path / "started"
    directory.mkdir()
    here = Path(__file__).resolve()
    script = KILLED.format(
        paths=[str(here.parents[up]) for up in (0, 2, 3)], started=str(started), directory=str(directory)
    )
    process = subprocess.Popen([sys.executable, "-c", script])
    try:
        while not started.exists():
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(random.uniform(0.05, 0.5))  # noqa: S311
    finally:
        process.kill()
    assert process.wait() == -signal.SIGKILL
    begun = [int(line) for line in started.read_text().split()]
    logged = SearchLog(directory, identity()).trials
    assert begun == list(range(1, len(begun) + 1))
    assert len(logged) in (len(begun) - 1, len(begun))
    wanted = len(logged) + 3
    assert made(directory, "random", wanted) == made(tmp_path / "whole", "random", wanted)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """An .npz of 8x8 images whose brightness tells their class."""
    return write_bright(tmp_path, "tiny", edge=8)


def tune(tiny: Path, trials: int, tuner: str = "random", **changes: Any) -> Tuned:
    options = TuneOptions(tuner, trials, benchmark.RunOptions(progress=False))
    settings = {"epochs": 3, "batch_size": 16, **changes.pop("settings", {})}
    return benchmark.tune("mlp", tiny, settings=settings, runs=tiny.parent / "runs", options=options, **changes)


def test_a_trial_predicts_nothing(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs: list[Job] = []

    def fail(job: Job, *_: Any) -> JobResult:
        jobs.append(Job.from_json(json.loads(json.dumps(job.to_json()))))
        return JobResult(Failed("error", "enough"), 1.0, peak_memory_bytes=1)

    monkeypatch.setattr(trial_making, "work", fail)
    tune(tiny, 1)
    job = changed(jobs[0], directory=tiny.parent)
    assert train_and_predict(job).status == "ok"
    assert (tiny.parent / "history.csv").exists()
    assert not {"validation.npz", "test.npz", "model.npz"} & {path.name for path in tiny.parent.iterdir()}


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Replaces the worker by a script."""
    return lambda script: monkeypatch.setattr(supervision, "WORKER", (sys.executable, "-c", script))


def test_the_winner_is_a_run_of_its_own(tiny: Path, scripted: Callable[[str], None]) -> None:
    """Through real workers: a search that finds something else, the published run, and the same search again."""
    tuned = tune(tiny, 3)
    published = published_run(tiny)
    losses = [trial.outcome.validation_loss for trial in tuned.trials]
    assert tuned.trials[0].values == {"alpha": 1e-4, "learning_rate": 1e-3}
    history = (published.path / "history.csv").read_text()
    assert repr(losses[0]) in history, "a trial is trained as a run is"
    (stored,) = tuned.runs
    best = tuned.best[0]
    assert best.outcome.validation_loss == min(losses)
    assert stored.config.model == "mlp-tuned"
    assert stored.config.hyperparameters["alpha"] == best.values["alpha"]
    assert stored.config.training.learning_rate == best.values["learning_rate"]
    assert repr(min(losses)) in (stored.path / "history.csv").read_text()
    store = RunStore(tiny.parent / "runs")
    assert {run.config.model for run in store.runs(store.find_dataset())} == {"mlp", "mlp-tuned"}
    assert sorted(path.name for path in tuned.path.parent.iterdir()) == ["search.json", "trials.csv"]

    scripted("raise SystemExit(9)")  # nothing may be trained again
    again = tune(tiny, 3)
    assert again.trials == tuned.trials
    assert again.runs[0].path == stored.path
    more = tune(tiny, 4)
    assert more.trials[:3] == tuned.trials
    assert "exit code 9" in more.trials[3].outcome.error
    assert "trial-4.log.txt" in [path.name for path in more.path.parent.iterdir()]


def test_an_earlier_winner_is_named(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its runs stay, and so the name alone is that of two."""
    searched = tune(tiny, 2)
    (earlier,) = searched.runs
    with searched.path.open(newline="") as file:
        row = next(csv.DictReader(file))
    with searched.path.open("a", newline="") as file:
        better = {**row, "trial": 3, "validation_loss": 0.001, "alpha": 0.5}
        csv.DictWriter(file, row, lineterminator="\n").writerow(better)
    argv = ["tune", "mlp", "--tuner", "random", "--trials", "3", "--data", str(tiny), "--set", "batch_size=16"]
    assert cli.main([*argv, "--epochs", "3", "--runs", str(tiny.parent / "runs")]) == 0
    (now,) = tune(tiny, 3).runs
    assert now.config.hyperparameters["alpha"] == 0.5
    note = f"mlp-tuned is also stored as {earlier.path.parent.name}, the winner of fewer trials or of another search"
    assert f"{note}: this one is mlp-tuned@{now.config.hash}, until" in capsys.readouterr().out


def published_run(tiny: Path, **changes: Any) -> StoredRun:
    """The run whose values are those of the first trial."""
    options = benchmark.RunOptions(progress=False, **changes)
    settings = {"epochs": 3, "batch_size": 16}
    return benchmark.run("mlp", tiny, settings=settings, runs=tiny.parent / "runs", options=options)[0]


def test_a_search_does_not_train_again_what_is_stored(
    tiny: Path, scripted: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """The first trial is the published run, and where that wins, the winner is a copy of it."""
    published = published_run(tiny)
    scripted("raise SystemExit(9)")
    argv = ["tune", "mlp", "--tuner", "random", "--trials", "2", "--data", str(tiny), "--set", "batch_size=16"]
    assert cli.main([*argv, "--epochs", "3", "--runs", str(tiny.parent / "runs")]) == 0
    shown = capsys.readouterr().out
    assert "[1/2] stored already: validation loss" in shown
    assert f"note: mlp-tuned seed 0 is a copy of {published.name}, which has its values" in shown
    tuned = tune(tiny, 2)
    first, failed = (trial.outcome for trial in tuned.trials)
    history = published.history()
    assert first.validation_loss == min(history["validation_loss"])
    assert first.validation_accuracy == history["validation_accuracy"][first.best_epoch - 1]
    assert (first.epochs_run, first.best_epoch, first.seconds) == (3, published.record.best_epoch, 0.0)
    assert "exit code 9" in failed.error
    (winner,) = tuned.runs
    assert winner.config == replace(published.config, model="mlp-tuned")
    assert winner.copy_of == published.name
    assert winner.record.durations == published.record.durations
    for name in ("validation.npz", "test.npz", "model.npz", "history.csv"):
        assert (winner.path / name).read_bytes() == (published.path / name).read_bytes()
    assert winner.check_files() == []


def test_the_winner_goes_on_from_its_trial_and_a_killed_trial_from_where_it_was(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["tune", "mlp", "--tuner", "random", "--trials", "2", "--data", str(tiny), "--set", "batch_size=16"]
    argv += ["--epochs", "3", "--runs", str(tiny.parent / "runs")]
    handed: list[tuple[Any, ...]] = []
    with monkeypatch.context() as patch:
        patch.setattr(tuning, "_hand_over", lambda *given: handed.append(given))
        patch.setattr(tuning, "run_planned", lambda *_: ())
        tune(tiny, 2)
    ((_, checkpoints, _, winner, _),) = handed
    log = checkpoints.parent / "trials.csv"
    assert sorted(log.parent.glob(".trial-*")) == [checkpoints], "of the best trial alone"
    rows = log.read_text().splitlines(keepends=True)
    number = int(checkpoints.name.split("-")[1].split(".")[0])
    log.write_text("".join(rows[:number]))  # as if it had been killed before this trial's row was written
    assert cli.main(argv) == 0
    shown = capsys.readouterr().out
    assert f"[{number}/2] mlp seed 0: goes on after epoch 3/3" in shown
    assert "mlp-tuned seed 0: goes on after epoch 3/3" in shown
    assert [row.split(",")[:3] for row in log.read_text().splitlines()] == [row.split(",")[:3] for row in rows]
    assert not list(log.parent.glob(".trial-*"))
    found = RunStore(tiny.parent / "runs").find(winner.configs[0], 0)
    assert found
    assert found.check_files() == []


@pytest.mark.parametrize(
    ("epochs_asked", "log", "goes_on"),
    [(9, "", True), (3, "", False), (9, "tensorboard", False)],
    ids=["all epochs", "fewer epochs", "a log of its epochs"],
)
def test_a_winner_goes_on_only_from_all_of_its_epochs(
    epochs_asked: int, log: str, goes_on: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    handed: list[tuple[Any, ...]] = []
    monkeypatch.setattr(RunStore, "hand_over", lambda _, *given: handed.append(given))
    (checkpoints := tmp_path / "checkpoints").mkdir()
    best = Trial(1, {}, epochs_asked, 3, Outcome(1.0, 0.5, epochs_asked, 1, 1.0))
    tuning._hand_over(RunStore(tmp_path), checkpoints, best, Plan((CONFIG,), (3,)), RunOptions(log=log))
    assert handed == ([(checkpoints, CONFIG, 3)] if goes_on else [])
    assert not checkpoints.exists()


def test_a_search_trains_what_is_stored_otherwise(tiny: Path) -> None:
    """A trial of another seed or with other epochs, and a winner whose model is wanted and gone."""
    published = published_run(tiny, keep_model="none")
    other = tune(tiny, 1, settings={"epochs": 2})
    assert other.trials[0].outcome.seconds > 0
    assert tune(tiny, 1, seeds=[1]).trials[0].outcome.seconds > 0
    tuned = tune(tiny, 1)
    assert tuned.trials[0].outcome.seconds == 0
    assert published.model is None
    assert tuned.runs[0].model is not None
    assert tuned.runs[0].copy_of is None
    (published.path / "history.csv").write_text("")
    again = tune(tiny, 1, tuner="bayesian")
    assert again.trials[0].outcome.seconds > 0, "a damaged run is no trial"
    assert again.trials[0].outcome.validation_loss == tuned.trials[0].outcome.validation_loss


def test_one_process_at_a_time(tiny: Path, scripted: Callable[[str], None]) -> None:
    scripted("raise SystemExit(9)")
    directory = tune(tiny, 1).path.parent
    search_json = json.loads((directory / "search.json").read_text())
    assert search_json["tuner"] == "random"
    root = tiny.parent / "runs"
    config = replace(CONFIG, dataset=search_json["dataset"], fingerprint=search_json["fingerprint"])
    with (
        claim_search(root, config, directory.name),
        pytest.raises(UserError, match="another process is making"),
    ):
        tune(tiny, 2)


OUTLIVED = """
import os, subprocess, sys
import benchmark
from benchmark.search import trial_making

def work(job, send, limits):
    nowhere = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    wait = [sys.executable, "-c", "import time; time.sleep(300)"]
    trial = subprocess.Popen(wait, **nowhere, pass_fds=limits.locks)
    print(trial.pid, flush=True)
    os._exit(9)

trial_making.work = work
options = benchmark.TuneOptions("random", 1, benchmark.RunOptions(progress=False))
settings = {"epochs": 3, "batch_size": 16}
benchmark.tune("mlp", sys.argv[1], settings=settings, runs=sys.argv[2], options=options)
"""
"""A search that ends as if killed, and a trial of it that goes on."""


def test_a_trial_that_outlives_its_search_keeps_others_out(tiny: Path, scripted: Callable[[str], None]) -> None:
    command = [sys.executable, "-c", OUTLIVED, str(tiny), str(tiny.parent / "runs")]
    killed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert killed.returncode == 9, killed.stderr
    trial = int(killed.stdout)
    ended = os.pidfd_open(trial)
    try:
        with pytest.raises(UserError, match="another process is making the search"):
            tune(tiny, 1)
    finally:
        os.kill(trial, signal.SIGKILL)
        assert select.select([ended], [], [], 60)[0] == [ended]
        os.close(ended)
    scripted("raise SystemExit(9)")
    assert len(tune(tiny, 1).trials) == 1


def test_a_hyperband_search_says_what_it_will_do_and_whether_it_halved(
    tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Through real workers; two trials fill one rung, four more halve in a bracket behind."""
    argv = ["tune", "mlp", "--tuner", "hyperband", "--data", str(tiny), "--set", "batch_size=16"]
    argv += ["--epochs", "3", "--runs", str(tiny.parent / "runs")]
    assert cli.main([*argv, "--trials", "2"]) == 0
    shown = capsys.readouterr().out
    assert "note: trials 1 to 2: 2 of 3 epochs, too few to be halved" in shown
    assert "Nothing was halved: all trials were compared after 3 of 3 epochs." in shown
    assert cli.main([*argv, "--trials", "6"]) == 0
    shown = capsys.readouterr().out
    assert "note: trials 3 to 6: 3 of 1 epochs, the best 1 again with 3" in shown
    assert "Nothing was halved" not in shown
    with next((tiny.parent / "runs").rglob("trials.csv")).open() as file:
        assert [row["epochs_asked"] for row in csv.DictReader(file)] == ["3", "3", "1", "1", "1", "3"]


def test_a_search_that_ends_with_its_space_says_so() -> None:
    trial = Trial(1, {"kind": "a"}, 9, 0, Outcome(1.0, 0.5, 9, 1, 1.0))
    text = tuned_text(Tuned("net", (trial,), (), Path("trials.csv"), "No new point was left after 1 of 4 trials."))
    assert "\n\nNo new point was left after 1 of 4 trials.\n\nEvery trial" in text


def test_when_every_trial_fails(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    worker = supervision.WORKER
    monkeypatch.setattr(supervision, "WORKER", (sys.executable, "-c", "raise SystemExit(9)"))
    argv = ["tune", "mlp", "--tuner", "random", "--trials", "2", "--data", str(tiny)]
    assert cli.main([*argv, "--runs", str(tiny.parent / "runs")]) == 1
    shown = capsys.readouterr()
    assert shown.out.count("FAILED") == 2
    assert "[2/2] FAILED: the run's process ended with exit code 9" in shown.out
    assert shown.err.startswith("error: all 2 trials failed")
    assert shown.err.endswith("--retry-failed makes them again\n")
    assert shown.err.count("\n") == 1
    monkeypatch.setattr(supervision, "WORKER", worker)
    assert cli.main([*argv, "--runs", str(tiny.parent / "runs"), "--retry-failed"]) == 0
    assert "FAILED" not in capsys.readouterr().out


def test_without_keras_tuner_it_is_one_line_before_anything_is_made(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oracles, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install keras-tuner"):
        tune(tiny, 2)
    assert not (tiny.parent / "runs").exists()


def test_what_is_set_is_not_searched_and_the_rest_reaches_the_search(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[SearchIdentity] = []
    monkeypatch.setattr(tuning, "search", lambda log, identity, evaluate, trials: seen.append(identity))
    tune(tiny, 2, settings={"alpha": 0.5}, seeds=[7, 8])
    assert set(seen[0].space) == {"learning_rate"}
    assert seen[0].config.hyperparameters == {"alpha": 0.5}
    assert (seen[0].seed, seen[0].config.training.epochs, seen[0].config.model) == (7, 3, "mlp")


@pytest.mark.parametrize(("model", "changed"), [("bayes", {"filters"}), ("sepres", {"schedule"})])
def test_what_the_quick_preset_changes_is_not_searched(
    model: str, changed: set[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: dict[str, SearchIdentity] = {}
    for preset in ("quick", "paper"):
        monkeypatch.setattr(tuning, "search", lambda log, identity, *_, preset=preset: seen.update({preset: identity}))
        benchmark.tune(model, runs=tmp_path, options=TuneOptions(run=RunOptions(preset=preset, progress=False)))
    assert set(seen["paper"].space) - set(seen["quick"].space) == changed
    assert changed != {"filters"} or seen["quick"].config.hyperparameters["filters"] == 32


def test_a_trials_seconds_are_those_of_all_its_processes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def finish(job: Job, *_: Any) -> JobResult:
        (job.outputs.directory / "history.csv").write_text("validation_loss,validation_accuracy\n0.5,0.75\n")
        # 100 s, most of them by an earlier process; this one took 7 s, of which 5 after its start.
        record = {"best_epoch": 1, "durations": {"total": 100.0}}
        return JobResult(Finished(record, seconds=5.0), 7.0, peak_memory_bytes=1)

    monkeypatch.setattr(trial_making, "work", finish)
    monkeypatch.setattr(tuning, "run_planned", lambda *_: ())
    run = RunOptions(preset="quick", progress=False)
    (trial,) = benchmark.tune("bayes", runs=tmp_path, options=TuneOptions(trials=1, run=run)).trials
    assert trial.outcome == Outcome(0.5, 0.75, 1, 1, 102.0)


def test_a_trial_short_of_memory_takes_smaller_steps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    steps: list[int] = []

    def fail(job: Job, *_: Any) -> JobResult:
        steps.append(job.execution.accumulation)
        return JobResult(Failed("memory", "no memory"), 1.0, peak_memory_bytes=1)

    monkeypatch.setattr(trial_making, "work", fail)
    run = RunOptions(preset="quick", progress=False)
    (trial,) = benchmark.tune("bayes", runs=tmp_path, options=TuneOptions(trials=1, run=run)).trials
    assert (steps, trial.outcome.seconds, trial.outcome.error) == ([1, 2, 4], 3.0, "no memory")


def test_the_table_fits_a_terminal() -> None:
    values = {name: spec.default for name, spec in get_model("bayes").search_space.items()}
    trials = [Trial(k, values, 100, 0, Outcome(1.0 / k, 0.5, 100, 42, 1.0)) for k in range(1, 8)]
    trials.append(Trial(8, values, 100, 0, Outcome(error="no")))
    text = tuned_text(Tuned("bayes", tuple(trials), (), Path("trials.csv")))
    assert max(map(len, text.splitlines())) <= 80
    assert text.startswith("8 trials of bayes, 1 of them failed; the best 5:")
    assert [line.split()[0] for line in text.splitlines() if line.strip()[:1].isdigit()] == ["8", *"76543"]


def test_the_winner_has_the_spec_of_its_model() -> None:
    assert get_model("bayes-tuned") is not None
    assert get_model("bayes-tuned").name == "bayes"
