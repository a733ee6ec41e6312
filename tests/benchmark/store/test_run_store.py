"""The layout of runs on disk, and what the store says when it is asked for what is not there."""

from collections.abc import Callable
from pathlib import Path

import pytest
from stored_runs import DATASET, config, predictions, store_failure, store_model, store_run

from benchmark.files.checksums import DamagedError
from benchmark.records import RunRecord
from benchmark.store.claims import Claim
from benchmark.store.run_store import RunStore
from benchmark.store.stored_predictions import write_predictions
from benchmark.store.stored_run import StoredRun
from zoo.errors import UserError


def test_layout_of_a_stored_run(store: RunStore) -> None:
    run = store_model(store, "cnn4", 30, 28)
    assert run.name == f"cnn4-{config('cnn4').hash}/seed-0"
    assert run.path == store.root / DATASET / run.name
    assert sorted(path.name for path in run.path.iterdir()) == ["record.json", "test.npz", "validation.npz"]
    assert (run.path.parent / "config.json").is_file()
    assert not list(store.root.rglob(".*"))


def test_seeds_are_sorted_as_numbers(store: RunStore) -> None:
    for seed in (10, 2, 0):
        store_model(store, "cnn4", 30, 28, seed=seed)
    assert [run.record.seed for run in store.runs(DATASET)] == [0, 2, 10]


def test_a_stored_run_is_never_overwritten(store: RunStore) -> None:
    run = store_model(store, "cnn4", 30, 28)
    before = (run.path / "validation.npz").read_bytes()
    with pytest.raises(UserError, match="stored already"):
        store_model(store, "cnn4", 10, 10)
    assert (run.path / "validation.npz").read_bytes() == before


def test_a_copy_has_the_files_of_its_run_and_says_so(store: RunStore) -> None:
    run = store_model(store, "cnn4", 30, 28)
    copied = store.copy(run, config("other"))
    assert (copied.config.model, copied.copy_of, run.copy_of) == ("other", run.name, None)
    assert copied.check_files() == []
    for name in ("validation.npz", "test.npz"):
        assert (copied.path / name).read_bytes() == (run.path / name).read_bytes()
    assert store.copy(run, config("other")) is None, "it is there already"
    with store.claim(config("third"), 0):
        assert store.copy(run, config("third")) is None
    (run.path / "test.npz").write_bytes(b"")
    with pytest.raises(DamagedError, match="checksum"):
        store.copy(run, config("third"))
    assert store.find(config("third"), 0) is None


def test_a_run_at_work_is_invisible_until_it_is_whole(store: RunStore, claimed: Callable[[str], Claim]) -> None:
    claim = claimed("cnn4")
    write_predictions(claim.path / "validation.npz", predictions("validation", 30))
    assert store.datasets() == []
    assert store.runs(DATASET) == []
    assert store.snapshot(DATASET).failures == []
    assert store.find(config("cnn4"), 0) is None
    store.commit(claim, RunRecord(config=config("cnn4"), seed=0))
    assert len(store.runs(DATASET)) == 1
    assert [path.name for path in claim.path.parent.iterdir() if path.name.startswith(".")] == []


def test_a_run_without_predictions_is_not_whole(store: RunStore, claimed: Callable[[str], Claim]) -> None:
    with pytest.raises(UserError, match="not whole"):
        store.commit(claimed("cnn4"), RunRecord(config=config("cnn4"), seed=0))
    assert store.runs(DATASET) == []


def test_find(store: RunStore) -> None:
    run = store_model(store, "cnn4", 30, 28, seed=3)
    found = store.find(config("cnn4"), 3)
    assert found is not None
    assert found.path == run.path
    assert store.find(config("cnn4"), 0) is None
    assert store.find(config("cnn4", weights="imagenet"), 3) is None


def test_failures_are_kept_beside_runs(store: RunStore, claimed: Callable[[str], Claim]) -> None:
    claim = claimed("cnn4")
    for name in ("log.txt", "model.keras"):
        (claim.path / name).write_text(name)
    failed = store.fail(claim, RunRecord(config=config("cnn4"), seed=0, status="failed", error="OOM"))
    assert failed.path.name == "seed-0.failed-1"
    assert sorted(path.name for path in failed.path.iterdir()) == ["log.txt", "record.json"]
    assert store_failure(store, "cnn4", "OOM").path.name == "seed-0.failed-2"
    assert store.runs(DATASET) == []
    assert [run.record.error for run in store.snapshot(DATASET).failures] == ["OOM", "OOM"]


def test_a_failure_that_succeeded_later_is_history(store: RunStore) -> None:
    store_failure(store, "cnn4", "OOM")
    store_model(store, "cnn4", 30, 28)
    assert store.snapshot(DATASET).failures == []
    assert len(store.runs(DATASET)) == 1


def test_resolve(store: RunStore) -> None:
    runs = [store_model(store, "cnn4", 30, 28, seed=seed) for seed in (0, 1)]
    digest = config("cnn4").hash
    for name in ("cnn4", f"cnn4@{digest}", f"cnn4-{digest}"):
        assert [run.path for run in store.resolve(DATASET, name)] == [run.path for run in runs]
    for name in (f"cnn4-{digest}/seed-1", "cnn4/seed-1", f"cnn4@{digest}/seed-1"):
        assert [run.path for run in store.resolve(DATASET, name)] == [runs[1].path]


def test_resolve_suggests(store: RunStore) -> None:
    store_model(store, "cnn4", 30, 28)
    with pytest.raises(UserError, match="did you mean cnn4"):
        store.resolve(DATASET, "cmn4")
    with pytest.raises(UserError, match="unknown run"):
        store.resolve(DATASET, "cnn4/seed-7")


def test_resolve_lists_configurations(store: RunStore) -> None:
    store_model(store, "cnn4", 30, 28)
    other = config("cnn4", hyperparameters={"dropout": 0.1})
    store_run(store, other, [predictions("validation", 20)])
    with pytest.raises(UserError, match="several configurations") as caught:
        store.resolve(DATASET, "cnn4")
    assert f"cnn4@{other.hash}" in str(caught.value)
    assert len(store.resolve(DATASET, f"cnn4@{other.hash}")) == 1


def test_resolve_says_nothing_of_another_seeds_failure(store: RunStore) -> None:
    failed = store_failure(store, "cnn4", "ValueError: too big")
    store_failure(store, "cnn4", "ValueError: seventeen", seed=17)
    with pytest.raises(UserError, match=r"unknown run .*'cnn4/seed-7'"):
        store.resolve(DATASET, "cnn4/seed-7")
    for name in ("cnn4/seed-0", f"cnn4-{failed.config.hash}/seed-0"):
        with pytest.raises(UserError, match=rf"{name} has no whole run in .*, it failed: ValueError: too big"):
            store.resolve(DATASET, name)


def test_resolve_says_why_a_run_failed(store: RunStore) -> None:
    store_failure(store, "cnn4", "ValueError: too big")
    with pytest.raises(UserError, match="it failed: ValueError: too big"):
        store.resolve(DATASET, "cnn4")


def test_the_first_digits_of_a_hash_will_do(store: RunStore) -> None:
    asked = {"cnn4": config("cnn4"), "cnn4:flip": config("cnn4", tta="flip"), "other": config("cnn4", split="70/30")}
    for one in asked.values():
        store_run(store, one, [predictions("validation", 9)])
    for one in asked.values():
        for digits in (one.hash[:4], one.hash[:7], one.hash):
            (run,) = store.resolve(DATASET, f"{one.title}@{digits}")
            assert run.config == one
    for wrong in (asked["cnn4"].hash[:3], "zzzz", ""):
        with pytest.raises(UserError, match="unknown run"):
            store.resolve(DATASET, f"cnn4@{wrong}")


def test_a_store_that_is_elsewhere_is_named(store: RunStore) -> None:
    store_model(store, "cnn4", 30, 28)
    for wrong in (store.root.parent, store.root / DATASET):
        with pytest.raises(UserError, match=f"no runs in {wrong}: did you mean {store.root.resolve()}\\?"):
            RunStore(wrong).find_dataset()
    with pytest.raises(UserError, match=r"which is not there: make some with .*, or name another directory"):
        RunStore(store.root / "nowhere").find_dataset()
    (store.root / "file").touch()
    with pytest.raises(UserError, match="which is a file"):
        RunStore(store.root / "file").find_dataset()


def test_find_dataset(store: RunStore) -> None:
    with pytest.raises(UserError, match="no runs in"):
        store.find_dataset()
    store_model(store, "cnn4", 30, 28)
    for name in (None, "faces", DATASET):
        assert store.find_dataset(name) == DATASET
    with pytest.raises(UserError, match="unknown dataset 'facs'"):
        store.find_dataset("facs")
    store_run(store, config("cnn4", fingerprint="ffffffff"), [predictions("validation", 30)])
    with pytest.raises(UserError, match="--data: faces-0a1b2c3d, faces-ffffffff"):
        store.find_dataset("faces")
    assert store.find_dataset("faces-ffffffff") == "faces-ffffffff"


def test_files_that_are_no_runs_are_passed_over(store: RunStore) -> None:
    store_model(store, "cnn4", 30, 28)
    (store.root / DATASET / "leaderboard.md").write_text("# page")
    (store.root / DATASET / "notes").mkdir()
    (store.root / "scratch").mkdir()
    assert store.datasets() == [DATASET]
    assert len(store.runs(DATASET)) == 1


def test_write_page_replaces_in_one_step(store: RunStore) -> None:
    store_model(store, "cnn4", 30, 28)
    store.write_page(DATASET, "leaderboard.md", "old")
    path = store.write_page(DATASET, "leaderboard.md", "nëw")
    assert path == store.root / DATASET / "leaderboard.md"
    assert path.read_text(encoding="utf-8") == "nëw"
    assert [found.name for found in path.parent.iterdir() if found.is_file()] == ["leaderboard.md"]


def test_pages_beside_a_configuration(store: RunStore) -> None:
    run = store_model(store, "cnn4", 30, 28)
    assert store.read_beside(run, "explanation.json") is None
    store.write_beside(run, "explanation.json", "{}")
    assert store.read_beside(run, "explanation.json") == "{}"
    (run.path.parent / "explanation.json").write_bytes(b"\xff")
    with pytest.raises(DamagedError, match="is damaged"):
        store.read_beside(run, "explanation.json")


@pytest.mark.parametrize("name", ["../../x", "<script>", "a|b", "x" * 300, "two\nlines", ".."])
def test_reports_stay_inside_the_dataset(store: RunStore, name: str) -> None:
    reports = store.root / DATASET / "reports"
    assert store.report_directory(DATASET, name).resolve().parent == reports.resolve()


def test_what_is_special_about_a_run_is_part_of_its_name(store: RunStore) -> None:
    plain, flip, refit = (config("cnn4", **changes) for changes in ({}, {"tta": "flip"}, {"refit": True}))
    for one in (plain, flip, refit):
        store_run(store, one, [predictions("test", 20)])
    for name in ("cnn4", f"cnn4@{plain.hash}", f"cnn4-{plain.hash}", f"cnn4-{plain.hash}/seed-0"):
        assert [run.config for run in store.resolve(DATASET, name)] == [plain]
    for name in ("cnn4:flip", f"cnn4:flip@{flip.hash}", f"cnn4@{flip.hash}", f"cnn4-{flip.hash}"):
        assert [run.config for run in store.resolve(DATASET, name)] == [flip]
    store_run(store, config("cnn4", tta="flip", weights="imagenet"), [predictions("test", 20)])
    with pytest.raises(UserError, match=f"several configurations, choose one: .*cnn4:flip@{flip.hash}"):
        store.resolve(DATASET, "cnn4:flip")
    with pytest.raises(UserError, match="did you mean cnn4:refit"):
        store.resolve(DATASET, "cnn4:refti")


@pytest.fixture
def with_model(store: RunStore, claimed: Callable[[str], Claim]) -> StoredRun:
    claim = claimed("cnn4")
    write_predictions(claim.path / "validation.npz", predictions("validation", 30))
    (claim.path / "model.keras").write_bytes(b"weights")
    return store.commit(claim, RunRecord(config=config("cnn4"), seed=0))


def test_a_dropped_model_is_gone_from_the_record_too(store: RunStore, with_model: StoredRun) -> None:
    assert with_model.model == with_model.path / "model.keras"
    assert set(with_model.record.files) == {"model.keras", "validation.npz"}
    dropped = store.drop_model(with_model)
    (read,) = store.runs(DATASET)
    assert dropped.record == read.record
    assert set(read.record.files) == {"validation.npz"}
    assert read.model is None
    assert store.drop_model(read).record == read.record


def test_a_drop_that_is_cut_short_leaves_no_record_of_a_missing_file(
    store: RunStore, with_model: StoredRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path) -> None:
        raise PermissionError(1, "no")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(UserError, match="cannot write to"):
        store.drop_model(with_model)
    monkeypatch.undo()
    (read,) = store.runs(DATASET)
    assert set(read.record.files) == {"validation.npz"}
    assert store.drop_model(read).model is None


def test_names_are_resolved_among_runs_that_were_read(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    run = store_model(store, "mlp", 20, 18)
    snapshot = store.snapshot(DATASET)
    store_model(store, "cnn4", 20, 18)
    assert snapshot.resolve("mlp") == [run]
    with pytest.raises(UserError, match="unknown run"):
        snapshot.resolve("cnn4")
