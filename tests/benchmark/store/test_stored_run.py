"""What a stored run says of itself comes back as it went, and damage is one line."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stored_runs import DATASET, HISTORY_TEXT, IMAGES, config, predictions, store_model, store_run, store_trained

from benchmark.files.checksums import DamagedError
from benchmark.records import RunRecord
from benchmark.store.run_store import RunStore
from benchmark.store.stored_predictions import read_predictions, write_predictions
from zoo.errors import UserError


def test_record_has_the_checksum_of_every_other_file(store: RunStore) -> None:
    run = store_model(store, "cnn4", 30, 28)
    assert set(run.record.files) == {"test.npz", "validation.npz"}
    for name, checksum in run.record.files.items():
        assert hashlib.sha256((run.path / name).read_bytes()).hexdigest() == checksum


def test_record_on_disk_is_plain_json(store: RunStore) -> None:
    run = store_model(store, "cnn4", 30, 28)
    written = json.loads((run.path / "record.json").read_text())
    assert written["status"] == "ok"
    assert written["durations"] == {"train": 12.5, "total": 14.0}
    assert written["files"] == dict(run.record.files)


def truncate(run: Path) -> None:
    path = run / "validation.npz"
    path.write_bytes(path.read_bytes()[: IMAGES * 4])


def empty(run: Path) -> None:
    (run / "validation.npz").write_bytes(b"")


def rubbish(run: Path) -> None:
    (run / "validation.npz").write_bytes(b"not a zip file at all")


def flip_bytes(run: Path) -> None:
    path = run / "validation.npz"
    content = bytearray(path.read_bytes())
    for position in range(200, min(900, len(content)), 7):
        content[position] ^= 0xFF
    path.write_bytes(bytes(content))


def one_array(run: Path) -> None:
    with (run / "validation.npz").open("wb") as file:
        np.save(file, np.zeros(3))


def pickled(run: Path) -> None:
    with (run / "validation.npz").open("wb") as file:
        np.savez(file, split=np.array([object()], dtype=object))


@pytest.mark.parametrize("damage", [truncate, empty, rubbish, flip_bytes, one_array, pickled])
def test_damaged_predictions_are_one_line(store: RunStore, damage: Callable[[Path], None]) -> None:
    run = store_model(store, "cnn4", 30, 28)
    damage(run.path)
    (again,) = store.runs(DATASET)
    with pytest.raises(UserError, match="is damaged") as caught:
        again.predictions("validation")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", '{"schema_version": 99}'])
@pytest.mark.parametrize("name", ["record.json", "../config.json"])
def test_damaged_records_are_one_line(store: RunStore, name: str, text: str) -> None:
    run = store_model(store, "cnn4", 30, 28)
    (run.path / name).write_text(text)
    assert store.runs(DATASET) == []
    (sentence,) = store.snapshot(DATASET).damaged
    assert run.path.name in sentence
    assert "is damaged" in sentence
    assert "\n" not in sentence
    with pytest.raises(UserError, match="is damaged"):
        store.find(config("cnn4"), 0)


def test_predictions_come_back_as_they_went(store: RunStore) -> None:
    before = predictions("test", 11, sealed=True)
    store_run(store, config("cnn4"), [before])
    (run,) = store.runs(DATASET)
    after = run.predictions("test")
    assert after is not None
    assert (after.split, after.class_names, after.labels) == ("test", before.class_names, None)
    np.testing.assert_array_equal(after.probabilities, before.probabilities)
    np.testing.assert_array_equal(after.sample_ids, before.sample_ids)
    assert run.predictions("validation") is None


def test_labels_come_back(tmp_path: Path) -> None:
    before = predictions("validation", 11)
    write_predictions(tmp_path / "validation.npz", before)
    np.testing.assert_array_equal(read_predictions(tmp_path / "validation.npz").labels, before.labels)


def test_history_by_column(store: RunStore) -> None:
    run = store_model(store, "cnn4", 30, 28)
    assert run.history() == {}
    (run.path / "history.csv").write_text("epoch,loss\n1,2.5\n2,1.5\n")
    assert run.history() == {"epoch": [1, 2], "loss": [2.5, 1.5]}
    for text in ("epoch,loss\n1,much\n", "epoch,loss\n1\n", ""):
        (run.path / "history.csv").write_text(text)
        with pytest.raises(DamagedError, match=r"history\.csv is damaged"):
            run.history()


def test_documents_are_stored_with_their_checksum(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    record = RunRecord(config=config("pair"), seed=0)
    run = store.put(record, {"validation": predictions("validation", 20)}, {"ensemble.json": {"weights": [0.25, 0.75]}})
    assert run.document("ensemble.json") == {"weights": [0.25, 0.75]}
    assert run.document("other.json") is None
    digest = hashlib.sha256((run.path / "ensemble.json").read_bytes()).hexdigest()
    assert run.record.files["ensemble.json"] == digest
    (run.path / "ensemble.json").write_text('{"weights": [0.75, 0.25]}')
    with pytest.raises(DamagedError, match=r"ensemble.json is damaged: its checksum is not that in the run's record"):
        run.document("ensemble.json")
    (run.path / "ensemble.json").unlink()
    with pytest.raises(DamagedError, match=r"ensemble.json is damaged: No such file"):
        run.document("ensemble.json")


@pytest.mark.parametrize("text", ["{", "[1]", "\xff"])
def test_a_document_without_a_checksum_that_is_none(store: RunStore, text: str) -> None:
    run = store_model(store, "cnn4", 30, 28)
    (run.path / "other.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(DamagedError, match=r"other.json is damaged"):
        run.document("other.json")


def test_a_history_is_compared_with_its_checksum(store: RunStore) -> None:
    run = store_trained(store, "cnn4", 30)
    assert run.history()["loss"] == [1.5, 1.25]
    (run.path / "history.csv").write_text(HISTORY_TEXT.replace("1.25", "1.20"))
    with pytest.raises(DamagedError, match=r"history.csv is damaged: its checksum is not that in the run's record"):
        run.history()
    (run.path / "history.csv").unlink()
    with pytest.raises(DamagedError, match=r"history.csv is damaged: No such file"):
        run.history()


@pytest.mark.parametrize(
    ("variant", "message"),
    [({"folds": 3}, "name a run without folds"), ({"tta": "flip"}, "several views: name cnn4, the network itself")],
)
def test_what_has_no_network_of_its_own_says_so(variant: dict[str, Any], message: str, tmp_path: Path) -> None:
    run = store_run(RunStore(tmp_path), config("cnn4", **variant), [predictions("test", 20)])
    with pytest.raises(UserError, match=message):
        run.model_file()


def test_an_import_has_no_model(tmp_path: Path) -> None:
    run = store_run(RunStore(tmp_path), config("theirs", kind="external"), [predictions("test", 20)])
    with pytest.raises(UserError, match="was imported, predictions alone: it has no model"):
        run.model_file()
