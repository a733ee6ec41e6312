"""What of a run and a search is published, what is cut from it, and what is left out."""

import json
import socket
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stored_runs import (
    DATASET,
    HISTORY_JSON_TEXT,
    HISTORY_TEXT,
    TRIALS_TEXT,
    config,
    content_of,
    predictions,
    store_model,
    store_run,
    store_search,
    store_trained,
)

from benchmark.files.checksums import checksum
from benchmark.publishing.publishing import publish
from benchmark.records import RunRecord
from benchmark.store.checking import check
from benchmark.store.run_store import RunStore
from benchmark.store.stored_predictions import write_predictions


def test_histories_that_differ_both_come_along(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    claim = store.claim(config("other"), 0)
    assert claim is not None
    with claim:
        write_predictions(claim.path / "test.npz", predictions("test", 3))
        (claim.path / "history.csv").write_text(HISTORY_TEXT)
        (claim.path / "history.json").write_text(HISTORY_JSON_TEXT.replace("1.25", "1.5"))
        store.commit(claim, RunRecord(config("other"), 0))
    publish(tmp_path / "results", runs=store.root)
    published = {path.name for path in (tmp_path / "results").rglob("*") if path.is_file()}
    assert published == {"config.json", "record.json", "test.npz", "history.csv", "history.json"}


def test_nothing_tells_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "gpu-17.cluster")
    monkeypatch.setenv("HOME", str(tmp_path / "jo"))
    monkeypatch.chdir(tmp_path)
    store = RunStore(tmp_path / "runs")
    facts = {
        "commit": "0a1b2c3d4e5f", "device": "GPU of gpu-17.cluster", "note": f"read {tmp_path}/jo/data", "cores": 2,
        "packages": {"numpy": "2.4", "keras": "/opt/keras/src"}, "manner": ["/scratch/jo/x", "flip"],
    }  # fmt: skip
    store_trained(store, "mlp-tuned", 30, provenance=facts)
    store_search(store, "mlp-random-00000000")
    publish("results", runs="runs")
    (run,) = RunStore(tmp_path / "results").runs(DATASET)
    assert run.record.provenance == {
        "commit": "0a1b2c3d4e5f", "device": "GPU of ...", "note": "read ...", "cores": 2,
        "packages": {"numpy": "2.4", "keras": "..."}, "manner": ["...", "flip"],
    }  # fmt: skip
    texts = {name: text.decode("latin-1") for name, text in content_of(tmp_path / "results").items()}
    secrets = ("gpu-17", "jo/", "/scratch", "/opt", "/srv", str(tmp_path))
    assert not [(name, secret) for name, text in texts.items() for secret in secrets if secret in text]
    assert texts[f"{DATASET}/searches/mlp-random-00000000/trials.csv"] == TRIALS_TEXT.replace(
        "/srv/data/x.npz left", "..."
    )


@pytest.mark.parametrize("where", ["configuration", "ensemble.json", "explanation.json", "id"])
def test_a_path_where_nothing_may_change_is_refused(where: str, tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    path = "/srv/jo/weights.h5"
    asked = config("bad", weights=path if where == "configuration" else None)
    found = predictions("test", 5)
    if where == "id":
        found = replace(found, sample_ids=np.array([path, *found.sample_ids.tolist()[1:]]))
    documents = {where: {"member": [path]}} if where == "ensemble.json" else None
    run = store.put(RunRecord(asked, 0), {"test": found}, documents)
    if where == "explanation.json":
        store.write_beside(run, where, json.dumps({"member": path}))
    good = store_model(store, "good", 5, 5)
    done = publish(tmp_path / "results", runs=store.root)
    assert [one.name for one in RunStore(tmp_path / "results").runs(DATASET)] == [good.name]
    (said,) = done.left_out
    assert said.startswith(f"{run.name}: ")
    assert "names a path of a machine, which nobody else should read: /srv/jo" in said


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("trials.csv", b"trial,error\n1,\xff\n"),
        ("trials.csv", b"trial,error\n1," + b"x" * 200_000 + b"\n"),
        ("search.json", b"[" * 100_000),
        ("search.json", b"[]"),
        ("search.json", b'{"dataset": "faces", "fingerprint": "00000000", "model": "mlp"}'),
        ("history.csv", b"\xff\xfe"),
        ("history.csv", b"a,b\n1,two\n"),
        ("explanation.json", b"\xff"),
    ],
)
def test_what_nobody_wrote_is_left_out(name: str, content: bytes, tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    run = store_trained(store, "cnn4", 20)
    store_model(store, "mlp", 20, 20)
    if name in ("trials.csv", "search.json"):
        (store_search(store, "mlp-random-00000000") / name).write_bytes(content)
    elif name == "explanation.json":
        (run.path.parent / name).write_bytes(content)
    else:
        (run.path / name).write_bytes(content)
        record = json.loads((run.path / "record.json").read_text())
        record["files"][name] = checksum(run.path / name)
        (run.path / "record.json").write_text(json.dumps({key: record[key] for key in record if key != "checksum"}))
    (said,) = publish(tmp_path / "results", runs=store.root).left_out
    assert "damaged" in said
    assert check(tmp_path / "results")[0].damaged == 0


def test_published_runs_of_older_programs_are_read(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    run = store_run(store, config("old"), [predictions("test", 5)])
    record = json.loads((run.path / "record.json").read_text())
    record = {name: value for name, value in record.items() if name not in ("published", "checksum")}
    (run.path / "record.json").write_text(json.dumps(record))
    assert not store.runs(DATASET)[0].record.published
    assert publish(tmp_path / "results", runs=store.root).written == (run.name,)
