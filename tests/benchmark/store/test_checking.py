"""What `python -m benchmark check` finds."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from stored_runs import DATASET, config, predictions, store_failure, store_model, store_trained

import reports
from benchmark import cli
from benchmark.store.checking import check
from benchmark.store.run_store import RunStore
from benchmark.store.stored_predictions import write_predictions
from benchmark.store.stored_run import StoredRun


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    store = RunStore(tmp_path / "runs")
    store_model(store, "cnn4", 30, 28)
    store_model(store, "mlp", 20, 18)
    store_failure(store, "cnn7", "boom")
    return store


def victim(store: RunStore) -> StoredRun:
    return store.resolve(DATASET, "cnn4")[0]


def test_a_whole_store(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    with store.claim(config("at-work"), 0) as claim:
        (claim.path / "half").write_text("at work")
        assert cli.main(["check", "--runs", str(store.root)]) == 0
    assert capsys.readouterr().out == f"{DATASET}: 2 whole runs, 1 recorded failure\n"


def truncate(run: StoredRun) -> None:
    path = run.path / "test.npz"
    path.write_bytes(path.read_bytes()[:200])


def another_shape(run: StoredRun) -> None:
    write_predictions(run.path / "test.npz", predictions("test", 4, count=7))


def other_probabilities(run: StoredRun) -> None:
    write_predictions(run.path / "test.npz", predictions("test", 40))


def missing(run: StoredRun) -> None:
    (run.path / "test.npz").unlink()


def edited_record(run: StoredRun) -> None:
    path = run.path / "record.json"
    path.write_text(path.read_text().replace("12.5", "1.25"))


def edited_config(run: StoredRun) -> None:
    path = run.path.parent / "config.json"
    path.write_text(path.read_text().replace('"split": "given"', '"split": "80/10/10"'))


def unknown_version(run: StoredRun) -> None:
    path = run.path / "record.json"
    path.write_text(json.dumps({"schema_version": 99}))


def renamed(run: StoredRun) -> None:
    run.path.rename(run.path.with_name("seed-5"))


def outside(run: StoredRun) -> None:
    path = run.path / "record.json"
    record = {**json.loads(path.read_text()), "files": {"../../../secret": "0"}}
    path.write_text(json.dumps({name: value for name, value in record.items() if name != "checksum"}))


DAMAGES: dict[Callable[[StoredRun], None], str] = {
    truncate: "checksum", another_shape: "checksum", other_probabilities: "checksum", missing: "No such file",
    edited_record: "edited", edited_config: "are those of", unknown_version: "schema version is 99",
    renamed: "are those of", outside: "outside of it",
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damage_is_named_and_left_out(
    store: RunStore, damage: Callable[[StoredRun], None], capsys: pytest.CaptureFixture[str]
) -> None:
    run = victim(store)
    damage(run)
    assert cli.main(["check", "--runs", str(store.root)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{DATASET}: 1 whole run, 1 recorded failure, 1 damaged"
    assert max(map(len, lines)) <= 80
    text = " ".join(line.strip() for line in lines)
    assert DAMAGES[damage] in text
    assert run.path.parent.name in text
    assert reports.leaderboard(store.root)["model"].dropna().tolist().count("cnn4") == 0
    assert "cnn4" in (reports.write_leaderboard(store.root)).read_text(), "left out loudly"


def test_an_unknown_file_is_named(store: RunStore) -> None:
    (victim(store).path / "notes.txt").write_text("x")
    (checked,) = check(store.root)
    assert checked.damaged == 1
    assert "notes.txt is none of the run's files" in checked.problems[0]


def test_what_another_command_removes_meanwhile_is_no_damage(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    usual, removed, trained = StoredRun.check_files, victim(store), store_trained(store, "vgg", 25)
    assert trained.model is not None

    def removed_meanwhile(run: StoredRun) -> list[str]:
        if run.path == removed.path:
            shutil.rmtree(removed.path, ignore_errors=True)
        elif run.path == trained.path and run.model is not None:
            store.drop_model(run)
        return usual(run)

    monkeypatch.setattr(StoredRun, "check_files", removed_meanwhile)
    (checked,) = check(store.root)
    assert (checked.whole, checked.failures, checked.damaged, checked.problems) == (2, 1, 0, ())


def test_records_from_before_they_had_a_checksum_are_read(store: RunStore) -> None:
    run = victim(store)
    record = json.loads((run.path / "record.json").read_text())
    del record["checksum"]
    (run.path / "record.json").write_text(json.dumps(record))
    assert check(store.root)[0].whole == 2


def test_no_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "--runs", str(tmp_path / "nowhere")]) == 2
    assert "nothing to check" in capsys.readouterr().err
