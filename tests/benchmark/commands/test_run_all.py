"""What `run --all` makes besides a run of every model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmark.commands import run_all as running_all
from benchmark.commands.run_all import run_all
from benchmark.running.recipes import SEEDS
from benchmark.running.run_options import RunOptions
from benchmark.search.search_log import Outcome, Trial
from benchmark.search.tuning import Tuned, TuneOptions
from zoo import UserError

QUIET = RunOptions(progress=False)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """Every call of `run` and `tune`, with its seeds."""
    made: list[tuple[str, Any]] = []

    def run(models: str, data: str, **asked: Any) -> list[str]:
        assert (data, asked["settings"], asked["runs"]) == ("faces", {"epochs": 3}, "there")
        made.append((models, _listed(asked["seeds"])))
        return [f"run of {models}"]

    def tune(model: str, data: str, *, options: TuneOptions, **asked: Any) -> Tuned:
        assert (data, asked["settings"], asked["runs"]) == ("faces", {"epochs": 3}, "there")
        assert options.trials is None, "the preset says how many"
        made.append((f"tune {model}", _listed(asked["seeds"])))
        return Tuned(model, (), ("winner",), Path())  # type: ignore[arg-type]

    monkeypatch.setattr(running_all, "run", run)
    monkeypatch.setattr(running_all, "tune", tune)
    return made


def _listed(seeds: int | Sequence[int]) -> int | list[int]:
    return seeds if isinstance(seeds, int) else list(seeds)


def everything_of(**changes: Any) -> list[Any]:
    return run_all(**{"settings": {"epochs": 3}, "runs": "there", "options": QUIET, **changes})


def test_every_model_then_the_repeated_one_then_the_search(calls: list[tuple[str, Any]]) -> None:
    assert everything_of() == ["run of all", "run of cnn7", "winner"]
    assert calls == [("all", 1), ("cnn7", [1, 2]), ("tune bayes", 1)]
    assert SEEDS == {"quick": 3, "paper": 10}


def test_seeds_that_are_there_are_not_made_again(calls: list[tuple[str, Any]]) -> None:
    everything_of(seeds=2, options=RunOptions("paper", progress=False))
    assert calls[1] == ("cnn7", list(range(2, 10)))


@pytest.mark.parametrize("seeds", [3, 5, [7]])
def test_many_seeds_or_chosen_ones_stay_as_they_are(seeds: Any, calls: list[tuple[str, Any]]) -> None:
    everything_of(seeds=seeds)
    assert calls == [("all", seeds), ("tune bayes", seeds)]


def test_a_search_that_cannot_be_made_leaves_the_rest(
    calls: list[tuple[str, Any]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def busy(*_: Any, **__: Any) -> Tuned:
        raise UserError("another process is at work on the search")

    monkeypatch.setattr(running_all, "tune", busy)
    assert everything_of(options=RunOptions()) == ["run of all", "run of cnn7"]
    assert "note: no search for bayes: another process is at work" in capsys.readouterr().out


def test_a_search_without_a_winner_is_told(
    calls: list[tuple[str, Any]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = Trial(1, {}, 9, 0, Outcome(error="ValueError: no luck"))
    monkeypatch.setattr(running_all, "tune", lambda *_, **__: Tuned("bayes", (failed, failed), (), Path()))
    assert everything_of(options=RunOptions()) == ["run of all", "run of cnn7"]
    assert "note: no search for bayes: all 2 trials failed, the last: ValueError: no luck" in capsys.readouterr().out
