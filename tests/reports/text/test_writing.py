"""A bar is shown on a terminal only, and never on standard output; a folder that cannot be written is one line."""

import errno
import io
import os
import sys
from pathlib import Path

import pytest

from reports.text.writing import progress, write_folder
from zoo.errors import ReadOnlyError


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


def test_a_read_only_place_says_how_to_name_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "mkdir", refused)
    with pytest.raises(ReadOnlyError, match="read-only file system: choose another place; -o FOLDER"):
        write_folder(tmp_path / "page", {"page.md": "text"})
