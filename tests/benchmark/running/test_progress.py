"""What a user sees while runs are at work."""

import io
import re
import sys
from typing import Any

import pytest

from benchmark.running.progress import watcher

WHICH = {"position": 1, "total_runs": 2, "model": "cnn4", "seed": 0}
EVENTS: list[dict[str, Any]] = [
    {"event": "planned", "text": "faces: 10 train", "notes": ("mlp: runs [without] dropout",)},
    {"event": "started", "epochs": 2, **WHICH},
    {"event": "phase", "phase": "train", **WHICH},
    {"event": "step", "done": 5, "total": 10, **WHICH},
    {
        "event": "epoch", "epoch": 1, "epochs": 2, "loss": 1.5, "validation_loss": 1.25, "validation_accuracy": 0.5,
        "seconds": 75.0, **WHICH,
    },
    {"event": "stored", "seconds": 160.0, "text": "kept epoch 1 of 2", "path": "runs/x", **WHICH},
    {"event": "skipped", "path": "runs/y", **WHICH},
    {"event": "failed", "error": "ValueError: no", "path": "runs/z", **WHICH},
]  # fmt: skip


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, wanted: bool = True) -> str:
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    with watcher(wanted) as watch:
        for event in EVENTS:
            watch(event)
    return stream.getvalue()


def test_piped_progress_is_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, io.StringIO()).splitlines()
    assert lines[0:3] == [
        "faces: 10 train",
        "note: mlp: runs [without] dropout",
        "[1/2] cnn4 seed 0: started",
    ]
    assert lines[3].startswith("[1/2] epoch 1/2: loss 1.500, validation loss 1.250, accuracy 50.0 %, 75 s, at most ")
    assert lines[4:] == [
        "[1/2] cnn4 seed 0: done in 2 min 40 s, kept epoch 1 of 2: runs/x",
        "[1/2] cnn4 seed 0: stored already in runs/y",
        "[1/2] cnn4 seed 0: FAILED: ValueError: no (see runs/z)",
    ]
    assert "\x1b" not in "".join(lines)


def test_folds_and_refits_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    epoch = {"event": "epoch", "epoch": 2, "epochs": 2, "loss": 1.5, "seconds": 1.0, **WHICH}
    with watcher() as watch:
        watch({"event": "started", "epochs": 6, **WHICH})
        watch({**epoch, "fold": 2, "folds": 3, "validation_loss": 1.25, "validation_accuracy": 0.5})
        watch({**epoch, "fold": 3, "folds": 3, "validation_loss": 1.25, "validation_accuracy": 0.5})
        watch(epoch)
    _, second, third, refit = stream.getvalue().splitlines()
    assert second.startswith(
        "[1/2] fold 2/3 epoch 2/2: loss 1.500, validation loss 1.250, accuracy 50.0 %, 1.0 s, at most"
    )
    assert third == "[1/2] fold 3/3 epoch 2/2: loss 1.500, validation loss 1.250, accuracy 50.0 %, 1.0 s"
    assert refit == "[1/2] epoch 2/2: loss 1.500, 1.0 s"


def test_a_terminal_gets_a_bar_and_the_lines_that_last(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, Terminal())
    assert "\x1b[" in text
    assert "epoch 1/2 acc 50.0 %" in text
    assert "done in 2 min 40 s" in text
    assert "FAILED: ValueError: no" in text
    assert "[without]" in text, "brackets in a message are no markup"


def test_several_runs_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines name their run while others are at work; on a terminal each run has a bar below that of all."""
    runs = [{**WHICH, "position": position, "seed": position - 1} for position in (1, 2)]
    epoch = {**EVENTS[4], "seconds": 1.0}
    events: list[dict[str, Any]] = [{**EVENTS[1], **which} for which in runs]
    events += [{**epoch, **which} for which in runs]
    events += [{**EVENTS[5], **runs[0]}, {"event": "over", **runs[0]}, {"event": "moved", **runs[1]}]
    events += [{**EVENTS[1], **runs[1]}, {**epoch, **runs[1]}]
    monkeypatch.setattr(sys.modules[__name__], "EVENTS", events)
    lines = shown(monkeypatch, io.StringIO()).splitlines()
    assert lines[2].startswith("[1/2] cnn4 seed 0, epoch 1/2: loss 1.500")
    assert lines[3].startswith("[2/2] cnn4 seed 1, epoch 1/2: loss 1.500")
    assert lines[5] == "[2/2] cnn4 seed 1: its worker was lost, another one takes it up"
    assert lines[7].startswith("[2/2] epoch 1/2: loss 1.500"), "alone it needs no name"
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown(monkeypatch, Terminal()))
    frames = [[line[:17] for line in frame.splitlines()] for frame in text.split("all runs")]
    assert any({"[1/2] cnn4 seed 0", "[2/2] cnn4 seed 1"} <= set(frame) for frame in frames)
    assert "1 of 2 done" in text


def test_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, Terminal(), wanted=False) == ""


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_a_trial_of_a_search_is_one_line(stream: type[io.StringIO], monkeypatch: pytest.MonkeyPatch) -> None:
    trial = [{**event, "in_search": True} for event in EVENTS[1:5]]
    trial.append({"event": "trial", "text": "loss [1]", "seconds": 3.0, "in_search": True, **WHICH})
    monkeypatch.setattr(sys.modules[__name__], "EVENTS", trial)
    text = shown(monkeypatch, stream())
    assert "[1/2] loss [1], 3.0 s\n" in text
    assert "validation loss" not in text
    if stream is io.StringIO:
        assert text.count("\n") == 1
