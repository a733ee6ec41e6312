"""Where the time went, as a table."""

from pathlib import Path

import pytest
from stored_runs import config, predictions, store_failure, store_run

from benchmark.commands.profile import profile_text
from benchmark.store.run_store import RunStore

DURATIONS = {
    "start": 5.04,
    "load": 0.1,
    "build": 0.9,
    "train": 12345.6,
    "validate": 10.0,
    "predict": 2.0,
    "store": 0.26,
    "total": 12363.9,
}


def cells(line: str) -> list[str]:
    return line[20:].split()


def test_a_row_a_run_and_their_sum(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    runs = [
        store_run(store, config("cnn4"), [predictions("test", 5)], durations=DURATIONS),
        store_run(store, config("vgg"), [predictions("test", 5)], durations={"features": 1.25, "total": 1.25}),
        # Of the run beside it the training is another's.
        store_run(store, config("cnn4", tta="flip"), [predictions("test", 5)], durations={**DURATIONS, "total": 2.0}),
        store_failure(store, "jan", "Error: odd"),
    ]
    lines = profile_text(runs).splitlines()
    assert max(map(len, lines)) <= 80
    first, second, _, cnn4, vgg, flip, _, everything = lines
    assert " ".join(first.split()) == "com- fea- vali- pre-"
    assert " ".join(second.split()) == "seconds start load build pile tures train date dict store total"
    assert cnn4.startswith("cnn4 0 ")
    assert cells(cnn4) == ["5.0", "0.1", "0.9", "-", "-", "12346", "10.0", "2.0", "0.3", "12364"]
    assert cells(vgg) == ["-", "-", "-", "-", "1.2", "-", "-", "-", "-", "1.2"]
    assert cells(flip)[5] == "-"
    assert cells(everything)[5] == "12349", "trained once; the failed run's 3 seconds too"


def test_long_names_take_several_lines(tmp_path: Path) -> None:
    run = store_run(RunStore(tmp_path), config("resnet+bayes+vgg:joint" * 2), [predictions("test", 5)], seed=11)
    *_, first, second, last = profile_text([run]).splitlines()
    assert first + second + last.split()[0] == "resnet+bayes+vgg:joint" * 2
    assert max(map(len, (first, second, last))) <= 80


@pytest.mark.parametrize(("seconds", "written"), [(999.94, "999.9"), (1000.4, "1000"), (360_000, "100h")])
def test_any_duration_fits(seconds: float, written: str, tmp_path: Path) -> None:
    run = store_run(RunStore(tmp_path), config("a"), [predictions("test", 5)], durations={"total": seconds})
    assert cells(profile_text([run]).splitlines()[-1])[-1] == written
