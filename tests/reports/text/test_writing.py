"""A bar is shown on a terminal only, and never on standard output."""

import io
import sys

import pytest

from reports.text.writing import progress


class Terminal(io.StringIO):
    """A standard error that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_a_bar_on_a_terminal_only(
    stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    with progress(2) as step:
        step("drawing [red]ears[/red]")
        step("drawing eyes")
    assert ("drawing eyes" in stream.getvalue()) == stream.isatty()
    assert capsys.readouterr().out == ""
