"""Successive halving: how trials are shared out over the epochs, who is carried on, what is remembered."""

import json
import zlib
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from benchmark.records import RunConfig
from benchmark.search.halving import HalvingOracle, Rung, bracket, halving_remark, schedule_notes
from benchmark.search.oracles import Proposal
from benchmark.search.search_log import Outcome, SearchIdentity, SearchLog, Trial
from benchmark.search.tuning import search
from zoo import Choice, Integer, Real, TrainingSettings, UserError

IDENTITY = SearchIdentity(
    RunConfig("some", "0" * 8, "net", training=TrainingSettings(epochs=40)),
    "hyperband",
    {"learning_rate": Real(1e-3, 1e-5, 1e-1, log=True)},
    seed=3,
)
SMALL = replace(IDENTITY, space={"kind": Choice("a", ("a", "b", "c")), "frozen": Choice(True, (True, False))})
FAILURE = Outcome(error="ValueError: no luck")


def result(number: int, proposal: Proposal) -> Outcome:
    """A loss that falls with the epochs and depends on the values; every seventh fails."""
    values = json.dumps(dict(proposal.values), sort_keys=True)
    loss = zlib.crc32(values.encode()) / 2**32 + 1 / proposal.epochs
    return FAILURE if number % 7 == 0 else Outcome(loss, 0.5, proposal.epochs, 1, 0.5)


def made(
    directory: Path,
    trials: int,
    evaluate: Callable[[int, Proposal], Outcome] = result,
    identity: SearchIdentity = IDENTITY,
) -> list[Trial]:
    directory.mkdir(exist_ok=True)
    log = SearchLog(directory, identity)
    search(log, identity, evaluate, trials)
    return log.trials


def killed_after(count: int) -> Callable[[int, Proposal], Outcome]:
    def evaluate(number: int, proposal: Proposal) -> Outcome:
        if number > count:
            raise KeyboardInterrupt
        return result(number, proposal)

    return evaluate


def epochs_of(trials: list[Trial]) -> dict[int, int]:
    return dict(Counter(trial.epochs_asked for trial in trials))


@pytest.mark.parametrize(
    ("trials", "epochs", "rungs"),
    [
        (1, 40, [(1, 40)]),
        (3, 40, [(3, 40)]),
        (4, 40, [(3, 14), (1, 40)]),
        (13, 9, [(9, 1), (3, 3), (1, 9)]),
        (20, 40, [(15, 5), (4, 14), (1, 40)]),
        (20, 100, [(15, 12), (4, 34), (1, 100)]),
        (20, 2, [(20, 2)]),
    ],
)
def test_the_bracket_is_the_one_that_the_trials_fill(trials: int, epochs: int, rungs: list[tuple[int, int]]) -> None:
    assert bracket(trials, epochs) == tuple(Rung(*rung) for rung in rungs)


def test_every_bracket_has_its_trials_and_ends_with_the_whole_training() -> None:
    for trials in range(1, 300):
        for epochs in (1, 2, 3, 8, 10, 27, 100):
            rungs = bracket(trials, epochs)
            assert sum(rung.trials for rung in rungs) == trials
            assert rungs[-1].epochs == epochs
            assert rungs[0].epochs >= 1
            for low, high in pairwise(rungs):
                assert low.epochs < high.epochs
                assert low.trials >= 3 * high.trials > 0


def test_twenty_trials_reach_the_whole_training(tmp_path: Path) -> None:
    trials = made(tmp_path / "search", 20)
    assert epochs_of(trials) == {5: 15, 14: 4, 40: 1}
    assert trials[0].values == {"learning_rate": 1e-3}, "the published point"
    assert len({str(trial.values) for trial in trials[:15]}) == 15
    first = sorted(
        (trial for trial in trials[:15] if trial.status == "ok"), key=lambda trial: trial.outcome.validation_loss
    )
    assert [trial.values for trial in trials[15:19]] == [trial.values for trial in first[:4]]
    assert trials[19].values == trials[15].values


def test_a_small_space_is_halved_too(tmp_path: Path) -> None:
    trials = made(tmp_path / "search", 20, identity=SMALL)
    epochs = epochs_of(trials)
    assert 3 <= epochs[5] <= 6
    assert epochs[14] >= 3
    assert epochs[40] == 1
    assert len(trials) < 20
    assert made(tmp_path / "search", 20, identity=SMALL) == trials, "nothing is made twice"


@pytest.mark.parametrize("identity", [IDENTITY, SMALL], ids=["open", "small"])
def test_a_search_killed_anywhere_goes_on_to_the_same_trials(identity: SearchIdentity, tmp_path: Path) -> None:
    whole = made(tmp_path / "whole", 20, identity=identity)
    for count in range(len(whole)):
        directory = tmp_path / str(count)
        with pytest.raises(KeyboardInterrupt):
            made(directory, 20, killed_after(count), identity)
        assert len(SearchLog(directory, identity).trials) == count
        assert made(directory, 20, identity=identity) == whole
        assert (directory / "trials.csv").read_bytes() == (tmp_path / "whole" / "trials.csv").read_bytes()


def test_more_trials_are_a_bracket_behind(tmp_path: Path) -> None:
    first = made(tmp_path / "search", 20)
    more = made(tmp_path / "search", 24)
    assert more[:20] == first
    assert epochs_of(more[20:]) == {14: 3, 40: 1}
    assert len({str(trial.values) for trial in (*first[:15], *more[20:23])}) == 18, "new points"
    # The number asked for later leaves the bracket at work as it is.
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path / "killed", 20, killed_after(7))
    assert made(tmp_path / "killed", 24) == more
    assert len(made(tmp_path / "fewer", 20, result)) == 20
    assert len(made(tmp_path / "fewer", 5)) == 20


def test_a_failure_is_not_carried_on_and_the_trials_are_made_nevertheless(tmp_path: Path) -> None:
    trials = made(tmp_path / "all", 20, lambda *_: FAILURE)
    assert epochs_of(trials) == {5: 15, 14: 4, 40: 1}
    assert len({str(trial.values) for trial in trials}) == 20
    trials = made(tmp_path / "most", 20, lambda number, proposal: result(1, proposal) if number == 9 else FAILURE)
    assert trials[15].values == trials[8].values
    assert trials[16].values not in [trial.values for trial in trials[:16]]


def test_epochs_that_are_searched_are_decided_by_the_bracket() -> None:
    with closing(HalvingOracle({"epochs": Integer(7, 5, 9), **IDENTITY.space}, 0, 9, 13)) as oracle:
        assert oracle.ask().epochs == 1


def test_what_is_to_come_is_said_before(tmp_path: Path) -> None:
    plan = "trials 1 to 20: 15 of 5 epochs, the best 4 again with 14, the best 1 again with 40"
    assert schedule_notes([], 20, 40) == (plan,)
    trials = made(tmp_path / "search", 20)
    assert schedule_notes(trials[:7], 20, 40) == (plan,)
    assert schedule_notes(trials[:7], 10, 40) == (f"{plan}; stops after trial 10",)
    later = "trials 21 to 23: 3 of 40 epochs, too few to be halved"
    assert schedule_notes(trials[:7], 23, 40) == (plan, later)
    assert schedule_notes(trials, 23, 40) == (later,)
    assert schedule_notes(trials, 20, 40) == schedule_notes(trials, 5, 40) == ()
    # More trials do not help there.
    assert schedule_notes([], 13, 2) == ("trials 1 to 13: 13 of 2 epochs, too few epochs to be halved",)
    assert schedule_notes([], 4, 3) == ("trials 1 to 4: 3 of 1 epochs, the best 1 again with 3",)


def test_a_search_that_halved_nothing_says_so(tmp_path: Path) -> None:
    trials = made(tmp_path / "search", 20)
    assert halving_remark(trials[:12], 40) == "Nothing was halved: all trials were compared after 5 of 40 epochs."
    assert halving_remark(trials[:17], 40) == "No trial had all 40 epochs: they were compared after at most 14."
    assert halving_remark(trials, 40) == ""
    assert halving_remark([], 40) == ""


def test_a_bracket_that_ends_before_its_trial_is_damage(tmp_path: Path) -> None:
    made(tmp_path, 4)
    path = tmp_path / "trials.csv"
    path.write_text(path.read_text().replace(",4,40,", ",3,40,"))
    with pytest.raises(UserError, match=r"trials\.csv is damaged \(trial 4 stands behind its bracket"):
        SearchLog(tmp_path, IDENTITY)
