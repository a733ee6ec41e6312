"""What tells of a machine is found in texts, and nothing else is taken for it."""

import json
import socket
from pathlib import Path

import pytest

from benchmark.publishing.machine_traces import check_paths, path_in, without_traces
from zoo.errors import UserError


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("OSError: cannot read /mnt/disk/jo smith/weights.h5 (gone)", "OSError: cannot read ..."),
        ("'/srv/data'", "'..."),
        ("no such file:/srv/data/x", "no such file:..."),
        (r"C:\Users\jo", "..."),
        ("weights: file:///home/jo/x", "weights: ..."),
        ("on //nas01/jo/x", "on ..."),
        (r"on \\nas01\jo", "on ..."),
        ("cc -I/home/jo/include", "cc ..."),
        ("of ~jo/data", "of ..."),
        ("smb://jo@nas/x/y", "..."),
        ("a//b/c and 7 // 2, ~5/7", None),
        (r"the pattern \w+\d \\w", None),
        ("split 80/10/10 seed 0", None),
        ("train/7 and ckplus/S005/001", None),
        ("Linux x86_64", None),
        ("https://example.org/a/b", None),
        ("a / b, a /b, 1 image /s", None),
        ("../shared/data and ~/data/x", None),
        ("cnn4-1a2b3c4d/seed-0", None),
        (f"in {Path.home()}", "in ..."),
        (f"in {Path.cwd()}.", "in ..."),
        (f"{Path.cwd()}", "..."),
    ],
)
def test_paths(text: str, left: str | None) -> None:
    assert without_traces(text) == (text if left is None else left)
    assert (path_in(text) is None) == (left is None)


def test_letters_beyond_ascii_as_json_has_them() -> None:
    with pytest.raises(UserError, match="its configuration names a path of a machine"):
        check_paths("its configuration", json.dumps({"note": "/données/été/x.csv"}))


def test_the_home_directory_wherever_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/jo")
    assert without_traces(["/jo", "/joe", "in /jo/x"]) == ["...", "/joe", "in ..."]


def test_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "gpu-17")
    found = without_traces({"device": "GPU 0 of GPU-17", "cpu": "gpu-170", "cores": 2, "none": None, "gpu-17": [1.5]})
    assert found == {"device": "GPU 0 of ...", "cpu": "gpu-170", "cores": 2, "none": None, "gpu-17": [1.5]}
    monkeypatch.setattr(socket, "gethostname", lambda: "localhost")
    assert without_traces("http://localhost:80") == "http://localhost:80"
