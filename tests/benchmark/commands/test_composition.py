"""The leaderboard that grows while runs come in."""

from pathlib import Path
from threading import Lock

import pytest
from stored_runs import config, predictions, store_run

from benchmark.commands import composition
from benchmark.commands.composition import GrowingLeaderboard
from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(composition.time, "monotonic", lambda: now[0])
    return now


def stored(store: RunStore, name: str) -> StoredRun:
    return store_run(store, config(name), [predictions(split, 20) for split in ("validation", "test")])


def test_the_page_and_the_terminal_grow(tmp_path: Path, clock: list[float]) -> None:
    store, after = RunStore(tmp_path), GrowingLeaderboard(tmp_path)
    first = stored(store, "first")
    page = first.path.parent.parent / "leaderboard.md"
    so_far = "leaderboard so far: 1 first 50.0 %"
    assert after(first) == f"{so_far} (in {page}, which grows with the runs)"
    assert "first" in page.read_text()
    assert after(stored(store, "second")) == f"{so_far}, 1 second 50.0 %"
    stored(store, "third")
    assert after(stored(store, "fourth")) == f"{so_far}, 1 fourth 50.0 %, 1 second 50.0 % and 1 more"
    assert "fourth" in page.read_text()


def test_it_takes_a_fiftieth_of_the_time(tmp_path: Path, clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    written = []

    def write(*_: object) -> tuple[Path, str]:
        written.append(clock[0])
        clock[0] += 2
        return tmp_path, ""

    monkeypatch.setattr(composition, "write_leaderboard", write)
    run, after = stored(RunStore(tmp_path), "model"), GrowingLeaderboard(tmp_path)
    for clock[0] in (100, 110, 201, 203, 250):
        after(run)
    assert written == [100, 203]


def test_one_thread_writes_and_others_go_on(tmp_path: Path) -> None:
    run, after = stored(RunStore(tmp_path), "model"), GrowingLeaderboard(tmp_path)
    after._writing = Lock()
    with after._writing:
        assert after(run) is None
    assert after(run)


def test_what_hinders_it_stops_no_run(tmp_path: Path) -> None:
    run = stored(RunStore(tmp_path / "there"), "model")
    assert GrowingLeaderboard(tmp_path / "elsewhere")(run) is None
