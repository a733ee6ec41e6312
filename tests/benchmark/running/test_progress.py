"""What a user sees while runs are at work."""

import io
import re
import sys
from dataclasses import replace

import pytest

from benchmark.running.events import (
    About,
    EpochDone,
    EpochPlace,
    Event,
    Message,
    Note,
    Over,
    PhaseStarted,
    Planned,
    Resumed,
    RunPlace,
    Started,
    Step,
    TrialDone,
)
from benchmark.running.progress import duration, watcher

RUN = RunPlace(1, 2, "cnn4", 0)
EPOCH = EpochDone(EpochPlace(1, 2), 1.5, 0.5, 1e-3, 70.0, 75.0, validation_loss=1.25, validation_accuracy=0.5)
EVENTS: list[Event | About] = [
    Planned("faces: 10 train", ("mlp: runs [without] dropout",)),
    About(RUN, Started(2)),
    About(RUN, PhaseStarted("train")),
    About(RUN, Step(5, 10)),
    About(RUN, EPOCH),
    About(RUN, Message("done in 2 min 40 s, kept epoch 1 of 2: runs/x")),
    About(RUN, Message("FAILED: ValueError: no (see runs/z)")),
]


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
        "[1/2] cnn4 seed 0: FAILED: ValueError: no (see runs/z)",
    ]
    assert "\x1b" not in "".join(lines)


def test_folds_and_refits_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    epoch = replace(EPOCH, seconds=1.0)
    with watcher() as watch:
        watch(About(RUN, Started(6)))
        watch(About(RUN, replace(epoch, place=EpochPlace(2, 2, 2, 3))))
        watch(About(RUN, replace(epoch, place=EpochPlace(2, 2, 3, 3))))
        watch(About(RUN, replace(epoch, place=EpochPlace(2, 2), validation_loss=None, validation_accuracy=None)))
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
    first, second = (replace(RUN, position=position, seed=position - 1) for position in (1, 2))
    epoch = replace(EPOCH, seconds=1.0)
    events = [About(run, event) for event in (Started(2), epoch) for run in (first, second)]
    events += [About(first, Message("done")), About(first, Over())]
    lost = Message("its worker was lost, another one takes it up")
    events += [About(second, event) for event in (lost, Started(2), epoch)]
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
    trial = replace(RUN, in_search=True)
    events = [About(trial, event) for event in (Started(2), PhaseStarted("train"), Step(5, 10), EPOCH)]
    events.append(About(trial, TrialDone(3.0, "loss [1]")))
    monkeypatch.setattr(sys.modules[__name__], "EVENTS", events)
    text = shown(monkeypatch, stream())
    assert "[1/2] loss [1], 3.0 s\n" in text
    assert "validation loss" not in text
    if stream is io.StringIO:
        assert text.count("\n") == 1


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_a_trial_says_what_the_user_should_know(stream: type[io.StringIO], monkeypatch: pytest.MonkeyPatch) -> None:
    trial = replace(RUN, in_search=True)
    events = [About(trial, event) for event in (Resumed(EpochPlace(8, 10)), Note("no checkpoint was written"))]
    monkeypatch.setattr(sys.modules[__name__], "EVENTS", events)
    text = shown(monkeypatch, stream())
    assert "[1/2] cnn4 seed 0: goes on after epoch 8/10\n" in text
    assert "note: no checkpoint was written\n" in text


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_an_interrupted_run_goes_on_where_it_was(stream: type[io.StringIO], monkeypatch: pytest.MonkeyPatch) -> None:
    """Epochs of an earlier process say nothing about how long the others take."""
    late = replace(EPOCH, place=EpochPlace(9, 10), seconds=1.0)
    events = [About(RUN, event) for event in (Started(10), Resumed(EpochPlace(8, 10)), Step(5, 10), late)]
    monkeypatch.setattr(sys.modules[__name__], "EVENTS", events)
    text = shown(monkeypatch, stream())
    assert "[1/2] cnn4 seed 0: goes on after epoch 8/10" in text
    if stream is io.StringIO:
        assert "epoch 9/10: loss 1.500, validation loss 1.250, accuracy 50.0 %, 1.0 s, at most 0.0 s left" in text


@pytest.mark.parametrize(
    ("seconds", "words"), [(1.0, "1.0 s"), (75.0, "75 s"), (160.0, "2 min 40 s"), (3700.0, "1 h 01 min")]
)
def test_durations_have_two_units(seconds: float, words: str) -> None:
    assert duration(seconds) == words
