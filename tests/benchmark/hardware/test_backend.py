"""oneDNN: switched on before TensorFlow comes up, unless the user has said otherwise, and recorded."""

import os
import platform

import pytest

from benchmark.hardware import backend

X86 = platform.machine() in ("x86_64", "AMD64")


@pytest.mark.parametrize("machine", ["x86_64", "AMD64", "aarch64", "arm64"])
def test_onednn_is_switched_on_where_it_was_measured(monkeypatch: pytest.MonkeyPatch, machine: str) -> None:
    monkeypatch.delenv(backend.ONEDNN, raising=False)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    backend.prepare()
    assert os.environ.get(backend.ONEDNN) == ("1" if machine in ("x86_64", "AMD64") else None)


@pytest.mark.parametrize(("said", "used"), [("0", False), ("false", False), ("1", True), ("True", True)])
def test_what_the_user_says_about_onednn_stays(monkeypatch: pytest.MonkeyPatch, said: str, used: bool) -> None:
    pytest.importorskip("tensorflow")
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    monkeypatch.setenv(backend.ONEDNN, said)
    backend.prepare()
    assert os.environ[backend.ONEDNN] == said
    found = backend.device()
    if found["backend"] == "tensorflow" and found["device"] == "CPU":
        assert found["onednn"] is used


@pytest.mark.skipif(not X86 or os.environ[backend.ONEDNN] != "1", reason="oneDNN is not asked for here")
def test_tensorflow_computes_with_onednn() -> None:
    """These tests prepare as a worker does: `conftest` before anything imports TensorFlow."""
    pytest.importorskip("tensorflow")
    from tensorflow.python.util import _pywrap_util_port

    assert _pywrap_util_port.IsMklEnabled()
