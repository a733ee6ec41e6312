"""Scalars of each epoch for TensorBoard."""

import importlib.util
import struct
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import benchmark
from benchmark import cli
from benchmark.store import epoch_log as module
from benchmark.store.epoch_log import check_log, epoch_log
from zoo import UserError


class Recorder:
    """Stands in for tensorboardX's writer."""

    made: list["Recorder"] = []  # noqa: RUF012

    def __init__(self, directory: str) -> None:
        self.directory, self.scalars, self.closed = directory, list[tuple[str, float, int]](), False
        Recorder.made.append(self)

    def add_scalar(self, name: str, value: float, step: int) -> None:
        self.scalars.append((name, value, step))

    def flush(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def writers(monkeypatch: pytest.MonkeyPatch) -> list[Recorder]:
    monkeypatch.setitem(sys.modules, "tensorboardX", SimpleNamespace(SummaryWriter=Recorder))
    monkeypatch.setattr(module, "find_spec", lambda name: name)
    monkeypatch.setattr(Recorder, "made", [])
    return Recorder.made


def data(directory: Path) -> Path:
    made: dict[str, Any] = {}
    for split in ("train", "validation"):
        labels = np.arange(24) % 3
        images = np.broadcast_to((80 * labels)[:, None, None], (24, 6, 6))
        made |= {f"{split}_images": images.astype(np.uint8), f"{split}_labels": labels}
    np.savez(directory / "data.npz", **made)
    return directory / "data.npz"


def test_each_epoch_of_a_run_is_written(writers: list[Recorder], tmp_path: Path) -> None:
    options = benchmark.RunOptions(progress=False, cache=None, log="tensorboard")
    settings = {"epochs": 2, "batch_size": 8}
    (run,) = benchmark.run("mlp", data(tmp_path), settings=settings, runs=tmp_path / "runs", options=options)
    (writer,) = writers
    dataset = run.path.parent.parent
    assert Path(writer.directory) == dataset / "reports" / "tensorboard" / f"mlp-{run.config.hash}-seed-0"
    history = run.history()
    expected = {
        (name, epoch): history[name][epoch - 1]
        for name in ("loss", "accuracy", "validation_loss", "validation_accuracy", "learning_rate")
        for epoch in (1, 2)
    }
    found = {(name, step): value for name, value, step in writer.scalars}
    assert {key: found[key] for key in expected} == pytest.approx(expected)
    assert writer.closed
    assert run.check_files() == []
    assert benchmark.check(tmp_path / "runs")[0].problems == ()


def test_values_that_are_none_are_left_out(writers: list[Recorder], tmp_path: Path) -> None:
    with epoch_log("tensorboard", tmp_path / "log") as log:
        log(1, {"loss": 0.5, "validation_loss": None})
    assert writers[0].scalars == [("loss", 0.5, 1)]


def test_without_epochs_nothing_is_made(writers: list[Recorder], tmp_path: Path) -> None:
    with epoch_log("tensorboard", tmp_path / "log"), epoch_log("", tmp_path / "none") as log:
        log(1, {"loss": 0.5})
    assert writers == []
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_is_one_line(
    monkeypatch: pytest.MonkeyPatch, in_empty_directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    assert cli.main(["run", "mlp", "--log", "tensorboard"]) == 2
    assert capsys.readouterr().err == "error: --log tensorboard needs tensorboardX: pip install tensorboardX\n"
    assert cli.main(["run", "mlp", "--log", "tensorbord"]) == 2
    assert "did you mean tensorboard" in capsys.readouterr().err
    assert list(in_empty_directory.iterdir()) == []
    check_log("")


@pytest.mark.skipif(importlib.util.find_spec("tensorboardX") is None, reason="tensorboardX is not installed")
@pytest.mark.filterwarnings("ignore")
def test_the_file_is_what_tensorboard_reads(tmp_path: Path) -> None:
    from tensorboardX.proto.event_pb2 import Event

    with epoch_log("tensorboard", tmp_path / "log") as log:
        log(1, {"loss": 0.5})
        log(2, {"loss": 0.25})
    (path,) = (tmp_path / "log").iterdir()
    assert path.name.startswith("events.out.tfevents.")
    content, found = path.read_bytes(), []
    while content:  # each record: its length, a checksum, the event, a checksum
        (length,) = struct.unpack("<Q", content[:8])
        event = Event.FromString(content[12 : 12 + length])
        found += [(value.tag, value.simple_value, event.step) for value in event.summary.value]
        content = content[16 + length :]
    assert found == [("loss", 0.5, 1), ("loss", 0.25, 2)]


def test_a_place_that_cannot_be_written_is_one_line(writers: list[Recorder], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot write"), epoch_log("tensorboard", tmp_path / "file" / "log") as log:
        log(1, {"loss": 0.5})
