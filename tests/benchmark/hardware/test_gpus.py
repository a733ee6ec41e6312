"""Which GPUs there are, by the environment and by what the driver's tool says."""

from pathlib import Path

import pytest

from benchmark.hardware.resources import visible_gpus

TWO = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5a1b)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-77c2)
"""
DIVIDED = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5a1b)
  MIG 3g.20gb     Device  0: (UUID: MIG-11)
  MIG 3g.20gb     Device  1: (UUID: MIG-22)
"""


@pytest.mark.parametrize(
    ("value", "found"),
    [("0,1", ("0", "1")), (" GPU-5a1b , 3", ("GPU-5a1b", "3")), ("", ()), ("-1", ()), ("2,-1,3", ("2",))],
)
def test_the_environment_decides(value: str, found: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert visible_gpus() == found


@pytest.mark.parametrize(
    ("script", "found"),
    [
        (f"cat <<END\n{TWO}END", ("GPU-5a1b", "GPU-77c2")),
        (f"cat <<END\n{DIVIDED}END", ("MIG-11", "MIG-22")),
        ("echo 'NVIDIA-SMI has failed' ; exit 9", ()),
        (None, ()),
    ],
    ids=["two", "divided", "no-driver", "no-tool"],
)
def test_else_the_driver_lists_them(
    script: str | None, found: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if script is not None:
        tool = tmp_path / "nvidia-smi"
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin" if script else str(tmp_path))
    assert visible_gpus() == found
